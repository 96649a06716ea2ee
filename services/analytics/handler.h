/* Every event about an order goes into the projection; the dashboard is read from it. */
#ifndef OM_SERVICES_ANALYTICS_HANDLER_H
#define OM_SERVICES_ANALYTICS_HANDLER_H

#include "shared/consume/batch.h"
#include "shared/service/service.h"

/* One handler for all that facts.h lists. It rejects an event that lacks what its kind must say. */
extern const struct handler analytics_handler;

/* {"from"?,"to"?,"granularity"?} as period.h has them -> report.h's documents. */
enum status analytics_endpoint_dashboard(struct endpoint_call *call,
                                         struct error *error) MUST_CHECK;
enum status analytics_endpoint_metrics(struct endpoint_call *call, struct error *error) MUST_CHECK;

#endif
