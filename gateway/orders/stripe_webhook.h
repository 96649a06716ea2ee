/*
 * POST /api/v1/stripe/webhook: Stripe says that something became of a payment
 * (https://docs.stripe.com/webhooks). Only who signs as OM_STRIPE_WEBHOOK_SECRET_FILE, or the
 * previous secret, says is heard, and nothing is believed of it: the payment service then asks
 * Stripe. So events may come twice, late and in any order. 200 means that it has been told, or that
 * the event is of no use here; Stripe sends any other one again.
 */
#ifndef OM_GATEWAY_ORDERS_STRIPE_WEBHOOK_H
#define OM_GATEWAY_ORDERS_STRIPE_WEBHOOK_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void post_stripe_webhook(h2o_req_t *req, struct slice id);

#endif
