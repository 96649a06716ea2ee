/*
 * Requests about dead letters, turned into the requests to the mesh that they become. Strict:
 * unknown parameters and members are faults. Pure and thread safe; nothing blocks.
 */
#ifndef OM_GATEWAY_ADMIN_DLQ_REQUEST_H
#define OM_GATEWAY_ADMIN_DLQ_REQUEST_H

#include "gateway/reply/problem.h"
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/contract/dlq_edit.h"
#include "shared/contract/dlq_filter.h"

/* Appends the request for a page. `query` is what stands behind the question mark. INVALID says
   which parameter is wrong and why; whether the cursor goes with the filter is not known here. */
enum status dlq_list_request(struct slice query, struct arena *arena, struct buf *out,
                             struct error *error) MUST_CHECK;
/* The same for groups, which have no pages. */
enum status dlq_groups_request(struct slice query, struct arena *arena, struct buf *out,
                               struct error *error) MUST_CHECK;

/* A body and its sender. An empty body stands for {}. */
struct dlq_body {
    struct slice text;
    struct slice actor;
    struct slice id; /* of the entry or job in the path; empty for none */
};

/* Each appends the request and adds the fields at fault to *errors; where there are some, what was
   appended is of no use. INVALID: the body is no JSON object. */
enum status dlq_plain_request(const struct dlq_body *body, struct field_errors *errors,
                              struct buf *out, struct error *error) MUST_CHECK; /* {} */
/* {}, or what dlq_edit.h says */
enum status dlq_replay_request(const struct dlq_body *body, struct field_errors *errors,
                               struct buf *out, struct error *error) MUST_CHECK;
enum status dlq_discard_request(const struct dlq_body *body, struct field_errors *errors,
                                struct buf *out, struct error *error) MUST_CHECK; /* {"reason"} */
/* {filter but "status", or "ids"; "ratePerSecond"?, "dryRun"?} */
enum status dlq_replay_all_request(const struct dlq_body *body, struct field_errors *errors,
                                   struct buf *out, struct error *error) MUST_CHECK;
/* The same, and "because", which only a dry run need not say. */
enum status dlq_discard_all_request(const struct dlq_body *body, struct field_errors *errors,
                                    struct buf *out, struct error *error) MUST_CHECK;

#endif
