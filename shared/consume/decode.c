#include "shared/consume/decode.h"

#include "shared/base/failpoint.h"

#include <string.h>

static size_t find_row(const struct consumer_spec *spec, enum event_type type) {
    size_t row = 0;
    while (row < spec->row_count && spec->rows[row].type != type)
        row++;
    return row;
}

/* A replayed dead letter is for the consumer that failed; all others let it pass. */
static bool is_for_another(const struct consumer_spec *spec, struct message *message) {
    const char *meant_for = NULL;
    message->is_replay = natsMsgHeader_Get(message->raw, "Om-Replay-For", &meant_for) == NATS_OK;
    return message->is_replay && strcmp(meant_for, spec->durable) != 0;
}

/* A message sent again counts as from where its first one was. */
static void find_origin(struct message *message) {
    struct delivery *delivery = &message->delivery;
    const char *first = NULL;
    if (!message->is_replay ||
        natsMsgHeader_Get(message->raw, "Om-Replay-First", &first) != NATS_OK)
        return;
    if (slice_parse_uint(slice_of(first), INT64_MAX, &delivery->sequence))
        delivery->stored_us = delivery->event.time_us;
}

static enum status decode_payload(const struct message *message, enum event_type type,
                                  struct arena *arena, struct event *event, struct error *error) {
    struct slice payload = message->delivery.payload;
    struct event decoded = {0};
    failpoint_in("decode", payload);
    enum status status = event_decode(payload, arena, &decoded, error);
    if (status == STATUS_OK && decoded.type != type)
        status = error_set(error, STATUS_INVALID, "type %s on subject %s",
                           event_info(decoded.type)->type, event_info(type)->subject);
    if (status == STATUS_OK)
        *event = decoded;
    return status;
}

/* The message's row, or row_count when it is settled: nobody's, another's, or unreadable. */
static size_t decode(const struct consumer_spec *spec, struct message *message,
                     struct arena *arena) {
    struct delivery *delivery = &message->delivery;
    struct error error = {0};
    enum event_type type;
    bool is_known = event_type_of_subject(delivery->subject, &type);
    size_t row = is_known ? find_row(spec, type) : spec->row_count;
    if ((is_known && row == spec->row_count) || is_for_another(spec, message) ||
        event_is_filler(delivery->subject))
        return spec->row_count;
    if (!is_known) {
        delivery_reject(delivery, STATUS_UNSUPPORTED, "no event has subject %s",
                        natsMsg_GetSubject(message->raw));
        return spec->row_count;
    }
    enum status status = decode_payload(message, type, arena, &delivery->event, &error);
    if (status != STATUS_OK) {
        delivery_reject(delivery, status, "%s", error.text);
        return spec->row_count;
    }
    find_origin(message);
    const struct handler *handler = spec->rows[row].handler;
    return handler->wants == NULL || handler->wants(&delivery->event) ? row : spec->row_count;
}

void decode_batch(const struct consumer_spec *spec, const struct message_list *batch,
                  struct arena *arena) {
    if (consumer_spec_is_raw(spec))
        return;
    for (size_t i = 0; i < batch->count; i++) {
        struct message *message = batch->items[i];
        message->row = decode(spec, message, arena);
        message->is_settled = message->row == spec->row_count;
    }
}
