/*
 * The load client: many orders over kept connections from one thread, each under a key of its own
 * and tried again under that key until it is accepted, as a careful client would.
 *
 * Closed loop (rate 0): every connection places its next order when the last one is accepted.
 * Open loop: order n is due at n / rate whether or not earlier ones were answered, and its latency
 * counts from then, so that a stall shows.
 *
 * The log gets one tab-separated line an order: key, last HTTP status (0: never answered), order
 * id, first sending (microseconds since 1970), latency in microseconds, kind, attempts.
 */
#ifndef OM_TESTS_SUPPORT_LOAD_LOAD_H
#define OM_TESTS_SUPPORT_LOAD_LOAD_H

#include "shared/base/buf.h"
#include "tests/support/load/load_order.h"
#include "tests/support/load/load_result.h"

#include <signal.h>
#include <stdio.h>

struct load_options {
    uint16_t port;
    unsigned connections;
    bool is_one_order;   /* all are order 0, again and again */
    double rate;         /* orders a second; 0: closed loop */
    uint64_t count;      /* orders to place; 0: no limit but `seconds` */
    double seconds;      /* 0: no limit but `count` */
    int64_t patience_ms; /* an order not accepted within this is given up */
    const char *prefix;  /* of the keys */
    const char *token;   /* sent with each request as a bearer token; may be NULL */
    struct load_recipe recipe;
    /* Closed loop only, may be NULL: how many orders may have been placed in all by now. A caller
       that counts what has ended bounds with it what is under way. */
    uint64_t (*allowance)(void *closure);
    void *allowance_closure;
    /* Told of each accepted order, and when it was due (monotonic); may be NULL. */
    void (*accepted)(void *closure, struct slice order_id, int64_t due_us);
    void *accepted_closure;
    FILE *log;                   /* may be NULL */
    volatile sig_atomic_t *stop; /* set: place no further orders; may be NULL */
};

/* Appends the header lines of order `number`: its key, and the token. */
void load_headers_write(const struct load_options *options, uint64_t number, struct buf *out);

/* Blocks until every order is accepted, refused or given up. False: out of sockets. */
bool load_run(const struct load_options *options, struct load_result *result);

#endif
