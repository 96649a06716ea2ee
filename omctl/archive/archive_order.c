#include "omctl/archive/archive_order.h"

#include "omctl/archive/archive_file.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"

#include <json-c/linkhash.h>

#include <string.h>

/* --- finding ---------------------------------------------------------------------------------- */

static void take_line(struct slice body, const struct uuid *order_id, struct buf *line) {
    char id[UUID_TEXT_SIZE], start[64];
    uuid_format(order_id, id);
    snprintf(start, sizeof(start), "{\"orderId\":\"%s\"", id);
    const char *found = memmem(body.ptr, body.len, start, strlen(start));
    if (found == NULL)
        return;
    struct slice rest = {found, body.len - (size_t)(found - body.ptr)};
    buf_append_slice(line, slice_take_line(&rest));
}

static enum status find_in(const char *dir, bool is_pending, const struct uuid *order_id,
                           struct buf *line, struct error *error) {
    struct archive_list list = {0};
    struct buf content = {0};
    enum status status = archive_list_read(dir, is_pending, &list, error);
    for (size_t i = 0; i < list.count && status == STATUS_OK && line->len == 0; i++) {
        struct archive_header header;
        struct slice body;
        status = archive_read(dir, list.numbers[i], is_pending, &content, &header, &body, error);
        if (status == STATUS_OK)
            take_line(body, order_id, line);
    }
    archive_list_fini(&list);
    buf_fini(&content);
    return status;
}

enum status archive_order_find(const char *dir, const struct uuid *order_id, struct buf *line,
                               struct error *error) {
    enum status status = find_in(dir, false, order_id, line, error);
    return status == STATUS_OK && line->len == 0 ? find_in(dir, true, order_id, line, error)
                                                 : status;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_entry(struct json_object *entry, int64_t *start_us, FILE *out) {
    struct slice at, event, detail = slice_of(NULL);
    char time[RFC3339_SIZE];
    int64_t at_us = 0;
    if (json_get_string(entry, "at", &at, NULL) != STATUS_OK || !clock_parse(at, &at_us) ||
        json_get_string(entry, "event", &event, NULL) != STATUS_OK)
        return;
    if (*start_us == 0)
        *start_us = at_us;
    clock_format(at_us, time);
    (void)!json_get_string(entry, "detail", &detail, NULL);
    fprintf(out, "%s %9.3f ms  %-20s %.*s%s%.*s\n", time, (double)(at_us - *start_us) / 1000,
            "archive", SLICE_ARG(event), detail.len > 0 ? "  " : "", SLICE_ARG(detail));
}

static void print_timeline(struct json_object *rows, FILE *out) {
    struct json_object *orders, *timeline;
    int64_t start_us = 0;
    if (json_get_array(rows, "orders.orders", &orders, NULL) != STATUS_OK ||
        json_object_array_length(orders) == 0 ||
        json_get_array(json_object_array_get_idx(orders, 0), "timeline", &timeline, NULL) !=
            STATUS_OK)
        return;
    for (size_t i = 0; i < json_object_array_length(timeline); i++)
        print_entry(json_object_array_get_idx(timeline, i), &start_us, out);
}

static void print_rows(struct json_object *rows, FILE *out) {
    json_object_object_foreach(rows, table, list) {
        for (size_t i = 0; i < json_object_array_length(list); i++)
            fprintf(out, "%-28s %s\n", table,
                    json_object_to_json_string_ext(json_object_array_get_idx(list, i),
                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
    }
}

enum status archive_order_print(struct slice line, FILE *out, struct error *error) {
    struct json_object *root = NULL, *rows;
    enum status status = json_parse(line, &root, error);
    if (status == STATUS_OK)
        status = json_get_object(root, "rows", &rows, error);
    if (status == STATUS_OK) {
        print_timeline(rows, out);
        print_rows(rows, out);
    }
    json_object_put(root);
    return status;
}
