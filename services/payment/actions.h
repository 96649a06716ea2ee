/*
 * Payments that their customer has to confirm (3-D Secure). Whether that was done only the provider
 * knows, so it is asked: each second what is due, soon at first and then less often, at once when
 * somebody says that there is news (mesh.payment.recheck), and when the customer's time is up; then
 * the payment is withdrawn. News may come twice, late, in any order, or never, since nothing is
 * believed of it.
 */
#ifndef OM_SERVICES_PAYMENT_ACTIONS_H
#define OM_SERVICES_PAYMENT_ACTIONS_H

#include "shared/service/periodic.h"
#include "shared/service/service.h"

extern const struct periodic awaited_actions;

/* {"orderId"} -> {"waits"}: whether the order's payment waits for its customer. */
enum status action_endpoint_recheck(struct endpoint_call *call, struct error *error);

#endif
