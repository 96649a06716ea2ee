/* The analytics service's answers in the mesh. */
#ifndef OM_SERVICES_ANALYTICS_ENDPOINT_H
#define OM_SERVICES_ANALYTICS_ENDPOINT_H

#include "shared/service/service.h"

/* {"from"?,"to"?,"granularity"?} as period.h has them -> report.h's documents. */
enum status analytics_endpoint_dashboard(struct endpoint_call *call,
                                         struct error *error) MUST_CHECK;
enum status analytics_endpoint_metrics(struct endpoint_call *call, struct error *error) MUST_CHECK;

#endif
