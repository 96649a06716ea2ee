/* mesh.analytics.revenue: what was taken and given back in each bucket of a period, by report.h's
   pages. */
#ifndef OM_SERVICES_ANALYTICS_REVENUE_H
#define OM_SERVICES_ANALYTICS_REVENUE_H

#include "shared/service/service.h"

/* Rows, one a bucket and currency in which money moved: {"at","currency","capturedMinor",
   "refundedMinor","revenueMinor"}. Without a granularity it is by the day. A page may be empty
   before the last. */
enum status revenue_endpoint(struct endpoint_call *call, struct error *error);

#endif
