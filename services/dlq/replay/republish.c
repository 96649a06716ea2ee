#include "services/dlq/replay/republish.h"

#include <limits.h>
#include <strings.h>

bool republish_fits(const struct stored_message *original) {
    return original->headers.len + original->body.len + REPUBLISH_OURS_MOST <= REPUBLISH_SIZE_MOST;
}

static bool begins_with(struct slice name, struct slice prefix) {
    return name.len >= prefix.len && strncasecmp(name.ptr, prefix.ptr, prefix.len) == 0;
}

static natsStatus add(natsMsg *message, struct slice name, struct slice value) {
    struct buf key = {0}, text = {0};
    buf_append_slice(&key, name);
    buf_append_slice(&text, value);
    buf_append_text(&text, "");
    natsStatus s = natsMsgHeader_Add(message, key.ptr, text.ptr);
    buf_fini(&key);
    buf_fini(&text);
    return s;
}

static natsStatus add_originals(natsMsg *message, const struct republication *republication) {
    struct slice block = buf_slice(&republication->original->headers);
    struct header header;
    natsStatus s = NATS_OK;
    while (s == NATS_OK && republication->next_header(&block, &header))
        if (!begins_with(header.name, SLICE_LITERAL("Nats-")) &&
            !begins_with(header.name, SLICE_LITERAL("Om-Replay-")))
            s = add(message, header.name, header.value);
    return s;
}

static natsStatus add_ours(natsMsg *message, const struct republication *republication) {
    natsStatus s = add(message, SLICE_LITERAL("Nats-Msg-Id"), republication->message_id);
    if (s == NATS_OK)
        s = add(message, SLICE_LITERAL("Nats-Expected-Stream"), republication->stream);
    if (s == NATS_OK)
        s = add(message, SLICE_LITERAL("Om-Replay-For"), republication->consumer);
    if (s == NATS_OK)
        s = add(message, SLICE_LITERAL("Om-Replay-Of"), republication->entry_id);
    if (s == NATS_OK && republication->is_alone)
        s = add(message, SLICE_LITERAL("Om-Replay-Alone"), SLICE_LITERAL("yes"));
    return s;
}

enum status republish_message(const struct republication *republication, const char *reply,
                              natsMsg **message, struct error *error) {
    const struct buf *body = &republication->original->body;
    natsMsg *made = NULL;
    struct buf subject = {0};
    if (body->len > INT_MAX)
        return error_set(error, STATUS_INVALID, "a body of %zu bytes", body->len);
    buf_append_slice(&subject, republication->subject);
    natsStatus s = natsMsg_Create(&made, subject.ptr, reply, body->ptr, (int)body->len);
    buf_fini(&subject);
    if (s == NATS_OK)
        s = add_originals(made, republication);
    if (s == NATS_OK)
        s = add_ours(made, republication);
    if (s != NATS_OK) {
        natsMsg_Destroy(made);
        return nats_error(error, s, "making the message");
    }
    *message = made;
    return STATUS_OK;
}

/* JetStream's codes that say "not now". */
static bool is_passing(int code) {
    static const int codes[] = {10008, 10023, 10047, 10077};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (code == codes[i])
            return true;
    return false;
}

enum status republish_judge(struct slice reply, uint64_t *sequence, struct error *error) {
    struct pub_ack ack = {0};
    if (pub_ack_parse(reply, &ack, error) != STATUS_OK) /* it may be stored, or not */
        return error_set(error, STATUS_UNAVAILABLE, "an answer that is no acknowledgement");
    if (ack.error_code == 0) {
        *sequence = ack.sequence;
        return STATUS_OK;
    }
    return error_set(error, is_passing(ack.error_code) ? STATUS_UNAVAILABLE : STATUS_INVALID, "%s",
                     ack.error_text);
}
