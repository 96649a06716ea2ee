/* GET /api/v1/analytics/dashboard and /metrics, asked of the analytics service over the mesh. A
   wrong query is 400 before anybody is asked. */
#ifndef OM_GATEWAY_ADMIN_ANALYTICS_H
#define OM_GATEWAY_ADMIN_ANALYTICS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void get_analytics_dashboard(h2o_req_t *req, struct slice id);
void get_analytics_metrics(h2o_req_t *req, struct slice id);

#endif
