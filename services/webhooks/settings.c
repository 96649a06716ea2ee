#include "services/webhooks/settings.h"

#include "shared/base/memory.h"

#include <stdlib.h>

#define AT(member) offsetof(struct webhooks_settings, member)
#define DAY_S 86400

const struct config_row webhooks_config_rows[WEBHOOKS_CONFIG_ROWS] = {
    {"OM_WEBHOOKS_PRIVATE", CONFIG_TEXT, AT(private_addresses), "none", 0, 0,
     "addresses besides public ones that webhooks may be sent to: none, loopback, or all"},
    {"OM_WEBHOOKS_HTTP", CONFIG_BOOL, AT(takes_http), "false", 0, 0,
     "take webhooks at http addresses, too"},
    {"OM_WEBHOOKS_PER_TENANT", CONFIG_INT, AT(per_tenant), "20", 1, 1000,
     "most webhooks of one tenant"},
    {"OM_WEBHOOKS_TIMEOUT_MS", CONFIG_INT, AT(timeout_ms), "10000", 100, 60000,
     "longest time for one delivery, in milliseconds"},
    {"OM_WEBHOOKS_IN_FLIGHT", CONFIG_INT, AT(in_flight), "256", 1, 4096,
     "most deliveries under way at once in a process"},
    {"OM_WEBHOOKS_IN_FLIGHT_EACH", CONFIG_INT, AT(in_flight_each), "8", 1, 256,
     "most of them to one webhook; to one that fails, it is one"},
    {"OM_WEBHOOKS_GIVE_UP_S", CONFIG_INT, AT(give_up_s), "259200", 1, 2592000,
     "seconds after which a delivery that is not taken counts as failed"},
    {"OM_WEBHOOKS_OFF_AFTER_S", CONFIG_INT, AT(off_after_s), "432000", 1, 2592000,
     "seconds of nothing but failures after which a webhook is switched off"},
    {"OM_WEBHOOKS_KEEP_DAYS", CONFIG_INT, AT(keep_days), "7", 1, 90,
     "days for which deliveries are kept, to look at and to send again"},
    {"OM_WEBHOOKS_CA_FILE", CONFIG_TEXT, AT(ca_file), "", 0, 0,
     "file with the authorities that may sign receivers' certificates; empty: the system's"},
};

static enum status check(const struct webhooks_settings *settings, const struct config *config,
                         struct url_policy *policy, struct error *error) {
    policy->takes_http = settings->takes_http;
    if (!url_policy_parse_reach(settings->private_addresses, &policy->reach_most))
        return error_set(error, STATUS_INVALID, "OM_WEBHOOKS_PRIVATE is none of none loopback all");
    if (settings->give_up_s > settings->keep_days * DAY_S)
        return error_set(error, STATUS_INVALID,
                         "OM_WEBHOOKS_GIVE_UP_S is longer than OM_WEBHOOKS_KEEP_DAYS");
    if (config->pii_key_file[0] == '\0')
        return error_set(error, STATUS_INVALID, "OM_PII_KEY_FILE is needed to seal secrets");
    return STATUS_OK;
}

enum status webhooks_create(const struct webhooks_settings *settings, const struct config *config,
                            struct webhooks **webhooks, struct error *error) {
    struct webhooks *made = mem_alloc(sizeof(*made));
    made->settings = settings;
    enum status status = check(settings, config, &made->policy, error);
    if (status == STATUS_OK)
        status =
            key_ring_create(config->pii_key_file, config->pii_old_key_file, &made->ring, error);
    if (status == STATUS_OK)
        *webhooks = made;
    else
        webhooks_destroy(&made);
    return status;
}

void webhooks_destroy(struct webhooks **webhooks) {
    if (*webhooks == NULL)
        return;
    key_ring_destroy(&(*webhooks)->ring);
    free(*webhooks);
    *webhooks = NULL;
}
