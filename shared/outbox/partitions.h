/*
 * The day partitions of a schema's inbox and outbox (sql/0016_partitions.sql): made ahead, and
 * dropped when they are old. Each is a transaction of its own, so that one that fails stops no
 * other. Blocks; on the caller's connection, outside a transaction.
 *
 * The days are the database's. What is dropped is old by its clock and by this process's, so that
 * one clock that runs ahead drops nothing.
 */
#ifndef OM_SHARED_OUTBOX_PARTITIONS_H
#define OM_SHARED_OUTBOX_PARTITIONS_H

#include "shared/base/status.h"

struct pg;

/* Does what is due, logs what failed, and counts it in *failed. An error ends it early. */
enum status partitions_keep(struct pg *pg, const char *schema, int64_t *failed,
                            struct error *error) MUST_CHECK;

#endif
