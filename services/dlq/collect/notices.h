/*
 * What the service consumes: the server's advisories, of messages that it gave up delivering, for
 * the examiner; and failure reports into the index. They are the last word of a consumer on a
 * message, which the examiner joins, the sweep looks for, and a replay is resolved by.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_NOTICES_H
#define OM_SERVICES_DLQ_COLLECT_NOTICES_H

#include "shared/consume/batch.h"

/* The end of a statement: of the entries `closed`, for the jobs that replayed them. */
#define REPORTS_COUNT_RESOLVED_SQL                                                                 \
    " UPDATE dlq.jobs j SET resolved = j.resolved + c.entries, updated_at = now() FROM ("          \
    "  SELECT job_id, count(*) AS entries FROM closed GROUP BY job_id) c WHERE j.id = c.job_id"

/* Takes raw messages of ADVISORIES, EXAMINER_MOST at most. One that is malformed is counted. */
enum status advisories_take(struct batch *batch, struct error *error) MUST_CHECK;
/* Takes raw messages of FAILURES. One that is malformed is counted. */
enum status reports_take(struct batch *batch, struct error *error) MUST_CHECK;

#endif
