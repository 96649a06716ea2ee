/*
 * A database for each service, on three PostgreSQL servers: those of the order and the analytics
 * service on the first, which is `servers`', with a hot standby that lists and reports are read
 * from; all others on a second, the payment service's by a pooler. Beside them a database that
 * shows all of them as one, for who asks them all. Blocks. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_MESH_APART_H
#define OM_TESTS_SUPPORT_MESH_APART_H

#include "tests/support/servers/servers.h"
#include "tests/support/servers/standby.h"

struct apart;

/* `servers` have a PostgreSQL without any schema. */
struct apart *apart_create(struct servers *servers);
/* Before `servers` are stopped. */
void apart_destroy(struct apart **apart);

/* The database settings of a service. */
void apart_environment(const struct apart *apart, const char *role,
                       struct environment *environment);
/* A superuser's. Texts live as long as `apart`. */
const char *apart_owner_url(const struct apart *apart, const char *role);
const char *apart_whole_url(const struct apart *apart);

/* Until the order service knows the prices of all products. */
void apart_await_prices(const struct apart *apart);

struct standby *apart_standby(struct apart *apart);
/* The first server dies, and its standby takes its place: nothing that was committed is lost, since
   commits wait for the standby from here on, until it is the server. */
void apart_fail_over(struct apart *apart);
/* Where the first server was, a standby of the one that took its place. */
void apart_rejoin(struct apart *apart);

#endif
