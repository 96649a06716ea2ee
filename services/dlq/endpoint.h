/*
 * The dead-letter service's endpoints in the mesh. An empty request is {}; unknown members are
 * INVALID. ENTRY and JOB are store_read.h's; "actor" is who asks, for the audit.
 *
 * Each can be asked again without harm: what is not dead is not replayed or discarded.
 */
#ifndef OM_SERVICES_DLQ_ENDPOINT_H
#define OM_SERVICES_DLQ_ENDPOINT_H

#include "shared/service/service.h"

/* {filter's members, "limit"?, "cursor"?} -> {"entries":[ENTRY],"nextCursor"?}, newest failure
   first. The status is "dead" unless said otherwise. INVALID: a cursor of another filter. */
enum status dlq_endpoint_list(struct endpoint_call *call, struct error *error);

/* {"id"} -> ENTRY, "headers":{name:[values]} and "body" (where it is text), "bodyBase64" of the
   original, "bodyBytes", and "history". A body too large for an answer is cut in "bodyBase64".
   Without headers and body where the stream no longer holds the message. */
enum status dlq_endpoint_get(struct endpoint_call *call, struct error *error);

/* {"id","actor"?, and what dlq_edit.h says} -> ENTRY. One that is not dead stays as it is.
   CONFLICT: its message cannot be published, and why. While the broker is away the answer says
   "replaying": it will be published.
 */
enum status dlq_endpoint_replay(struct endpoint_call *call, struct error *error);

/* {"id","reason","actor"?} -> ENTRY. CONFLICT when it is neither dead nor discarded already. */
enum status dlq_endpoint_discard(struct endpoint_call *call, struct error *error);

/* {filter's members but "status", "ids"?, "ratePerSecond"?, "dryRun"?, "actor"?} -> JOB, or
   {"matching":n} of a dry run. "ids" are up to DLQ_CHOSEN_MOST entries, in place of a filter. */
enum status dlq_endpoint_replay_all(struct endpoint_call *call, struct error *error);

/* The same, and "because", which only a dry run need not say. */
enum status dlq_endpoint_discard_all(struct endpoint_call *call, struct error *error);

/* {} -> {"jobs":[JOB]} */
enum status dlq_endpoint_jobs(struct endpoint_call *call, struct error *error);
/* {"id"} -> JOB */
enum status dlq_endpoint_job(struct endpoint_call *call, struct error *error);
/* {"id","actor"?} -> JOB. One that has ended stays as it is. */
enum status dlq_endpoint_job_cancel(struct endpoint_call *call, struct error *error);

/* {} -> {"streams":[{"stream","consumer","dead","replayed","resolved","discarded"}]} */
enum status dlq_endpoint_counts(struct endpoint_call *call, struct error *error);

/* {filter's members} -> {"groups":[...]}: READ_GROUPS */
enum status dlq_endpoint_groups(struct endpoint_call *call, struct error *error);

/* {"ids":[entry id]} -> {"dead":[id],"open":[id]}, of up to DLQ_FATE_MOST asked for: those that are
   or were a dead letter, whatever became of them; and those that may become one, as their message
   has its second chance. */
#define DLQ_FATE_MOST 1000
enum status dlq_endpoint_fate(struct endpoint_call *call, struct error *error);

/* {"service","afterUs","afterId"} -> {"nowUs","entries":[{"id","eventId","consumer","atUs"}]}: what
   was discarded at the service's consumers after that place, up to 500; for a service that has
   another database (shared/service/discarded.h). */
enum status dlq_endpoint_discarded(struct endpoint_call *call, struct error *error);

#endif
