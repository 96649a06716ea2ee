/*
 * A provider inside the process, for development and tests. The payment method chooses what
 * happens:
 *
 *     pm_card_chargeDeclined                    declined, card_declined
 *     pm_card_chargeDeclinedInsufficientFunds   declined, insufficient_funds
 *     pm_sim_delay_<ms>                         succeeds after that long, at most 10000
 *     pm_sim_error                              fails on the first two attempts, then succeeds; so
 *                                               does the capture, or release, of what was held
 *     pm_sim_expired                            is held, and cannot be captured any more
 *     pm_sim_action_<ms>                        needs the customer, who confirms it after that long
 *     pm_sim_action_declined                    needs the customer, who does not confirm it
 *     pm_sim_action                             needs the customer, who does nothing
 *     pm_sim_unavailable                        the provider is down for this charge's first 10 s
 *     anything else                             succeeds
 *
 * It keeps nothing: ids derive from idempotency keys, so a repetition gets the same answer from
 * every instance. Without a ledger, a charge that is over counts as made, a refund finds a charge
 * wherever one would have succeeded, and what a customer confirms is known by the time that passed
 * since it was asked for.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_SIMULATED_H
#define OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_SIMULATED_H

#include "services/payment/provider/provider.h"

#define SIMULATED_DELAY_MOST_MS 10000
#define SIMULATED_ERRORS 2
#define SIMULATED_OUTAGE_US INT64_C(10000000)

extern const struct provider provider_simulated;

#endif
