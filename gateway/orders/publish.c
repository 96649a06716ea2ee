#include "gateway/orders/publish.h"

#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/consume/messaging_span.h"
#include "shared/contract/event.h"

#include <stdio.h>
#include <string.h>

static void clear(struct publish_buffers *buffers) {
    buf_clear(&buffers->contact);
    buf_clear(&buffers->sealed);
    buf_clear(&buffers->data);
    buf_clear(&buffers->envelope);
}

static void write_data(struct publish_buffers *buffers, const struct submission *submission) {
    struct order_snapshot snapshot = submission->request->snapshot;
    if (order_request_contact(submission->request, &buffers->contact)) {
        key_ring_seal(submission->keys, buf_slice(&buffers->contact), &buffers->sealed);
        snapshot.sealed = buf_slice(&buffers->sealed);
    }
    struct json_writer w = json_writer(&buffers->data);
    json_begin_object(&w);
    order_snapshot_write(&snapshot, &w);
    if (submission->key_hash != NULL)
        json_put_text(&w, "idempotencyKeyHash", submission->key_hash);
    json_end_object(&w);
}

/* buffers->data as the command `head`, to be sent on `call`. */
static enum status make_message(struct publish_buffers *buffers, struct broker_call *call,
                                const struct event_head *head, natsMsg **message,
                                struct error *error) {
    const struct event_info *info = event_info(head->type);
    char id[UUID_TEXT_SIZE], traceparent[TRACEPARENT_SIZE];
    uuid_format(&head->id, id);
    event_encode(head, buf_slice(&buffers->data), &buffers->envelope, traceparent);
    return nats_event_message(message, info->subject, broker_call_reply(call),
                              buf_slice(&buffers->envelope), id, info->stream, traceparent, error);
}

enum status publish_order(struct publish_buffers *buffers, struct broker_call *call,
                          const struct submission *submission, broker_fn fn, void *closure,
                          struct error *error) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&submission->request->snapshot.order_id, id);
    clear(buffers);
    write_data(buffers, submission);
    const struct event_head head = {
        .type = EVENT_ORDER_SUBMIT,
        .id = submission->request->snapshot.order_id,
        .subject = {id, UUID_TEXT_LEN},
        .trace = submission->trace,
        .correlation_id = {id, UUID_TEXT_LEN},
        .time_us = clock_now_us(),
    };
    natsMsg *message;
    enum status status = make_message(buffers, call, &head, &message, error);
    if (status != STATUS_OK)
        return status;
    failpoint("gateway.before_publish");
    broker_call_send(call, message, fn, closure);
    return STATUS_OK;
}

static struct uuid cancel_id(const char *order_id) {
    static const char prefix[] = "cancel ";
    char text[sizeof(prefix) + UUID_TEXT_LEN];
    uint8_t hash[32];
    int len = snprintf(text, sizeof(text), "%s%s", prefix, order_id);
    sha256(text, (size_t)len, hash);
    return uuid_v8(hash);
}

enum status publish_cancel(struct publish_buffers *buffers, struct broker_call *call,
                           const struct cancellation *cancellation, broker_fn fn, void *closure,
                           struct error *error) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&cancellation->order_id, id);
    clear(buffers);
    struct json_writer w = json_writer(&buffers->data);
    json_begin_object(&w);
    json_put_text(&w, "orderId", id);
    json_put_string(&w, "tenant", cancellation->tenant);
    json_end_object(&w);
    const struct event_head head = {
        .type = EVENT_ORDER_CANCEL,
        .id = cancel_id(id),
        .subject = {id, UUID_TEXT_LEN},
        .trace = cancellation->trace,
        .correlation_id = {id, UUID_TEXT_LEN},
        .time_us = clock_now_us(),
    };
    natsMsg *message;
    enum status status = make_message(buffers, call, &head, &message, error);
    if (status == STATUS_OK)
        broker_call_send(call, message, fn, closure);
    return status;
}

void publish_span_end(const struct span *span, enum event_type type, const struct uuid *id,
                      const struct error *error) {
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    messaging_span_sent(span, event_info(type)->subject, text, error == NULL ? NULL : error->text);
}

enum status publish_judge(const struct broker_answer *answer, struct error *error) {
    if (answer->status != STATUS_OK)
        return error_set(error, answer->status, "no PubAck: %s", status_text(answer->status));
    struct pub_ack ack;
    enum status status = pub_ack_parse(answer->body, &ack, error);
    if (status == STATUS_OK && ack.error_code != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "JetStream refused the command: %d %s",
                           ack.error_code, ack.error_text);
    return status;
}
