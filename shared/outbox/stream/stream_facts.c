#include "shared/outbox/stream/stream_facts.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/nats/stored_message.h"

#include <stdio.h>

/* A message of the largest size may be what does not fit. */
#define ROOM_BYTES (INT64_C(2) * 1024 * 1024)

static bool is_full(struct json_object *config, int64_t messages, int64_t bytes) {
    int64_t most_messages = -1, most_bytes = -1, most_each = -1;
    struct slice discard = SLICE_LITERAL("");
    (void)!json_get_string(config, "discard", &discard, NULL);
    (void)!json_get_int64(config, "max_msgs", &most_messages, NULL);
    (void)!json_get_int64(config, "max_bytes", &most_bytes, NULL);
    (void)!json_get_int64(config, "max_msgs_per_subject", &most_each, NULL);
    bool is_at_limit = (most_messages > 0 && messages >= most_messages) ||
                       (most_bytes > 0 && bytes + ROOM_BYTES >= most_bytes);
    return most_each > 0 || (is_at_limit && !slice_is(discard, "new"));
}

static enum status read_facts(struct json_object *root, struct stream_facts *facts,
                              struct error *error) {
    struct json_object *config, *state;
    struct slice first_time = SLICE_LITERAL(""), created = SLICE_LITERAL("");
    int64_t first, last, messages, bytes, max_age_ns = 0, deleted = 0;
    enum status status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK)
        status = json_get_object(root, "state", &state, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "created", &created, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "first_seq", &first, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "last_seq", &last, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "messages", &messages, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "bytes", &bytes, error);
    if (status != STATUS_OK)
        return status;
    (void)!json_get_int64(config, "max_age", &max_age_ns, NULL);
    (void)!json_get_int64(state, "num_deleted", &deleted, NULL);
    (void)!json_get_string(state, "first_ts", &first_time, NULL);
    struct stream_facts read = {
        .first_sequence = (uint64_t)first,
        .last_sequence = (uint64_t)last,
        .messages = (uint64_t)messages,
        .deleted = (uint64_t)deleted,
        .max_age_us = max_age_ns / 1000,
        .is_full = is_full(config, messages, bytes),
    };
    snprintf(read.created, sizeof(read.created), "%.*s", SLICE_ARG(created));
    if (messages > 0 && !clock_parse(first_time, &read.first_us))
        return error_set(error, STATUS_INVALID, "a stream whose first message has no time");
    *facts = read;
    return STATUS_OK;
}

enum status stream_facts_parse(struct slice reply, struct stream_facts *facts,
                               struct error *error) {
    struct json_object *root = NULL;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_OK)
        status = read_facts(root, facts, error);
    json_object_put(root);
    return status;
}

/* --- consumers -------------------------------------------------------------------------------- */

/* Ours are durable and acknowledge; those that people watch a stream with do not. */
static bool is_awaited(struct json_object *consumer) {
    struct json_object *config;
    struct slice durable, policy = SLICE_LITERAL("");
    if (json_get_object(consumer, "config", &config, NULL) != STATUS_OK)
        return true;
    (void)!json_get_string(config, "ack_policy", &policy, NULL);
    return json_get_string(config, "durable_name", &durable, NULL) == STATUS_OK &&
           !slice_is(policy, "none");
}

/* Its own floor stays behind where the filter leaves out what came since. */
static uint64_t floor_of(struct json_object *consumer, uint64_t sequence) {
    struct json_object *acknowledged;
    int64_t waiting = -1, unsettled = -1, floor = 0;
    (void)!json_get_int64(consumer, "num_pending", &waiting, NULL);
    (void)!json_get_int64(consumer, "num_ack_pending", &unsettled, NULL);
    if (waiting == 0 && unsettled == 0)
        return sequence;
    if (json_get_object(consumer, "ack_floor", &acknowledged, NULL) == STATUS_OK)
        (void)!json_get_int64(acknowledged, "stream_seq", &floor, NULL);
    return (uint64_t)floor < sequence ? (uint64_t)floor : sequence;
}

static uint64_t lowest_floor(struct json_object *consumers, uint64_t sequence) {
    uint64_t lowest = sequence;
    size_t awaited = 0;
    for (size_t i = 0; i < json_object_array_length(consumers); i++) {
        struct json_object *consumer = json_object_array_get_idx(consumers, i);
        if (!is_awaited(consumer))
            continue;
        uint64_t floor = floor_of(consumer, sequence);
        if (floor < lowest)
            lowest = floor;
        awaited++;
    }
    return awaited > 0 ? lowest : 0;
}

enum status stream_floor_parse(struct slice reply, uint64_t sequence, uint64_t *floor,
                               struct error *error) {
    struct json_object *root = NULL, *consumers;
    int64_t total;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_OK)
        status = json_get_array(root, "consumers", &consumers, error);
    if (status == STATUS_OK)
        status = json_get_int64(root, "total", &total, error);
    if (status == STATUS_OK) {
        size_t listed = json_object_array_length(consumers);
        *floor = (int64_t)listed == total ? lowest_floor(consumers, sequence) : 0;
    }
    json_object_put(root);
    return status;
}

enum status stream_delivered_parse(struct slice reply, uint64_t *sequence, struct error *error) {
    struct json_object *root = NULL, *consumers = NULL;
    int64_t highest = 0;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_OK)
        status = json_get_array(root, "consumers", &consumers, error);
    for (size_t i = 0; status == STATUS_OK && i < json_object_array_length(consumers); i++) {
        struct json_object *delivered;
        int64_t reached = 0;
        if (json_get_object(json_object_array_get_idx(consumers, i), "delivered", &delivered,
                            NULL) == STATUS_OK)
            (void)!json_get_int64(delivered, "stream_seq", &reached, NULL);
        if (reached > highest)
            highest = reached;
    }
    json_object_put(root);
    if (status == STATUS_OK)
        *sequence = (uint64_t)highest;
    return status;
}
