/* The notification service's own configuration. */
#ifndef OM_SERVICES_NOTIFICATION_SETTINGS_H
#define OM_SERVICES_NOTIFICATION_SETTINGS_H

#include "services/notification/channel_smtp.h"
#include "shared/config.h"

struct notification_settings {
    const char *log_file;
    struct channel_smtp_options smtp; /* url "" turns mail off */
};

#define NOTIFICATION_CONFIG_ROWS 6
extern const struct config_row notification_config_rows[NOTIFICATION_CONFIG_ROWS];

/* Opens what the settings name: channels, breaker, and the key ring, without which there is no
   mail. */
struct notification;
enum status notification_create(const struct notification_settings *settings,
                                const struct config *config, struct notification **notification,
                                struct error *error) MUST_CHECK;
void notification_destroy(struct notification **notification);

#endif
