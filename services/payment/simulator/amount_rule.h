/*
 * Which amounts Stripe charges to a card, as far as its rules are the same for all accounts
 * (https://docs.stripe.com/currencies). Pure.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_AMOUNT_RULE_H
#define OM_SERVICES_PAYMENT_SIMULATOR_AMOUNT_RULE_H

#include "shared/base/slice.h"

#include <stdint.h>

/* The parameter at fault, or NULL. `currency` is in lower case, `amount` in Stripe's units of it.
 *code says why where Stripe has a word for it, else NULL. */
const char *amount_rule_judge(struct slice currency, int64_t amount, const char **code);

#endif
