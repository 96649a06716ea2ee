/* The log channel: one JSON line a notice, appended to a file. Of personal data, only the masked
   address. */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_LOG_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_LOG_H

#include "services/notification/channels/channel.h"

/* Opens, or makes, the file. */
enum status channel_log_create(const char *path, struct channel **channel,
                               struct error *error) MUST_CHECK;

#endif
