/*
 * How far the service's own reading of a stream is behind, whichever instance reads. A report is
 * stored before the advisory that follows from it, but is read into the index by another thread.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_READING_H
#define OM_SERVICES_DLQ_COLLECT_READING_H

#include "shared/nats/request_batch.h"

/* Whether `stream` holds messages that its consumer dlq has not acknowledged. */
enum status reading_is_behind(struct request_batch *requests, const char *stream, bool *is_behind,
                              struct error *error) MUST_CHECK;
/* Returns when all reports stored before the call are in the index, or after 2 s: then what is
   wanting is found by the sweep. */
enum status reading_await_reports(struct request_batch *requests, struct error *error) MUST_CHECK;

#endif
