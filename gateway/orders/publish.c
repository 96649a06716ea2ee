#include "gateway/orders/publish.h"

#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/nats/messaging_span.h"
#include "shared/observe/log.h"

#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS 50

struct publish_lane {
    struct publish_options options;
    h2o_timeout_t again;
    struct buf contact, sealed, data, envelope; /* used again from command to command */
};

/* --- lifecycle -------------------------------------------------------------------------------- */

struct publish_lane *publish_lane_create(const struct publish_options *options) {
    struct publish_lane *lane = mem_alloc(sizeof(*lane));
    lane->options = *options;
    h2o_timeout_init(options->context->loop, &lane->again, AGAIN_MS);
    return lane;
}

void publish_lane_destroy(struct publish_lane **lane) {
    struct publish_lane *l = *lane;
    *lane = NULL;
    if (l == NULL)
        return;
    h2o_timeout_dispose(l->options.context->loop, &l->again);
    buf_fini(&l->contact);
    buf_fini(&l->sealed);
    buf_fini(&l->data);
    buf_fini(&l->envelope);
    free(l);
}

/* --- the message ------------------------------------------------------------------------------ */

static void write_submission(struct publish_lane *lane, const struct submission *submission) {
    struct order_snapshot snapshot = submission->request->snapshot;
    if (order_request_contact(submission->request, &lane->contact)) {
        key_ring_seal(lane->options.keys, buf_slice(&lane->contact), &lane->sealed);
        snapshot.sealed = buf_slice(&lane->sealed);
    }
    struct json_writer w = json_writer(&lane->data);
    json_begin_object(&w);
    order_snapshot_write(&snapshot, &w);
    if (submission->key_hash != NULL)
        json_put_text(&w, "idempotencyKeyHash", submission->key_hash);
    if (submission->is_key_unguarded)
        json_put_bool(&w, "keyUnguarded", true);
    json_end_object(&w);
}

static void write_cancellation(struct publish_lane *lane, const char *order_id,
                               const struct cancellation *cancellation) {
    struct json_writer w = json_writer(&lane->data);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    json_put_string(&w, "tenant", cancellation->tenant);
    json_end_object(&w);
}

static const struct uuid *order_of(const struct publication *publication) {
    return publication->type == EVENT_ORDER_SUBMIT
               ? &publication->submission.request->snapshot.order_id
               : &publication->cancellation.order_id;
}

static enum status make_message(struct publication *publication, natsMsg **message,
                                struct error *error) {
    struct publish_lane *lane = publication->lane;
    const struct event_info *info = event_info(publication->type);
    char id[UUID_TEXT_SIZE], order_id[UUID_TEXT_SIZE], traceparent[TRACEPARENT_SIZE];
    uuid_format(&publication->id, id);
    uuid_format(order_of(publication), order_id);
    buf_clear(&lane->contact);
    buf_clear(&lane->sealed);
    buf_clear(&lane->data);
    buf_clear(&lane->envelope);
    if (publication->type == EVENT_ORDER_SUBMIT)
        write_submission(lane, &publication->submission);
    else
        write_cancellation(lane, order_id, &publication->cancellation);
    const struct event_head head = {
        .type = publication->type,
        .id = publication->id,
        .subject = {order_id, UUID_TEXT_LEN},
        .trace = publication->span.trace,
        .correlation_id = {order_id, UUID_TEXT_LEN},
        .time_us = clock_now_us(),
    };
    event_encode(&head, buf_slice(&lane->data), &lane->envelope, traceparent);
    return nats_event_message(message, info->subject, broker_call_reply(publication->call),
                              buf_slice(&lane->envelope), id, info->stream, traceparent, error);
}

/* --- sending, and once more ------------------------------------------------------------------- */

static void transmit(struct publication *publication);

enum status publish_open(struct publish_lane *lane, struct publication *publication) {
    publication->lane = lane;
    return broker_call_open(lane->options.broker, BROKER_PUBLISH, &publication->call);
}

void publish_drop(struct publication *publication) {
    broker_call_drop(&publication->call);
}

/* Whether it is on its way once more, in a moment. */
static bool is_sent_again(struct publication *publication, enum status status) {
    struct publish_lane *lane = publication->lane;
    if ((status != STATUS_UNAVAILABLE && status != STATUS_TIMEOUT) ||
        clock_monotonic_us() >= publication->give_up_us)
        return false;
    h2o_timeout_link(lane->options.context->loop, &lane->again, &publication->again);
    return true;
}

static void give_up(struct publication *publication, struct error *error) {
    if (publication->may_be_stored)
        error->status = STATUS_TIMEOUT;
    publication->fn(publication->closure, error);
}

static void on_again(h2o_timeout_entry_t *entry) {
    struct publication *publication = H2O_STRUCT_FROM_MEMBER(struct publication, again, entry);
    enum status status = publish_open(publication->lane, publication);
    struct error error;
    if (status == STATUS_OK) {
        transmit(publication);
    } else if (!is_sent_again(publication, status)) {
        (void)error_set(&error, status, "not sent again: %s", status_text(status));
        give_up(publication, &error);
    }
}

/* OK when the answer says that the stream holds the command. */
static enum status judge(const struct broker_answer *answer, struct error *error) {
    if (answer->status != STATUS_OK)
        return error_set(error, answer->status, "no PubAck: %s", status_text(answer->status));
    struct pub_ack ack;
    enum status status = pub_ack_parse(answer->body, &ack, error);
    if (status == STATUS_OK && ack.error_code != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "JetStream refused the command: %d %s",
                           ack.error_code, ack.error_text);
    return status;
}

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct publication *publication = closure;
    char id[UUID_TEXT_SIZE];
    struct error error;
    enum status status = judge(answer, &error);
    uuid_format(&publication->id, id);
    messaging_span_sent(&publication->span, event_info(publication->type)->subject, id,
                        status == STATUS_OK ? NULL : error.text);
    publication->may_be_stored |= answer->status == STATUS_TIMEOUT;
    log_debug("a command was published", LOG_TEXT("id", id),
              LOG_TEXT("subject", event_info(publication->type)->subject),
              LOG_TEXT("result", status == STATUS_OK ? "stored" : error.text));
    if (status == STATUS_OK)
        publication->fn(publication->closure, NULL);
    else if (!is_sent_again(publication, answer->status))
        give_up(publication, &error);
}

static void transmit(struct publication *publication) {
    struct broker_call *call = publication->call;
    natsMsg *message;
    struct error error;
    publication->span = span_start(SPAN_PRODUCER, &publication->trace);
    if (make_message(publication, &message, &error) != STATUS_OK) {
        publish_drop(publication);
        give_up(publication, &error);
        return;
    }
    failpoint("gateway.before_publish");
    publication->call = NULL;
    broker_call_send(call, message, on_answer, publication);
}

static void begin(struct publication *publication, enum event_type type, const struct trace *trace,
                  publish_fn fn, void *closure) {
    publication->type = type;
    publication->trace = *trace;
    publication->give_up_us = clock_monotonic_us() + publication->lane->options.timeout_ms * 1000;
    publication->again.cb = on_again;
    publication->fn = fn;
    publication->closure = closure;
    transmit(publication);
}

void publish_order(struct publication *publication, const struct submission *submission,
                   const struct trace *trace, publish_fn fn, void *closure) {
    publication->submission = *submission;
    publication->id = submission->request->snapshot.order_id;
    begin(publication, EVENT_ORDER_SUBMIT, trace, fn, closure);
}

static struct uuid cancel_id(const struct uuid *order_id) {
    static const char prefix[] = "cancel ";
    char id[UUID_TEXT_SIZE], text[sizeof(prefix) + UUID_TEXT_LEN];
    uint8_t hash[32];
    uuid_format(order_id, id);
    int len = snprintf(text, sizeof(text), "%s%s", prefix, id);
    sha256(text, (size_t)len, hash);
    return uuid_v8(hash);
}

void publish_cancel(struct publication *publication, const struct cancellation *cancellation,
                    const struct trace *trace, publish_fn fn, void *closure) {
    publication->cancellation = *cancellation;
    publication->id = cancel_id(&cancellation->order_id);
    begin(publication, EVENT_ORDER_CANCEL, trace, fn, closure);
}
