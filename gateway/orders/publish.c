#include "gateway/orders/publish.h"

#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/nats/messaging_span.h"
#include "shared/observe/log.h"

#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS 50
/* What seals is kept no longer, since it could open what it has sealed. */
#define PAIR_MS 1000

struct publish_lane {
    struct publish_options options;
    struct delay again, deadline, pair_life;
    struct seal_pair pair;            /* seals personal data */
    h2o_timer_t pair_end;             /* runs while there may be a pair */
    struct buf contact, sealed, data; /* used again from command to command */
};

/* --- lifecycle -------------------------------------------------------------------------------- */

static void on_pair_end(h2o_timer_t *timer) {
    seal_pair_forget(&H2O_STRUCT_FROM_MEMBER(struct publish_lane, pair_end, timer)->pair);
}

struct publish_lane *publish_lane_create(const struct publish_options *options) {
    struct publish_lane *lane = mem_alloc(sizeof(*lane));
    lane->options = *options;
    delay_init(&lane->again, options->context->loop, AGAIN_MS);
    delay_init(&lane->deadline, options->context->loop, (uint64_t)options->timeout_ms);
    delay_init(&lane->pair_life, options->context->loop, PAIR_MS);
    lane->pair_end.cb = on_pair_end;
    return lane;
}

void publish_lane_destroy(struct publish_lane **lane) {
    struct publish_lane *l = *lane;
    *lane = NULL;
    if (l == NULL)
        return;
    delay_fini(&l->again);
    delay_fini(&l->deadline);
    timer_stop(&l->pair_end);
    delay_fini(&l->pair_life);
    seal_pair_forget(&l->pair);
    buf_fini(&l->contact);
    buf_fini(&l->sealed);
    buf_fini(&l->data);
    free(l);
}

/* --- the command ------------------------------------------------------------------------------ */

static void seal_contact(struct publish_lane *lane, const struct seal_look *seal) {
    if (seal->choice == SEAL_BY_MASTER) {
        key_ring_seal(lane->options.keys, buf_slice(&lane->contact), &lane->sealed);
        return;
    }
    seal_key_seal(&seal->key, &lane->pair, lane->options.keys, buf_slice(&lane->contact),
                  &lane->sealed);
    if (!timer_is_running(&lane->pair_end))
        timer_start(&lane->pair_end, &lane->pair_life);
}

static void write_submission(struct publish_lane *lane, const struct submission *submission) {
    struct order_snapshot snapshot = submission->request->snapshot;
    if (order_request_contact(submission->request, &lane->contact)) {
        seal_contact(lane, submission->seal);
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

static void make_command(struct publication *publication, struct command *command) {
    struct publish_lane *lane = publication->lane;
    const struct event_info *info = event_info(publication->type);
    char order_id[UUID_TEXT_SIZE];
    command->subject = info->subject;
    command->stream = info->stream;
    uuid_format(&publication->id, command->id);
    uuid_format(order_of(publication), order_id);
    buf_clear(&lane->contact);
    buf_clear(&lane->sealed);
    buf_clear(&lane->data);
    buf_clear(&publication->body);
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
    event_encode(&head, buf_slice(&lane->data), &publication->body, command->traceparent);
    command->body = buf_slice(&publication->body);
}

/* --- sending, and once more ------------------------------------------------------------------- */

static void transmit(struct publication *publication);

enum status publish_open(struct publish_lane *lane, struct publication *publication) {
    publication->lane = lane;
    return broker_call_open(lane->options.broker, BROKER_COMMAND, &publication->call);
}

void publish_drop(struct publication *publication) {
    broker_call_drop(&publication->call);
}

static void end(struct publication *publication, struct error *failure) {
    timer_stop(&publication->again);
    timer_stop(&publication->deadline);
    if (failure != NULL && publication->may_be_stored)
        failure->status = STATUS_TIMEOUT;
    struct buf body = publication->body;
    publication->body = (struct buf){0};
    publication->fn(publication->closure, failure, buf_slice(&body));
    buf_fini(&body);
}

/* Once more, in a moment, where that can help. */
static void end_or_try_again(struct publication *publication) {
    struct publish_lane *lane = publication->lane;
    enum status status = publication->failure.status;
    if (status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT)
        timer_start(&publication->again, &lane->again);
    else
        end(publication, &publication->failure);
}

static void on_again(h2o_timer_t *entry) {
    struct publication *publication = H2O_STRUCT_FROM_MEMBER(struct publication, again, entry);
    enum status status = publish_open(publication->lane, publication);
    if (status == STATUS_OK) {
        transmit(publication);
        return;
    }
    (void)error_set(&publication->failure, status, "not sent again: %s", status_text(status));
    end_or_try_again(publication);
}

/* A try has ended. */
static void note_try(struct publication *publication, const char *failure) {
    const char *subject = event_info(publication->type)->subject;
    char id[UUID_TEXT_SIZE];
    uuid_format(&publication->id, id);
    messaging_span_sent(&publication->span, subject, id, failure);
    log_debug("a command was published", LOG_TEXT("id", id), LOG_TEXT("subject", subject),
              LOG_TEXT("result", failure == NULL ? "stored" : failure));
    publication->is_sent = false;
    publication->call = NULL;
}

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct publication *publication = closure;
    struct error *failure = &publication->failure;
    enum status status = publish_health_judge(publication->lane->options.health, answer,
                                              publication->body.len, failure);
    note_try(publication, status == STATUS_OK ? NULL : failure->text);
    publication->may_be_stored |= answer->status == STATUS_TIMEOUT;
    if (status == STATUS_OK)
        end(publication, NULL);
    else if (answer->status == STATUS_OK)
        end(publication, failure); /* the stream refused it */
    else
        end_or_try_again(publication);
}

static void on_deadline(h2o_timer_t *entry) {
    static const struct broker_answer none = {.status = STATUS_TIMEOUT, .body = {"", 0}};
    struct publication *publication = H2O_STRUCT_FROM_MEMBER(struct publication, deadline, entry);
    struct broker_call *call = publication->call;
    if (publication->is_sent)
        on_answer(publication, &none);
    broker_call_drop(&call);
    end(publication, &publication->failure);
}

static void transmit(struct publication *publication) {
    struct command command;
    publication->span = span_start(SPAN_PRODUCER, &publication->trace);
    make_command(publication, &command);
    failpoint("gateway.before_publish");
    publication->is_sent = true;
    broker_call_command(publication->call, &command, on_answer, publication);
}

static void begin(struct publication *publication, enum event_type type, const struct trace *trace,
                  publish_fn fn, void *closure) {
    struct publish_lane *lane = publication->lane;
    publication->type = type;
    publication->trace = *trace;
    publication->again.cb = on_again;
    publication->deadline.cb = on_deadline;
    publication->fn = fn;
    publication->closure = closure;
    timer_start(&publication->deadline, &lane->deadline);
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
