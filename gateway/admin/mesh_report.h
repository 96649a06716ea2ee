/*
 * The words of the mesh about itself, put together as one document for people:
 *
 *     {"at",
 *      "services":[{"name","id","version","description","started",
 *                   "endpoints":[{"name","subject","requests","errors","averageMs","lastError"?}]}],
 *      "streams":[{"name","messages","bytes","lastSequence","lastAt"?}],
 *      "consumers":[{"stream","name","filter"?,"pending","ackPending","redelivered","waiting",
 *                    "maxAckPending"?,"lastActiveAt"?}]}
 *
 * A service is one process: instances of the same have the same name. `pending` is what a consumer
 * has not been given yet, `ackPending` what it is at work on. All sorted by name.
 *
 * Not thread safe; nothing blocks.
 */
#ifndef OM_GATEWAY_ADMIN_MESH_REPORT_H
#define OM_GATEWAY_ADMIN_MESH_REPORT_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

struct mesh_report;

struct mesh_report *mesh_report_create(void);
void mesh_report_destroy(struct mesh_report **report);

/* One process's answer to $SRV.INFO or $SRV.STATS (ADR-32). Anything else is left out. */
void mesh_report_add_info(struct mesh_report *report, struct slice answer);
void mesh_report_add_stats(struct mesh_report *report, struct slice answer);
/* The server's answers to $JS.API.STREAM.LIST and $JS.API.CONSUMER.LIST.<stream>. UNAVAILABLE where
   it says that something is wrong. */
enum status mesh_report_add_streams(struct mesh_report *report, struct slice answer,
                                    struct error *error) MUST_CHECK;
enum status mesh_report_add_consumers(struct mesh_report *report, struct slice answer,
                                      struct error *error) MUST_CHECK;

size_t mesh_report_stream_count(const struct mesh_report *report);
/* Its name, borrowed; empty where the answer had none. */
struct slice mesh_report_stream(const struct mesh_report *report, size_t index);

/* Appends the document. */
void mesh_report_write(struct mesh_report *report, int64_t at_us, struct buf *out);

#endif
