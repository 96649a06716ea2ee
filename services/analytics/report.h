/*
 * The documents that the counts of a period become. Times are RFC 3339, money is in minor units,
 * latencies are milliseconds with three decimals. Buckets in which nothing happened are left out.
 *
 * dashboard: {"from","to","granularity", <business>, "latencies", "buckets":[{"at", <business>}]}
 *   <business>: "orders":{"total","byStatus":{"PENDING":0,...}},
 *     "revenue":[{"currency","capturedMinor","refundedMinor","revenueMinor"}],
 *     "failureReasons":{"out_of_stock":1}, "funnel":{"created","reserved","paid","confirmed",
 *     "shipped","completed"}
 * metrics: {"from","to","granularity", <system>, "buckets":[{"at", <system>}]}
 *   <system>: "events":{"created",...: one a fact}, "ordersPerSecond", "errorRate" (failed of those
 *     that ended), "latencies":{"payment":{"count","p50Ms","p95Ms","p99Ms"}}
 *
 * Orders by status count by the time of their creation, or of their end where they were refused at
 * once; all else by the time it happened.
 */
#ifndef OM_SERVICES_ANALYTICS_REPORT_H
#define OM_SERVICES_ANALYTICS_REPORT_H

#include "shared/base/buf.h"
#include "shared/contract/period.h"
#include "shared/pg/pg.h"

enum report_kind { REPORT_DASHBOARD, REPORT_METRICS };

/* Appends the document about `rows` (counts_store_read()). */
void report_write(enum report_kind kind, const struct period *period, const struct pg_result *rows,
                  struct buf *out);

#endif
