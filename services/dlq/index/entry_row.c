#include "services/dlq/index/entry_row.h"

#include "shared/pg/pg_result.h"

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

static struct slice text_or_empty(const struct pg_result *result, int row, int column) {
    if (pg_is_null(result, row, column))
        return SLICE_LITERAL("");
    return pg_get_slice(result, row, column);
}

enum status entry_row_read(const struct pg_result *result, int row, struct entry_row *entry,
                           struct error *error) {
    struct entry_row read = {
        .id = pg_get_slice(result, row, 0),
        .stream = pg_get_slice(result, row, 1),
        .consumer = pg_get_slice(result, row, 2),
        .event_id = pg_get_slice(result, row, 3),
        .order_id = text_or_empty(result, row, 4),
        .type = text_or_empty(result, row, 5),
        .subject = pg_get_slice(result, row, 6),
        .sequence = (uint64_t)pg_get_int64(result, row, 7),
        .dlq_sequence = (uint64_t)pg_get_int64(result, row, 8),
        .generation = (int)pg_get_int64(result, row, 9),
        .error_code = text_or_empty(result, row, 12),
        .error = pg_get_slice(result, row, 13),
        .deliveries = (int)pg_get_int64(result, row, 14),
        .service = text_or_empty(result, row, 15),
        .first_failed_at_us = pg_get_time_us(result, row, 17),
        .failed_at_us = pg_get_time_us(result, row, 18),
        .updated_at_us = pg_get_time_us(result, row, 19),
    };
    if (!pg_is_null(result, row, 16))
        read.replay_sequence = (uint64_t)pg_get_int64(result, row, 16);
    if (!entry_status_parse(pg_get_slice(result, row, 10), &read.status) ||
        !dead_reason_parse(pg_get_slice(result, row, 11), &read.reason))
        return error_set(error, STATUS_INTERNAL, "entry %.*s is of no status or reason known",
                         SLICE_ARG(read.id));
    *entry = read;
    return STATUS_OK;
}
