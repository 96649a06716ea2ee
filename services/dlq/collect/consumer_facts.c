#include "services/dlq/collect/consumer_facts.h"

#include "services/dlq/index/notice.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/nats/jetstream_code.h"

#define FILTERS_MOST (sizeof(((struct consumer_facts *)0)->filters) / sizeof(struct slice))

/* OK, NOT_FOUND, or UNAVAILABLE for what passes (no leader, a server that starts). */
static enum status parse_answer(struct slice reply, struct json_object **root,
                                struct error *error) {
    struct json_object *parsed = NULL, *refused = NULL;
    int64_t code = 0;
    enum status status = json_parse(reply, &parsed, error);
    if (status != STATUS_OK)
        return status;
    if (json_get_object(parsed, "error", &refused, NULL) != STATUS_OK) {
        *root = parsed;
        return STATUS_OK;
    }
    (void)!json_get_int64(refused, "err_code", &code, NULL);
    json_object_put(parsed);
    bool is_missing = code == JETSTREAM_CONSUMER_NOT_FOUND || code == JETSTREAM_STREAM_NOT_FOUND;
    return error_set(error, is_missing ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE,
                     "the server answers with error %lld", (long long)code);
}

static void read_filters(struct json_object *config, struct arena *arena,
                         struct consumer_facts *facts) {
    struct slice one;
    struct json_object *many = NULL;
    if (json_get_string(config, "filter_subject", &one, NULL) == STATUS_OK && one.len > 0)
        facts->filters[facts->filter_count++] = arena_slice(arena, one);
    if (json_get_array(config, "filter_subjects", &many, NULL) != STATUS_OK ||
        json_object_array_length(many) > FILTERS_MOST)
        return;
    for (size_t i = 0; i < json_object_array_length(many) && facts->filter_count < FILTERS_MOST;
         i++)
        facts->filters[facts->filter_count++] = arena_slice(
            arena, slice_of(json_object_get_string(json_object_array_get_idx(many, i))));
}

static enum status read_consumer(struct json_object *root, struct arena *arena,
                                 struct consumer_facts *facts, struct error *error) {
    struct json_object *config = NULL, *delivered = NULL;
    int64_t sequence = 0;
    struct slice created;
    enum status status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK)
        status = json_get_object(root, "delivered", &delivered, error);
    if (status == STATUS_OK)
        status = json_get_int64(delivered, "stream_seq", &sequence, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "created", &created, error);
    if (status == STATUS_OK && !clock_parse(created, &facts->created_us))
        status = error_set(error, STATUS_INVALID, "a consumer without the time it was made");
    if (status != STATUS_OK)
        return status;
    facts->exists = true;
    facts->delivered = (uint64_t)sequence;
    if (json_get_int64(config, "max_deliver", &facts->max_deliver, NULL) != STATUS_OK)
        facts->max_deliver = -1;
    if (json_get_int64(config, "ack_wait", &facts->ack_wait_us, NULL) == STATUS_OK)
        facts->ack_wait_us /= 1000;
    read_filters(config, arena, facts);
    return STATUS_OK;
}

enum status consumer_facts_parse(struct slice reply, struct arena *arena,
                                 struct consumer_facts *facts, struct error *error) {
    struct json_object *root = NULL;
    enum status status = parse_answer(reply, &root, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = read_consumer(root, arena, facts, error);
    json_object_put(root);
    return status;
}

static enum status take_dlq(struct slice reply, struct consumer_facts *facts, struct error *error) {
    struct json_object *root = NULL;
    enum status status = parse_answer(reply, &root, error);
    json_object_put(root);
    facts->has_dlq = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void ask(struct request_batch *requests, const struct consumer_facts *facts) {
    struct buf subject = {0};
    buf_printf(&subject, "$JS.API.CONSUMER.INFO.%.*s.%.*s", SLICE_ARG(facts->stream),
               SLICE_ARG(facts->consumer));
    request_batch_add(requests, subject.ptr, SLICE_LITERAL(""));
    buf_clear(&subject);
    buf_printf(&subject, "$JS.API.STREAM.INFO.%.*s_DLQ", SLICE_ARG(facts->stream));
    request_batch_add(requests, subject.ptr, SLICE_LITERAL(""));
    buf_fini(&subject);
}

enum status consumer_facts_read(struct request_batch *requests, struct arena *arena,
                                struct consumer_facts *facts, size_t count, struct error *error) {
    request_batch_clear(requests);
    for (size_t i = 0; i < count; i++)
        ask(requests, &facts[i]);
    enum status status = request_batch_run(requests, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status =
            consumer_facts_parse(request_batch_reply(requests, 2 * i), arena, &facts[i], error);
        if (status == STATUS_OK)
            status = take_dlq(request_batch_reply(requests, 2 * i + 1), &facts[i], error);
    }
    request_batch_clear(requests);
    return status;
}

bool consumer_facts_take_subject(const struct consumer_facts *facts, struct slice subject) {
    for (size_t i = 0; i < facts->filter_count; i++) {
        if (subject_matches(facts->filters[i], subject))
            return true;
    }
    return facts->filter_count == 0;
}
