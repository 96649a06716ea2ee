/* The notification service's own configuration. */
#ifndef OM_SERVICES_NOTIFICATION_SETTINGS_H
#define OM_SERVICES_NOTIFICATION_SETTINGS_H

#include "services/notification/channels/channel_sms.h"
#include "services/notification/channels/channel_smtp.h"
#include "services/notification/channels/channel_webhook.h"
#include "shared/base/config.h"

struct notification_settings {
    const char *channels; /* names, comma separated */
    const char *log_file;
    const char *template_dir;
    int64_t give_up_s;
    int64_t http_timeout_ms;
    int64_t burst;
    int64_t smtp_rate, webhook_rate, sms_rate; /* a minute; 0: no limit */
    struct channel_smtp_options smtp;          /* url "" turns a channel off */
    struct channel_webhook_options webhook;
    struct channel_sms_options sms;
};

#define NOTIFICATION_CONFIG_ROWS 22
extern const struct config_row notification_config_rows[NOTIFICATION_CONFIG_ROWS];

/* Opens what the settings name: channels with their templates, and the key ring, without which
   there is nobody to tell. INVALID also for a default channel that is not configured. */
struct notification;
enum status notification_create(const struct notification_settings *settings,
                                const struct config *config, struct notification **notification,
                                struct error *error) MUST_CHECK;
/* Starts a sender for each channel to another system. */
enum status notification_start_senders(struct notification *notification,
                                       const struct config *config, struct error *error) MUST_CHECK;
void notification_destroy(struct notification **notification);

#endif
