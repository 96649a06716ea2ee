#include "services/dlq/watch/backlog.h"

#include "shared/json/json.h"
#include "shared/nats/stored_message.h"

#include <stdio.h>
#include <string.h>

/* --- streams ---------------------------------------------------------------------------------- */

static enum status read_stream(struct json_object *object, struct arena *arena,
                               struct watched_stream *stream, struct error *error) {
    struct json_object *config, *state;
    struct slice name;
    enum status status = json_get_object(object, "config", &config, error);
    if (status == STATUS_OK)
        status = json_get_object(object, "state", &state, error);
    if (status == STATUS_OK)
        status = json_get_string(config, "name", &name, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "bytes", &stream->bytes, error);
    if (status != STATUS_OK)
        return status;
    if (json_get_int64(config, "max_bytes", &stream->limit, NULL) != STATUS_OK || stream->limit < 0)
        stream->limit = 0;
    stream->name = arena_copy(arena, name);
    return STATUS_OK;
}

enum status backlog_parse_streams(struct slice reply, struct arena *arena,
                                  struct stream_list *streams, struct error *error) {
    struct json_object *root = NULL, *list;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_OK)
        status = json_get_array(root, "streams", &list, error);
    size_t listed = status == STATUS_OK ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < listed && streams->count < BACKLOG_MOST && status == STATUS_OK; i++)
        status = read_stream(json_object_array_get_idx(list, i), arena,
                             &streams->items[streams->count++], error);
    json_object_put(root);
    return status;
}

/* --- consumers -------------------------------------------------------------------------------- */

static bool is_ours(struct json_object *config) {
    struct slice durable, policy = SLICE_LITERAL("");
    (void)!json_get_string(config, "ack_policy", &policy, NULL);
    return json_get_string(config, "durable_name", &durable, NULL) == STATUS_OK &&
           !slice_is(policy, "none");
}

static void add_filter(struct backlog *backlog, struct arena *arena, struct slice filter) {
    if (filter.len > 0 && backlog->filter_count < BACKLOG_FILTERS)
        backlog->filters[backlog->filter_count++] = arena_copy(arena, filter);
}

static void read_filters(struct json_object *config, struct arena *arena, struct backlog *backlog) {
    struct json_object *many = NULL;
    struct slice one = SLICE_LITERAL("");
    (void)!json_get_string(config, "filter_subject", &one, NULL);
    add_filter(backlog, arena, one);
    if (json_get_array(config, "filter_subjects", &many, NULL) == STATUS_OK) {
        for (size_t i = 0; i < json_object_array_length(many); i++)
            add_filter(backlog, arena,
                       slice_of(json_object_get_string(json_object_array_get_idx(many, i))));
    }
    if (backlog->filter_count == 0)
        backlog->filters[backlog->filter_count++] = ">";
}

static enum status read_consumer(struct json_object *object, struct arena *arena,
                                 struct backlog *backlog, struct error *error) {
    struct json_object *config, *floor, *flag = NULL;
    struct slice stream, durable;
    int64_t settled = 0, pending = 0, unsettled = 0;
    enum status status = json_get_object(object, "config", &config, error);
    if (status == STATUS_OK)
        status = json_get_string(object, "stream_name", &stream, error);
    if (status == STATUS_OK)
        status = json_get_string(config, "durable_name", &durable, error);
    if (status == STATUS_OK)
        status = json_get_object(object, "ack_floor", &floor, error);
    if (status == STATUS_OK)
        status = json_get_int64(floor, "stream_seq", &settled, error);
    if (status != STATUS_OK)
        return status;
    (void)!json_get_int64(object, "num_pending", &pending, NULL);
    (void)!json_get_int64(object, "num_ack_pending", &unsettled, NULL);
    char label[256];
    snprintf(label, sizeof(label), "%.*s/%.*s", SLICE_ARG(stream), SLICE_ARG(durable));
    backlog->label = arena_copy(arena, slice_of(label));
    backlog->stream = arena_slice(arena, stream);
    backlog->settled = (uint64_t)settled;
    backlog->is_behind = pending + unsettled > 0;
    backlog->is_paused =
        json_object_object_get_ex(object, "paused", &flag) && json_object_get_boolean(flag);
    read_filters(config, arena, backlog);
    return STATUS_OK;
}

enum status backlog_parse_consumers(struct slice reply, struct arena *arena,
                                    struct backlog_list *backlogs, struct error *error) {
    struct json_object *root = NULL, *list, *config;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_NOT_FOUND) /* the stream went in between */
        return STATUS_OK;
    if (status == STATUS_OK)
        status = json_get_array(root, "consumers", &list, error);
    size_t listed = status == STATUS_OK ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < listed && backlogs->count < BACKLOG_MOST && status == STATUS_OK; i++) {
        struct json_object *consumer = json_object_array_get_idx(list, i);
        if (json_get_object(consumer, "config", &config, NULL) == STATUS_OK && is_ours(config))
            status = read_consumer(consumer, arena, &backlogs->items[backlogs->count++], error);
    }
    json_object_put(root);
    return status;
}
