/*
 * One gateway with real Redis and NATS, without services, as cmocka's group fixture. It is one for
 * the whole program, so each test uses keys of its own. A failure fails the running test.
 */
#ifndef OM_TESTS_SUPPORT_GATEWAY_GATEWAY_FIXTURE_H
#define OM_TESTS_SUPPORT_GATEWAY_GATEWAY_FIXTURE_H

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/servers.h"

#include <signal.h>

#define ORDER_OF(customer)                                                                         \
    "{\"customerId\":\"" customer "\",\"email\":\"c@example.com\",\"currency\":\"USD\","           \
    "\"items\":[{\"sku\":\"SKU-123\",\"quantity\":1}],\"paymentMethod\":\"pm_card_visa\"}"
#define ORDER ORDER_OF("C1")

struct fixture {
    struct servers *servers;
    struct environment environment;
    struct process *gateway;
    struct http_client *http;
    struct nats_client *nats; /* the operator's */
    int port, admin_port;
};

extern struct fixture fixture;

int fixture_setup(void **state);
int fixture_setup_with_database(void **state); /* with PostgreSQL, too, for services */
int fixture_setup_with_cluster(
    void **state); /* of three NATS servers, on one of which streams are */
int fixture_teardown(void **state);

/* --- the gateway's process --- */

/* With more settings: name, value, name, value, NULL; or NULL for none. */
void gateway_start(const char *const *rows);
/* SIGTERM; the exit code, or -1 when it did not end. */
int gateway_terminate(void);
/* Not killed: only a process that ends in order reports leaks and races. A failpoint may have been
   first. */
void assert_good_end(int exit_code);
/* The next one is started before the last one's end is judged, so that the next test has one. */
void gateway_restart(const char *const *rows);
bool one_is_in_flight(void *closure); /* a request; for wait_until() */

/* --- requests; free each response --- */

char *gateway_url(const char *path); /* free() it */
/* POST of an order. `key` NULL: none. */
struct http_response post_with(struct http_client *http, const char *key, const char *body);
struct http_response post(const char *key, const char *body);
struct http_response get(const char *path);
/* A thread that posts ORDER without a key into its struct http_response. */
void *post_and_wait(void *closure);

bool body_has(const struct http_response *response, const char *part);
bool readiness_has(void *part); /* for wait_until() */
/* It is this problem; frees it. */
void assert_problem(struct http_response *response, long status, const char *type);

/* A command to Redis, as from its own client. */
void redis_do(const char *format, ...);
/* One that answers with a number. */
int64_t redis_number(const char *format, ...);
/* Redis answers before it has written down what it was told, while its disk is slow. For
   wait_until(). */
bool has_redis_written(void *closure);

/* How many messages of these subjects COMMANDS holds. */
uint64_t stored_messages(const char *subjects);
/* How many commands and events; probes do not count. */
uint64_t stored_orders(void);

#endif
