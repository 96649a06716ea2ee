/*
 * The part of Stripe's API that the payment service uses, and what tests need besides:
 *
 *     POST /v1/payment_intents    created, and with confirm=true captured in one step, or held with
 *                                 capture_method=manual
 *     POST /v1/payment_intents/<id>/capture    takes what is held, or amount_to_capture of it
 *     POST /v1/payment_intents/<id>/cancel     lets it go
 *     POST /v1/refunds            what is left of a payment intent, or amount of it
 *     GET  /v1/payment_intents/<id>    how it stands
 *     GET  /v1/payment_intents    an empty list: is anybody there?
 *     GET  /v1/refunds?payment_intent=<id>    the last refund of a payment intent, if any
 *     GET  /confirm/<id>          the page of the customer's bank; it posts to /confirm/<id>/yes or
 *                                 /no and leads back to the return_url (customer.h)
 *     GET  /ledger                everything that ever was done (book.h)
 *     POST /inject                fault=<name>&count=<n>: the next n requests, all without a count
 *                                 (faults.h); webhooks=usual|twice|lost (hooks.h)
 *
 * Payment methods: those of faults.h; pm_card_chargeDeclined and
 * pm_card_chargeDeclinedInsufficientFunds are declined; what pm_sim_expired holds cannot be
 * captured; pm_card_threeDSecure2Required and pm_sim_action need the customer, pm_sim_action_<ms>
 * one who confirms after that long, pm_sim_action_declined_<ms> one who does not; other pm_... are
 * charged; anything else does not exist. One thread; blocks on the ledger's disk.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_API_H
#define OM_SERVICES_PAYMENT_SIMULATOR_API_H

#include "services/payment/simulator/book.h"
#include "services/payment/simulator/faults.h"
#include "services/payment/simulator/hooks.h"
#include "shared/base/buf.h"

struct api {
    struct book *book;
    struct faults *faults;
    struct hooks *hooks; /* NULL: nobody is told */
    const char *url;     /* of this provider, as customers reach it */
    int64_t slow_ms;
};

struct api_request {
    struct slice method, path, query;
    struct slice authorization, key;
    struct slice body;
};

/* Zero-initialize; free the body and the location. */
struct api_answer {
    int status;
    struct buf body;     /* JSON, unless is_page */
    struct buf location; /* 303: to there */
    bool is_page;
    bool is_replay;
    bool is_silent; /* no answer at all: the client's time-out ends it */
    int64_t delay_ms;
};

void api_handle(struct api *api, const struct api_request *request, struct api_answer *answer);

#endif
