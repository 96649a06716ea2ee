/* The webhooks service's own configuration, and what its threads share. */
#ifndef OM_SERVICES_WEBHOOKS_SETTINGS_H
#define OM_SERVICES_WEBHOOKS_SETTINGS_H

#include "services/webhooks/url_policy.h"
#include "shared/base/config.h"
#include "shared/crypto/crypto.h"

#include <stdatomic.h>

struct webhooks_settings {
    const char *private_addresses;
    bool takes_http;
    int64_t per_tenant;
    int64_t timeout_ms;
    int64_t in_flight, in_flight_each;
    int64_t give_up_s, off_after_s;
    int64_t keep_days;
    const char *ca_file;
};

#define WEBHOOKS_CONFIG_ROWS 10
extern const struct config_row webhooks_config_rows[WEBHOOKS_CONFIG_ROWS];

/* The context of handlers, endpoints, tasks and the sender. */
struct webhooks {
    const struct webhooks_settings *settings;
    struct url_policy policy;
    struct key_ring *ring;
    atomic_uint
        stirs; /* grows where something is about to be due; the sender then looks more often */
};

/* INVALID names the setting. */
enum status webhooks_create(const struct webhooks_settings *settings, const struct config *config,
                            struct webhooks **webhooks, struct error *error) MUST_CHECK;
void webhooks_destroy(struct webhooks **webhooks);

#endif
