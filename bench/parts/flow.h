/*
 * The flow of orders through the whole system: placed by POST, counted as the events of their ends
 * arrive. In the closed loop the client keeps at most FLOW_UNDER_WAY orders accepted and not ended,
 * so what is measured is a rate that the whole system keeps up, not a backlog growing.
 *
 * All parts must run (system_launch_all()). Blocks; what is lost or doubled ends the program. Main
 * thread only.
 */
#ifndef OM_BENCH_PARTS_FLOW_H
#define OM_BENCH_PARTS_FLOW_H

#include "bench/parts/system.h"

#define FLOW_UNDER_WAY 4096

struct flow;

/* Its clients' log is in the servers' directory. */
struct flow *flow_start(struct mesh *mesh);
/* Fails unless all invariants hold of all that it has placed. */
void flow_check(struct flow *flow);
void flow_stop(struct flow **flow);

struct flow_load {
    double seconds;
    double rate;    /* orders a second, due at their time whatever happens; 0: closed loop */
    uint64_t count; /* of orders; 0: no limit but `seconds` */
    unsigned declined, out_of_stock; /* percent of the orders */
    bool has_latencies;              /* `latencies_ms` is wanted */
    /* Something is killed meanwhile: an order need not be accepted at the first try, and events of
       ends may be missed, so that the database is asked whether all have ended. */
    bool tolerates;
    bool is_backlog; /* closed loop without a bound, and nobody waits for the ends */
};

struct flow_result {
    uint64_t accepted;
    uint64_t in_time; /* ended before the last one was accepted */
    double rate;      /* of those, orders a second */
    double elapsed_s, drain_s;
    double *latencies_ms; /* from when an order was due to its end, sorted; owned */
    int latency_count;
};

/* Places orders and waits until all have ended. May run on a thread of its own. */
struct flow_result flow_run(struct flow *flow, const struct flow_load *load);
/* Waits until the database says that all which were ever accepted have ended. */
void flow_await_ends(struct flow *flow);
void flow_result_fini(struct flow_result *result);

/* Orders that the events told have ended, in all; a repeated event counts again. */
uint64_t flow_ended(const struct flow *flow);
/* Orders that the client was told are accepted, in all. */
uint64_t flow_accepted(const struct flow *flow);

#endif
