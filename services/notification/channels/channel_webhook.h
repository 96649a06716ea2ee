/* The webhook channel: the notice as signed JSON to one address of the shop's (Standard Webhooks:
   webhook-id, webhook-timestamp, webhook-signature). */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_WEBHOOK_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_WEBHOOK_H

#include "services/notification/channels/channel.h"

struct channel_webhook_options {
    const char *url;
    const char *secret_file; /* whsec_..., see signature.h */
    const char *ca_file;     /* NULL or "": the system's authorities */
    int64_t timeout_ms;
    const char *template_dir;
};

enum status channel_webhook_create(const struct channel_webhook_options *options,
                                   struct channel **channel, struct error *error) MUST_CHECK;

#endif
