#include "services/notification/channel.h"

static const struct {
    const char *name, *text;
} kinds[] = {
#define NOTICE_KIND_ROW(id, word, text) [NOTICE_KIND_##id] = {word, text},
    NOTICE_KIND_TABLE(NOTICE_KIND_ROW)
#undef NOTICE_KIND_ROW
};

const char *notice_kind_name(enum notice_kind kind) {
    return kinds[kind].name;
}

const char *notice_kind_text(enum notice_kind kind) {
    return kinds[kind].text;
}

bool notice_kind_parse(struct slice name, enum notice_kind *kind) {
    for (int i = 0; i < NOTICE_KIND_COUNT; i++) {
        if (slice_is(name, kinds[i].name)) {
            *kind = (enum notice_kind)i;
            return true;
        }
    }
    return false;
}

void channel_destroy(struct channel **channel) {
    if (*channel == NULL)
        return;
    (*channel)->destroy(*channel);
    *channel = NULL;
}
