#include "omctl/dlq/edit_text.h"

#include "shared/base/memory.h"
#include "shared/contract/dlq_edit.h"

#include <json-c/linkhash.h>
#include <stdlib.h>
#include <string.h>

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : SLICE_LITERAL("");
}

/* JSON with `layout`, anything else as it is. */
static void append_body(struct slice body, int layout, struct buf *out) {
    struct json_object *root = NULL;
    if (json_parse(body, &root, NULL) == STATUS_OK)
        buf_append_text(
            out, json_object_to_json_string_ext(root, layout | JSON_C_TO_STRING_NOSLASHESCAPE));
    else
        buf_append_slice(out, body);
    json_object_put(root);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_headers(struct json_object *entry, struct buf *out) {
    struct json_object *headers;
    if (json_get_object(entry, "headers", &headers, NULL) != STATUS_OK)
        return;
    json_object_object_foreach(headers, key, values) {
        struct slice name = slice_of(key);
        for (size_t i = 0; dlq_header_is_editable(name) && i < json_object_array_length(values);
             i++)
            buf_printf(out, "%.*s: %s\n", SLICE_ARG(name),
                       json_object_get_string(json_object_array_get_idx(values, i)));
    }
}

void edit_text_write(struct json_object *entry, struct buf *out) {
    struct slice error = text_of(entry, "error");
    buf_printf(out, "# %.*s: %.*s", SLICE_ARG(text_of(entry, "id")),
               SLICE_ARG(text_of(entry, "reason")));
    if (slice_is_printable(error))
        buf_printf(out, ", %.*s", SLICE_ARG(error));
    buf_append_text(out, "\n# Change headers or body: it is replayed so. Without a change nothing"
                         " is replayed.\n");
    write_headers(entry, out);
    buf_append_char(out, '\n');
    append_body(text_of(entry, "body"), JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, out);
    buf_append_char(out, '\n');
}

/* --- reading ---------------------------------------------------------------------------------- */

enum status edit_text_add_header(struct slice line, struct json_object *headers,
                                 struct error *error) {
    struct slice value = line;
    struct slice name = slice_take_until(&value, ':');
    if (value.ptr == NULL || !dlq_header_is_editable(name))
        return error_set(error, STATUS_INVALID, "%.*s: no header that can be changed",
                         (int)(line.len < 64 ? line.len : 64), line.ptr);
    char *key = mem_copy(name);
    struct json_object *values = json_object_object_get(headers, key);
    value = slice_trim(value);
    if (values == NULL) {
        values = json_object_new_array();
        json_object_object_add(headers, key, values);
    }
    json_object_array_add(values, json_object_new_string_len(value.ptr, (int)value.len));
    free(key);
    return STATUS_OK;
}

/* The lines up to the empty one, which goes, too. */
static enum status read_headers(struct slice *rest, struct json_object *headers,
                                struct error *error) {
    enum status status = STATUS_OK;
    while (rest->ptr != NULL && status == STATUS_OK) {
        struct slice line = slice_take_line(rest);
        if (line.len == 0)
            break;
        if (line.ptr[0] != '#')
            status = edit_text_add_header(line, headers, error);
    }
    return status;
}

/* What became of the headers that were there. */
static void compare_headers(struct json_object *before, struct json_object *now) {
    json_object_object_foreach(before, name, values) {
        struct json_object *present = json_object_object_get(now, name);
        if (!dlq_header_is_editable(slice_of(name)))
            continue;
        if (present == NULL)
            json_object_object_add(now, name, json_object_new_array());
        else if (json_object_equal(present, values))
            json_object_object_del(now, name);
    }
}

enum status edit_text_read(struct slice text, struct json_object *entry,
                           struct json_object **headers, struct buf *body, struct error *error) {
    struct json_object *before, *now = json_object_new_object();
    struct buf was = {0}, is = {0};
    enum status status = read_headers(&text, now, error);
    if (status != STATUS_OK) {
        json_object_put(now);
        return status;
    }
    if (json_get_object(entry, "headers", &before, NULL) == STATUS_OK)
        compare_headers(before, now);
    if (text.ptr != NULL && text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    append_body(text_of(entry, "body"), JSON_C_TO_STRING_PLAIN, &was);
    append_body(text.ptr != NULL ? text : SLICE_LITERAL(""), JSON_C_TO_STRING_PLAIN, &is);
    if (is.len == 0 && was.len > 0)
        status = error_set(error, STATUS_INVALID, "there is no body, after an empty line");
    else if (!slice_equal(buf_slice(&was), buf_slice(&is)))
        buf_append_slice(body, buf_slice(&is));
    buf_fini(&was);
    buf_fini(&is);
    bool has_changed = status == STATUS_OK && json_object_object_length(now) > 0;
    if (!has_changed)
        json_object_put(now);
    if (status == STATUS_OK)
        *headers = has_changed ? now : NULL;
    return status;
}
