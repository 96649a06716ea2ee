/*
 * Failure reports: what a failed attempt leaves for the dead-letter service and for people, as
 * failures.<stream>.<consumer>.<event id> in the FAILURES stream (the last one is kept). DONE takes
 * back what was reported of earlier attempts, and says that a replayed dead letter got through.
 */
#ifndef OM_SHARED_CONSUME_FAILURE_REPORT_H
#define OM_SHARED_CONSUME_FAILURE_REPORT_H

#include "shared/consume/batch.h"
#include "shared/nats/nats_client.h"

struct failure_report {
    const char *stream;
    const char *durable;
    const char *service;
    const char *instance;
    uint64_t stream_sequence;
    const struct delivery *delivery; /* its event id may be zero: then the sequence names it */
};

/* Fire and forget: for an attempt that will be repeated, or is done. */
void failure_report_send(struct nats_client *nats, const struct failure_report *report);
/* Waits until it is stored (up to 2 s): for the last word on a message, before it is terminated. */
enum status failure_report_store(struct nats_client *nats, const struct failure_report *report,
                                 struct error *error) MUST_CHECK;

#endif
