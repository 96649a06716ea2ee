#include "services/payment/settings.h"

#include "services/payment/handler.h"
#include "services/payment/provider/provider_simulated.h"
#include "shared/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct payment_settings, member)

const struct config_row payment_config_rows[PAYMENT_CONFIG_ROWS] = {
    {"OM_PAYMENT_PROVIDER", CONFIG_TEXT, AT(provider), "simulated", 0, 0,
     "who takes the money: simulated or stripe"},
    {"OM_STRIPE_URL", CONFIG_TEXT, AT(stripe.url), "https://api.stripe.com", 0, 0,
     "address of Stripe's API, or of what speaks it, such as om-provider-sim"},
    {"OM_STRIPE_KEY_FILE", CONFIG_TEXT, AT(stripe.key_file), "", 0, 0,
     "file with the secret key; a must with stripe"},
    {"OM_STRIPE_CA_FILE", CONFIG_TEXT, AT(stripe.ca_file), "", 0, 0,
     "file with the authorities that may sign its certificate; empty: the system's"},
    {"OM_STRIPE_TIMEOUT_MS", CONFIG_INT, AT(stripe.timeout_ms), "6000", 50, 80000,
     "longest time for one try of one request, in milliseconds"},
    {"OM_STRIPE_PARALLEL", CONFIG_INT, AT(stripe.parallel_max), "32", 1, 1024,
     "requests to Stripe under way at once, a consumer"},
    {"OM_PAYMENT_RETURN_URL", CONFIG_TEXT, AT(stripe.return_url), "", 0, 0,
     "where a customer comes back to, with ?orderId=, from confirming a payment (3-D Secure); "
     "empty: with stripe, a payment that needs the customer is declined"},
    {"OM_PAYMENT_ACTION_LIMIT_S", CONFIG_INT, AT(action_limit_s), "900", 1, 82800,
     "seconds that a payment waits for its customer; then its order fails with payment_timeout"},
};

static enum status choose_provider(const struct payment_settings *settings, struct payment *payment,
                                   struct error *error) {
    if (strcmp(settings->provider, "simulated") == 0) {
        payment->provider = &provider_simulated;
        return STATUS_OK;
    }
    if (strcmp(settings->provider, "stripe") != 0)
        return error_set(error, STATUS_INVALID,
                         "OM_PAYMENT_PROVIDER is neither simulated nor stripe");
    enum status status = provider_stripe_create(&settings->stripe, &payment->stripe, error);
    if (status == STATUS_OK)
        payment->provider = payment->stripe;
    return status;
}

enum status payment_create(const struct payment_settings *settings, struct payment **payment,
                           struct error *error) {
    struct payment *made = mem_alloc(sizeof(*made));
    enum status status = choose_provider(settings, made, error);
    if (status != STATUS_OK) {
        free(made);
        return status;
    }
    made->action_limit_s = settings->action_limit_s;
    made->breaker = breaker_create(made->provider->name);
    *payment = made;
    return STATUS_OK;
}

void payment_destroy(struct payment **payment) {
    struct payment *p = *payment;
    if (p == NULL)
        return;
    provider_stripe_destroy(&p->stripe);
    breaker_destroy(&p->breaker);
    free(p);
    *payment = NULL;
}
