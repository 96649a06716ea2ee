#include "services/webhooks/row_json.h"

#include "shared/base/clock.h"

void row_put_time(struct json_writer *w, const char *key, const struct pg_result *result, int row,
                  int column) {
    char text[RFC3339_SIZE];
    if (pg_is_null(result, row, column))
        return;
    clock_format(pg_get_time_us(result, row, column), text);
    json_put_text(w, key, text);
}

void row_put_text(struct json_writer *w, const char *key, const struct pg_result *result, int row,
                  int column) {
    if (!pg_is_null(result, row, column))
        json_put_string(w, key, pg_get_slice(result, row, column));
}

void row_put_id(struct json_writer *w, const char *key, const struct pg_result *result, int row,
                int column) {
    char text[UUID_TEXT_SIZE];
    if (pg_is_null(result, row, column))
        return;
    struct uuid id = pg_get_uuid(result, row, column);
    uuid_format(&id, text);
    json_put_text(w, key, text);
}
