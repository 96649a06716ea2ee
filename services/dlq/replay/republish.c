#include "services/dlq/replay/republish.h"

#include "services/dlq/index/entry.h"
#include "shared/nats/jetstream_code.h"

#include <inttypes.h>
#include <limits.h>

bool republish_fits(const struct stored_message *original) {
    return original->headers.len + original->body.len + REPUBLISH_OURS_MOST <= REPUBLISH_SIZE_MOST;
}

static natsStatus add(natsMsg *message, const char *name, struct slice value) {
    return header_add(message, "", slice_of(name), value);
}

static natsStatus add_originals(natsMsg *message, const struct replay *replay,
                                const struct stored_message *stored) {
    struct slice block = buf_slice(&stored->headers);
    struct header header;
    natsStatus s = NATS_OK;
    while (s == NATS_OK && (replay->is_chance ? header_next(&block, &header)
                                              : entry_next_original_header(&block, &header)))
        if (!header_has_prefix(&header, "Nats-") && !header_has_prefix(&header, "Om-Replay-"))
            s = header_add(message, "", header.name, header.value);
    return s;
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

enum status republish_message(const struct replay *replay, const struct stored_message *stored,
                              const char *reply, natsMsg **message, struct error *error) {
    const struct buf *body = &stored->body;
    natsMsg *made = NULL;
    struct buf subject = {0};
    if (body->len > INT_MAX)
        return error_set(error, STATUS_INVALID, "a body of %zu bytes", body->len);
    buf_append_slice(&subject, replay->is_chance ? slice_of(stored->subject) : replay->subject);
    natsStatus s = natsMsg_Create(&made, subject.ptr, reply, body->ptr, (int)body->len);
    buf_fini(&subject);
    if (s == NATS_OK)
        s = add_originals(made, replay, stored);
    if (s == NATS_OK)
        s = add_ours(made, replay);
    if (s == NATS_OK)
        s = add_first(made, replay, stored);
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
