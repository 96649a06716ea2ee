/*
 * `omctl dlq ...`: dead letters, through the endpoints of the mesh (services/dlq/endpoint.h says
 * what they answer). dlq.c reads the arguments and asks, dlq_print.c shows what came,
 * dlq_follow.c goes on asking.
 */
#ifndef OM_OMCTL_DLQ_DLQ_H
#define OM_OMCTL_DLQ_DLQ_H

#include "shared/contract/dlq_filter.h"
#include "shared/nats/nats_client.h"

#include <stdio.h>

/* What was sent is shown, but never acted on: control characters are printed as '?'. */
void dlq_print_heading(FILE *out);
void dlq_print_entry(struct json_object *entry, FILE *out);   /* as a row */
void dlq_print_details(struct json_object *entry, FILE *out); /* with message and history */
void dlq_print_job(struct json_object *job, FILE *out);       /* as a row */
void dlq_print_progress(struct json_object *job, FILE *out);  /* how far it is */
void dlq_print_json(struct json_object *value, FILE *out);    /* in one line */
/* Of a dry run; `done` is what would be done to them. */
void dlq_print_matching(struct json_object *reply, const char *done, FILE *out);

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
