#include "shared/contract/event.h"

#include "shared/base/clock.h"

#include <ctype.h>
#include <string.h>

/* Behind a stream's domain. */
#define FILLER ".probe"
static const char spec_version[] = "1.0";
#define SCHEMA_PREFIX "urn:ordermesh:schema:"
/* A type begins with this; its schema goes on behind it. */
enum { TYPE_PREFIX_LEN = sizeof("io.ordermesh.") - 1, MAJOR_MOST = 999999 };

static const struct event_info infos[] = {
#define EVENT_ROW(id, type_text, subject_text, stream_name, source_name, major)                    \
    [EVENT_##id] = {.type = (type_text),                                                           \
                    .subject = (subject_text),                                                     \
                    .stream = (stream_name),                                                       \
                    .source = (source_name),                                                       \
                    .version = (major)},
    EVENT_TABLE(EVENT_ROW)
#undef EVENT_ROW
};

/* To be found by, since strings would be measured each time. */
static const struct {
    struct slice type, subject;
} names[] = {
#define EVENT_NAMES(id, type_text, subject_text, stream_name, source_name, major)                  \
    [EVENT_##                                                                                      \
        id] = {{(type_text), sizeof(type_text) - 1}, {(subject_text), sizeof(subject_text) - 1}},
    EVENT_TABLE(EVENT_NAMES)
#undef EVENT_NAMES
};

const struct event_info *event_info(enum event_type type) {
    return &infos[type];
}

void event_schema(enum event_type type, struct buf *out) {
    buf_append_text(out, SCHEMA_PREFIX);
    buf_append_text(out, infos[type].type + TYPE_PREFIX_LEN);
    buf_append_char(out, ':');
    buf_append_int(out, infos[type].version);
}

static const char *const former_subjects[EVENT_TYPE_COUNT] = {
    [EVENT_ORDER_SUBMIT] = "orders.cmd.submit",
    [EVENT_ORDER_CANCEL] = "orders.cmd.cancel",
};

const char *event_former_subject(enum event_type type) {
    return former_subjects[type];
}

const char *event_subject_in(enum event_type type, const char *stream) {
    bool is_former = former_subjects[type] != NULL && strcmp(infos[type].stream, stream) != 0;
    return is_former ? former_subjects[type] : infos[type].subject;
}

bool event_type_of_subject(struct slice subject, enum event_type *type) {
    int found = 0;
    while (found < EVENT_TYPE_COUNT && !slice_equal(subject, names[found].subject))
        found++;
    if (found == EVENT_TYPE_COUNT && subject.len > 0)
        found = slice_index(subject, former_subjects, EVENT_TYPE_COUNT);
    bool is_known = found >= 0 && found < EVENT_TYPE_COUNT;
    if (is_known)
        *type = (enum event_type)found;
    return is_known;
}

void event_filler_subject(const char *stream, struct buf *out) {
    for (const char *at = stream; *at != '\0'; at++)
        buf_append_char(out, (char)tolower((unsigned char)*at));
    buf_append_text(out, FILLER);
}

bool event_is_filler(struct slice subject) {
    const size_t len = sizeof(FILLER) - 1;
    return subject.len > len && memcmp(subject.ptr + subject.len - len, FILLER, len) == 0;
}

/* A required member that says something. */
static enum status get_text(const struct json_value *root, const char *key, struct slice *value,
                            struct error *error) {
    struct slice text;
    enum status status = json_tree_get_string(root, key, &text, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "%s: missing", key);
    if (status != STATUS_OK)
        return status;
    if (text.len == 0)
        return error_set(error, STATUS_INVALID, "%s: empty", key);
    *value = text;
    return STATUS_OK;
}

/* The empty slice when the member is absent. */
static enum status get_optional_text(const struct json_value *root, const char *key,
                                     struct slice *value, struct error *error) {
    struct slice text = slice_of(NULL);
    enum status status = json_tree_get_string(root, key, &text, error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *value = text;
    return STATUS_OK;
}

static enum status decode_type(const struct json_value *root, enum event_type *type,
                               struct error *error) {
    struct slice text;
    enum status status = get_text(root, "specversion", &text, error);
    if (status != STATUS_OK)
        return status;
    if (!slice_is(text, spec_version))
        return error_set(error, STATUS_INVALID, "specversion: must be %s", spec_version);
    status = get_text(root, "type", &text, error);
    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (slice_equal(text, names[i].type)) {
            *type = (enum event_type)i;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_UNSUPPORTED, "type: unknown: %.*s",
                     text.len < 100 ? (int)text.len : 100, text.ptr);
}

/* The version is "<major>" or "<major>.<anything>": minor versions are compatible. */
static enum status check_schema(const struct json_value *root, const struct event_info *info,
                                struct error *error) {
    struct slice schema;
    enum status status = get_text(root, "dataschema", &schema, error);
    if (status != STATUS_OK)
        return status;
    uint64_t major;
    if (!slice_take_prefix(&schema, SCHEMA_PREFIX) ||
        !slice_take_prefix(&schema, info->type + TYPE_PREFIX_LEN) ||
        !slice_take_prefix(&schema, ":") ||
        !slice_parse_uint(slice_take_until(&schema, '.'), MAJOR_MOST, &major))
        return error_set(error, STATUS_INVALID, "dataschema: not one of %s", info->type);
    if ((int)major != info->version)
        return error_set(error, STATUS_UNSUPPORTED, "dataschema: major version %d, supported is %d",
                         (int)major, info->version);
    return STATUS_OK;
}

static enum status decode_identity(const struct json_value *root, struct event *event,
                                   struct error *error) {
    struct slice id, source;
    enum status status = get_text(root, "id", &id, error);
    if (status != STATUS_OK)
        return status;
    if (!uuid_parse(id, &event->id))
        return error_set(error, STATUS_INVALID, "id: not a UUID");
    status = get_text(root, "source", &source, error);
    if (status != STATUS_OK)
        return status;
    status = get_text(root, "subject", &event->subject, error);
    if (status != STATUS_OK)
        return status;
    if (event->type != EVENT_PRODUCT_CHANGED && !uuid_parse(event->subject, &event->order_id))
        return error_set(error, STATUS_INVALID, "subject: not an order id");
    return STATUS_OK;
}

static enum status decode_time(const struct json_value *root, int64_t *time_us,
                               struct error *error) {
    struct slice text;
    enum status status = get_text(root, "time", &text, error);
    if (status != STATUS_OK)
        return status;
    if (!clock_parse(text, time_us))
        return error_set(error, STATUS_INVALID, "time: not RFC 3339");
    return STATUS_OK;
}

/* A malformed traceparent is as good as none: a trace must not decide what happens to an order. */
static enum status decode_context(const struct json_value *root, struct event *event,
                                  struct error *error) {
    struct slice traceparent;
    enum status status = get_optional_text(root, "correlationid", &event->correlation_id, error);
    if (status != STATUS_OK)
        return status;
    status = get_optional_text(root, "causationid", &event->causation_id, error);
    if (status != STATUS_OK)
        return status;
    status = get_optional_text(root, "traceparent", &traceparent, error);
    if (status != STATUS_OK)
        return status;
    (void)trace_parse(traceparent, &event->trace);
    return STATUS_OK;
}

static enum status decode_members(const struct json_value *root, struct event *event,
                                  struct error *error) {
    enum status status = decode_type(root, &event->type, error);
    if (status != STATUS_OK)
        return status;
    status = check_schema(root, event_info(event->type), error);
    if (status != STATUS_OK)
        return status;
    status = decode_identity(root, event, error);
    if (status != STATUS_OK)
        return status;
    status = decode_time(root, &event->time_us, error);
    if (status != STATUS_OK)
        return status;
    status = decode_context(root, event, error);
    if (status != STATUS_OK)
        return status;
    status = json_tree_get_object(root, "data", &event->data, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "data: missing");
    return status;
}

enum status event_decode(struct slice payload, struct arena *arena, struct event *event,
                         struct error *error) {
    struct event decoded = {0};
    const struct json_value *root;
    enum status status = json_tree_parse(payload, arena, &root, error);
    if (status == STATUS_OK)
        status = decode_members(root, &decoded, error);
    if (status == STATUS_OK)
        *event = decoded;
    return status;
}

static bool trace_is_set(const struct trace *trace) {
    static const struct trace none;
    return memcmp(trace->trace_id, none.trace_id, sizeof(none.trace_id)) != 0;
}

static struct trace trace_of(const struct event_head *head) {
    if (head->cause != NULL && trace_is_set(&head->cause->trace))
        return head->cause->trace;
    if (head->cause == NULL && trace_is_set(&head->trace))
        return head->trace;
    return trace_start();
}

/* A chain of events that nobody gave a correlation id is known by its first event's id. `own_id`
   and `cause_id` have UUID_TEXT_SIZE bytes and hold what the result may borrow. */
static struct slice correlation_of(const struct event_head *head, const char *own_id,
                                   const char *cause_id) {
    struct slice given = head->cause != NULL ? head->cause->correlation_id : head->correlation_id;
    if (given.len > 0)
        return given;
    return slice_of(head->cause != NULL ? cause_id : own_id);
}

static void put_type(struct json_writer *w, enum event_type type) {
    const struct event_info *info = event_info(type);
    json_put_text(w, "specversion", spec_version);
    json_put_text(w, "type", info->type);
    json_put_text(w, "source", info->source);
    json_key(w, "dataschema");
    json_raw(w, SLICE_LITERAL("\""));
    event_schema(type, w->out);
    buf_append_char(w->out, '"');
}

void event_encode(const struct event_head *head, struct slice data, struct buf *out,
                  char *traceparent) {
    char id[UUID_TEXT_SIZE], cause_id[UUID_TEXT_SIZE] = "", time[RFC3339_SIZE];
    char trace_text[TRACEPARENT_SIZE];
    struct trace trace = trace_of(head);
    trace_format(&trace, trace_text);
    clock_format(head->time_us, time);
    uuid_format(&head->id, id);
    if (head->cause != NULL)
        uuid_format(&head->cause->id, cause_id);

    buf_reserve(out, data.len + head->subject.len + 512);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    put_type(&w, head->type);
    json_put_text(&w, "id", id);
    json_put_text(&w, "time", time);
    json_put_string(&w, "subject", head->subject);
    json_put_string(&w, "correlationid", correlation_of(head, id, cause_id));
    if (head->cause != NULL)
        json_put_text(&w, "causationid", cause_id);
    json_put_text(&w, "traceparent", trace_text);
    json_put_raw(&w, "data", data);
    json_end_object(&w);
    if (traceparent != NULL)
        memcpy(traceparent, trace_text, sizeof(trace_text));
}
