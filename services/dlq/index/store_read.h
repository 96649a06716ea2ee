/*
 * The index as readers see it: entries, their history, counts and jobs, as the JSON of the mesh's
 * endpoints. Nothing is changed here. Blocks as pg.h does.
 *
 * ENTRY {"id","stream","consumer","eventId","type"?,"subject","sequence","generation","status",
 *        "reason","errorCode"?,"error","deliveries","service"?,"orderId"?,"failedAt",
 *        "firstFailedAt","updatedAt","dlqStream","dlqSequence"}
 * JOB   {"id","state","action","filter","ratePerSecond","total","replayed","resolved","deadAgain",
 *        "discarded","skipped","failed","startedAt","updatedAt","endedAt"?,"actor","because"?,
 *        "detail"?}
 * Of those "replayed" by a job, "resolved" went through and "deadAgain" failed once more.
 */
#ifndef OM_SERVICES_DLQ_INDEX_STORE_READ_H
#define OM_SERVICES_DLQ_INDEX_STORE_READ_H

#include "services/dlq/index/entry_row.h"
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/contract/dlq_filter.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

/* The conditions of a filter on `dlq.entries e`, as parameters $1 to $8 of a statement. */
#define STORE_FILTER_PARAMS 8
#define STORE_TIME(parameter) "timestamptz 'epoch' + " parameter "::int8 * interval '1 microsecond'"
#define STORE_FILTER_SQL                                                                           \
    " ($1::text IS NULL OR e.stream = $1::text)"                                                   \
    " AND ($2::text IS NULL OR e.consumer = $2::text)"                                             \
    " AND ($3::text IS NULL OR e.reason = $3::text)"                                               \
    " AND ($4::text IS NULL OR e.error_code = $4::text)"                                           \
    " AND ($5::text IS NULL OR e.type = $5::text)"                                                 \
    " AND ($6::text IS NULL OR e.status = $6::text)"                                               \
    " AND ($7::int8 IS NULL OR e.failed_at >= " STORE_TIME(                                        \
        "$7") ")"                                                                                  \
              " AND ($8::int8 IS NULL OR e.failed_at < " STORE_TIME("$8") ")"
void store_filter_params(const struct dlq_filter *filter,
                         struct pg_param params[STORE_FILTER_PARAMS]);

struct page_request {
    struct dlq_filter filter;
    struct slice cursor; /* "nextCursor" of the page before; "" for the first */
    int64_t limit;
};

/* Appends {"entries":[ENTRY],"nextCursor"?}, newest failure first. INVALID: a cursor of another
   filter, or none of ours. */
enum status store_read_page(struct pg *pg, const struct page_request *request, struct buf *out,
                            struct error *error) MUST_CHECK;
/* How many entries a filter means. */
enum status store_read_count(struct pg *pg, const struct dlq_filter *filter, int64_t *count,
                             struct error *error) MUST_CHECK;

/* All that acting on an entry takes. */
struct entry_place {
    struct slice stream; /* in the arena */
    uint64_t dlq_sequence;
    int generation;
    enum entry_status status;
};
/* Adds ENTRY's members to the open object. NOT_FOUND: no such entry. */
enum status store_read_entry(struct pg *pg, struct slice id, struct arena *arena,
                             struct json_writer *w, struct entry_place *place,
                             struct error *error) MUST_CHECK;
/* Adds "history": [{"at","generation","event","reason"?,"error"?,"actor"?,"detail"?}], oldest
   first. */
enum status store_read_history(struct pg *pg, struct slice id, struct json_writer *w,
                               struct error *error) MUST_CHECK;

/* Appends {"streams":[{"stream","consumer","dead","replayed","resolved","discarded"}]}; what is
   about to be replayed counts as replayed. */
enum status store_read_counts(struct pg *pg, struct buf *out, struct error *error) MUST_CHECK;

/* Appends {"jobs":[JOB]}, the newest 100, newest first. */
enum status store_read_jobs(struct pg *pg, struct buf *out, struct error *error) MUST_CHECK;
/* Appends JOB; NOT_FOUND. */
enum status store_read_job(struct pg *pg, const struct uuid *id, struct buf *out,
                           struct error *error) MUST_CHECK;

#endif
