/*
 * Dead letters for administrators: reading, replaying and discarding them. Each handler asks the
 * mesh (mesh.dlq.*; services/dlq/endpoint.h has the answers), and nothing is kept here. routes.c
 * limits them to administrators, and the dead letter's history records the caller.
 */
#ifndef OM_GATEWAY_ADMIN_ADMIN_DLQ_H
#define OM_GATEWAY_ADMIN_ADMIN_DLQ_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void get_dlq_list(h2o_req_t *req, struct slice id);
void get_dlq_groups(h2o_req_t *req, struct slice id);
void get_dlq_counts(h2o_req_t *req, struct slice id);
void get_dlq_entry(h2o_req_t *req, struct slice id);
void post_dlq_replay(h2o_req_t *req, struct slice id);
void post_dlq_discard(h2o_req_t *req, struct slice id);
/* 202 and the job's Location; 200 for a dry run. */
void post_dlq_replay_all(h2o_req_t *req, struct slice id);
void post_dlq_discard_all(h2o_req_t *req, struct slice id);
void get_dlq_jobs(h2o_req_t *req, struct slice id);
void get_dlq_job(h2o_req_t *req, struct slice id);
void post_dlq_job_cancel(h2o_req_t *req, struct slice id);

#endif
