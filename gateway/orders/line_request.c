#include "gateway/orders/line_request.h"

enum { REASON_MOST = 200 };

static void fault(struct field_errors *errors, long at, const char *message) {
    struct buf path = {0};
    buf_append_text(&path, "items");
    if (at >= 0)
        buf_printf(&path, "[%ld]", at);
    struct slice field = arena_slice(errors->arena, buf_slice(&path));
    buf_fini(&path);
    field_error_add(errors, field, arena_copy(errors->arena, slice_of(message)));
}

static void judge_fates(const struct line_wishes *wishes, bool is_required,
                        struct field_errors *errors) {
    for (size_t i = 0; i < wishes->count; i++) {
        bool has_fate = wishes->rows[i].fate != LINE_FATE_NONE;
        if (has_fate != is_required)
            fault(errors, (long)i,
                  is_required ? "must have a disposition: restock or write_off"
                              : "has a disposition, which is said of pieces that have come back");
    }
}

void line_request_read(const struct json_value *body, bool fate_is_required,
                       struct field_errors *errors, struct line_wishes *wishes) {
    const struct json_value *items;
    struct line_wishes read;
    struct error error;
    long at;
    size_t before = errors->count;
    enum status status = json_tree_get_array(body, "items", &items, NULL);
    if (status != STATUS_OK) {
        fault(errors, -1, status == STATUS_NOT_FOUND ? "is required" : "must be a list");
        return;
    }
    if (line_wishes_parse(items, errors->arena, &read, &at, &error) != STATUS_OK) {
        fault(errors, at, error.text);
        return;
    }
    judge_fates(&read, fate_is_required, errors);
    if (errors->count == before)
        *wishes = read;
}

void line_request_reason(const struct json_value *body, struct field_errors *errors,
                         struct slice *reason) {
    enum status status = json_tree_get_string(body, "reason", reason, NULL);
    if (status != STATUS_OK || reason->len == 0 || reason->len > REASON_MOST ||
        !slice_is_printable(*reason))
        field_error_add(errors, SLICE_LITERAL("reason"),
                        status == STATUS_NOT_FOUND
                            ? "is required"
                            : "must be 1 to 200 bytes of text " PRINTABLE_RULE);
}
