/*
 * Stripe (https://docs.stripe.com/api): PaymentIntents for charges, Refunds for refunds, over
 * shared/net/http_client.h, a batch side by side.
 *
 * Each request goes out under its idempotency key up to STRIPE_TRIES times, with growing waits and
 * within STRIPE_BUDGET_MS, as Stripe asks of its clients: after connection errors, 409, 429 and
 * 5xx, unless Stripe-Should-Retry says otherwise, and not before Retry-After is over. An answer
 * that is still unknown then (a time-out, a 5xx) is never taken for a result:
 *
 *     another request of the batch was answered, or a harmless one is    TRANSIENT: this event's
 *                                                                        own trouble
 *     nothing is answered, our key is refused, we ask too often (429)    OUTAGE: hold all
 *
 * The harmless request is made after the first try already, so that a provider that hangs keeps its
 * caller for little longer than one time-out.
 *
 * An order that is over is asked about without being charged: an intent that takes no money, under
 * the charge's own key, either uses that key up for good or is refused since a charge did.
 *
 * A charge whose key was used before customers could be asked (return_url) is asked for again as it
 * was then. An intent whose customer failed is cancelled before that counts, since it is open to
 * another try.
 *
 * A refund names the charge by the id that was stored; without one it stays TRANSIENT.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_STRIPE_H
#define OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_STRIPE_H

#include "services/payment/provider/provider.h"
#include "shared/base/status.h"

#define STRIPE_TRIES 3
#define STRIPE_BUDGET_MS 20000 /* no try begins later */

struct provider_stripe_options {
    const char *url;        /* https://api.stripe.com, or whoever speaks the same */
    const char *key_file;   /* the secret key */
    const char *ca_file;    /* the authorities that may sign its certificate; "": the system's */
    int64_t timeout_ms;     /* for one try */
    int64_t parallel_max;   /* requests under way at once */
    const char *return_url; /* where customers come back to; "": nobody is asked */
};

/* INVALID when the key cannot be read or the address is none. */
enum status provider_stripe_create(const struct provider_stripe_options *options,
                                   struct provider **provider, struct error *error) MUST_CHECK;
void provider_stripe_destroy(struct provider **provider);

#endif
