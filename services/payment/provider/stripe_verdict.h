/*
 * Whose trouble an answer of Stripe is that is no success (https://docs.stripe.com/error-codes,
 * https://docs.stripe.com/api/errors). om-provider-sim answers in the same words. Pure.
 *
 * DECLINED and REFUSED are the event's, for good: the first fails the order at once, the second,
 * about how we asked, is a dead letter. TRANSIENT is the moment's. OUTAGE is the provider's, or our
 * account's, and holds all orders. An answer without Stripe's error object is not Stripe's.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_STRIPE_VERDICT_H
#define OM_SERVICES_PAYMENT_PROVIDER_STRIPE_VERDICT_H

#include "services/payment/provider/provider.h"

/* In place of a status: it never left us; it left, and no answer came. */
#define STRIPE_UNSENT 0
#define STRIPE_LOST 1

/* What was asked, as bits; ANY is also the rest: to release, to refund. */
enum { STRIPE_ANY = 0, STRIPE_CHARGE = 1, STRIPE_CAPTURE = 2, STRIPE_TAKING = 3 };

/* first and last status, which requests it is for, member of the error object ("": of any error,
   "-": there need be none) and its value ("": any), answer, whether to ask again under the same
   key, meaning. The first that fits counts. */
#define STRIPE_VERDICT_TABLE(X)                                                                    \
    X(STRIPE_UNSENT, STRIPE_UNSENT, ANY, "-", "", OUTAGE, true, "nobody is there")                 \
    X(STRIPE_LOST, STRIPE_LOST, ANY, "-", "", TRANSIENT, true, "a time-out: nobody knows")         \
    X(429, 429, ANY, "code", "lock_timeout", TRANSIENT, true, "another request has the object")    \
    X(401, 401, ANY, "-", "", OUTAGE, false, "our key is wrong")                                   \
    X(403, 403, ANY, "-", "", OUTAGE, false, "our key may not")                                    \
    X(408, 408, ANY, "-", "", TRANSIENT, true, "it did not get all of the request")                \
    X(409, 409, ANY, "-", "", TRANSIENT, true, "the key's first request is under way")             \
    X(425, 425, ANY, "-", "", TRANSIENT, true, "too early")                                        \
    X(429, 429, ANY, "-", "", OUTAGE, true, "we ask too often")                                    \
    X(500, 599, ANY, "-", "", TRANSIENT, true, "it failed: nobody knows")                          \
    X(400, 499, ANY, "type", "idempotency_error", REFUSED, false, "the key is another request's")  \
    X(400, 499, ANY, "type", "authentication_error", OUTAGE, false, "our key is wrong")            \
    X(400, 499, ANY, "type", "rate_limit_error", OUTAGE, true, "we ask too often")                 \
    X(400, 499, ANY, "type", "api_error", TRANSIENT, true, "it failed: nobody knows")              \
    X(400, 499, ANY, "code", "api_key_expired", OUTAGE, false, "our key is over")                  \
    X(400, 499, ANY, "code", "livemode_mismatch", OUTAGE, false, "a key for tests, or not")        \
    X(400, 499, ANY, "code", "testmode_charges_only", OUTAGE, false, "our account is not active")  \
    X(400, 499, ANY, "code", "account_invalid", OUTAGE, false, "our account is not there")         \
    X(400, 499, ANY, "code", "tls_version_unsupported", OUTAGE, false, "our TLS is too old")       \
    X(400, 499, TAKING, "type", "card_error", DECLINED, false, "the bank refuses")                 \
    X(400, 499, CHARGE, "code", "amount_too_small", DECLINED, false, "below the least charge")     \
    X(400, 499, CHARGE, "code", "amount_too_large", DECLINED, false, "above the greatest charge")  \
    X(400, 499, CHARGE, "param", "amount", DECLINED, false, "the amount cannot be charged")        \
    X(400, 499, CHARGE, "param", "currency", DECLINED, false, "the currency cannot be charged")    \
    X(400, 499, CHARGE, "param", "payment_method", DECLINED, false, "no such payment method")      \
    X(400, 499, CHARGE, "param", "customer", DECLINED, false, "the method is another customer's")  \
    X(400, 499, CAPTURE, "code", "charge_expired_for_capture", DECLINED, false, "held too long")   \
    X(400, 499, ANY, "", "", REFUSED, false, "this is asked wrongly")                              \
    X(0, 999, ANY, "-", "", OUTAGE, false, "not Stripe's: a proxy, or a wrong address")

struct json_object;
struct stripe_verdict {
    enum provider_answer answer; /* DECLINED, REFUSED, TRANSIENT or OUTAGE */
    bool again;
};

/* `asked` is one of STRIPE_...; `error` the answer's error object, NULL for none. */
struct stripe_verdict stripe_judge(int status, unsigned asked, struct json_object *error);

#endif
