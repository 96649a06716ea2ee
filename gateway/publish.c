#include "gateway/publish.h"

#include "shared/clock.h"
#include "shared/event.h"
#include "shared/failpoint.h"

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

enum status publish_order(struct publish_buffers *buffers, struct broker_call *call,
                          const struct submission *submission, broker_fn fn, void *closure,
                          struct error *error) {
    const struct event_info *info = event_info(EVENT_ORDER_SUBMIT);
    char id[UUID_TEXT_SIZE], traceparent[TRACEPARENT_SIZE];
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
    event_encode(&head, buf_slice(&buffers->data), &buffers->envelope, traceparent);

    natsMsg *message;
    enum status status =
        nats_event_message(&message, info->subject, broker_call_reply(call),
                           buf_slice(&buffers->envelope), id, info->stream, traceparent, error);
    if (status != STATUS_OK)
        return status;
    failpoint("gateway.before_publish");
    broker_call_send(call, BROKER_PUBLISH, message, fn, closure);
    return STATUS_OK;
}

enum status publish_judge(const struct broker_answer *answer, struct error *error) {
    if (answer->status != STATUS_OK)
        return error_set(error, answer->status, "no PubAck: %s", status_text(answer->status));
    struct pub_ack ack;
    enum status status = pub_ack_parse(answer->body, &ack, error);
    if (status == STATUS_OK && ack.error_code != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "JetStream refused the order: %d %s",
                           ack.error_code, ack.error_text);
    return status;
}
