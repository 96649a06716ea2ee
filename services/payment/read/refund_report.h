/* mesh.payment.refunds: what was given back in a period, or asked for, by report.h's pages. */
#ifndef OM_SERVICES_PAYMENT_READ_REFUND_REPORT_H
#define OM_SERVICES_PAYMENT_READ_REFUND_REPORT_H

#include "shared/service/service.h"

/* Rows: {"at","refundId","orderId","kind","status","currency","amountMinor","reason"?}. Of "part"
   is a refund that an administrator asked for, at the time when it was asked for, as it stands;
   "whole" is what an order that ended badly got back, at the time when that was done. */
enum status refund_report_endpoint(struct endpoint_call *call, struct error *error);

#endif
