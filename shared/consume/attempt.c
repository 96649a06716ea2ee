#include "shared/consume/attempt.h"

#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/consume/inbox.h"
#include "shared/consume/intake.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>
#include <string.h>

METRIC_HISTOGRAM(transaction_seconds, "ordermesh_consumer_transaction_seconds", "consumer",
                 "From a batch's BEGIN to its COMMIT, or to what kept it from that.");

#define ARENA_CHUNK_BYTES (256 * 1024)

/* Every statement goes by key, and a plan made while a table is empty must be right when it is
   full: planned once, by index. */
static const char on_connect_sql[] =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off";

struct attempt {
    const struct consumer_spec *spec;
    const char *consumer;
    const struct consumer_options *options;
    unsigned seconds_slot;
    struct pg *pg;
    struct arena *arena;
    struct outbox *outbox;
    struct updates *updates;
    struct delivery *const *deliveries; /* of this attempt */
    struct delivery **group;            /* those of one handler */
    struct delivery **taken;            /* those that the inbox has taken */
    size_t taken_count;
    struct delivery **asked; /* those that may have been discarded */
    size_t asked_count;
    struct pg_result *answer;
};

static struct message *message_of(struct delivery *delivery) {
    return (struct message *)delivery;
}

/* Neighbouring rows with one handler are one group. Returns the row after it. */
static size_t group_end(const struct consumer_spec *spec, size_t row) {
    size_t end = row + 1;
    while (end < spec->row_count && spec->rows[end].handler == spec->rows[row].handler)
        end++;
    return end;
}

/* The group's deliveries that are still to be done, in stream order. */
static struct batch group_batch(struct attempt *attempt, size_t row, size_t end, size_t count) {
    struct batch batch = {
        .items = attempt->group, .arena = attempt->arena, .context = attempt->options->context};
    for (size_t i = 0; i < count; i++) {
        struct message *message = message_of(attempt->deliveries[i]);
        if (message->row >= row && message->row < end && !message->delivery.is_duplicate &&
            message->delivery.outcome == OUTCOME_DONE)
            attempt->group[batch.count++] = attempt->deliveries[i];
    }
    return batch;
}

/* Runs `step` for each handler that has some of the deliveries, in the order of rows. */
static enum status run_groups(struct attempt *attempt, size_t count,
                              enum status (*step)(struct attempt *, const struct handler *,
                                                  struct batch *, struct error *),
                              struct error *error) {
    const struct consumer_spec *spec = attempt->spec;
    enum status status = STATUS_OK;
    for (size_t row = 0, end; row < spec->row_count && status == STATUS_OK; row = end) {
        end = group_end(spec, row);
        struct batch batch = group_batch(attempt, row, end, count);
        if (batch.count > 0)
            status = step(attempt, spec->rows[row].handler, &batch, error);
    }
    return status;
}

/* Before the transaction come intents, then external calls. */
static enum status run_outside(struct attempt *attempt, const struct handler *handler,
                               struct batch *batch, struct error *error) {
    enum status status = STATUS_OK;
    if (handler->prepare != NULL) {
        batch->pg = attempt->pg;
        status = handler->prepare(batch, error);
        batch->pg = NULL;
    }
    if (status != STATUS_OK || handler->call == NULL)
        return status;
    batch->nats = attempt->options->nats;
    status = handler->call(batch, error);
    batch->nats = NULL;
    return status;
}

static size_t list_deliveries(struct attempt *attempt, size_t count, enum handler_once once,
                              struct delivery **list) {
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = attempt->deliveries[i];
        if (attempt->spec->rows[message_of(delivery)->row].handler->once == once &&
            !delivery->is_discarded)
            list[listed++] = delivery;
    }
    return listed;
}

static enum status run_apply(struct attempt *attempt, const struct handler *handler,
                             struct batch *batch, struct error *error) {
    batch->pg = attempt->pg;
    batch->outbox = attempt->outbox;
    batch->updates = attempt->updates;
    return handler->apply(batch, error);
}

static enum status run_raw(struct attempt *attempt, size_t count, struct error *error) {
    memcpy(attempt->group, attempt->deliveries, count * sizeof(*attempt->group));
    struct batch batch = {
        .items = attempt->group,
        .count = count,
        .arena = attempt->arena,
        .pg = attempt->pg,
        .nats = attempt->options->nats,
        .context = attempt->options->context,
    };
    return attempt->spec->rows[0].handler->take_raw(&batch, error);
}

/* What was discarded is answered with the first rows that a handler waits for. */
static enum status apply_new(struct attempt *attempt, size_t count, struct error *error) {
    attempt->taken_count = list_deliveries(attempt, count, ONCE_BY_INBOX, attempt->taken);
    enum status status = pg_begin(attempt->pg, error);
    if (status == STATUS_OK)
        status = discarded_ask(attempt->pg, attempt->consumer, attempt->asked, attempt->asked_count,
                               &attempt->answer, error);
    if (status == STATUS_OK)
        status =
            inbox_take(attempt->pg, attempt->consumer, attempt->taken, attempt->taken_count, error);
    if (status == STATUS_OK)
        status = run_groups(attempt, count, run_apply, error);
    if (attempt->asked_count == 0 || attempt->answer != NULL)
        return status;
    struct error late = {0};
    enum status answered = pg_await(attempt->pg, status == STATUS_OK ? error : &late);
    return status == STATUS_OK ? answered : status;
}

/* It is hardly ever anything that was discarded, and then all is done once more, without it: also
   what went wrong may have been for that. */
static enum status run_transaction(struct attempt *attempt, size_t count, struct error *error) {
    int64_t started_us = clock_monotonic_us();
    pg_result_free(&attempt->answer);
    attempt->asked_count = list_deliveries(attempt, count, ONCE_BY_EFFECT, attempt->asked);
    enum status status = apply_new(attempt, count, error);
    if (discarded_heed(attempt->answer, attempt->asked, attempt->asked_count))
        status = error_set(error, STATUS_SERIALIZATION, "operators have discarded some of it");
    if (status == STATUS_OK)
        status = inbox_give_back(attempt->pg, attempt->consumer, attempt->taken,
                                 attempt->taken_count, error);
    if (status == STATUS_OK)
        status = outbox_write_numbered(attempt->outbox, attempt->pg, error);
    if (status == STATUS_OK)
        status = pg_commit(attempt->pg, error);
    metric_observe(&transaction_seconds, attempt->seconds_slot,
                   (double)(clock_monotonic_us() - started_us) / 1e6);
    return status;
}

static enum status run_events(struct attempt *attempt, size_t count, struct error *error) {
    enum status status = run_groups(attempt, count, run_outside, error);
    failpoint("consumer.before_inbox");
    return status == STATUS_OK ? run_transaction(attempt, count, error) : status;
}

enum status attempt_run(struct attempt *attempt, struct delivery *const *deliveries, size_t count,
                        const struct trace *batch_trace, struct error *error) {
    attempt->deliveries = deliveries;
    for (size_t i = 0; i < count; i++) {
        deliveries[i]->outcome = OUTCOME_DONE;
        deliveries[i]->error = (struct error){0};
        deliveries[i]->state = NULL;
        deliveries[i]->is_duplicate = deliveries[i]->is_discarded;
        failpoint_in("handler", deliveries[i]->payload);
    }
    /* A batch's work belongs to the batch's trace, and that of a single event to the event's. */
    trace_set_current(count == 1 ? &deliveries[0]->event.trace : batch_trace);
    arena_reset(attempt->arena);
    outbox_clear(attempt->outbox);
    updates_clear(attempt->updates);
    enum status status = consumer_spec_is_raw(attempt->spec) ? run_raw(attempt, count, error)
                                                             : run_events(attempt, count, error);
    if (status != STATUS_OK) {
        pg_rollback(attempt->pg);
        return status;
    }
    failpoint("consumer.after_commit");
    if (outbox_count(attempt->outbox) > 0 && attempt->options->committed != NULL)
        attempt->options->committed(attempt->options->committed_closure, attempt->outbox);
    updates_publish(attempt->updates, attempt->options->nats);
    return STATUS_OK;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

struct attempt *attempt_create(const struct consumer_spec *spec, const char *consumer, size_t most,
                               const struct consumer_options *options) {
    struct attempt *attempt = mem_alloc(sizeof(*attempt));
    attempt->spec = spec;
    attempt->consumer = consumer;
    attempt->options = options;
    attempt->seconds_slot = metric_slot(&transaction_seconds, consumer);
    attempt->pg = pg_create(options->database_url, consumer);
    pg_set_on_connect(attempt->pg, on_connect_sql);
    attempt->arena = arena_create(ARENA_CHUNK_BYTES);
    attempt->outbox = outbox_create();
    attempt->updates = updates_create();
    attempt->group = mem_alloc(most * sizeof(struct delivery *));
    attempt->taken = mem_alloc(most * sizeof(struct delivery *));
    attempt->asked = mem_alloc(most * sizeof(struct delivery *));
    return attempt;
}

void attempt_destroy(struct attempt **attempt) {
    struct attempt *a = *attempt;
    *attempt = NULL;
    if (a == NULL)
        return;
    free(a->group);
    free(a->taken);
    free(a->asked);
    pg_result_free(&a->answer);
    outbox_destroy(&a->outbox);
    updates_destroy(&a->updates);
    arena_destroy(&a->arena);
    pg_destroy(&a->pg);
    free(a);
}
