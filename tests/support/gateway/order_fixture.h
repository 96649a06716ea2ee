/*
 * The gateway and the order service with real PostgreSQL, Redis and NATS, and nobody else: orders
 * stay PENDING until a test cancels them. For tests of what readers see.
 */
#ifndef OM_TESTS_SUPPORT_GATEWAY_ORDER_FIXTURE_H
#define OM_TESTS_SUPPORT_GATEWAY_ORDER_FIXTURE_H

#include "shared/pg/pg.h"
#include "tests/support/gateway/gateway_fixture.h"

#define ORDER_PATH_SIZE sizeof("/api/v1/orders/00000000-0000-0000-0000-000000000000")

extern struct pg *pg; /* superuser */

int order_fixture_setup(void **state);
int order_fixture_teardown(void **state);

void run_sql(const char *sql);
/* `header` NULL: none. Free the response. */
struct http_response request(const char *method, const char *path, const char *header);
long status_of(const char *method, const char *path, const char *header);
/* The order at `path` is in the database; for wait_until(). */
bool is_known(void *path);
/* Places an order and waits until it is in the database. `path` is then its own. */
void place(char path[ORDER_PATH_SIZE]);
void cancel(const char *path);

#endif
