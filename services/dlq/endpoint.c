#include "services/dlq/endpoint.h"

#include "services/dlq/index/entry_json.h"
#include "services/dlq/index/store_job.h"
#include "services/dlq/index/store_read.h"
#include "services/dlq/replay/replay.h"

#include <json-c/linkhash.h>

/* --- requests --------------------------------------------------------------------------------- */

typedef enum status (*serve_fn)(struct endpoint_call *call, struct json_object *request,
                                struct error *error);

static enum status refuse_unknown(struct json_object *request, const char *const *known,
                                  struct error *error) {
    json_object_object_foreach(request, key, unused) {
        (void)unused;
        const char *const *name = known;
        while (*name != NULL && !slice_is(slice_of(key), *name))
            name++;
        if (*name == NULL)
            return error_set(error, STATUS_INVALID, "%.64s: not known here", key);
    }
    return STATUS_OK;
}

/* `known` are the request's members, and then NULL; NULL when `fn` looks at them itself. */
static enum status serve(struct endpoint_call *call, const char *const *known, serve_fn fn,
                         struct error *error) {
    struct json_object *request = NULL;
    struct slice text = call->request.len == 0 ? SLICE_LITERAL("{}") : call->request;
    enum status status = json_parse(text, &request, error);
    if (status == STATUS_OK && known != NULL)
        status = refuse_unknown(request, known, error);
    if (status == STATUS_OK)
        status = fn(call, request, error);
    json_object_put(request);
    return status;
}

static enum status get_text(struct json_object *request, const char *key, size_t most,
                            struct slice *text, struct error *error) {
    struct slice value;
    enum status status = json_get_string(request, key, &value, NULL);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "%s: is required", key);
    if (status != STATUS_OK || !dlq_text_is_valid(value, most))
        return error_set(error, STATUS_INVALID, "%s: not a line of 1 to %zu bytes", key, most);
    *text = value;
    return STATUS_OK;
}

/* Stays as it was when it is not there. */
static enum status get_int(struct json_object *request, const char *key, int64_t most,
                           int64_t *number, struct error *error) {
    int64_t value;
    enum status status = json_get_int64(request, key, &value, NULL);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || value < 1 || value > most)
        return error_set(error, STATUS_INVALID, "%s: not an integer from 1 to %lld", key,
                         (long long)most);
    *number = value;
    return STATUS_OK;
}

static enum status get_bool(struct json_object *request, const char *key, bool *value,
                            struct error *error) {
    struct json_object *member;
    *value = false;
    if (!json_object_object_get_ex(request, key, &member))
        return STATUS_OK;
    if (!json_object_is_type(member, json_type_boolean))
        return error_set(error, STATUS_INVALID, "%s: not true or false", key);
    *value = json_object_get_boolean(member);
    return STATUS_OK;
}

/* The person who asks; a caller of the mesh need not say. */
static enum status get_actor(struct json_object *request, struct slice *actor,
                             struct error *error) {
    *actor = SLICE_LITERAL("unnamed");
    if (!json_object_object_get_ex(request, "actor", NULL))
        return STATUS_OK;
    return get_text(request, "actor", DLQ_ACTOR_MOST, actor, error);
}

static enum status get_job_id(struct json_object *request, struct uuid *id, struct error *error) {
    struct slice text;
    enum status status = get_text(request, "id", DLQ_ID_MOST, &text, error);
    if (status == STATUS_OK && !uuid_parse(text, id))
        status = error_set(error, STATUS_NOT_FOUND, "there is no such job");
    return status;
}

/* --- reads ------------------------------------------------------------------------------------ */

static enum status serve_list(struct endpoint_call *call, struct json_object *request,
                              struct error *error) {
    static const char *const others[] = {"limit", "cursor", NULL};
    struct page_request page = {.limit = DLQ_LIMIT_USUAL};
    enum status status = dlq_filter_read(request, others, &page.filter, error);
    if (status == STATUS_OK)
        status = get_int(request, "limit", DLQ_LIMIT_MOST, &page.limit, error);
    if (status == STATUS_OK && json_object_object_get_ex(request, "cursor", NULL))
        status = get_text(request, "cursor", DLQ_CURSOR_MOST, &page.cursor, error);
    return status == STATUS_OK ? store_read_page(call->pg, &page, call->reply, error) : status;
}

static enum status serve_get(struct endpoint_call *call, struct json_object *request,
                             struct error *error) {
    struct slice id;
    struct entry_place place;
    struct stored_message message = {0};
    struct entry entry;
    struct json_writer w = json_writer(call->reply);
    enum status status = get_text(request, "id", DLQ_ID_MOST, &id, error);
    if (status != STATUS_OK)
        return status;
    json_begin_object(&w);
    status = store_read_entry(call->pg, id, call->arena, &w, &place, error);
    if (status == STATUS_OK)
        status = store_read_history(call->pg, id, &w, error);
    if (status != STATUS_OK)
        return status;
    status = entry_fetch(call->nats, place.stream, place.dlq_sequence, &message, &entry, error);
    if (status == STATUS_OK)
        entry_json_write_original(&message, &w);
    stored_message_fini(&message);
    json_end_object(&w);
    return status_is_retryable(status) ? status : STATUS_OK;
}

static enum status serve_counts(struct endpoint_call *call, struct json_object *request,
                                struct error *error) {
    (void)request;
    return store_read_counts(call->pg, call->reply, error);
}

/* --- one entry -------------------------------------------------------------------------------- */

static enum status answer_entry(struct endpoint_call *call, struct slice id,
                                struct entry_place *place, struct error *error) {
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    enum status status = store_read_entry(call->pg, id, call->arena, &w, place, error);
    json_end_object(&w);
    return status;
}

/* OK also when the broker is away: the entry stays taken, and the jobs' worker goes on with it. */
static enum status replay_now(struct endpoint_call *call, const struct replays *taken,
                              struct error *error) {
    struct replayer *replayer = replayer_create(call->nats);
    enum status status = replayer_run(replayer, taken, call->pg, call->arena, error);
    replayer_destroy(&replayer);
    return status_is_retryable(status) ? STATUS_OK : status;
}

static enum status serve_replay(struct endpoint_call *call, struct json_object *request,
                                struct error *error) {
    struct slice id, actor;
    struct entry_place place;
    struct replays taken = {0};
    enum status status = get_text(request, "id", DLQ_ID_MOST, &id, error);
    if (status == STATUS_OK)
        status = get_actor(request, &actor, error);
    if (status == STATUS_OK)
        status = store_take(call->pg, id, actor, call->arena, &taken, error);
    if (status == STATUS_OK && taken.count > 0)
        status = replay_now(call, &taken, error);
    if (status == STATUS_OK)
        status = answer_entry(call, id, &place, error);
    if (status == STATUS_OK && taken.count > 0 && place.status == ENTRY_DEAD &&
        place.generation == taken.items[0].generation)
        status = error_set(error, STATUS_CONFLICT,
                           "its message could not be published again: see its history");
    return status;
}

static enum status serve_discard(struct endpoint_call *call, struct json_object *request,
                                 struct error *error) {
    struct slice id, reason, actor;
    struct entry_place place;
    bool is_done;
    enum status status = get_text(request, "id", DLQ_ID_MOST, &id, error);
    if (status == STATUS_OK)
        status = get_text(request, "reason", DLQ_REASON_MOST, &reason, error);
    if (status == STATUS_OK)
        status = get_actor(request, &actor, error);
    if (status == STATUS_OK)
        status = store_discard(call->pg, id, reason, actor, &is_done, error);
    if (status == STATUS_OK)
        status = answer_entry(call, id, &place, error);
    if (status == STATUS_OK && place.status != ENTRY_DISCARDED)
        status = error_set(error, STATUS_CONFLICT, "the entry is %s, not dead",
                           entry_status_text(place.status));
    return status;
}

/* --- jobs ------------------------------------------------------------------------------------- */

struct many {
    struct job_order order;
    bool is_dry;
};

/* `others` are the members that the filter does not have. */
static enum status parse_many(struct json_object *request, const char *const *others,
                              struct many *many, struct error *error) {
    struct dlq_filter *filter = &many->order.filter;
    *many = (struct many){.order = {.rate_per_second = DLQ_RATE_USUAL, .because = {"", 0}}};
    enum status status = dlq_filter_read(request, others, filter, error);
    if (status == STATUS_OK && filter->text[DLQ_FILTER_STATUS].ptr != NULL)
        status = error_set(error, STATUS_INVALID, "status: only what is dead is meant");
    if (status == STATUS_OK)
        status =
            get_int(request, "ratePerSecond", DLQ_RATE_MOST, &many->order.rate_per_second, error);
    if (status == STATUS_OK)
        status = get_bool(request, "dryRun", &many->is_dry, error);
    if (status == STATUS_OK)
        status = get_actor(request, &many->order.actor, error);
    return status;
}

static enum status answer_matching(struct endpoint_call *call, const struct dlq_filter *filter,
                                   struct error *error) {
    int64_t matching;
    enum status status = store_read_count(call->pg, filter, &matching, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    json_put_int(&w, "matching", matching);
    json_end_object(&w);
    return STATUS_OK;
}

static enum status begin_job(struct endpoint_call *call, const struct many *many,
                             struct error *error) {
    if (many->is_dry)
        return answer_matching(call, &many->order.filter, error);
    struct uuid id = uuid_v7();
    enum status status = store_job_create(call->pg, &id, &many->order, error);
    return status == STATUS_OK ? store_read_job(call->pg, &id, call->reply, error) : status;
}

static enum status serve_replay_all(struct endpoint_call *call, struct json_object *request,
                                    struct error *error) {
    static const char *const others[] = {"ratePerSecond", "dryRun", "actor", NULL};
    struct many many;
    enum status status = parse_many(request, others, &many, error);
    return status == STATUS_OK ? begin_job(call, &many, error) : status;
}

static enum status serve_discard_all(struct endpoint_call *call, struct json_object *request,
                                     struct error *error) {
    static const char *const others[] = {"because", "ratePerSecond", "dryRun", "actor", NULL};
    struct many many;
    enum status status = parse_many(request, others, &many, error);
    bool is_needed = status == STATUS_OK &&
                     (!many.is_dry || json_object_object_get_ex(request, "because", NULL));
    if (is_needed)
        status = get_text(request, "because", DLQ_REASON_MOST, &many.order.because, error);
    return status == STATUS_OK ? begin_job(call, &many, error) : status;
}

static enum status serve_jobs(struct endpoint_call *call, struct json_object *request,
                              struct error *error) {
    (void)request;
    return store_read_jobs(call->pg, call->reply, error);
}

static enum status serve_job(struct endpoint_call *call, struct json_object *request,
                             struct error *error) {
    struct uuid id;
    enum status status = get_job_id(request, &id, error);
    return status == STATUS_OK ? store_read_job(call->pg, &id, call->reply, error) : status;
}

static enum status serve_job_cancel(struct endpoint_call *call, struct json_object *request,
                                    struct error *error) {
    struct uuid id;
    struct slice actor;
    enum status status = get_job_id(request, &id, error);
    if (status == STATUS_OK)
        status = get_actor(request, &actor, error);
    if (status == STATUS_OK)
        status = store_job_cancel(call->pg, &id, actor, error);
    return status == STATUS_OK ? store_read_job(call->pg, &id, call->reply, error) : status;
}

/* --- the endpoints ---------------------------------------------------------------------------- */

#define ENDPOINT(name, known)                                                                      \
    enum status dlq_endpoint_##name(struct endpoint_call *call, struct error *error) {             \
        return serve(call, known, serve_##name, error);                                            \
    }

static const char *const of_nothing[] = {NULL};
static const char *const of_id[] = {"id", NULL};
static const char *const of_action[] = {"id", "actor", NULL};
static const char *const of_discard[] = {"id", "reason", "actor", NULL};

ENDPOINT(list, NULL)
ENDPOINT(get, of_id)
ENDPOINT(replay, of_action)
ENDPOINT(discard, of_discard)
ENDPOINT(replay_all, NULL)
ENDPOINT(discard_all, NULL)
ENDPOINT(jobs, of_nothing)
ENDPOINT(job, of_id)
ENDPOINT(job_cancel, of_action)
ENDPOINT(counts, of_nothing)
