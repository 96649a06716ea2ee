/*
 * Shared by scenario tests: one running mesh with its clients for a test program, as cmocka's group
 * fixture, and the questions they ask. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_MESH_SCENARIO_H
#define OM_TESTS_SUPPORT_MESH_SCENARIO_H

#include "shared/base/buf.h"
#include "tests/support/mesh/mesh_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Between the last fault and the moment the invariants must hold. */
#define SCENARIO_SETTLE_MS 60000
/* How long a load may take to end, once it is told to. */
#define SCENARIO_LOAD_ENDS_MS 60000

struct scenario {
    struct mesh *mesh;
    struct clients *clients;
};

/* Group fixture; *state becomes a struct scenario. Prints the seed. */
int scenario_setup(void **state);
int scenario_setup_on_disks(void **state);
int scenario_setup_apart(void **state);
int scenario_teardown(void **state);

/* Places an order of `quantity` of `sku` under `key`, asserts the 202 and leaves its id in `id` (64
   bytes). */
void scenario_place(struct scenario *scenario, const char *key, const char *sku, int quantity,
                    const char *payment_method, char *id);
/* The events of a whole order's JSON, separated by blanks. Appends. */
void scenario_timeline(const struct buf *order_json, struct buf *events);

/* The first column of the first row, 0 without rows, as a superuser; `text` (may be NULL) is its
   parameter $1. */
int64_t scenario_sql(struct scenario *scenario, const char *sql, const char *text);

/* Starts a mixed load of `rate` orders a second, which goes on until it is ended. */
struct workload *scenario_start_load(struct scenario *scenario, const char *rate);
/* Ends it: every order begun is accepted, and all invariants hold. */
void scenario_end_load(struct scenario *scenario, struct workload **workload);

/* Waits for a moment that is part of the story, such as the length of an outage. */
void scenario_let_pass(int64_t ms);

#endif
