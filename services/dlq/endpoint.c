#include "services/dlq/endpoint.h"

#include "services/dlq/replay/replay.h"

#include <json-c/linkhash.h>
#include <string.h>

/* --- requests --------------------------------------------------------------------------------- */

/* A text is a line. */
struct member {
    const char *name;
    json_type type;
    bool is_needed;
    int64_t least, most; /* bytes, or the number itself */
    size_t offset;
};

#define AT(member) offsetof(struct dlq_request, member)
static const struct member members[] = {
    {"id", json_type_string, true, 1, DLQ_ID_MOST, AT(id)},
    {"actor", json_type_string, false, 1, DLQ_ACTOR_MOST, AT(actor)},
    {"reason", json_type_string, false, 1, DLQ_REASON_MOST, AT(reason)},
    {"because", json_type_string, false, 1, DLQ_REASON_MOST, AT(because)},
    {"cursor", json_type_string, false, 1, DLQ_CURSOR_MOST, AT(cursor)},
    {"limit", json_type_int, false, 1, DLQ_LIMIT_MOST, AT(limit)},
    {"ratePerSecond", json_type_int, false, 1, DLQ_RATE_MOST, AT(rate_per_second)},
    {"dryRun", json_type_boolean, false, 0, 0, AT(is_dry)},
    {"service", json_type_string, true, 1, DLQ_ID_MOST, AT(service)},
    {"afterId", json_type_string, true, 0, DLQ_ID_MOST, AT(after_id)},
    {"afterUs", json_type_int, true, 0, INT64_MAX, AT(after_us)},
};

/* A member of the request, into its place. */
static enum status read_value(const struct member *member, struct json_object *request,
                              struct json_object *value, void *place, struct error *error) {
    struct slice text;
    int64_t number;
    switch (member->type) {
    case json_type_string:
        if (json_get_string(request, member->name, &text, NULL) != STATUS_OK ||
            (!dlq_text_is_valid(text, (size_t)member->most) && (text.len > 0 || member->least > 0)))
            return error_set(error, STATUS_INVALID, "%s: not a line of %lld to %lld bytes",
                             member->name, (long long)member->least, (long long)member->most);
        *(struct slice *)place = text;
        return STATUS_OK;
    case json_type_int:
        if (json_get_int64(request, member->name, &number, NULL) != STATUS_OK ||
            number < member->least || number > member->most)
            return error_set(error, STATUS_INVALID, "%s: not an integer from %lld to %lld",
                             member->name, (long long)member->least, (long long)member->most);
        *(int64_t *)place = number;
        return STATUS_OK;
    default:
        if (!json_object_is_type(value, json_type_boolean))
            return error_set(error, STATUS_INVALID, "%s: not true or false", member->name);
        *(bool *)place = json_object_get_boolean(value);
        return STATUS_OK;
    }
}

static bool is_named(const char *const *names, const char *name) {
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static enum status refuse_unknown(struct json_object *request, const char *const *known,
                                  struct error *error) {
    json_object_object_foreach(request, key, unused) {
        (void)unused;
        if (!is_named(known, key))
            return error_set(error, STATUS_INVALID, "%.64s: not known here", key);
    }
    return STATUS_OK;
}

static bool has_filter_member(const struct dlq_filter *filter) {
    for (int i = 0; i < DLQ_FILTER_COUNT; i++)
        if (filter->text[i].ptr != NULL)
            return true;
    return false;
}

/* Of a request that may have "ids", which stand in place of a filter. */
static enum status read_ids(struct json_object *request, struct pg_array *ids,
                            struct dlq_request *asked, struct error *error) {
    struct json_object *list;
    enum status status = json_get_array(request, "ids", &list, NULL);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || json_object_array_length(list) > DLQ_CHOSEN_MOST)
        return error_set(error, STATUS_INVALID, "ids: not a list of up to %d", DLQ_CHOSEN_MOST);
    if (has_filter_member(&asked->filter))
        return error_set(error, STATUS_INVALID, "ids: not beside a filter");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct slice id = slice_of(json_object_get_string(json_object_array_get_idx(list, i)));
        if (!dlq_text_is_valid(id, DLQ_ID_MOST))
            return error_set(error, STATUS_INVALID, "ids: one is not a line of 1 to %d bytes",
                             DLQ_ID_MOST);
        pg_array_add_slice(ids, id);
    }
    asked->ids = ids;
    return STATUS_OK;
}

/* `known` are the request's members besides those of a filter, and then NULL. */
static enum status read_request(struct json_object *request, const char *const *known,
                                bool has_filter, struct dlq_request *asked, struct error *error) {
    enum status status = has_filter ? dlq_filter_read(request, known, &asked->filter, error)
                                    : refuse_unknown(request, known, error);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && status == STATUS_OK; i++) {
        struct json_object *value;
        if (!is_named(known, members[i].name))
            continue;
        if (json_object_object_get_ex(request, members[i].name, &value))
            status =
                read_value(&members[i], request, value, (char *)asked + members[i].offset, error);
        else if (members[i].is_needed)
            status = error_set(error, STATUS_INVALID, "%s: is required", members[i].name);
    }
    (void)uuid_parse(asked->id, &asked->job);
    if (status == STATUS_OK && is_named(known, "headers"))
        status = dlq_edit_read(request, asked->id, &asked->edit, error);
    return status;
}

typedef enum status (*serve_fn)(struct endpoint_call *call, const struct dlq_request *asked,
                                struct error *error);

static enum status serve(struct endpoint_call *call, const char *const *known, bool has_filter,
                         serve_fn fn, struct error *error) {
    struct json_object *request = NULL;
    struct pg_array ids;
    struct slice text = call->request.len == 0 ? SLICE_LITERAL("{}") : call->request;
    struct dlq_request asked = {.job = uuid_v7(),
                                .actor = SLICE_LITERAL("unnamed"),
                                .limit = DLQ_LIMIT_USUAL,
                                .rate_per_second = DLQ_RATE_USUAL};
    pg_array_init(&ids, PG_ARRAY_TEXT);
    enum status status = json_parse(text, &request, error);
    if (status == STATUS_OK)
        status = read_request(request, known, has_filter, &asked, error);
    if (status == STATUS_OK)
        status = read_ids(request, &ids, &asked, error);
    if (status == STATUS_OK)
        status = fn(call, &asked, error);
    pg_array_fini(&ids);
    json_object_put(request);
    return status;
}

#define ENDPOINT(name, fn, has_filter, ...)                                                        \
    enum status dlq_endpoint_##name(struct endpoint_call *call, struct error *error) {             \
        static const char *const known[] = {__VA_ARGS__};                                          \
        return serve(call, known, has_filter, fn, error);                                          \
    }

#define READING(name, reading, has_filter, ...)                                                    \
    static enum status serve_##name(struct endpoint_call *call, const struct dlq_request *asked,   \
                                    struct error *error) {                                         \
        return store_read(call->pg, reading, asked, call->reply, error);                           \
    }                                                                                              \
    ENDPOINT(name, serve_##name, has_filter, __VA_ARGS__)

/* --- reads ------------------------------------------------------------------------------------ */

READING(list, READ_ENTRIES, true, "limit", "cursor", NULL)

enum { ANSWER_MOST_BYTES = 1000 * 1000 }; /* NATS takes 1 MiB */

/* "original", unless the answer has no room for it. */
static void put_original(const struct stored_message *message, struct json_writer *w) {
    struct buf text = {0};
    struct json_writer original = json_writer(&text);
    json_begin_object(&original);
    entry_write_original(message, &original);
    json_end_object(&original);
    if (w->out->len + text.len <= ANSWER_MOST_BYTES)
        json_put_raw(w, "original", buf_slice(&text));
    buf_fini(&text);
}

/* What is to be replayed; or what failed first, where an edit has taken its place since. */
static enum status write_message(struct slice reply, bool is_first, struct json_writer *w,
                                 struct error *error) {
    struct stored_message message = {0};
    struct entry entry;
    enum status status = stored_message_parse(reply, &message, error);
    if (status == STATUS_OK)
        status = entry_parse(&message, &entry, error);
    if (status == STATUS_OK && !is_first)
        entry_write_original(&message, w);
    else if (status == STATUS_OK && entry.generation == 1)
        put_original(&message, w);
    stored_message_fini(&message);
    return status;
}

/* What the stream no longer holds is left out. */
static enum status write_messages(struct endpoint_call *call, const struct entry_view *view,
                                  const char *subject, struct json_writer *w, struct error *error) {
    struct request_batch *requests = request_batch_create(call->nats);
    struct buf stream = {0};
    entry_write_stream(view->stream, &stream);
    stored_message_ask(requests, buf_slice(&stream), view->dlq_sequence);
    if (view->was_edited)
        stored_message_ask_next(requests, buf_slice(&stream), 1, subject);
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = write_message(request_batch_reply(requests, 0), false, w, error);
    if (!status_is_retryable(status) && view->was_edited)
        status = write_message(request_batch_reply(requests, 1), true, w, error);
    request_batch_destroy(&requests);
    buf_fini(&stream);
    return status_is_retryable(status) ? status : STATUS_OK;
}

static enum status serve_get(struct endpoint_call *call, const struct dlq_request *asked,
                             struct error *error) {
    struct entry_view view;
    struct buf subject = {0};
    enum status status = store_read_entry(call->pg, asked->id, true, call->arena, &view, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    json_raw(&w, (struct slice){view.json.ptr + 1, view.json.len - 2}); /* all its members */
    buf_printf(&subject, "dlq.%.*s", SLICE_ARG(asked->id));
    status = write_messages(call, &view, subject.ptr, &w, error);
    buf_fini(&subject);
    json_end_object(&w);
    return status;
}
ENDPOINT(get, serve_get, false, "id", NULL)

READING(counts, READ_COUNTS, false, NULL)

READING(groups, READ_GROUPS, true, NULL)

/* --- one entry -------------------------------------------------------------------------------- */

static enum status answer_entry(struct endpoint_call *call, struct slice id,
                                struct entry_view *view, struct error *error) {
    enum status status = store_read_entry(call->pg, id, false, call->arena, view, error);
    if (status == STATUS_OK)
        buf_append_slice(call->reply, view->json);
    return status;
}

/* OK also when the broker is away: the entry stays taken, and the jobs' worker goes on with it. */
static enum status replay_now(struct endpoint_call *call, struct replays *taken,
                              struct error *error) {
    struct request_batch *requests = request_batch_create(call->nats);
    enum status status = replay_run(requests, taken, call->pg, error);
    request_batch_destroy(&requests);
    return status_is_retryable(status) ? STATUS_OK : status;
}

static enum status serve_replay(struct endpoint_call *call, const struct dlq_request *asked,
                                struct error *error) {
    struct entry_view view;
    struct replays taken = {0};
    enum status status = store_take(call->pg, asked, call->arena, &taken, error);
    if (status == STATUS_OK && taken.count > 0)
        status = replay_now(call, &taken, error);
    if (status == STATUS_OK)
        status = answer_entry(call, asked->id, &view, error);
    if (status == STATUS_OK && taken.count > 0 && taken.items[0].end == REPLAY_REFUSED)
        status = error_set(error, STATUS_CONFLICT, "its message cannot be published again: %s",
                           taken.items[0].detail);
    return status;
}
ENDPOINT(replay, serve_replay, false, "id", "actor", "body", "headers", "reason", NULL)

static enum status serve_discard(struct endpoint_call *call, const struct dlq_request *asked,
                                 struct error *error) {
    struct entry_view view;
    if (asked->reason.ptr == NULL)
        return error_set(error, STATUS_INVALID, "reason: is required");
    enum status status = store_discard(call->pg, asked, error);
    if (status == STATUS_OK)
        status = answer_entry(call, asked->id, &view, error);
    if (status == STATUS_OK && !slice_is(view.status, "discarded"))
        status = error_set(error, STATUS_CONFLICT, "the entry is %.*s, not dead",
                           SLICE_ARG(view.status));
    return status;
}
ENDPOINT(discard, serve_discard, false, "id", "reason", "actor", NULL)

/* --- jobs ------------------------------------------------------------------------------------- */

static enum status begin_job(struct endpoint_call *call, const struct dlq_request *asked,
                             struct error *error) {
    enum dlq_reading reading = READ_JOB;
    enum status status = STATUS_OK;
    if (asked->filter.text[DLQ_FILTER_STATUS].ptr != NULL)
        return error_set(error, STATUS_INVALID, "status: only what is dead is meant");
    if (asked->is_dry)
        reading = asked->ids != NULL ? READ_CHOSEN : READ_MATCHING;
    else
        status = store_job_create(call->pg, asked, error);
    return status == STATUS_OK ? store_read(call->pg, reading, asked, call->reply, error) : status;
}
ENDPOINT(replay_all, begin_job, true, "ids", "ratePerSecond", "dryRun", "actor", NULL)

static enum status serve_discard_all(struct endpoint_call *call, const struct dlq_request *asked,
                                     struct error *error) {
    if (asked->because.ptr == NULL && !asked->is_dry)
        return error_set(error, STATUS_INVALID, "because: is required");
    return begin_job(call, asked, error);
}
ENDPOINT(discard_all, serve_discard_all, true, "ids", "because", "ratePerSecond", "dryRun", "actor",
         NULL)

READING(jobs, READ_JOBS, false, NULL)

READING(job, READ_JOB, false, "id", NULL)

static enum status serve_job_cancel(struct endpoint_call *call, const struct dlq_request *asked,
                                    struct error *error) {
    enum status status = store_job_cancel(call->pg, asked, error);
    return status == STATUS_OK ? store_read(call->pg, READ_JOB, asked, call->reply, error) : status;
}
ENDPOINT(job_cancel, serve_job_cancel, false, "id", "actor", NULL)

/* --- what became of messages ------------------------------------------------------------------ */

static enum status serve_fate(struct endpoint_call *call, const struct dlq_request *asked,
                              struct error *error) {
    if (asked->ids == NULL || asked->ids->count > DLQ_FATE_MOST)
        return error_set(error, STATUS_INVALID, "ids: not a list of up to %d", DLQ_FATE_MOST);
    return store_read(call->pg, READ_FATE, asked, call->reply, error);
}
ENDPOINT(fate, serve_fate, false, "ids", NULL)

READING(discarded, READ_DISCARDED, false, "service", "afterUs", "afterId", NULL)
