#include "services/dlq/collect/second_chances.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/index/store_chance.h"
#include "services/dlq/replay/job_leader.h"
#include "services/dlq/replay/replay.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

METRIC_COUNTER(
    chances_total, "ordermesh_dlq_chances_total", "result",
    "Messages that left no word and are sent once more: given, passed, failed, expired.");

enum {
    ARENA_CHUNK_BYTES = 64 * 1024,
    BUSY_POLL_MS = 10,
    BUSY_MS = 2000, /* what is healthy is done by then */
    IDLE_POLL_MS = 200,
    RETRY_MS = 1000,
    OVERDUE_POLL_MS = 1000,
    MARGIN_MS = 10000, /* for retry delays and the report's way here */
    LIMIT_MOST_MS = 3600000,
};

struct giver {
    struct pg *pg;
    struct arena *arena;
    struct request_batch *requests;
    struct replayer *replayer;
    struct job_leader leader;
    int64_t overdue_due_us;
    int64_t busy_until_us; /* an answer is soon to come */
};

static void count(const char *result, int64_t number) {
    if (number > 0)
        metric_add(&chances_total, metric_slot(&chances_total, result), number);
}

/* --- giving ---------------------------------------------------------------------------------- */

static enum status expire(struct giver *giver, const struct index_key *key, const char *why,
                          struct error *error) {
    count("expired", 1);
    log_warn("nobody says what became of a second chance", LOG_SLICE("stream", key->stream),
             LOG_SLICE("consumer", key->consumer),
             LOG_INT("streamSequence", (int64_t)key->sequence), LOG_TEXT("why", why));
    return store_chance_expire(giver->pg, key, error);
}

/* A message that the stream no longer holds, or that the broker refuses, has no chance. */
static enum status note_given(struct giver *giver, const struct replay *chance,
                              const struct replay_result *result, struct error *error) {
    const struct index_key key = {chance->stream, chance->consumer, chance->sequence};
    if (result->end == REPLAY_UNKNOWN)
        return STATUS_OK;
    if (result->end == REPLAY_REFUSED)
        return expire(giver, &key, result->detail, error);
    count("given", 1);
    log_info("sent once more: it left no word", LOG_SLICE("entry", chance->id),
             LOG_INT("streamSequence", (int64_t)chance->sequence),
             LOG_INT("chanceSequence", (int64_t)result->sequence));
    return store_chance_give(giver->pg, chance, result->sequence, error);
}

/* Published first, then written down: who is killed in between publishes it again under its id. */
static enum status give_next(struct giver *giver, size_t *given, struct error *error) {
    struct replays next = {0};
    enum status status = store_chance_next(giver->pg, giver->arena, &next, error);
    if (status != STATUS_OK || next.count == 0)
        return status;
    struct replay_result *results = arena_alloc(giver->arena, next.count * sizeof(*results));
    status = replayer_publish(giver->replayer, &next, results, error);
    failpoint("dlq.after_chance");
    for (size_t i = 0; i < next.count && status == STATUS_OK; i++)
        status = note_given(giver, &next.items[i], &results[i], error);
    *given = next.count;
    return status;
}

/* --- waiting for the end ---------------------------------------------------------------------- */

/* All its deliveries, each as long as may be. */
static int64_t limit_us(const struct consumer_facts *facts) {
    int64_t deliveries = facts->max_deliver > 0 ? facts->max_deliver : 1;
    int64_t most_us = LIMIT_MOST_MS * INT64_C(1000);
    if (facts->ack_wait_us > most_us / deliveries)
        return most_us;
    return deliveries * facts->ack_wait_us + MARGIN_MS * 1000;
}

/* The time of one that the consumer has not been sent yet, because it is down or far behind, has
   not begun. */
static enum status judge_given(struct giver *giver, const struct given_chance *given,
                               const struct consumer_facts *facts, struct error *error) {
    if (facts->exists && facts->delivered < given->sequence)
        return store_chance_renew(giver->pg, &given->key, error);
    if (facts->exists && given->age_us < limit_us(facts))
        return STATUS_OK;
    return expire(giver, &given->key, facts->exists ? "no report" : "no consumer", error);
}

static enum status expire_overdue(struct giver *giver, size_t *out, struct error *error) {
    struct given_chances given = {0};
    enum status status = store_chance_given(giver->pg, giver->arena, &given, error);
    *out = given.count;
    if (status != STATUS_OK || given.count == 0 || clock_monotonic_us() < giver->overdue_due_us)
        return status;
    struct consumer_facts *facts = arena_alloc(giver->arena, given.count * sizeof(*facts));
    for (size_t i = 0; i < given.count; i++)
        facts[i] = (struct consumer_facts){.stream = given.items[i].key.stream,
                                           .consumer = given.items[i].key.consumer};
    status = consumer_facts_read(giver->requests, giver->arena, facts, given.count, error);
    for (size_t i = 0; i < given.count && status == STATUS_OK; i++)
        status = judge_given(giver, &given.items[i], &facts[i], error);
    giver->overdue_due_us = clock_monotonic_us() + OVERDUE_POLL_MS * 1000;
    return status;
}

static enum status turn(struct giver *giver, int64_t *nap_ms, struct error *error) {
    bool is_leader = false, is_new = false;
    struct chance_ends ends = {0};
    size_t given = 0, out = 0;
    arena_reset(giver->arena);
    enum status status = job_leader_try(&giver->leader, giver->pg, &is_leader, &is_new, error);
    if (status == STATUS_OK && is_leader)
        status = store_chance_end(giver->pg, &ends, error);
    count("passed", ends.passed);
    count("failed", ends.failed);
    if (status == STATUS_OK && is_leader)
        status = give_next(giver, &given, error);
    if (status == STATUS_OK && is_leader)
        status = expire_overdue(giver, &out, error);
    int64_t now_us = clock_monotonic_us();
    if (given > 0)
        giver->busy_until_us = now_us + BUSY_MS * 1000;
    *nap_ms = out > 0 && now_us < giver->busy_until_us ? BUSY_POLL_MS : IDLE_POLL_MS;
    return status;
}

void chances_run(struct worker *worker) {
    const struct worker_options *options = worker_options(worker);
    struct giver giver = {
        .pg = pg_create(options->config->database_url, "dlq/chances"),
        .arena = arena_create(ARENA_CHUNK_BYTES),
        .requests = request_batch_create(options->nats),
        .replayer = replayer_create(options->nats),
        .leader = {.lock = SLICE_LITERAL("om.dlq.chances")},
    };
    int64_t nap_ms = 0;
    while (worker_nap(worker, nap_ms)) {
        struct error error = {0};
        enum status status = turn(&giver, &nap_ms, &error);
        if (status != STATUS_OK) {
            log_warn("second chances wait for a dependency", LOG_ERROR(&error));
            nap_ms = RETRY_MS;
        }
        worker_set_ready(worker, status == STATUS_OK);
    }
    request_batch_destroy(&giver.requests);
    replayer_destroy(&giver.replayer);
    arena_destroy(&giver.arena);
    pg_destroy(&giver.pg);
}
