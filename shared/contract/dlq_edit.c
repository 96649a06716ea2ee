#include "shared/contract/dlq_edit.h"

#include "shared/contract/dlq_filter.h"

#include <json-c/linkhash.h>
#include <strings.h>

enum { NAME_MOST = 128, VALUE_MOST = 1024 };

const char *const dlq_edit_members[] = {"body", "headers", "reason", NULL};

/* --- headers ---------------------------------------------------------------------------------- */

bool dlq_header_is_editable(struct slice name) {
    static const char *const ours[] = {"Nats-", "Dlq-", "Om-Replay-"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (name.len >= strlen(ours[i]) && strncasecmp(name.ptr, ours[i], strlen(ours[i])) == 0)
            return false;
    return name.len > 0 && name.len <= NAME_MOST && slice_has_only(name, "-_.");
}

static enum status check_values(const char *name, struct json_object *values, struct error *error) {
    bool is_list = json_object_is_type(values, json_type_array);
    for (size_t i = 0; is_list && i < json_object_array_length(values); i++) {
        struct json_object *value = json_object_array_get_idx(values, i);
        is_list = json_object_is_type(value, json_type_string) &&
                  dlq_text_is_valid((struct slice){json_object_get_string(value),
                                                   (size_t)json_object_get_string_len(value)},
                                    VALUE_MOST);
    }
    return is_list ? STATUS_OK
                   : error_set(error, STATUS_INVALID,
                               "headers: %s: must be a list of lines of 1 to %d bytes", name,
                               VALUE_MOST);
}

static struct slice text_of(struct json_object *value) {
    return slice_of(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
}

static enum status check_headers(struct json_object *headers, struct error *error) {
    if (text_of(headers).len > DLQ_EDIT_HEADERS_MOST)
        return error_set(error, STATUS_INVALID, "headers: must be up to %d bytes",
                         DLQ_EDIT_HEADERS_MOST);
    json_object_object_foreach(headers, name, values) {
        if (!dlq_header_is_editable(slice_of(name)))
            return error_set(error, STATUS_INVALID,
                             "headers: %.64s: must be a name of letters, digits, '-', '_' and '.'"
                             " that begins with none of Nats-, Dlq- and Om-Replay-",
                             name);
        enum status status = check_values(name, values, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* --- the body --------------------------------------------------------------------------------- */

static struct slice event_id_of(struct slice entry_id) {
    (void)slice_take_until(&entry_id, '.');
    (void)slice_take_until(&entry_id, '.');
    return entry_id.ptr == NULL ? SLICE_LITERAL("") : entry_id;
}

/* Who waits for the event, and what is known of it, goes by its id. A message that was no event had
   none. */
static enum status check_body(struct slice body, struct slice entry_id, struct error *error) {
    struct json_object *event = NULL;
    struct slice wanted = event_id_of(entry_id), id = SLICE_LITERAL("");
    struct error why;
    if (body.len > DLQ_EDIT_BODY_MOST)
        return error_set(error, STATUS_INVALID, "body: must be up to %d bytes", DLQ_EDIT_BODY_MOST);
    if (json_parse(body, &event, &why) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "body: must be a JSON object: %s", why.text);
    (void)!json_get_string(event, "id", &id, NULL);
    bool is_same = slice_take_prefix(&wanted, "seq-") ||
                   (id.len == wanted.len && strncasecmp(id.ptr, wanted.ptr, id.len) == 0);
    json_object_put(event);
    return is_same
               ? STATUS_OK
               : error_set(error, STATUS_INVALID, "body: its id must stay %.*s", SLICE_ARG(wanted));
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum status read_reason(struct json_object *root, struct dlq_edit *edit,
                               struct error *error) {
    enum status status = json_get_string(root, "reason", &edit->reason, NULL);
    if (status == STATUS_NOT_FOUND && !edit->is_given)
        return STATUS_OK;
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "reason: is required of what is changed");
    if (!edit->is_given)
        return error_set(error, STATUS_INVALID, "reason: goes with body or headers only");
    if (status != STATUS_OK || !dlq_text_is_valid(edit->reason, DLQ_REASON_MOST))
        return error_set(error, STATUS_INVALID,
                         "reason: must be one line of 1 to %d bytes " PRINTABLE_RULE,
                         DLQ_REASON_MOST);
    return STATUS_OK;
}

enum status dlq_edit_read(struct json_object *root, struct slice entry_id, struct dlq_edit *edit,
                          struct error *error) {
    struct dlq_edit read = {0};
    enum status has_body = json_get_string(root, "body", &read.body, NULL);
    enum status has_headers = json_get_object(root, "headers", &read.headers, NULL);
    read.is_given = has_body != STATUS_NOT_FOUND || has_headers != STATUS_NOT_FOUND;
    if (has_body != STATUS_OK && has_body != STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "body: must be a text");
    if (has_headers != STATUS_OK && has_headers != STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "headers: must be an object");
    enum status status = read_reason(root, &read, error);
    if (status == STATUS_OK && has_body == STATUS_OK)
        status = check_body(read.body, entry_id, error);
    if (status == STATUS_OK && has_headers == STATUS_OK)
        status = check_headers(read.headers, error);
    if (status == STATUS_OK)
        *edit = read;
    return status;
}

struct slice dlq_edit_headers(const struct dlq_edit *edit) {
    return edit->headers == NULL ? SLICE_LITERAL("{}") : text_of(edit->headers);
}

void dlq_edit_describe(const struct dlq_edit *edit, struct buf *out) {
    buf_append_text(out, edit->body.ptr != NULL ? "with another body" : "");
    if (edit->headers != NULL) {
        const char *between = edit->body.ptr != NULL ? ", " : "with ";
        json_object_object_foreach(edit->headers, name, values) {
            buf_printf(out, "%s%s%s", between,
                       json_object_array_length(values) == 0 ? "no " : "another ", name);
            between = ", ";
        }
    }
    buf_printf(out, ": %.*s", SLICE_ARG(edit->reason));
}

void dlq_edit_write(const struct dlq_edit *edit, struct json_writer *w) {
    if (edit->body.ptr != NULL)
        json_put_string(w, "body", edit->body);
    if (edit->headers != NULL)
        json_put_raw(w, "headers", text_of(edit->headers));
    if (edit->is_given)
        json_put_string(w, "reason", edit->reason);
}
