/*
 * The customer of a charge that needs one, and the page of the bank at which it is confirmed:
 *
 *     GET  /confirm/<id>       the page, with a button for each answer
 *     POST /confirm/<id>/yes   confirms it, and leads back to the return_url
 *     POST /confirm/<id>/no    does not
 *
 * Some payment methods answer by themselves, after their time. One thread; blocks on the ledger's
 * disk.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_CUSTOMER_H
#define OM_SERVICES_PAYMENT_SIMULATOR_CUSTOMER_H

#include "services/payment/simulator/api.h"

/* pm_card_threeDSecure2Required, pm_sim_action and those that begin with pm_sim_action_. */
bool customer_is_needed(struct slice payment_method);
/* How the intent of a charge stands now, in Stripe's words. */
const char *customer_intent_status(const struct book_entry *charge);
/* False: it is none of these addresses. */
bool customer_visits(struct api *api, const struct api_request *request, struct api_answer *answer);
/* Those who answer by themselves and whose time has come do. */
void customers_act(struct api *api);

#endif
