/*
 * The invariant checker: reads what the clients were told, what the databases hold and what the
 * streams carry, and says which promises are kept. It uses libpq and nats.c directly, so that a
 * fault in the code under test cannot hide itself here.
 *
 *     A  every 202 is an order, and every order was asked for
 *     B  one order a key, and no other one under it is fulfilled
 *     C  at most one capture an order, of its amount; an order that ended badly keeps none
 *     D  received = on hand + reserved + shipped for each SKU, and reservations add up to it
 *     E  every order is final, as its kind says it must end
 *     F  one effect and one event of a kind for each order
 *     G  each poison is one dead letter for the consumer it failed, and nothing healthy is one
 *     H  every timeline obeys cause and effect
 *     I  what analytics counted and what loyalty credited is what the orders came to; both must run
 *
 * Some hold only once everything has come to rest, so all are looked at again until they hold or
 * `settle_ms` is over. Blocks; one call at a time.
 */
#ifndef OM_TESTS_SUPPORT_CHECK_CHECKER_H
#define OM_TESTS_SUPPORT_CHECK_CHECKER_H

#include "shared/base/buf.h"

struct checker_options {
    const char *database_url; /* a superuser's: it reads all schemas */
    const char *nats_url;
    const char *nats_user;
    const char *nats_password_file;
    const char *nats_ca_file; /* NULL: no TLS */
    const char *const *logs;  /* the clients' logs (load.h), NULL-terminated */
    /* Ids of the dead letters that the run's poison must become, <stream>.<consumer>.<event id>,
       NULL-terminated; NULL: it sent none. */
    const char *const *poisons;
    /* Streams were purged or set back, and need not have again what nobody waits for. */
    bool has_lost_messages;
    int64_t settle_ms;
    uint64_t seed; /* of the run, printed with the report */
    /* Called every few milliseconds while waiting, such as for a supervisor's turn; may be NULL. */
    void (*while_waiting)(void *closure);
    void *closure;
};

/* Appends one line an invariant, with counts and the first offenders. True when all hold. */
bool checker_run(const struct checker_options *options, struct buf *report);

#endif
