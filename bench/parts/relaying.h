/*
 * The outbox's rows on their way into JetStream: committed rows as many as a bench wants, relayed
 * by the order service's own process. Blocks; ends the program when something is lost or stored
 * twice. Main thread only.
 */
#ifndef OM_BENCH_PARTS_RELAYING_H
#define OM_BENCH_PARTS_RELAYING_H

#include "tests/support/mesh/mesh.h"

#include <stddef.h>

/* Commits rows to orders.outbox, 256 a transaction. Returns the bytes of a payload. */
size_t relaying_fill(struct servers *servers, int64_t rows);

/* Starts the order service, which is not running, and lets it relay for `seconds` or until `rows`
   are stored, of those that wait. Returns how many a second are stored from the first one on, and
   kills it. What is stored then is what its cursor left behind, each row once, and at most what was
   under way. */
double relaying_measure(struct mesh *mesh, int64_t rows, double seconds);

/* Somebody's transaction, which has written to the outbox and stays open until it is ended. */
struct pg *relaying_open(struct servers *servers);
void relaying_end(struct pg **pg);

#endif
