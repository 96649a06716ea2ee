/*
 * GET /api/v1/admin/reports/...: what there was in a period, row by row, as long as it takes
 * (shared/query/report.h).
 *
 * A page of a service's is asked for once the client has taken the one before, and none is kept: a
 * report takes as much memory as a page, however long it is. A client that does not take a page in
 * the time for sending is dropped, and so are all when the gateway ends: what they read is followed
 * by ?after=. An answer that is broken off has no end, which HTTP tells. Loop thread of the
 * request.
 */
#ifndef OM_GATEWAY_ADMIN_REPORTS_H
#define OM_GATEWAY_ADMIN_REPORTS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* ?from&to&granularity, as period.h has them, by the day where nothing is said; &format csv or
   ndjson, &after "<time>/<name>": the place of the last row that was read. */
void get_orders_report(h2o_req_t *req, struct slice id);
void get_revenue_report(h2o_req_t *req, struct slice id);
void get_refunds_report(h2o_req_t *req, struct slice id);
void get_stock_report(h2o_req_t *req, struct slice id);

#endif
