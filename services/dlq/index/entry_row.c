#include "services/dlq/index/entry_row.h"

static const char *const status_texts[] = {
#define ENTRY_STATUS_TEXT(id, text, meaning) text,
    ENTRY_STATUS_TABLE(ENTRY_STATUS_TEXT)
#undef ENTRY_STATUS_TEXT
};

const char *entry_status_text(enum entry_status status) {
    return status_texts[status];
}

bool entry_status_parse(struct slice text, enum entry_status *status) {
    for (size_t i = 0; i < ENTRY_STATUS_COUNT; i++) {
        if (!slice_is(text, status_texts[i]))
            continue;
        *status = (enum entry_status)i;
        return true;
    }
    return false;
}
