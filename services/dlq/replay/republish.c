#include "services/dlq/replay/republish.h"

#include "services/dlq/index/entry.h"
#include "shared/json/json.h"
#include "shared/nats/jetstream_code.h"

#include <inttypes.h>
#include <json-c/linkhash.h>

bool republish_fits(const struct stored_message *original) {
    return original->headers.len + original->body.len + REPUBLISH_OURS_MOST <= REPUBLISH_SIZE_MOST;
}

/* A message in the making. What fails first ends it. */
struct draft {
    const struct replay *replay;
    struct json_object *edited; /* headers, or NULL */
    natsMsg *message;
    natsStatus status;
};

static void add(struct draft *draft, struct slice name, struct slice value) {
    if (draft->status == NATS_OK)
        draft->status = header_add(draft->message, "", name, value);
}

static bool is_replaced(const struct draft *draft, struct slice name) {
    if (draft->edited == NULL)
        return false;
    json_object_object_foreach(draft->edited, key, unused) {
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

static bool follows_body(const struct draft *draft, struct slice name) {
    for (size_t i = 0; draft->replay->edit_body.ptr != NULL && i < ATTRIBUTES; i++)
        if (slice_is_word(name, attributes[i].header))
            return true;
    return false;
}

/* But for those that the edit names itself. */
static void add_attributes(struct draft *draft) {
    struct json_object *event = NULL;
    struct slice body = draft->replay->edit_body, value;
    if (body.ptr == NULL || json_parse(body, &event, NULL) != STATUS_OK)
        return;
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        struct slice header = slice_of(attributes[i].header);
        if (!is_replaced(draft, header) &&
            json_get_string(event, attributes[i].member, &value, NULL) == STATUS_OK &&
            slice_is_printable(value))
            add(draft, header, value);
    }
    json_object_put(event);
}

static void add_originals(struct draft *draft, struct slice block) {
    struct header header;
    while (draft->replay->is_chance ? header_next(&block, &header)
                                    : entry_next_original_header(&block, &header))
        if (!header_has_prefix(&header, "Nats-") && !header_has_prefix(&header, "Om-Replay-") &&
            !is_replaced(draft, header.name) && !follows_body(draft, header.name))
            add(draft, header.name, header.value);
}

/* The headers that an edit names. */
static void add_edited(struct draft *draft) {
    if (draft->edited == NULL)
        return;
    json_object_object_foreach(draft->edited, name, values) {
        for (size_t i = 0; i < json_object_array_length(values); i++)
            add(draft, slice_of(name),
                slice_of(json_object_get_string(json_object_array_get_idx(values, i))));
    }
    add(draft, SLICE_LITERAL("Om-Replay-Edited"), SLICE_LITERAL("yes"));
}

/* The id tells generations apart, and chances of one event, such as of its first message and of a
   later replay. Of a message that is itself a replay, the first place is the one it came with. */
static void add_ours(struct draft *draft, struct slice block) {
    const struct replay *replay = draft->replay;
    struct slice first;
    struct buf id = {0}, sequence = {0};
    buf_printf(&sequence, "%" PRIu64, replay->sequence);
    if (replay->is_chance)
        buf_printf(&id, "%.*s.chance.%" PRIu64, SLICE_ARG(replay->id), replay->sequence);
    else
        buf_printf(&id, "%.*s.replay.%" PRId64, SLICE_ARG(replay->id), replay->generation);
    if (!header_find(block, "Om-Replay-First", &first) &&
        (replay->is_chance || !header_find(block, "Dlq-Sequence", &first)))
        first = buf_slice(&sequence);
    add(draft, SLICE_LITERAL("Nats-Msg-Id"), buf_slice(&id));
    add(draft, SLICE_LITERAL("Nats-Expected-Stream"), replay->stream);
    add(draft, SLICE_LITERAL("Om-Replay-For"), replay->consumer);
    add(draft, SLICE_LITERAL("Om-Replay-Of"), replay->id);
    add(draft, SLICE_LITERAL("Om-Replay-First"), first);
    if (replay->is_chance)
        add(draft, SLICE_LITERAL("Om-Replay-Alone"), SLICE_LITERAL("yes"));
    buf_fini(&id);
    buf_fini(&sequence);
}

enum status republish_message(const struct replay *replay, const struct stored_message *stored,
                              const char *reply, natsMsg **message, struct error *error) {
    struct draft draft = {.replay = replay};
    struct slice block = buf_slice(&stored->headers), body = replay->edit_body;
    struct buf subject = {0};
    if (body.ptr == NULL)
        body = buf_slice(&stored->body);
    if (replay->edit_headers.ptr != NULL &&
        json_parse(replay->edit_headers, &draft.edited, error) != STATUS_OK)
        return STATUS_INVALID;
    buf_append_slice(&subject, replay->is_chance ? slice_of(stored->subject) : replay->subject);
    draft.status = natsMsg_Create(&draft.message, subject.ptr, reply, body.ptr, (int)body.len);
    add_originals(&draft, block);
    add_attributes(&draft);
    add_edited(&draft);
    add_ours(&draft, block);
    buf_fini(&subject);
    json_object_put(draft.edited);
    if (draft.status == NATS_OK)
        *message = draft.message;
    else
        natsMsg_Destroy(draft.message);
    return draft.status == NATS_OK ? STATUS_OK
                                   : nats_error(error, draft.status, "making the message");
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
