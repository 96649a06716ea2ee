/*
 * Requests to Stripe's API and its answers: forms of PaymentIntents and Refunds, and the reading of
 * results and errors (https://docs.stripe.com/api/errors, .../api/payment_intents,
 * .../api/refunds). Pure and thread safe.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_STRIPE_MESSAGE_H
#define OM_SERVICES_PAYMENT_PROVIDER_STRIPE_MESSAGE_H

#include "services/payment/provider/provider.h"
#include "shared/base/buf.h"
#include "shared/net/http_client.h"

/* The version of the API that this speaks, in each request. */
#define STRIPE_VERSION "2024-06-20"

/* In Stripe's units (https://docs.stripe.com/currencies): ISK and UGX are written with two
   decimals, which are 0, MGA with none. False where that is not exact: Stripe would refuse it. */
bool stripe_amount(struct slice currency, int64_t amount_minor, int64_t *amount);
/* Appends the form of POST /v1/payment_intents: created, confirmed and captured, or held, in one
   step. The amount must be exact. Where request->return_url is given the customer may be asked
   (3-D Secure), and comes back there; else an intent that needs the customer is declined. */
void stripe_write_charge(struct buf *form, const struct provider_request *request);
/* Appends the form of a payment intent that takes no money: sent under the key of a charge, it uses
   the key up, so that no late charge can, or is refused because a charge did. */
void stripe_write_void(struct buf *form, const struct provider_request *request);
/* Appends the form of POST /v1/payment_intents/<id>/capture: of the whole amount. */
void stripe_write_capture(struct buf *form, const struct provider_request *request);
/* Appends the form of POST /v1/payment_intents/<id>/cancel. */
void stripe_write_release(struct buf *form, const struct provider_request *request);
/* Appends the form of POST /v1/refunds, of a part or of all that is left. */
void stripe_write_refund(struct buf *form, const struct provider_request *request);

/* Reads the result of a call into the answered members of *request. True when asking again under
   the same key, after a while, may give another answer. */
bool stripe_read_charge(const struct httpc_call *call, struct provider_request *request);
/* NOTHING when the key was not used; NONE when it was: to be asked what for. */
bool stripe_read_void(const struct httpc_call *call, struct provider_request *request);
/* DECLINED: what was held is not held any more. */
bool stripe_read_capture(const struct httpc_call *call, struct provider_request *request);
/* DECLINED: it was captured. */
bool stripe_read_release(const struct httpc_call *call, struct provider_request *request);
bool stripe_read_refund(const struct httpc_call *call, struct provider_request *request);
/* Reads GET /v1/payment_intents/<id>: as provider.inquire says. DECLINED is an intent whose
   customer failed: it is open to another try until it is cancelled. */
void stripe_read_inquiry(const struct httpc_call *call, struct provider_request *request);

/* Reads GET /v1/refunds?payment_intent=...: the refund there is, into *request as done. Leaves it
   alone when there is none. */
void stripe_read_refund_list(const struct httpc_call *call, struct provider_request *request);

/* The code of a refund that is refused because there was one before. */
#define STRIPE_ALREADY_REFUNDED "charge_already_refunded"

#endif
