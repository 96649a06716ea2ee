#include "services/dlq/watch/backlog.h"

#include "shared/nats/stored_message.h"

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

/* What is not ours, or does not acknowledge, is passed over. */
static enum status add_consumer(struct json_object *object, struct arena *arena,
                                struct backlog_list *backlogs, struct error *error) {
    struct json_object *config;
    struct slice stream, durable, policy = SLICE_LITERAL("");
    if (json_get_object(object, "config", &config, NULL) != STATUS_OK ||
        json_get_string(config, "durable_name", &durable, NULL) != STATUS_OK)
        return STATUS_OK;
    (void)!json_get_string(config, "ack_policy", &policy, NULL);
    if (slice_is(policy, "none"))
        return STATUS_OK;
    struct consumer_facts *facts = &backlogs->items[backlogs->count++];
    enum status status = json_get_string(object, "stream_name", &stream, error);
    if (status != STATUS_OK)
        return status;
    facts->stream = arena_slice(arena, stream);
    facts->consumer = arena_slice(arena, durable);
    return consumer_facts_take(object, arena, facts, error);
}

enum status backlog_parse_consumers(struct slice reply, struct arena *arena,
                                    struct backlog_list *backlogs, struct error *error) {
    struct json_object *root = NULL, *list;
    enum status status = api_parse(reply, &root, error);
    if (status == STATUS_NOT_FOUND) /* the stream went in between */
        return STATUS_OK;
    if (status == STATUS_OK)
        status = json_get_array(root, "consumers", &list, error);
    size_t listed = status == STATUS_OK ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < listed && backlogs->count < BACKLOG_MOST && status == STATUS_OK; i++)
        status = add_consumer(json_object_array_get_idx(list, i), arena, backlogs, error);
    json_object_put(root);
    return status;
}
