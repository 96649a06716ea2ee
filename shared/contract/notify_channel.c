#include "shared/contract/notify_channel.h"

static const char *const names[] = {
#define NOTIFY_CHANNEL_ROW(id, text) [NOTIFY_##id] = (text),
    NOTIFY_CHANNEL_TABLE(NOTIFY_CHANNEL_ROW)
#undef NOTIFY_CHANNEL_ROW
};

const char *notify_channel_name(enum notify_channel channel) {
    return names[channel];
}

bool notify_channel_parse(struct slice name, enum notify_channel *channel) {
    int found = slice_index(name, names, NOTIFY_CHANNEL_COUNT);
    if (found >= 0)
        *channel = (enum notify_channel)found;
    return found >= 0;
}
