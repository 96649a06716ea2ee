#include "shared/consume/consumer.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/consume/batch_span.h"
#include "shared/consume/consumer_metrics.h"
#include "shared/consume/decode.h"
#include "shared/consume/failure_report.h"
#include "shared/consume/inbox.h"
#include "shared/consume/intake.h"
#include "shared/observe/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_BYTES (256 * 1024)
#define HOLD_LEAST_MS 100
#define SERIALIZATION_TRIES 8
#define FLUSH_MOST_MS 1000

static const struct backoff hold_backoff = {.least_ms = HOLD_LEAST_MS, .most_ms = 2000};

/* Every statement goes by key, and a plan made while a table is empty must be right when it is
   full: planned once, by index. */
static const char on_connect_sql[] =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";

struct consumer {
    const struct consumer_spec *spec;
    struct consumer_options options;
    char *inbox_name; /* ORDERS/inventory */
    struct intake *intake;
    const struct message_list *batch; /* the intake's: what is being worked on */
    struct batch_span span;           /* of it */
    struct pg *pg;
    struct arena *arena;
    struct outbox *outbox;
    struct updates *updates;

    struct delivery **deliveries; /* scratch, batch_max long */
    struct delivery **group;
    struct delivery **taken; /* by the inbox in this attempt */
    size_t taken_count;

    struct consumer_metrics metrics;
    pthread_t worker;
    bool has_worker;
    atomic_bool draining;
    atomic_bool stopped;
    atomic_bool open;
    atomic_bool held;
    atomic_bool cut_off; /* the broker or the consumer does not answer */
};

static struct message *message_of(struct delivery *delivery) {
    return (struct message *)delivery;
}

/* --- one attempt: prepare, call, transaction ------------------------------------------------- */

/* Neighbouring rows with one handler are one group. Returns the row after it. */
static size_t group_end(const struct consumer_spec *spec, size_t row) {
    size_t end = row + 1;
    while (end < spec->row_count && spec->rows[end].handler == spec->rows[row].handler)
        end++;
    return end;
}

/* The group's deliveries that are still to be done, in stream order. */
static struct batch group_batch(struct consumer *consumer, size_t row, size_t end, size_t count) {
    struct batch batch = {
        .items = consumer->group, .arena = consumer->arena, .context = consumer->options.context};
    for (size_t i = 0; i < count; i++) {
        struct message *message = message_of(consumer->deliveries[i]);
        if (message->row >= row && message->row < end && !message->delivery.is_duplicate &&
            message->delivery.outcome == OUTCOME_DONE)
            consumer->group[batch.count++] = consumer->deliveries[i];
    }
    return batch;
}

static enum status run_prepare(struct consumer *consumer, const struct handler *handler,
                               struct batch *batch, struct error *error) {
    enum status status = pg_begin(consumer->pg, error);
    batch->pg = consumer->pg;
    if (status == STATUS_OK)
        status = handler->prepare(batch, error);
    batch->pg = NULL;
    return status == STATUS_OK ? pg_commit(consumer->pg, error) : status;
}

/* Before the transaction come intents, then external calls. */
static enum status run_outside(struct consumer *consumer, size_t count, struct error *error) {
    const struct consumer_spec *spec = consumer->spec;
    enum status status = STATUS_OK;
    for (size_t row = 0; row < spec->row_count && status == STATUS_OK;) {
        const struct handler *handler = spec->rows[row].handler;
        size_t end = group_end(spec, row);
        struct batch batch = group_batch(consumer, row, end, count);
        if (batch.count > 0 && handler->prepare != NULL)
            status = run_prepare(consumer, handler, &batch, error);
        if (batch.count > 0 && handler->call != NULL && status == STATUS_OK)
            status = handler->call(&batch, error);
        row = end;
    }
    return status;
}

static enum status take_new(struct consumer *consumer, size_t count, struct error *error) {
    consumer->taken_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = consumer->deliveries[i];
        if (!consumer->spec->rows[message_of(delivery)->row].handler->has_own_dedup)
            consumer->taken[consumer->taken_count++] = delivery;
    }
    return inbox_take(consumer->pg, consumer->inbox_name, consumer->taken, consumer->taken_count,
                      error);
}

static enum status run_apply(struct consumer *consumer, size_t count, struct error *error) {
    const struct consumer_spec *spec = consumer->spec;
    enum status status = STATUS_OK;
    for (size_t row = 0; row < spec->row_count && status == STATUS_OK;) {
        size_t end = group_end(spec, row);
        struct batch batch = group_batch(consumer, row, end, count);
        batch.pg = consumer->pg;
        batch.outbox = consumer->outbox;
        batch.updates = consumer->updates;
        if (batch.count > 0)
            status = spec->rows[row].handler->apply(&batch, error);
        row = end;
    }
    return status;
}

/* Where an attempt's SQL and log lines belong: to its one event, or to the batch. */
static const struct trace *trace_of(const struct consumer *consumer, size_t count) {
    return count == 1 ? &consumer->deliveries[0]->event.trace : &consumer->span.span.trace;
}

static enum status run_raw(struct consumer *consumer, size_t count, struct error *error) {
    struct batch batch = {
        .items = consumer->deliveries,
        .count = count,
        .arena = consumer->arena,
        .pg = consumer->pg,
        .nats = consumer->options.nats,
        .context = consumer->options.context,
    };
    return consumer->spec->rows[0].handler->take_raw(&batch, error);
}

static enum status run_transaction(struct consumer *consumer, size_t count, struct error *error) {
    int64_t started_us = clock_monotonic_us();
    enum status status = pg_begin(consumer->pg, error);
    if (status == STATUS_OK)
        status = take_new(consumer, count, error);
    if (status == STATUS_OK)
        status = run_apply(consumer, count, error);
    if (status == STATUS_OK)
        status = inbox_give_back(consumer->pg, consumer->inbox_name, consumer->taken,
                                 consumer->taken_count, error);
    if (status == STATUS_OK)
        status = outbox_write(consumer->outbox, consumer->pg, error);
    if (status == STATUS_OK)
        status = pg_commit(consumer->pg, error);
    consumer_metrics_transaction(&consumer->metrics, clock_monotonic_us() - started_us);
    return status;
}

static enum status run_events(struct consumer *consumer, size_t count, struct error *error) {
    enum status status = run_outside(consumer, count, error);
    failpoint("consumer.before_inbox");
    return status == STATUS_OK ? run_transaction(consumer, count, error) : status;
}

/* Tries consumer->deliveries[0..count) once, as one transaction. Can be repeated. */
static enum status attempt(struct consumer *consumer, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        consumer->deliveries[i]->outcome = OUTCOME_DONE;
        consumer->deliveries[i]->state = NULL;
        consumer->deliveries[i]->is_duplicate = false;
        failpoint_in("handler", consumer->deliveries[i]->payload);
    }
    trace_set_current(trace_of(consumer, count));
    arena_reset(consumer->arena);
    outbox_clear(consumer->outbox);
    updates_clear(consumer->updates);
    enum status status = consumer_spec_is_raw(consumer->spec) ? run_raw(consumer, count, error)
                                                              : run_events(consumer, count, error);
    if (status != STATUS_OK) {
        pg_rollback(consumer->pg);
        return status;
    }
    failpoint("consumer.after_commit");
    if (outbox_count(consumer->outbox) > 0 && consumer->options.committed != NULL)
        consumer->options.committed(consumer->options.committed_closure);
    updates_publish(consumer->updates, consumer->options.nats);
    return STATUS_OK;
}

/* --- repetition: serialization, outages, one bad event -----------------------------------------
 */

static bool is_outage(enum status status) {
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT ||
           status == STATUS_OVERLOADED || status == STATUS_NO_MEMORY;
}

static void set_held(struct consumer *consumer, bool held, const struct error *error) {
    if (atomic_exchange(&consumer->held, held) == held)
        return;
    consumer_metrics_held(&consumer->metrics, held);
    if (held)
        log_warn("holding the batch until a dependency is back",
                 LOG_TEXT("consumer", consumer->inbox_name), LOG_ERROR(error));
    else
        log_info("going on", LOG_TEXT("consumer", consumer->inbox_name));
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

/* Attempts until it is settled. False when draining ended the wait for a dependency: then nothing
   is acknowledged, and the messages come again. */
static bool attempt_until_settled(struct consumer *consumer, size_t count, struct error *error,
                                  enum status *result) {
    struct backoff hold = hold_backoff;
    for (int collisions = 0;;) {
        enum status status = attempt(consumer, count, error);
        if (status == STATUS_SERIALIZATION && ++collisions < SERIALIZATION_TRIES) {
            clock_sleep_ms(collisions * 5);
            continue;
        }
        if (!is_outage(status)) {
            set_held(consumer, false, NULL);
            *result = status;
            return true;
        }
        set_held(consumer, true, error);
        if (!wait_held(consumer, backoff_next(&hold)))
            return false;
    }
}

/* A batch that the database refuses is taken apart, so that one bad event holds back no other. */
static bool run_one_by_one(struct consumer *consumer, struct delivery *const *all, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct error error = {0};
        enum status status;
        consumer->deliveries[0] = all[i];
        if (!attempt_until_settled(consumer, 1, &error, &status))
            return false;
        if (status != STATUS_OK)
            delivery_fail(all[i], status, &error);
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
    if (count > 0 && !attempt_until_settled(consumer, count, &error, &status))
        return false;
    if (status == STATUS_OK)
        return true;
    if (count == 1) {
        delivery_fail(consumer->deliveries[0], status, &error);
        return true;
    }
    log_warn("a batch failed; taking it apart", LOG_TEXT("consumer", consumer->inbox_name),
             LOG_INT("messages", (int64_t)count), LOG_ERROR(&error));
    struct delivery **all = mem_alloc(count * sizeof(struct delivery *));
    memcpy(all, consumer->deliveries, count * sizeof(struct delivery *));
    bool settled = run_one_by_one(consumer, all, count);
    free(all);
    return settled;
}

/* --- settling: the only acknowledgements in the system -----------------------------------------
 */

static struct failure_report report_of(const struct consumer *consumer,
                                       const struct message *message) {
    return (struct failure_report){
        .stream = consumer->spec->stream,
        .durable = consumer->spec->durable,
        .service = consumer->options.service,
        .instance = consumer->options.instance,
        .stream_sequence = message->metadata.stream_sequence,
        .delivery = &message->delivery,
    };
}

/* 1, 2, 4 s ... with each NAK, since a consumer's `backoff` does not apply to NAKs. The last one is
   followed by no delivery: the sooner the delay ends, the sooner the server says that it gave up.
 */
static int64_t retry_delay_ms(const struct pull *pull, int attempt_number) {
    static const struct backoff delays = {.least_ms = 1000, .most_ms = 64000};
    return backoff_after(&delays, pull_is_last_delivery(pull, attempt_number) ? 1 : attempt_number);
}

/* A report about an earlier attempt, or about the dead letter sent again, no longer holds. */
static bool supersedes_a_report(const struct message *message) {
    return message->delivery.event.root != NULL &&
           (message->delivery.attempt > 1 || message->is_replay);
}

static enum event_count settle_done(struct consumer *consumer, struct message *message) {
    if (supersedes_a_report(message)) {
        struct failure_report report = report_of(consumer, message);
        failure_report_send(consumer->options.nats, &report);
    }
    pull_ack(intake_pull(consumer->intake), message->raw);
    if (message->is_settled)
        return COUNT_IGNORED;
    return message->delivery.is_duplicate ? COUNT_DUPLICATE : COUNT_DONE;
}

/* Without its report the reason would be lost: then it comes once more. */
static enum event_count settle_failed(struct consumer *consumer, struct message *message) {
    struct pull *pull = intake_pull(consumer->intake);
    const struct delivery *delivery = &message->delivery;
    struct failure_report report = report_of(consumer, message);
    struct error error = {0};
    bool is_final = delivery->outcome == OUTCOME_REJECT;
    log_warn(is_final ? "a message is rejected" : "a message is to be tried again",
             LOG_TEXT("consumer", consumer->inbox_name),
             LOG_INT("streamSequence", (int64_t)message->metadata.stream_sequence),
             LOG_INT("attempt", delivery->attempt), LOG_ERROR(&delivery->error));
    if (is_final && failure_report_store(consumer->options.nats, &report, &error) == STATUS_OK) {
        pull_term(pull, message->raw, delivery->error.text);
        return COUNT_REJECT;
    }
    if (is_final)
        log_warn("a rejection could not be reported", LOG_ERROR(&error));
    else if (!consumer_spec_is_raw(consumer->spec))
        failure_report_send(consumer->options.nats, &report);
    pull_nak(pull, message->raw, retry_delay_ms(pull, delivery->attempt));
    return COUNT_RETRY;
}

static void settle_batch(struct consumer *consumer) {
    int64_t counts[COUNTS] = {0};
    for (size_t i = 0; i < consumer->batch->count; i++) {
        struct message *message = consumer->batch->items[i];
        bool is_done = message->delivery.outcome == OUTCOME_DONE;
        trace_set_current(&message->delivery.event.trace);
        counts[is_done ? settle_done(consumer, message) : settle_failed(consumer, message)]++;
    }
    failpoint("consumer.after_ack");
    consumer_metrics_settled(&consumer->metrics, consumer->batch, counts);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static bool open_intake(struct consumer *consumer) {
    struct backoff hold = hold_backoff;
    bool goes_on = !atomic_load(&consumer->draining);
    while (goes_on) {
        struct error error = {0};
        if (intake_open(consumer->intake, &error) == STATUS_OK) {
            atomic_store(&consumer->open, true);
            return true;
        }
        log_warn("cannot consume yet", LOG_TEXT("consumer", consumer->inbox_name),
                 LOG_ERROR(&error));
        goes_on = wait_held(consumer, backoff_next(&hold));
    }
    return false;
}

/* Should this message end the process, then the words about others before it are heard. */
static void flush_before_suspect(const struct consumer *consumer) {
    natsConnection *connection = nats_client_bulk(consumer->options.nats);
    if (consumer->batch->items[0]->is_alone && nats_client_is_connected(consumer->options.nats))
        natsConnection_FlushTimeout(connection, FLUSH_MOST_MS);
}

static void process_batch(struct consumer *consumer) {
    int64_t started_us = clock_monotonic_us();
    flush_before_suspect(consumer);
    decode_batch(consumer->spec, consumer->batch);
    batch_span_start(&consumer->span, consumer->batch);
    if (run_batch(consumer)) {
        settle_batch(consumer);
        batch_span_end(&consumer->span, consumer->batch, consumer->spec->stream,
                       consumer->spec->durable);
    }
    trace_set_current(NULL);
    consumer_metrics_batch(&consumer->metrics, clock_monotonic_us() - started_us);
    intake_release(consumer->intake);
}

static void set_cut_off(struct consumer *consumer, bool cut_off, const struct error *error) {
    if (atomic_exchange(&consumer->cut_off, cut_off) == cut_off)
        return;
    if (cut_off)
        log_warn("cannot fetch", LOG_TEXT("consumer", consumer->inbox_name), LOG_ERROR(error));
    else
        log_info("fetching again", LOG_TEXT("consumer", consumer->inbox_name));
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
        if (consumer->batch->count > 0)
            process_batch(consumer);
        /* The broker, while it is away, does not end a drain. */
        is_drained = status == STATUS_CLOSED ||
                     (is_draining && !nats_client_is_connected(consumer->options.nats));
        if (is_drained)
            continue;
        set_cut_off(consumer, status != STATUS_OK, &error);
        if (status != STATUS_OK)
            wait_held(consumer, HOLD_LEAST_MS);
    }
    atomic_store(&consumer->stopped, true);
    return NULL;
}

/* --- lifecycle ---------------------------------------------------------------------------------
 */

struct consumer *consumer_create(const struct consumer_spec *spec,
                                 const struct consumer_options *options) {
    struct consumer *consumer = mem_alloc(sizeof(*consumer));
    int64_t batch_max =
        consumer_spec_is_raw(spec) ? spec->rows[0].handler->raw_most : options->batch_max;
    size_t most = (size_t)batch_max;
    struct buf name = {0};
    buf_printf(&name, "%s/%s", spec->stream, spec->durable);
    consumer->spec = spec;
    consumer->options = *options;
    consumer->inbox_name = name.ptr;
    consumer->intake = intake_create(options->nats, spec->stream, spec->durable, batch_max);
    consumer->batch = intake_batch(consumer->intake);
    consumer->pg = pg_create(options->database_url, consumer->inbox_name);
    pg_set_on_connect(consumer->pg, on_connect_sql);
    consumer->arena = arena_create(ARENA_CHUNK_BYTES);
    consumer->outbox = outbox_create();
    consumer->updates = updates_create();
    consumer->deliveries = mem_alloc(most * sizeof(struct delivery *));
    consumer->group = mem_alloc(most * sizeof(struct delivery *));
    consumer->taken = mem_alloc(most * sizeof(struct delivery *));
    consumer_metrics_init(&consumer->metrics, consumer->inbox_name);
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

bool consumer_is_ready(const struct consumer *consumer) {
    return atomic_load(&consumer->open) && !atomic_load(&consumer->held) &&
           !atomic_load(&consumer->cut_off) && nats_client_is_connected(consumer->options.nats);
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
    free(c->deliveries);
    free(c->group);
    free(c->taken);
    free(c->inbox_name);
    intake_destroy(&c->intake);
    outbox_destroy(&c->outbox);
    updates_destroy(&c->updates);
    arena_destroy(&c->arena);
    pg_destroy(&c->pg);
    free(c);
}
