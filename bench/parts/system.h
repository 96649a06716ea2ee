/*
 * The whole system as a bench needs it: made afresh, held still while a limit is measured, then run
 * with the settings of production. Built on mesh.h; what cannot be done ends the program. Main
 * thread only.
 */
#ifndef OM_BENCH_PARTS_SYSTEM_H
#define OM_BENCH_PARTS_SYSTEM_H

#include "bench/parts/harness.h"
#include "tests/support/load/load.h"
#include "tests/support/mesh/mesh.h"

/* PostgreSQL and NATS, schema and streams, without any process of ours. End with servers_stop(). */
struct servers *system_servers(const struct bench_options *options);
/* The same and Redis, the catalog, and stock for any number of orders; no process of ours runs. End
   with mesh_stop(). */
struct mesh *system_prepare(const struct bench_options *options);
/* The same on three NATS servers, with three replicas of each stream. */
struct mesh *system_prepare_cluster(const struct bench_options *options);
/* Starts parts and waits until they are ready. */
void system_launch(struct mesh *mesh, enum mesh_part part);
void system_launch_all(struct mesh *mesh);

/* The order of a bench: two lines of the catalog an order, under keys of its own, from 64
   connections. */
struct load_options system_load(const struct mesh *mesh);
/* Fails unless every order was accepted at once. */
void system_require_accepted(const struct load_result *result);
/* Fails unless all invariants hold, by the checker and the client's log. */
void system_require_invariants(struct mesh *mesh, const char *log_path);
/* The same for more orders than the checker can read, or beside some that no client sent: fails
   unless as many as were accepted are completed, and paid, shipped and out of the stock once each,
   of those taken from `from_us` (since 1970) on. */
void system_require_each_once(struct mesh *mesh, int64_t from_us, uint64_t accepted);

#endif
