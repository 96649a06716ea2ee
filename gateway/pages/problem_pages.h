/*
 * Where a problem's type leads: a short page that says what happened and what to do, and an index
 * of them. Handlers; loop thread.
 */
#ifndef OM_GATEWAY_PAGES_PROBLEM_PAGES_H
#define OM_GATEWAY_PAGES_PROBLEM_PAGES_H

#include "shared/base/slice.h"

#include <h2o.h>

/* GET /problems and GET /problems/{id}, where the id is a name such as "not-found". */
void get_problem_index(h2o_req_t *req, struct slice id);
void get_problem_page(h2o_req_t *req, struct slice id);

#endif
