#include "services/dlq/collect/consumer_facts.h"

#include "shared/base/clock.h"
#include "shared/nats/stored_message.h"
#include "shared/nats/subject.h"

#define FILTERS_MOST (sizeof(((struct consumer_facts *)0)->filters) / sizeof(struct slice))

static void read_filters(struct json_object *config, struct arena *arena,
                         struct consumer_facts *facts) {
    struct slice one;
    struct json_object *many = NULL;
    bool has_many = json_get_array(config, "filter_subjects", &many, NULL) == STATUS_OK;
    size_t count = has_many ? json_object_array_length(many) : 0;
    if (json_get_string(config, "filter_subject", &one, NULL) == STATUS_OK && one.len > 0)
        facts->filters[facts->filter_count++] = arena_slice(arena, one);
    if (facts->filter_count + count > FILTERS_MOST)
        return;
    for (size_t i = 0; i < count; i++) {
        one = slice_of(json_object_get_string(json_object_array_get_idx(many, i)));
        facts->filters[facts->filter_count++] = arena_slice(arena, one);
    }
}

/* Reads root.<group>.stream_seq. */
static enum status read_sequence(struct json_object *root, const char *group, uint64_t *sequence,
                                 struct error *error) {
    struct json_object *object;
    int64_t value = 0;
    enum status status = json_get_object(root, group, &object, error);
    if (status == STATUS_OK)
        status = json_get_int64(object, "stream_seq", &value, error);
    *sequence = (uint64_t)value;
    return status;
}

enum status consumer_facts_take(struct json_object *root, struct arena *arena,
                                struct consumer_facts *facts, struct error *error) {
    struct json_object *config, *paused = NULL;
    int64_t pending = 0, unsettled = 0;
    struct slice created;
    enum status status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK)
        status = read_sequence(root, "delivered", &facts->delivered, error);
    if (status == STATUS_OK)
        status = read_sequence(root, "ack_floor", &facts->settled, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "created", &created, error);
    if (status == STATUS_OK && !clock_parse(created, &facts->created_us))
        status = error_set(error, STATUS_INVALID, "a consumer without the time it was made");
    if (status != STATUS_OK)
        return status;
    (void)!json_get_int64(root, "num_pending", &pending, NULL);
    (void)!json_get_int64(root, "num_ack_pending", &unsettled, NULL);
    facts->exists = true;
    facts->is_behind = pending + unsettled > 0;
    facts->is_paused =
        json_object_object_get_ex(root, "paused", &paused) && json_object_get_boolean(paused);
    if (json_get_int64(config, "max_deliver", &facts->max_deliver, NULL) != STATUS_OK)
        facts->max_deliver = -1;
    read_filters(config, arena, facts);
    return STATUS_OK;
}

enum status consumer_facts_parse(struct slice reply, struct arena *arena,
                                 struct consumer_facts *facts, struct error *error) {
    struct json_object *root = NULL;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = consumer_facts_take(root, arena, facts, error);
    json_object_put(root);
    return status;
}

static enum status take_dlq(struct slice reply, struct consumer_facts *facts, struct error *error) {
    struct json_object *root = NULL;
    enum status status = api_parse(reply, &root, error);
    json_object_put(root);
    facts->has_dlq = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status consumer_facts_read(struct request_batch *requests, struct arena *arena,
                                struct consumer_facts *facts, size_t count, struct error *error) {
    request_batch_clear(requests);
    for (size_t i = 0; i < count; i++) {
        request_batch_add(requests, SLICE_LITERAL(""), "$JS.API.CONSUMER.INFO.%.*s.%.*s",
                          SLICE_ARG(facts[i].stream), SLICE_ARG(facts[i].consumer));
        request_batch_add(requests, SLICE_LITERAL(""), "$JS.API.STREAM.INFO.%.*s_DLQ",
                          SLICE_ARG(facts[i].stream));
    }
    enum status status = request_batch_run(requests, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status =
            consumer_facts_parse(request_batch_reply(requests, 2 * i), arena, &facts[i], error);
        if (status == STATUS_OK)
            status = take_dlq(request_batch_reply(requests, 2 * i + 1), &facts[i], error);
    }
    return status;
}

bool consumer_facts_take_subject(const struct consumer_facts *facts, struct slice subject) {
    for (size_t i = 0; i < facts->filter_count; i++) {
        if (subject_matches(facts->filters[i], subject))
            return true;
    }
    return facts->filter_count == 0;
}
