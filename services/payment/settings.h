/* The payment service's own configuration. */
#ifndef OM_SERVICES_PAYMENT_SETTINGS_H
#define OM_SERVICES_PAYMENT_SETTINGS_H

#include "services/payment/provider/provider_stripe.h"
#include "shared/base/config.h"

struct payment_settings {
    const char *provider; /* simulated or stripe */
    struct provider_stripe_options stripe;
    int64_t action_limit_s;
};

#define PAYMENT_CONFIG_ROWS 8
extern const struct config_row payment_config_rows[PAYMENT_CONFIG_ROWS];

/* Makes the provider that the settings name, and its breaker. */
struct payment;
enum status payment_create(const struct payment_settings *settings, struct payment **payment,
                           struct error *error) MUST_CHECK;
void payment_destroy(struct payment **payment);

#endif
