/*
 * The simulator's webhooks: what became of a payment intent, as a signed event
 * (https://docs.stripe.com/webhooks, stripe_signature.h). Each is sent again, after 1, 2, 4 s and
 * so on, until it is answered with 2xx, ten times in all. On request some are sent twice, or never.
 *
 * One thread; sending never waits.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_HOOKS_H
#define OM_SERVICES_PAYMENT_SIMULATOR_HOOKS_H

#include "services/payment/simulator/book.h"

struct hooks;

/* INVALID where the secret cannot be read. */
enum status hooks_create(const char *url, const char *secret_file, struct hooks **hooks,
                         struct error *error) MUST_CHECK;
void hooks_destroy(struct hooks **hooks);
/* Tells how the intent of a charge stands; nothing of any other entry. `hooks` may be NULL. */
void hooks_tell(struct hooks *hooks, const struct book_entry *charge);
/* "usual", "twice" or "lost", of what is told from now on; false: it is none of these. */
bool hooks_inject(struct hooks *hooks, struct slice what);
/* Sends what is due and takes the answers that came. True while there is something to do. */
bool hooks_turn(struct hooks *hooks);

#endif
