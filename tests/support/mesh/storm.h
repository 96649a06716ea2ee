/*
 * A failure storm, from the bug to the last order's end: notification runs with a key that opens
 * nothing, so that every event it is sent becomes a dead letter; it gets the right key; the dead
 * letters are replayed at a set rate while orders go on.
 *
 * On a mesh that is up. Blocks; a step that does not end in time fails the program.
 */
#ifndef OM_TESTS_SUPPORT_MESH_STORM_H
#define OM_TESTS_SUPPORT_MESH_STORM_H

#include "tests/support/mesh/mesh_client.h"

struct storm_options {
    int orders;      /* during the bug; each is two dead letters */
    int replay_rate; /* dead letters a second */
    int live_rate;   /* orders a second, before and during the replay */
    int live_orders; /* of each of the two */
};

/* From an order's acceptance to its completion. */
struct storm_latency {
    double p50_ms, p99_ms;
    int64_t orders;
};

struct storm_result {
    int64_t entries;
    double collect_s; /* from the first order until the last dead letter is in the index */
    double replay_s;  /* from the job's start to its end */
    struct storm_latency before, during;
};

void storm_run(struct mesh *mesh, struct clients *clients, const struct storm_options *options,
               struct storm_result *result);

#endif
