#include "shared/consumer.h"

#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/failure_report.h"
#include "shared/inbox.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pull.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_BYTES (256 * 1024)
#define TAKE_WAIT_MS 200
#define GATHER_MS 4
#define HOLD_LEAST_MS 100
#define HOLD_MOST_MS 2000
#define SERIALIZATION_TRIES 8
/* How many messages may wait in memory, in batches, while one is held. */
#define WAITING_BATCHES 4

/* Every statement goes by key, and a plan made while a table is empty must be right when it is
   full: planned once, by index. */
static const char on_connect_sql[] =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";

/* One message in hand, from its arrival to its acknowledgement. */
struct message {
    struct delivery delivery; /* first: handlers see only this */
    natsMsg *raw;
    struct pull_metadata metadata;
    bool has_metadata;
    size_t row;      /* of spec->rows; row_count: not for us */
    bool is_settled; /* decided without a handler: ignored, or unreadable */
    bool is_claimed; /* its inbox row is in the open transaction */
    bool is_duplicate;
    int64_t touched_us; /* last told the server that we are at it */
};

struct message_list {
    struct message **items;
    size_t count;
};

enum event_count { COUNT_DONE, COUNT_DUPLICATE, COUNT_IGNORED, COUNT_RETRY, COUNT_REJECT, COUNTS };
static const char *const count_labels[COUNTS] = {"done", "duplicate", "ignored", "retry", "reject"};

struct consumer {
    const struct consumer_spec *spec;
    struct consumer_options options;
    char *inbox_name; /* ORDERS/inventory */
    struct pull *pull;
    struct pg *pg;
    struct arena *arena;
    struct outbox *outbox;

    pthread_mutex_t mutex;       /* guards what is in hand, and busy */
    struct message_list batch;   /* being worked on */
    struct message_list waiting; /* fetched, next */
    size_t waiting_most;
    bool is_busy; /* the worker is not at the subscription: the heartbeat may be */

    struct delivery **deliveries; /* scratch, batch_max long */
    struct delivery **group;
    struct delivery **claimed;
    bool *is_new;

    unsigned stream_slot;
    unsigned count_slots[COUNTS];
    pthread_t worker, heartbeat;
    bool has_threads;
    atomic_bool draining;
    atomic_bool stopped;
    atomic_bool open;
    atomic_bool held;
    atomic_bool cut_off; /* the broker or the consumer does not answer */
};

static void mark(struct delivery *delivery, enum outcome outcome, enum status status,
                 const char *format, va_list args) {
    delivery->outcome = outcome;
    char text[sizeof(delivery->error.text)];
    vsnprintf(text, sizeof(text), format, args);
    error_set(&delivery->error, status, "%s", text);
}

void delivery_reject(struct delivery *delivery, enum status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    mark(delivery, OUTCOME_REJECT, status, format, args);
    va_end(args);
}

void delivery_retry(struct delivery *delivery, enum status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    mark(delivery, OUTCOME_RETRY, status, format, args);
    va_end(args);
}

static struct message *message_of(struct delivery *delivery) {
    return (struct message *)delivery;
}

/* --- arrival: what is in hand ---------------------------------------------------------------- */

static void message_destroy(struct message *message) {
    event_fini(&message->delivery.event);
    natsMsg_Destroy(message->raw);
    free(message);
}

static void list_clear(struct message_list *list) {
    for (size_t i = 0; i < list->count; i++)
        message_destroy(list->items[i]);
    list->count = 0;
}

/* Moves what has come into the waiting list; the caller is alone at the subscription. */
static enum status collect(struct consumer *consumer, int64_t first_wait_ms, struct error *error) {
    int64_t wait_ms = first_wait_ms;
    while (consumer->waiting.count < consumer->waiting_most) {
        natsMsg *raw = NULL;
        enum status status = pull_collect(consumer->pull, wait_ms, &raw, error);
        if (status == STATUS_TIMEOUT)
            return STATUS_OK;
        if (status != STATUS_OK)
            return status;
        struct message *message = mem_alloc(sizeof(*message));
        message->raw = raw;
        message->touched_us = clock_monotonic_us();
        message->has_metadata = pull_parse_metadata(natsMsg_GetReply(raw), &message->metadata);
        consumer->waiting.items[consumer->waiting.count++] = message;
        wait_ms = 0;
    }
    return STATUS_OK;
}

/* The server has more for us than a batch that has just begun to come in: worth a moment. */
static bool is_backlog_coming(const struct consumer *consumer) {
    const struct message_list *waiting = &consumer->waiting;
    return waiting->count > 0 && waiting->count < (size_t)consumer->options.batch_max &&
           waiting->items[waiting->count - 1]->metadata.pending > 0;
}

/* Fills the batch with what is there: one message when it is quiet, batch_max under load. */
static enum status take_batch(struct consumer *consumer, struct error *error) {
    pthread_mutex_lock(&consumer->mutex);
    consumer->is_busy = false;
    pthread_mutex_unlock(&consumer->mutex);

    pull_request(consumer->pull);
    enum status status = collect(consumer, consumer->waiting.count > 0 ? 0 : TAKE_WAIT_MS, error);
    for (int naps = 0; naps < GATHER_MS && status == STATUS_OK && is_backlog_coming(consumer);
         naps++) {
        clock_sleep_ms(1);
        status = collect(consumer, 0, error);
    }
    pull_request(consumer->pull);

    pthread_mutex_lock(&consumer->mutex);
    struct message_list *waiting = &consumer->waiting;
    size_t most = (size_t)consumer->options.batch_max;
    size_t count = waiting->count < most ? waiting->count : most;
    memcpy(consumer->batch.items, waiting->items, count * sizeof(struct message *));
    memmove(waiting->items, waiting->items + count,
            (waiting->count - count) * sizeof(struct message *));
    waiting->count -= count;
    consumer->batch.count = count;
    consumer->is_busy = true;
    pthread_mutex_unlock(&consumer->mutex);
    return count > 0 ? STATUS_OK : status;
}

static void touch(struct consumer *consumer, struct message_list *list, int64_t interval_us) {
    int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < list->count; i++) {
        if (now_us - list->items[i]->touched_us < interval_us)
            continue;
        pull_in_progress(consumer->pull, list->items[i]->raw);
        list->items[i]->touched_us = now_us;
    }
}

/* Keeps every message in hand from being redelivered while its batch takes long or is held. */
static void *heartbeat_main(void *arg) {
    struct consumer *consumer = arg;
    while (!atomic_load(&consumer->stopped)) {
        clock_sleep_ms(100);
        if (!atomic_load(&consumer->open))
            continue;
        int64_t interval_us = pull_ack_wait_ms(consumer->pull) * 1000 / 4;
        pthread_mutex_lock(&consumer->mutex);
        if (consumer->is_busy) {
            struct error ignored = {0}; /* the worker meets it again, and says so */
            (void)!collect(consumer, 0, &ignored);
            touch(consumer, &consumer->batch, interval_us);
            touch(consumer, &consumer->waiting, interval_us);
        }
        pthread_mutex_unlock(&consumer->mutex);
    }
    return NULL;
}

/* --- decoding ----------------------------------------------------------------------------------
 */

static size_t find_row(const struct consumer_spec *spec, enum event_type type) {
    size_t row = 0;
    while (row < spec->row_count && spec->rows[row].type != type)
        row++;
    return row;
}

/* A replayed dead letter is for the consumer that failed; all others let it pass. */
static bool is_replay_for_another(const struct consumer *consumer, natsMsg *raw) {
    const char *meant_for = NULL;
    return natsMsgHeader_Get(raw, "Om-Replay-For", &meant_for) == NATS_OK &&
           strcmp(meant_for, consumer->spec->durable) != 0;
}

static void decode(struct consumer *consumer, struct message *message) {
    const struct consumer_spec *spec = consumer->spec;
    enum event_type type;
    message->row = spec->row_count;
    message->is_settled = true;
    if (!message->has_metadata)
        return;
    message->delivery.attempt = message->metadata.deliveries;
    if (!event_type_of_subject(slice_of(natsMsg_GetSubject(message->raw)), &type)) {
        delivery_reject(&message->delivery, STATUS_UNSUPPORTED, "no event has subject %s",
                        natsMsg_GetSubject(message->raw));
        return;
    }
    message->row = find_row(spec, type);
    if (message->row == spec->row_count || is_replay_for_another(consumer, message->raw)) {
        message->row = spec->row_count;
        return;
    }
    struct slice payload = {natsMsg_GetData(message->raw),
                            (size_t)natsMsg_GetDataLength(message->raw)};
    struct error error = {0};
    struct event event = {0};
    enum status status = event_decode(payload, &event, &error);
    if (status == STATUS_OK && event.type != type) {
        status = error_set(&error, STATUS_INVALID, "type %s on subject %s",
                           event_info(event.type)->type, event_info(type)->subject);
        event_fini(&event);
    }
    if (status != STATUS_OK) {
        delivery_reject(&message->delivery, status, "%s", error.text);
        return;
    }
    const struct handler *handler = spec->rows[message->row].handler;
    if (handler->wants != NULL && !handler->wants(&event)) {
        event_fini(&event);
        message->row = spec->row_count;
        return;
    }
    message->delivery.event = event;
    message->is_settled = false;
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
        if (message->row >= row && message->row < end && !message->is_duplicate &&
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

/* What happens before the transaction: intents, then external calls. */
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

static enum status claim(struct consumer *consumer, size_t count, size_t *claimed_count,
                         struct error *error) {
    size_t claims = 0;
    for (size_t i = 0; i < count; i++) {
        struct message *message = message_of(consumer->deliveries[i]);
        if (!consumer->spec->rows[message->row].handler->has_own_dedup)
            consumer->claimed[claims++] = consumer->deliveries[i];
    }
    enum status status = inbox_claim(consumer->pg, consumer->inbox_name, consumer->claimed, claims,
                                     consumer->is_new, error);
    for (size_t i = 0; i < claims && status == STATUS_OK; i++)
        message_of(consumer->claimed[i])->is_duplicate = !consumer->is_new[i];
    *claimed_count = claims;
    return status;
}

static enum status run_apply(struct consumer *consumer, size_t count, struct error *error) {
    const struct consumer_spec *spec = consumer->spec;
    enum status status = STATUS_OK;
    for (size_t row = 0; row < spec->row_count && status == STATUS_OK;) {
        size_t end = group_end(spec, row);
        struct batch batch = group_batch(consumer, row, end, count);
        batch.pg = consumer->pg;
        batch.outbox = consumer->outbox;
        if (batch.count > 0)
            status = spec->rows[row].handler->apply(&batch, error);
        row = end;
    }
    return status;
}

/* Claims of duplicates belong to an earlier transaction: they stay. */
static enum status forget_undone(struct consumer *consumer, size_t claimed_count,
                                 struct error *error) {
    size_t fresh = 0;
    for (size_t i = 0; i < claimed_count; i++) {
        if (!message_of(consumer->claimed[i])->is_duplicate)
            consumer->claimed[fresh++] = consumer->claimed[i];
    }
    return inbox_forget(consumer->pg, consumer->inbox_name, consumer->claimed, fresh, error);
}

static enum status run_transaction(struct consumer *consumer, size_t count, struct error *error) {
    size_t claimed_count = 0;
    enum status status = pg_begin(consumer->pg, error);
    if (status == STATUS_OK)
        status = claim(consumer, count, &claimed_count, error);
    if (status == STATUS_OK)
        status = run_apply(consumer, count, error);
    if (status == STATUS_OK)
        status = forget_undone(consumer, claimed_count, error);
    if (status == STATUS_OK)
        status = outbox_write(consumer->outbox, consumer->pg, error);
    if (status == STATUS_OK)
        status = pg_commit(consumer->pg, error);
    return status;
}

/* Tries consumer->deliveries[0..count) once, as one transaction. Can be repeated. */
static enum status attempt(struct consumer *consumer, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        consumer->deliveries[i]->outcome = OUTCOME_DONE;
        consumer->deliveries[i]->state = NULL;
        message_of(consumer->deliveries[i])->is_duplicate = false;
    }
    arena_reset(consumer->arena);
    outbox_clear(consumer->outbox);
    enum status status = run_outside(consumer, count, error);
    failpoint("consumer.before_inbox");
    if (status == STATUS_OK)
        status = run_transaction(consumer, count, error);
    if (status != STATUS_OK) {
        pg_rollback(consumer->pg);
        return status;
    }
    failpoint("consumer.after_commit");
    if (outbox_count(consumer->outbox) > 0 && consumer->options.committed != NULL)
        consumer->options.committed(consumer->options.committed_closure);
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
    metric_set(METRIC_CONSUMER_HELD, consumer->stream_slot, held);
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
    int64_t hold_ms = HOLD_LEAST_MS;
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
        if (!wait_held(consumer, hold_ms))
            return false;
        hold_ms = hold_ms * 2 > HOLD_MOST_MS ? HOLD_MOST_MS : hold_ms * 2;
    }
}

static void mark_failed(struct delivery *delivery, enum status status, const struct error *error) {
    delivery_retry(delivery, status, "%s", error->text);
    memcpy(delivery->error.sqlstate, error->sqlstate, sizeof(error->sqlstate));
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
            mark_failed(all[i], status, &error);
    }
    return true;
}

static bool run_batch(struct consumer *consumer) {
    size_t count = 0;
    for (size_t i = 0; i < consumer->batch.count; i++) {
        if (!consumer->batch.items[i]->is_settled)
            consumer->deliveries[count++] = &consumer->batch.items[i]->delivery;
    }
    struct error error = {0};
    enum status status = STATUS_OK;
    if (count > 0 && !attempt_until_settled(consumer, count, &error, &status))
        return false;
    if (status == STATUS_OK)
        return true;
    if (count == 1) {
        mark_failed(consumer->deliveries[0], status, &error);
        return true;
    }
    log_warn("a batch failed; taking it apart", LOG_TEXT("consumer", consumer->inbox_name),
             LOG_INT("events", (int64_t)count), LOG_ERROR(&error));
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

/* 1, 2, 4 s ... with each NAK, since a consumer's `backoff` does not apply to NAKs. */
static int64_t retry_delay_ms(int attempt_number) {
    int doublings = attempt_number - 1;
    return INT64_C(1000) << (doublings < 0 ? 0 : doublings > 6 ? 6 : doublings);
}

static enum event_count settle(struct consumer *consumer, struct message *message) {
    struct delivery *delivery = &message->delivery;
    if (delivery->outcome == OUTCOME_DONE) {
        pull_ack(consumer->pull, message->raw);
        if (message->is_settled)
            return COUNT_IGNORED;
        return message->is_duplicate ? COUNT_DUPLICATE : COUNT_DONE;
    }
    struct failure_report report = report_of(consumer, message);
    struct error error = {0};
    bool is_final = delivery->outcome == OUTCOME_REJECT;
    log_warn(is_final ? "an event is rejected" : "an event is to be tried again",
             LOG_TEXT("consumer", consumer->inbox_name),
             LOG_INT("streamSequence", (int64_t)message->metadata.stream_sequence),
             LOG_INT("attempt", delivery->attempt), LOG_ERROR(&delivery->error));
    if (is_final && failure_report_store(consumer->options.nats, &report, &error) == STATUS_OK) {
        pull_term(consumer->pull, message->raw);
        return COUNT_REJECT;
    }
    if (is_final) /* without its report the reason would be lost: once more */
        log_warn("a rejection could not be reported", LOG_ERROR(&error));
    else
        failure_report_send(consumer->options.nats, &report);
    pull_nak(consumer->pull, message->raw, retry_delay_ms(delivery->attempt));
    return COUNT_RETRY;
}

static void settle_batch(struct consumer *consumer) {
    int64_t counts[COUNTS] = {0};
    for (size_t i = 0; i < consumer->batch.count; i++)
        counts[settle(consumer, consumer->batch.items[i])]++;
    failpoint("consumer.after_ack");
    for (size_t i = 0; i < COUNTS; i++) {
        if (counts[i] > 0)
            metric_add(METRIC_CONSUMER_EVENTS, consumer->count_slots[i], counts[i]);
    }
    const struct message *last = consumer->batch.items[consumer->batch.count - 1];
    metric_set(METRIC_CONSUMER_PENDING, consumer->stream_slot, (int64_t)last->metadata.pending);
    metric_observe(METRIC_CONSUMER_BATCH_SIZE, consumer->stream_slot,
                   (double)consumer->batch.count);
}

/* --- the loop ----------------------------------------------------------------------------------
 */

static bool open_pull(struct consumer *consumer) {
    for (int64_t wait_ms = HOLD_LEAST_MS; !atomic_load(&consumer->draining);) {
        struct error error = {0};
        if (pull_open(consumer->pull, &error) == STATUS_OK) {
            atomic_store(&consumer->open, true);
            return true;
        }
        log_warn("cannot consume yet", LOG_TEXT("consumer", consumer->inbox_name),
                 LOG_ERROR(&error));
        if (!wait_held(consumer, wait_ms))
            break;
        wait_ms = wait_ms * 2 > HOLD_MOST_MS ? HOLD_MOST_MS : wait_ms * 2;
    }
    return false;
}

static void process_batch(struct consumer *consumer) {
    int64_t started_us = clock_monotonic_us();
    for (size_t i = 0; i < consumer->batch.count; i++)
        decode(consumer, consumer->batch.items[i]);
    if (run_batch(consumer))
        settle_batch(consumer);
    metric_observe(METRIC_CONSUMER_BATCH_SECONDS, consumer->stream_slot,
                   (double)(clock_monotonic_us() - started_us) / 1e6);
    pthread_mutex_lock(&consumer->mutex);
    list_clear(&consumer->batch);
    pthread_mutex_unlock(&consumer->mutex);
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
    bool is_drained = !open_pull(consumer);
    bool is_draining = false;
    while (!is_drained) {
        struct error error = {0};
        if (atomic_load(&consumer->draining) && !is_draining) {
            is_draining = true;
            pull_drain(consumer->pull);
        }
        enum status status = take_batch(consumer, &error);
        if (consumer->batch.count > 0)
            process_batch(consumer);
        is_drained = status == STATUS_CLOSED;
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

static void list_init(struct message_list *list, size_t most) {
    list->items = mem_alloc(most * sizeof(struct message *));
}

struct consumer *consumer_create(const struct consumer_spec *spec,
                                 const struct consumer_options *options) {
    struct consumer *consumer = mem_alloc(sizeof(*consumer));
    size_t most = (size_t)options->batch_max;
    struct buf name = {0};
    buf_printf(&name, "%s/%s", spec->stream, spec->durable);
    consumer->spec = spec;
    consumer->options = *options;
    consumer->inbox_name = name.ptr;
    consumer->pull = pull_create(options->nats, spec->stream, spec->durable, options->batch_max);
    consumer->pg = pg_create(options->database_url, consumer->inbox_name);
    pg_set_on_connect(consumer->pg, on_connect_sql);
    consumer->arena = arena_create(ARENA_CHUNK_BYTES);
    consumer->outbox = outbox_create();
    consumer->waiting_most = most * WAITING_BATCHES;
    list_init(&consumer->batch, most);
    list_init(&consumer->waiting, consumer->waiting_most);
    consumer->deliveries = mem_alloc(most * sizeof(struct delivery *));
    consumer->group = mem_alloc(most * sizeof(struct delivery *));
    consumer->claimed = mem_alloc(most * sizeof(struct delivery *));
    consumer->is_new = mem_alloc(most * sizeof(bool));
    consumer->stream_slot = metric_slot(METRIC_CONSUMER_BATCH_SIZE, spec->stream);
    for (size_t i = 0; i < COUNTS; i++)
        consumer->count_slots[i] = metric_slot(METRIC_CONSUMER_EVENTS, count_labels[i]);
    pthread_mutex_init(&consumer->mutex, NULL);
    return consumer;
}

enum status consumer_start(struct consumer *consumer, struct error *error) {
    if (pthread_create(&consumer->worker, NULL, worker_main, consumer) != 0)
        return error_set(error, STATUS_INTERNAL, "cannot start a consumer's thread");
    if (pthread_create(&consumer->heartbeat, NULL, heartbeat_main, consumer) != 0) {
        consumer_drain(consumer);
        pthread_join(consumer->worker, NULL);
        return error_set(error, STATUS_INTERNAL, "cannot start a heartbeat's thread");
    }
    consumer->has_threads = true;
    return STATUS_OK;
}

void consumer_drain(struct consumer *consumer) {
    atomic_store(&consumer->draining, true);
}

bool consumer_is_stopped(const struct consumer *consumer) {
    return !consumer->has_threads || atomic_load(&consumer->stopped);
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
    if (c->has_threads) {
        consumer_drain(c);
        pthread_join(c->worker, NULL);
        pthread_join(c->heartbeat, NULL);
    }
    list_clear(&c->batch);
    list_clear(&c->waiting);
    free(c->batch.items);
    free(c->waiting.items);
    free(c->deliveries);
    free(c->group);
    free(c->claimed);
    free(c->is_new);
    free(c->inbox_name);
    pull_destroy(&c->pull);
    outbox_destroy(&c->outbox);
    arena_destroy(&c->arena);
    pg_destroy(&c->pg);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}
