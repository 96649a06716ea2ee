#include "shared/consume/consumer.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/consume/acknowledge.h"
#include "shared/consume/attempt.h"
#include "shared/consume/batch_span.h"
#include "shared/consume/intake.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(events_total, "ordermesh_consumer_events_total", "consumer,outcome",
               "Deliveries by outcome: done, duplicate, ignored, retry, reject.");
METRIC_COUNTER(redelivered_total, "ordermesh_consumer_redelivered_total", "consumer",
               "Deliveries that were not their message's first.");
METRIC_HISTOGRAM_SIZE(batch_events, "ordermesh_consumer_batch_events", "consumer",
                      "Events taken in one batch.");
METRIC_HISTOGRAM(batch_seconds, "ordermesh_consumer_batch_seconds", "consumer",
                 "From taking a batch to its acknowledgements.");
METRIC_GAUGE(pending_messages, "ordermesh_consumer_pending_messages", "consumer",
             "Messages of the stream not yet delivered to this consumer, as last reported.");
METRIC_GAUGE(held_batches, "ordermesh_consumer_held", "consumer",
             "1 while the consumer holds its batch for trouble that is not the events'.");
METRIC_GAUGE(early_events, "ordermesh_consumer_early_events", "consumer",
             "Events in hand that wait on after two tries, such as for their order.");
METRIC_GAUGE(cut_off_consumers, "ordermesh_consumer_cut_off", "consumer",
             "1 while the consumer cannot fetch: it is missing or paused, or the broker is away.");

#define HOLD_LEAST_MS 100
#define SERIALIZATION_TRIES 8
#define FLUSH_MOST_MS 1000
#define EVENTS_CHUNK_BYTES (256 * 1024)

static const struct backoff hold_backoff = {.least_ms = HOLD_LEAST_MS, .most_ms = 2000};

struct slots { /* of the metrics above */
    unsigned batch_events, batch_seconds, pending, held, cut_off, early, redelivered;
    unsigned counts[COUNTS];
};

struct consumer {
    const struct consumer_spec *spec;
    struct consumer_options options;
    char *inbox_name; /* ORDERS/inventory */
    struct intake *intake;
    const struct message_list *batch; /* the intake's: what is being worked on */
    struct batch_span span;           /* of it */
    const char **subjects;            /* that its rows are for; several consumers share rows */
    struct arena *events;             /* of the batch, decoded */
    struct attempt *attempt;
    struct acknowledger acknowledger;
    char process[UUID_TEXT_SIZE]; /* another one whenever the process is started */
    struct delivery **deliveries; /* of the batch, those that are not settled yet */
    struct slots slots;
    pthread_t worker;
    bool has_worker;
    atomic_bool draining;
    atomic_bool stopped;
    atomic_bool open;
    atomic_bool held;
    atomic_bool cut_off;        /* the broker or the consumer does not answer */
    struct hindrance hindrance; /* why it is not open, held or cut off */
};

/* --- metrics ---------------------------------------------------------------------------------- */

static void init_slots(struct slots *slots, const char *consumer) {
    static const char *const outcomes[COUNTS] = {"done", "duplicate", "ignored", "retry", "reject"};
    slots->batch_events = metric_slot(&batch_events, consumer);
    slots->batch_seconds = metric_slot(&batch_seconds, consumer);
    slots->pending = metric_slot(&pending_messages, consumer);
    slots->held = metric_slot(&held_batches, consumer);
    slots->cut_off = metric_slot(&cut_off_consumers, consumer);
    slots->early = metric_slot(&early_events, consumer);
    slots->redelivered = metric_slot(&redelivered_total, consumer);
    for (size_t i = 0; i < COUNTS; i++) {
        struct buf label = {0};
        buf_printf(&label, "%s,%s", consumer, outcomes[i]);
        slots->counts[i] = metric_slot(&events_total, label.ptr);
        buf_fini(&label);
    }
}

/* A batch was settled: how many of each, and how much the stream holds. */
static void count_settled(const struct slots *slots, const struct message_list *batch,
                          const int64_t counts[COUNTS]) {
    int64_t redelivered = 0;
    for (size_t i = 0; i < batch->count; i++)
        redelivered += batch->items[i]->delivery.attempt > 1;
    if (redelivered > 0)
        metric_add(&redelivered_total, slots->redelivered, redelivered);
    for (size_t i = 0; i < COUNTS; i++) {
        if (counts[i] > 0)
            metric_add(&events_total, slots->counts[i], counts[i]);
    }
    const struct message *last = batch->items[batch->count - 1];
    metric_set(&pending_messages, slots->pending, (int64_t)last->metadata.pending);
    metric_observe(&batch_events, slots->batch_events, (double)batch->count);
}

/* --- repetition: serialization, trouble, one bad event ---------------------------------------- */

/* Only what the database says of the data is the events' own fault and counts as an attempt. All
   other trouble is waited for, also a bug of ours: no event may end for it. */
static bool is_settled_by(enum status status) {
    return status == STATUS_OK || status == STATUS_DATA;
}

/* Sets or clears why the consumer does not go on. True when it was not so before. */
static bool set_hindered(struct consumer *consumer, atomic_bool *state, struct metric *gauge,
                         unsigned slot, const struct error *error) {
    bool is_hindered = error != NULL;
    if (is_hindered)
        hindrance_set(&consumer->hindrance, error);
    if (atomic_exchange(state, is_hindered) == is_hindered)
        return false;
    metric_set(gauge, slot, is_hindered);
    if (!is_hindered)
        hindrance_clear(&consumer->hindrance);
    return true;
}

static void set_held(struct consumer *consumer, const struct error *error) {
    if (!set_hindered(consumer, &consumer->held, &held_batches, consumer->slots.held, error))
        return;
    if (error == NULL)
        log_info("going on", LOG_TEXT("consumer", consumer->inbox_name));
    else if (status_is_retryable(error->status))
        log_warn("holding the batch until a dependency is back",
                 LOG_TEXT("consumer", consumer->inbox_name), LOG_ERROR(error));
    else
        log_error("holding the batch: a fault of the program or of what it stored",
                  LOG_TEXT("consumer", consumer->inbox_name), LOG_ERROR(error));
}

/* Nothing is NAKed and nothing fetched meanwhile; the heartbeat keeps what is in hand. */
static bool wait_held(struct consumer *consumer, int64_t hold_ms) {
    int64_t until_us = clock_monotonic_us() + hold_ms * 1000;
    while (clock_monotonic_us() < until_us) {
        if (atomic_load(&consumer->draining))
            return false;
        clock_sleep_ms(20);
    }
    return true;
}

/* Attempts until it is settled. False when draining ended the wait: then nothing is acknowledged,
   and the messages come again. */
static bool attempt_until_settled(struct consumer *consumer, struct delivery *const *deliveries,
                                  size_t count, struct error *error, enum status *result) {
    struct backoff hold = hold_backoff;
    for (int collisions = 0;;) {
        enum status status =
            attempt_run(consumer->attempt, deliveries, count, &consumer->span.span.trace, error);
        if (status == STATUS_SERIALIZATION && ++collisions < SERIALIZATION_TRIES) {
            clock_sleep_ms(collisions * 5);
            continue;
        }
        if (is_settled_by(status)) {
            set_held(consumer, NULL);
            *result = status;
            return true;
        }
        error->status = status;
        set_held(consumer, error);
        if (!wait_held(consumer, backoff_next(&hold)))
            return false;
    }
}

/* A batch that the database refuses is taken apart, so that one bad event holds back no other. */
static bool run_one_by_one(struct consumer *consumer, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct error error = {0};
        enum status status;
        if (!attempt_until_settled(consumer, &consumer->deliveries[i], 1, &error, &status))
            return false;
        if (status != STATUS_OK)
            delivery_fail(consumer->deliveries[i], status, &error);
    }
    return true;
}

static bool run_batch(struct consumer *consumer) {
    size_t count = 0;
    for (size_t i = 0; i < consumer->batch->count; i++) {
        if (!consumer->batch->items[i]->is_settled)
            consumer->deliveries[count++] = &consumer->batch->items[i]->delivery;
    }
    struct error error = {0};
    enum status status = STATUS_OK;
    if (count > 0 && !attempt_until_settled(consumer, consumer->deliveries, count, &error, &status))
        return false;
    if (status == STATUS_OK)
        return true;
    if (count == 1) {
        delivery_fail(consumer->deliveries[0], status, &error);
        return true;
    }
    log_warn("a batch failed; taking it apart", LOG_TEXT("consumer", consumer->inbox_name),
             LOG_INT("messages", (int64_t)count), LOG_ERROR(&error));
    return run_one_by_one(consumer, count);
}

/* --- from messages to events -------------------------------------------------------------------
 */

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
        status = error_set(error, STATUS_INVALID, "type %s on subject %.*s",
                           event_info(decoded.type)->type, SLICE_ARG(message->delivery.subject));
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

/* Sets row, is_settled, is_replay and the delivery's event and outcome of each message. Settled
   ones are DONE (not wanted here) or REJECT (unreadable, with the reason); all others have an event
   for a handler, in the arena. Messages of a raw spec stay as they are. */
static void decode_batch(const struct consumer_spec *spec, const struct message_list *batch,
                         struct arena *arena) {
    if (consumer_spec_is_raw(spec))
        return;
    for (size_t i = 0; i < batch->count; i++) {
        struct message *message = batch->items[i];
        message->row = decode(spec, message, arena);
        message->is_settled = message->row == spec->row_count;
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

static void set_cut_off(struct consumer *consumer, const struct error *error) {
    if (!set_hindered(consumer, &consumer->cut_off, &cut_off_consumers, consumer->slots.cut_off,
                      error))
        return;
    if (error != NULL)
        log_warn("cannot fetch", LOG_TEXT("consumer", consumer->inbox_name), LOG_ERROR(error));
    else
        log_info("fetching again", LOG_TEXT("consumer", consumer->inbox_name));
}

static bool open_intake(struct consumer *consumer) {
    struct backoff hold = hold_backoff;
    bool goes_on = !atomic_load(&consumer->draining);
    while (goes_on) {
        struct error error = {0};
        enum status status = intake_open(consumer->intake, &error);
        set_cut_off(consumer, status != STATUS_OK ? &error : NULL);
        if (status == STATUS_OK) {
            atomic_store(&consumer->open, true);
            return true;
        }
        goes_on = wait_held(consumer, backoff_next(&hold));
    }
    return false;
}

/* Should this message end the process, then it is known that it was being worked on, and the words
   about others before it are heard. */
static void announce_suspect(const struct consumer *consumer) {
    const struct message *first = consumer->batch->items[0];
    if (!first->is_alone || !nats_client_is_connected(consumer->options.nats))
        return;
    if (first->is_chance)
        acknowledge_begin(&consumer->acknowledger, first, consumer->process);
    natsConnection_FlushTimeout(nats_client_bulk(consumer->options.nats), FLUSH_MOST_MS);
}

static void process_batch(struct consumer *consumer) {
    int64_t started_us = clock_monotonic_us();
    announce_suspect(consumer);
    arena_reset(consumer->events);
    decode_batch(consumer->spec, consumer->batch, consumer->events);
    batch_span_start(&consumer->span, consumer->batch);
    if (run_batch(consumer)) {
        int64_t counts[COUNTS] = {0};
        acknowledge_batch(&consumer->acknowledger, consumer->batch, counts);
        count_settled(&consumer->slots, consumer->batch, counts);
        batch_span_end(&consumer->span, consumer->batch, consumer->spec->stream,
                       consumer->spec->durable);
    }
    trace_set_current(NULL);
    metric_observe(&batch_seconds, consumer->slots.batch_seconds,
                   (double)(clock_monotonic_us() - started_us) / 1e6);
    intake_release(consumer->intake);
    metric_set(&early_events, consumer->slots.early,
               (int64_t)intake_overdue_count(consumer->intake));
}

static void *worker_main(void *arg) {
    struct consumer *consumer = arg;
    bool is_drained = !open_intake(consumer);
    bool is_draining = false;
    while (!is_drained) {
        struct error error = {0};
        if (atomic_load(&consumer->draining) && !is_draining) {
            is_draining = true;
            intake_drain(consumer->intake);
        }
        enum status status = intake_take(consumer->intake, &error);
        bool is_idle = consumer->batch->count == 0;
        if (!is_idle)
            process_batch(consumer);
        /* The broker, while it is away, does not end a drain. */
        is_drained = status == STATUS_CLOSED ||
                     (is_draining && !nats_client_is_connected(consumer->options.nats));
        if (is_drained)
            continue;
        set_cut_off(consumer, status != STATUS_OK ? &error : NULL);
        if (status != STATUS_OK && is_idle)
            wait_held(consumer, HOLD_LEAST_MS);
    }
    atomic_store(&consumer->stopped, true);
    return NULL;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

static void set_needs(struct consumer *consumer) {
    const struct consumer_spec *spec = consumer->spec;
    struct subject_list needs = {0};
    consumer->subjects = mem_alloc(spec->row_count * sizeof(*consumer->subjects));
    for (size_t i = 0; i < spec->row_count && !consumer_spec_is_raw(spec); i++)
        consumer->subjects[needs.count++] = event_subject_in(spec->rows[i].type, spec->stream);
    needs.items = consumer->subjects;
    pull_set_needs(intake_pull(consumer->intake), &needs);
}

/* Messages at once. */
static size_t batch_most(const struct consumer_spec *spec, const struct consumer_options *options) {
    if (consumer_spec_is_raw(spec))
        return (size_t)spec->rows[0].handler->raw_most;
    return (size_t)options->batch_max * (consumer_spec_patience_ms(spec) > 0 ? PATIENT_BATCHES : 1);
}

struct consumer *consumer_create(const struct consumer_spec *spec,
                                 const struct consumer_options *options) {
    struct consumer *consumer = mem_alloc(sizeof(*consumer));
    size_t most = batch_most(spec, options);
    struct buf name = {0};
    buf_printf(&name, "%s/%s", spec->stream, spec->durable);
    consumer->spec = spec;
    consumer->options = *options;
    consumer->inbox_name = name.ptr;
    consumer->intake = intake_create(options->nats, spec, (int64_t)most);
    consumer->batch = intake_batch(consumer->intake);
    set_needs(consumer);
    consumer->deliveries = mem_alloc(most * sizeof(struct delivery *));
    hindrance_init(&consumer->hindrance);
    init_slots(&consumer->slots, consumer->inbox_name);
    consumer->events = arena_create(EVENTS_CHUNK_BYTES);
    consumer->attempt = attempt_create(spec, consumer->inbox_name, most, &consumer->options);
    consumer->acknowledger = (struct acknowledger){
        .spec = spec,
        .consumer = consumer->inbox_name,
        .options = &consumer->options,
        .intake = consumer->intake,
    };
    struct uuid process = uuid_v7();
    uuid_format(&process, consumer->process);
    return consumer;
}

enum status consumer_start(struct consumer *consumer, struct error *error) {
    if (pthread_create(&consumer->worker, NULL, worker_main, consumer) != 0)
        return error_set(error, STATUS_INTERNAL, "cannot start a consumer's thread");
    consumer->has_worker = true;
    return STATUS_OK;
}

void consumer_drain(struct consumer *consumer) {
    atomic_store(&consumer->draining, true);
}

bool consumer_is_stopped(const struct consumer *consumer) {
    return !consumer->has_worker || atomic_load(&consumer->stopped);
}

bool consumer_is_ready(struct consumer *consumer, struct error *why) {
    struct error hindrance;
    bool is_hindered = hindrance_read(&consumer->hindrance, &hindrance);
    if (!is_hindered && atomic_load(&consumer->open) &&
        nats_client_is_connected(consumer->options.nats))
        return true;
    error_fill(why, STATUS_UNAVAILABLE, "%s waits: %s", consumer->inbox_name,
               is_hindered ? hindrance.text : "NATS is away");
    return false;
}

void consumer_destroy(struct consumer **consumer) {
    struct consumer *c = *consumer;
    *consumer = NULL;
    if (c == NULL)
        return;
    if (c->has_worker) {
        consumer_drain(c);
        pthread_join(c->worker, NULL);
    }
    hindrance_fini(&c->hindrance);
    free(c->deliveries);
    free(c->subjects);
    free(c->inbox_name);
    intake_destroy(&c->intake);
    attempt_destroy(&c->attempt);
    arena_destroy(&c->events);
    free(c);
}
