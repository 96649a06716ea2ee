/*
 * The index as readers see it: entries, their history, counts and jobs, as the JSON of the mesh's
 * endpoints. Nothing is changed here. Blocks as pg.h does.
 *
 * ENTRY {"id","stream","consumer","eventId","type"?,"subject","sequence","generation","status",
 *        "reason","errorCode"?,"error","deliveries","service"?,"orderId"?,"failedAt",
 *        "firstFailedAt","updatedAt","dlqStream","dlqSequence"}
 *        Its status is dead: waits for somebody to decide; replaying: to be published again, or
 * just published; replayed: the consumer has not answered yet; resolved: it did what the replay
 *        asked for; discarded: somebody decided that it never will be done.
 * JOB   {"id","state","action","filter","ratePerSecond","total","replayed","resolved","deadAgain",
 *        "discarded","skipped","failed","startedAt","updatedAt","endedAt"?,"actor","because"?,
 *        "detail"?}
 * Of those "replayed" by a job, "resolved" went through and "deadAgain" failed once more.
 */
#ifndef OM_SERVICES_DLQ_INDEX_STORE_READ_H
#define OM_SERVICES_DLQ_INDEX_STORE_READ_H

#include "services/dlq/index/entry.h"
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/contract/dlq_edit.h"
#include "shared/contract/dlq_filter.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

/* The conditions of a filter on `dlq.entries e`; `f` is the filter as jsonb. */
#define STORE_FILTER_SQL(f)                                                                        \
    " (" f "->>'stream' IS NULL OR e.stream = " f "->>'stream')"                                   \
    " AND (" f "->>'consumer' IS NULL OR e.consumer = " f "->>'consumer')"                         \
    " AND (" f "->>'reason' IS NULL OR e.reason = " f "->>'reason')"                               \
    " AND (" f "->>'code' IS NULL OR e.error_code = " f "->>'code')"                               \
    " AND (" f "->>'error' IS NULL OR e.error_kind = dlq.kind_of(" f "->>'error'))"                \
    " AND (" f "->>'type' IS NULL OR e.type = " f "->>'type')"                                     \
    " AND (" f "->>'orderId' IS NULL OR e.order_id = lower(" f "->>'orderId'))"                    \
    " AND coalesce(" f "->>'status', 'dead') IN ('any', e.status)"                                 \
    " AND (" f "->>'from' IS NULL OR e.failed_at >= (" f "->>'from')::timestamptz)"                \
    " AND (" f "->>'to' IS NULL OR e.failed_at < (" f "->>'to')::timestamptz)"
#define STORE_FILTER_1_SQL STORE_FILTER_SQL("$1::jsonb")
/* Appends the filter's JSON, with times that PostgreSQL can read. */
void store_filter_write(const struct dlq_filter *filter, struct buf *json);

/* What somebody asks for. Texts are NULL where they are absent; all is borrowed. */
struct dlq_request {
    struct slice id, actor; /* of an entry or a job; who asks, for the audit */
    struct slice reason, because;
    struct slice cursor; /* "nextCursor" of the page before */
    int64_t limit, rate_per_second;
    bool is_dry;
    struct dlq_filter filter;
    struct pg_array *ids; /* entries chosen in place of a filter; NULL: not given */
    struct dlq_edit edit;
    struct slice service, after_id; /* of READ_DISCARDED */
    int64_t after_us;
    struct uuid job; /* as `id` names it; else a new one */
};

/* What is read as one object. */
enum dlq_reading {
    /* {"matching":n}: how many entries the filter means, or how many of the ids are dead. */
    READ_MATCHING,
    READ_CHOSEN,
    /* {"streams":[{"stream","consumer","dead","replayed","resolved","discarded"}]}; what is about
       to be replayed counts as replayed. */
    READ_COUNTS,
    /* {"groups":[{"stream","consumer","reason","errorCode"?,"error","count","firstFailedAt",
       "lastFailedAt"}]}: what the filter means, by consumer and what went wrong, the largest first
       and up to 200. "error" is without numbers and ids, and a filter's `error` takes it. */
    READ_GROUPS,
    /* {"dead":[id],"open":[id]}: of the ids those that are or were a dead letter, and of the rest
       those whose message has its second chance. */
    READ_FATE,
    /* {"entries":[ENTRY],"nextCursor"?}, newest failure first. INVALID: a cursor of another filter,
       or none of ours. */
    READ_ENTRIES,
    /* {"nowUs","entries":[{"id","eventId","consumer","atUs"}]}: what was discarded at the service's
       consumers after (after_us, after_id), in this order. `consumer` has its stream in front. */
    READ_DISCARDED,
    READ_JOBS, /* {"jobs":[JOB]}, the newest 100, newest first */
    READ_JOB,  /* JOB */
};
/* Appends it. NOT_FOUND: there is no such job. */
enum status store_read(struct pg *pg, enum dlq_reading reading, const struct dlq_request *request,
                       struct buf *out, struct error *error) MUST_CHECK;

/* An entry, in the arena. */
struct entry_view {
    struct slice json; /* ENTRY, with its "history" where asked for */
    struct slice stream;
    uint64_t dlq_sequence;
    struct slice status;
    bool was_edited; /* its message is what an edit made of the first one; with history only */
};
/* "edits"?: [{"at","generation","actor","reason","headers","body"?}], the newest three.
   "history": [{"at","generation","event","reason"?,"error"?,"actor"?,"detail"?}], oldest first.
   NOT_FOUND: no such entry. */
enum status store_read_entry(struct pg *pg, struct slice id, bool has_history, struct arena *arena,
                             struct entry_view *view, struct error *error) MUST_CHECK;

#endif
