/*
 * How many bytes every store holds: PostgreSQL's tables with their indexes, JetStream's streams,
 * and Redis' memory and file. Blocks; what cannot be read ends the program. Main thread only.
 */
#ifndef OM_BENCH_PARTS_STORES_H
#define OM_BENCH_PARTS_STORES_H

#include "tests/support/servers/servers.h"

#define STORES_MAX 128

struct store {
    char kind[16]; /* "postgresql", "jetstream", "redis" */
    char name[64]; /* "orders.orders": partitions count with their table */
    int64_t bytes;
};

struct stores {
    int count;
    struct store items[STORES_MAX];
};

struct stores stores_read(struct servers *servers);
/* Bytes of a store; 0: it is not among them. */
int64_t stores_bytes(const struct stores *stores, const char *kind, const char *name);

#endif
