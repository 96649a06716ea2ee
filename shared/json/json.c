#include "shared/json/json.h"

#include "shared/base/utf8.h"
#include "shared/json/json_check.h"
#include "shared/json/json_plain.h"

#include <assert.h>
#include <json-c/json_tokener.h>
#include <json-c/json_util.h>
#include <limits.h>
#include <string.h>

static enum status parse_object(struct json_tokener *tokener, struct slice text,
                                struct json_object **root, struct error *error) {
    struct json_object *parsed = json_tokener_parse_ex(tokener, text.ptr, (int)text.len);
    enum json_tokener_error result = json_tokener_get_error(tokener);
    /* The text has been looked at: json-c would go on behind a number or a word only. */
    if (result != json_tokener_success && result != json_tokener_continue) {
        json_object_put(parsed);
        return error_set(error, STATUS_INVALID, "JSON: %s", json_tokener_error_desc(result));
    }
    if (!json_object_is_type(parsed, json_type_object)) {
        json_object_put(parsed);
        return error_set(error, STATUS_INVALID, "JSON: must be an object");
    }
    *root = parsed;
    return STATUS_OK;
}

enum status json_parse(struct slice text, struct json_object **root, struct error *error) {
    enum status status = json_check(text, error);
    if (status != STATUS_OK)
        return status;
    if (text.len > INT_MAX)
        return error_set(error, STATUS_INVALID, "JSON: too long");
    /* json-c's own strict flags would only look again. It counts a scalar as a level too. */
    struct json_tokener *tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 2);
    if (tokener == NULL)
        return error_set(error, STATUS_NO_MEMORY, "JSON: out of memory");
    status = parse_object(tokener, text, root, error);
    json_tokener_free(tokener);
    return status;
}

static enum status get_member(struct json_object *object, const char *key, enum json_type type,
                              struct json_object **value, struct error *error) {
    struct json_object *member;
    if (!json_object_is_type(object, json_type_object))
        return error_set(error, STATUS_INVALID, "%s: its parent is not an object", key);
    if (!json_object_object_get_ex(object, key, &member))
        return error_set(error, STATUS_NOT_FOUND, "%s: missing", key);
    if (!json_object_is_type(member, type))
        return error_set(error, STATUS_INVALID, "%s: must be %s, is %s", key,
                         json_type_to_name(type), json_type_to_name(json_object_get_type(member)));
    *value = member;
    return STATUS_OK;
}

enum status json_get_string(struct json_object *object, const char *key, struct slice *value,
                            struct error *error) {
    struct json_object *member;
    enum status status = get_member(object, key, json_type_string, &member, error);
    if (status != STATUS_OK)
        return status;
    struct slice text = {json_object_get_string(member),
                         (size_t)json_object_get_string_len(member)};
    /* PostgreSQL's text cannot hold it, and it would cut what is read as a C string. */
    if (memchr(text.ptr, '\0', text.len) != NULL)
        return error_set(error, STATUS_INVALID, "%s: contains U+0000", key);
    *value = text;
    return STATUS_OK;
}

enum status json_get_int64(struct json_object *object, const char *key, int64_t *value,
                           struct error *error) {
    struct json_object *member;
    enum status status = get_member(object, key, json_type_int, &member, error);
    if (status != STATUS_OK)
        return status;
    int64_t number = json_object_get_int64(member);
    /* json-c keeps a uint64 beyond int64 and saturates beyond both: its ends prove nothing. */
    bool is_too_large = number == INT64_MAX && json_object_get_uint64(member) > INT64_MAX;
    if (is_too_large || number == INT64_MIN)
        return error_set(error, STATUS_INVALID, "%s: out of range", key);
    *value = number;
    return STATUS_OK;
}

enum status json_get_object(struct json_object *object, const char *key, struct json_object **value,
                            struct error *error) {
    return get_member(object, key, json_type_object, value, error);
}

enum status json_get_array(struct json_object *object, const char *key, struct json_object **value,
                           struct error *error) {
    return get_member(object, key, json_type_array, value, error);
}

/* The writer: the bit of a depth says that something was written there which needs a comma before
   what comes next. A key clears it, for its value follows the colon. */

struct json_writer json_writer(struct buf *out) {
    return (struct json_writer){.out = out};
}

static uint64_t depth_bit(const struct json_writer *w) {
    return UINT64_C(1) << w->depth;
}

static void separate(struct json_writer *w) {
    if (w->has_member & depth_bit(w))
        buf_append_char(w->out, ',');
    w->has_member |= depth_bit(w);
}

static void open_with(struct json_writer *w, char bracket) {
    separate(w);
    buf_append_char(w->out, bracket);
    w->depth++;
    assert(w->depth < 64);
    w->has_member &= ~depth_bit(w);
}

static void close_with(struct json_writer *w, char bracket) {
    assert(w->depth > 0);
    w->depth--;
    buf_append_char(w->out, bracket);
}

void json_begin_object(struct json_writer *w) {
    open_with(w, '{');
}

void json_end_object(struct json_writer *w) {
    close_with(w, '}');
}

void json_begin_array(struct json_writer *w) {
    open_with(w, '[');
}

void json_end_array(struct json_writer *w) {
    close_with(w, ']');
}

static void append_escape(struct buf *out, unsigned char c) {
    static const char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    const char *meaning = c == '\0' ? NULL : strchr(meanings, c);
    if (meaning == NULL) {
        buf_printf(out, "\\u%04x", c);
        return;
    }
    char escape[2] = {'\\', letters[meaning - meanings]};
    buf_append(out, escape, sizeof(escape));
}

static void append_string(struct buf *out, struct slice value) {
    buf_reserve(out, value.len + 2);
    buf_append_char(out, '"');
    while (value.len > 0) {
        size_t plain = json_plain_run(value);
        buf_append(out, value.ptr, plain);
        value.ptr += plain;
        value.len -= plain;
        if (value.len == 0)
            break;
        size_t taken = utf8_sequence(value);
        if (taken > 1)
            buf_append(out, value.ptr, taken);
        else if (taken == 1)
            append_escape(out, (unsigned char)*value.ptr);
        else
            buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD */
        taken = taken > 0 ? taken : 1;
        value.ptr += taken;
        value.len -= taken;
    }
    buf_append_char(out, '"');
}

void json_key(struct json_writer *w, const char *key) {
    separate(w);
    append_string(w->out, slice_of(key));
    buf_append_char(w->out, ':');
    w->has_member &= ~depth_bit(w);
}

void json_string(struct json_writer *w, struct slice value) {
    separate(w);
    append_string(w->out, value);
}

void json_int(struct json_writer *w, int64_t value) {
    separate(w);
    buf_append_int(w->out, value);
}

void json_boolean(struct json_writer *w, bool value) {
    json_raw(w, value ? SLICE_LITERAL("true") : SLICE_LITERAL("false"));
}

void json_null(struct json_writer *w) {
    json_raw(w, SLICE_LITERAL("null"));
}

void json_raw(struct json_writer *w, struct slice json) {
    separate(w);
    buf_append_slice(w->out, json);
}

void json_put_string(struct json_writer *w, const char *key, struct slice value) {
    json_key(w, key);
    json_string(w, value);
}

void json_put_text(struct json_writer *w, const char *key, const char *value) {
    json_put_string(w, key, slice_of(value));
}

void json_put_int(struct json_writer *w, const char *key, int64_t value) {
    json_key(w, key);
    json_int(w, value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value) {
    json_key(w, key);
    json_boolean(w, value);
}

void json_put_raw(struct json_writer *w, const char *key, struct slice json) {
    json_key(w, key);
    json_raw(w, json);
}
