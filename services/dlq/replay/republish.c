#include "services/dlq/replay/republish.h"

#include "services/dlq/index/entry.h"
#include "shared/json/json.h"
#include "shared/nats/jetstream_code.h"

#include <inttypes.h>
#include <json-c/linkhash.h>
#include <limits.h>

bool republish_fits(const struct stored_message *original) {
    return original->headers.len + original->body.len + REPUBLISH_OURS_MOST <= REPUBLISH_SIZE_MOST;
}

static natsStatus add(natsMsg *message, const char *name, struct slice value) {
    return header_add(message, "", slice_of(name), value);
}

static bool is_replaced(struct json_object *headers, struct slice name) {
    if (headers == NULL)
        return false;
    json_object_object_foreach(headers, key, unused) {
        (void)unused;
        if (slice_is_word(name, key))
            return true;
    }
    return false;
}

/* What headers say of the body again (nats_client.h): they follow a body that was changed. */
static const struct {
    const char *header, *member;
} attributes[] = {{"Ce-Type", "type"}, {"Ce-Subject", "subject"}};
enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

static bool follows_body(const struct replay *replay, struct slice name) {
    for (size_t i = 0; replay->edit_body.ptr != NULL && i < ATTRIBUTES; i++)
        if (slice_is_word(name, attributes[i].header))
            return true;
    return false;
}

/* But for those that the edit names itself. */
static natsStatus add_attributes(natsMsg *message, const struct replay *replay,
                                 struct json_object *edited) {
    struct json_object *event = NULL;
    natsStatus s = NATS_OK;
    if (replay->edit_body.ptr == NULL || json_parse(replay->edit_body, &event, NULL) != STATUS_OK)
        return s;
    for (size_t i = 0; s == NATS_OK && i < ATTRIBUTES; i++) {
        struct slice value;
        if (!is_replaced(edited, slice_of(attributes[i].header)) &&
            json_get_string(event, attributes[i].member, &value, NULL) == STATUS_OK &&
            slice_is_printable(value))
            s = add(message, attributes[i].header, value);
    }
    json_object_put(event);
    return s;
}

static natsStatus add_originals(natsMsg *message, const struct replay *replay,
                                const struct stored_message *stored, struct json_object *edited) {
    struct slice block = buf_slice(&stored->headers);
    struct header header;
    natsStatus s = NATS_OK;
    while (s == NATS_OK && (replay->is_chance ? header_next(&block, &header)
                                              : entry_next_original_header(&block, &header)))
        if (!header_has_prefix(&header, "Nats-") && !header_has_prefix(&header, "Om-Replay-") &&
            !is_replaced(edited, header.name) && !follows_body(replay, header.name))
            s = header_add(message, "", header.name, header.value);
    return s;
}

/* The headers that an edit names. */
static natsStatus add_edited(natsMsg *message, struct json_object *headers) {
    natsStatus s = NATS_OK;
    if (headers == NULL)
        return s;
    json_object_object_foreach(headers, name, values) {
        for (size_t i = 0; s == NATS_OK && i < json_object_array_length(values); i++)
            s = add(message, name,
                    slice_of(json_object_get_string(json_object_array_get_idx(values, i))));
    }
    return s == NATS_OK ? add(message, "Om-Replay-Edited", SLICE_LITERAL("yes")) : s;
}

/* Of a message that is itself a replay, the place that it came with. */
static natsStatus add_first(natsMsg *message, const struct replay *replay,
                            const struct stored_message *stored) {
    struct slice block = buf_slice(&stored->headers), first;
    struct buf sequence = {0};
    buf_printf(&sequence, "%" PRIu64, replay->sequence);
    if (!header_find(block, "Om-Replay-First", &first) &&
        (replay->is_chance || !header_find(block, "Dlq-Sequence", &first)))
        first = buf_slice(&sequence);
    natsStatus s = add(message, "Om-Replay-First", first);
    buf_fini(&sequence);
    return s;
}

/* The id tells generations apart, and chances of one event, such as of its first message and of a
   later replay. */
static natsStatus add_ours(natsMsg *message, const struct replay *replay) {
    struct buf id = {0};
    if (replay->is_chance)
        buf_printf(&id, "%.*s.chance.%" PRIu64, SLICE_ARG(replay->id), replay->sequence);
    else
        buf_printf(&id, "%.*s.replay.%" PRId64, SLICE_ARG(replay->id), replay->generation);
    natsStatus s = add(message, "Nats-Msg-Id", buf_slice(&id));
    buf_fini(&id);
    if (s == NATS_OK)
        s = add(message, "Nats-Expected-Stream", replay->stream);
    if (s == NATS_OK)
        s = add(message, "Om-Replay-For", replay->consumer);
    if (s == NATS_OK)
        s = add(message, "Om-Replay-Of", replay->id);
    if (s == NATS_OK && replay->is_chance)
        s = add(message, "Om-Replay-Alone", SLICE_LITERAL("yes"));
    return s;
}

static natsStatus add_headers(natsMsg *message, const struct replay *replay,
                              const struct stored_message *stored, struct json_object *edited) {
    natsStatus s = add_originals(message, replay, stored, edited);
    if (s == NATS_OK)
        s = add_attributes(message, replay, edited);
    if (s == NATS_OK)
        s = add_edited(message, edited);
    if (s == NATS_OK)
        s = add_ours(message, replay);
    return s == NATS_OK ? add_first(message, replay, stored) : s;
}

enum status republish_message(const struct replay *replay, const struct stored_message *stored,
                              const char *reply, natsMsg **message, struct error *error) {
    struct slice body =
        replay->edit_body.ptr != NULL ? replay->edit_body : buf_slice(&stored->body);
    natsMsg *made = NULL;
    struct json_object *edited = NULL;
    struct buf subject = {0};
    enum status status = STATUS_OK;
    if (body.len > INT_MAX)
        return error_set(error, STATUS_INVALID, "a body of %zu bytes", body.len);
    if (replay->edit_headers.ptr != NULL)
        status = json_parse(replay->edit_headers, &edited, error);
    if (status != STATUS_OK)
        return status;
    buf_append_slice(&subject, replay->is_chance ? slice_of(stored->subject) : replay->subject);
    natsStatus s = natsMsg_Create(&made, subject.ptr, reply, body.ptr, (int)body.len);
    buf_fini(&subject);
    if (s == NATS_OK)
        s = add_headers(made, replay, stored, edited);
    json_object_put(edited);
    if (s != NATS_OK) {
        natsMsg_Destroy(made);
        return nats_error(error, s, "making the message");
    }
    *message = made;
    return STATUS_OK;
}

enum status republish_judge(struct slice reply, uint64_t *sequence, struct error *error) {
    struct pub_ack ack = {0};
    if (pub_ack_parse(reply, &ack, error) != STATUS_OK) /* it may be stored, or not */
        return error_set(error, STATUS_UNAVAILABLE, "an answer that is no acknowledgement");
    if (ack.error_code == 0) {
        *sequence = ack.sequence;
        return STATUS_OK;
    }
    bool is_final = jetstream_blame(ack.error_code) == BLAME_EVENT;
    return error_set(error, is_final ? STATUS_INVALID : STATUS_UNAVAILABLE, "%s", ack.error_text);
}
