#include "services/notification/channels/channel.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const kinds[] = {
#define NOTICE_KIND_ROW(id, word) [NOTICE_KIND_##id] = (word),
    NOTICE_KIND_TABLE(NOTICE_KIND_ROW)
#undef NOTICE_KIND_ROW
};

const char *notice_kind_name(enum notice_kind kind) {
    return kinds[kind];
}

bool notice_kind_parse(struct slice name, enum notice_kind *kind) {
    int found = slice_index(name, kinds, NOTICE_KIND_COUNT);
    if (found >= 0)
        *kind = (enum notice_kind)found;
    return found >= 0;
}

void notice_id(const struct notice *notice, char *text) {
    uuid_format(&notice->order_id, text);
    snprintf(text + UUID_TEXT_LEN, NOTICE_ID_SIZE - UUID_TEXT_LEN, "-%s", kinds[notice->kind]);
}

void notice_fail(struct notice *notice, enum notice_result result, const char *format, ...) {
    va_list args;
    va_start(args, format);
    notice->result = result;
    vsnprintf(notice->detail, sizeof(notice->detail), format, args);
    va_end(args);
}

void channel_destroy(struct channel **channel) {
    if (*channel == NULL)
        return;
    (*channel)->destroy(*channel);
    *channel = NULL;
}
