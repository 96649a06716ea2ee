/* The SMS channel: {"to","text"} as JSON to a gateway for short messages, with a bearer token and
   an Idempotency-Key. */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_SMS_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_SMS_H

#include "services/notification/channels/channel.h"

struct channel_sms_options {
    const char *url;
    const char *token_file; /* "" for none */
    const char *ca_file;    /* NULL or "": the system's authorities */
    int64_t timeout_ms;
    const char *template_dir;
};

enum status channel_sms_create(const struct channel_sms_options *options, struct channel **channel,
                               struct error *error) MUST_CHECK;

#endif
