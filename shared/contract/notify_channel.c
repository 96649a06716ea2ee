#include "shared/contract/notify_channel.h"

static const char *const channel_names[] = {
#define NOTIFY_CHANNEL_ROW(id, text) [NOTIFY_##id] = (text),
    NOTIFY_CHANNEL_TABLE(NOTIFY_CHANNEL_ROW)
#undef NOTIFY_CHANNEL_ROW
};

const char *notify_channel_name(enum notify_channel channel) {
    return channel_names[channel];
}

bool notify_channel_parse(struct slice name, enum notify_channel *channel) {
    int found = slice_index(name, channel_names, NOTIFY_CHANNEL_COUNT);
    if (found >= 0)
        *channel = (enum notify_channel)found;
    return found >= 0;
}

enum status notify_channels_parse(const char *names, unsigned *channels, struct error *error) {
    struct slice rest = slice_of(names);
    unsigned set = 0;
    do {
        struct slice name = slice_take_until(&rest, ',');
        enum notify_channel channel;
        if (!notify_channel_parse(name, &channel))
            return error_set(error, STATUS_INVALID, "no channel is called \"%.*s\"",
                             SLICE_ARG(name));
        set |= NOTIFY_BIT(channel);
    } while (rest.ptr != NULL);
    *channels = set;
    return STATUS_OK;
}
