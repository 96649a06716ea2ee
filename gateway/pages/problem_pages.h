/*
 * The pages that problems' types lead to: each says what happened and what to do, and an index
 * lists them. Handlers; loop thread.
 */
#ifndef OM_GATEWAY_PAGES_PROBLEM_PAGES_H
#define OM_GATEWAY_PAGES_PROBLEM_PAGES_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* GET /problems and GET /problems/{id}, where the id is a name such as "not-found". */
void get_problem_index(h2o_req_t *req, struct slice id);
void get_problem_page(h2o_req_t *req, struct slice id);

#endif
