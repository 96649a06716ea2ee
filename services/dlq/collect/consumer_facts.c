#include "services/dlq/collect/consumer_facts.h"

#include "services/dlq/index/notice.h"
#include "shared/base/clock.h"
#include "shared/nats/stored_message.h"
#include "shared/nats/subject.h"

#define FILTERS_MOST (sizeof(((struct consumer_facts *)0)->filters) / sizeof(struct slice))
#define REPORTS_WAIT_US INT64_C(2000000)
#define NAP_MS 20

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
    struct json_object *config = NULL, *delivered = NULL, *floor = NULL;
    int64_t sequence = 0, settled = 0;
    struct slice created;
    enum status status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK)
        status = json_get_object(root, "delivered", &delivered, error);
    if (status == STATUS_OK)
        status = json_get_int64(delivered, "stream_seq", &sequence, error);
    if (status == STATUS_OK)
        status = json_get_object(root, "ack_floor", &floor, error);
    if (status == STATUS_OK)
        status = json_get_int64(floor, "stream_seq", &settled, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "created", &created, error);
    if (status == STATUS_OK && !clock_parse(created, &facts->created_us))
        status = error_set(error, STATUS_INVALID, "a consumer without the time it was made");
    if (status != STATUS_OK)
        return status;
    facts->exists = true;
    facts->delivered = (uint64_t)sequence;
    facts->settled = (uint64_t)settled;
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
        status = read_consumer(root, arena, facts, error);
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

/* --- how far the service's own reading of a stream has come ----------------------------------- */

/* Reads root.<group>.<figure> of an answer. */
static enum status read_figure(struct request_batch *requests, const char *subject,
                               const char *group, const char *figure, int64_t *value,
                               struct error *error) {
    struct json_object *root = NULL, *object = NULL;
    request_batch_clear(requests);
    request_batch_add(requests, SLICE_LITERAL(""), "%s", subject);
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = api_parse(request_batch_reply(requests, 0), &root, error);
    if (status == STATUS_OK && (json_get_object(root, group, &object, error) != STATUS_OK ||
                                json_get_int64(object, figure, value, error) != STATUS_OK))
        status =
            error_set(error, STATUS_UNAVAILABLE, "the server does not say %s.%s", group, figure);
    json_object_put(root);
    return status;
}

#define STORED(stream) "$JS.API.STREAM.INFO." stream, "state", "last_seq"
#define READ(stream) "$JS.API.CONSUMER.INFO." stream ".dlq", "ack_floor", "stream_seq"

enum status advisories_are_waiting(struct request_batch *requests, bool *are_waiting,
                                   struct error *error) {
    int64_t last = 0, done = 0;
    enum status status = read_figure(requests, STORED("ADVISORIES"), &last, error);
    if (status == STATUS_OK)
        status = read_figure(requests, READ("ADVISORIES"), &done, error);
    if (status == STATUS_OK)
        *are_waiting = done < last;
    return status;
}

enum status reports_await(struct request_batch *requests, struct error *error) {
    int64_t last = 0, done = 0, until_us = clock_monotonic_us() + REPORTS_WAIT_US;
    enum status status = read_figure(requests, STORED("FAILURES"), &last, error);
    while (status == STATUS_OK) {
        status = read_figure(requests, READ("FAILURES"), &done, error);
        if (done >= last || clock_monotonic_us() > until_us)
            break;
        clock_sleep_ms(NAP_MS);
    }
    return status;
}
