/* Dead letters and jobs, asked for again and again. Blocks. */
#ifndef OM_OMCTL_DLQ_DLQ_FOLLOW_H
#define OM_OMCTL_DLQ_DLQ_FOLLOW_H

#include "shared/contract/dlq_filter.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"

#include <stdio.h>

/* Waits until the job has ended, and shows on `progress` how far it is; *job is its last state, and
   the caller's. */
enum status dlq_await_job(struct nats_client *nats, const char *id, FILE *progress,
                          struct json_object **job, struct error *error) MUST_CHECK;

struct dlq_watch {
    struct dlq_filter filter;
    bool is_json;
    int64_t duration_us; /* 0: for ever */
};
/* Prints entries as they come and jobs as they move, from now on. */
enum status dlq_follow(struct nats_client *nats, const struct dlq_watch *watch, FILE *out,
                       struct error *error) MUST_CHECK;

#endif
