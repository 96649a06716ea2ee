/* The channels a customer can be told by, as orders and configuration name them. Pure. */
#ifndef OM_SHARED_CONTRACT_NOTIFY_CHANNEL_H
#define OM_SHARED_CONTRACT_NOTIFY_CHANNEL_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

/* id, name */
#define NOTIFY_CHANNEL_TABLE(X)                                                                    \
    X(LOG, "log")                                                                                  \
    X(SMTP, "smtp")                                                                                \
    X(WEBHOOK, "webhook")                                                                          \
    X(SMS, "sms")

enum notify_channel {
#define NOTIFY_CHANNEL_ENUM(id, name) NOTIFY_##id,
    NOTIFY_CHANNEL_TABLE(NOTIFY_CHANNEL_ENUM)
#undef NOTIFY_CHANNEL_ENUM
        NOTIFY_CHANNEL_COUNT
};

/* A set of channels is an unsigned with these bits. */
#define NOTIFY_BIT(channel) (1u << (channel))

const char *notify_channel_name(enum notify_channel channel);
bool notify_channel_parse(struct slice name, enum notify_channel *channel);
/* The set of channels in a comma separated list. INVALID names the word that is none. */
enum status notify_channels_parse(const char *names, unsigned *channels,
                                  struct error *error) MUST_CHECK;

#endif
