/* mesh.analytics.find: which orders are like a filter, by their terms (terms.h). It knows an order
   as soon as the service has its events, a second or two later as a rule. */
#ifndef OM_SERVICES_ANALYTICS_FIND_H
#define OM_SERVICES_ANALYTICS_FIND_H

#include "shared/service/service.h"

/* order_filter.h's question -> {"ids":[...],"nextCursor"?}, by the time when they were taken in (or
   refused at once). Needed is one of "sku", "reason", "status" FAILED or CANCELLED, "currency" and
   an amount, "trackingNumber" and "paymentId"; by the latter two all is found at once. Who asks
   looks whether orders are like that: other members, and which tenant's and customer's an order of
   such a number is, are not looked at. INVALID for a cursor of another question. */
enum status analytics_endpoint_find(struct endpoint_call *call, struct error *error) MUST_CHECK;

#endif
