#include "services/dlq/collect/chances.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/index/store_chance.h"
#include "services/dlq/replay/leader.h"
#include "services/dlq/replay/republish.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <inttypes.h>

METRIC_COUNTER(
    chances_total, "ordermesh_dlq_chances_total", "result",
    "Messages that left no word and are sent once more: given, passed, failed, expired.");

enum {
    ARENA_CHUNK_BYTES = 64 * 1024,
    AT_ONCE_MOST = 64, /* services in a turn */
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
    struct leader leader;
    int64_t overdue_due_us;
    int64_t busy_until_us; /* an answer is soon to come */
};

static void count(const char *result, int64_t number) {
    if (number > 0)
        metric_add(&chances_total, metric_slot(&chances_total, result), number);
}

/* --- giving ---------------------------------------------------------------------------------- */

static enum status read_originals(struct giver *giver, const struct chance *chances, size_t most,
                                  struct error *error) {
    struct buf subject = {0}, body = {0}, stream = {0};
    request_batch_clear(giver->requests);
    for (size_t i = 0; i < most; i++) {
        buf_clear(&subject);
        buf_clear(&body);
        buf_clear(&stream);
        buf_append_slice(&stream, chances[i].key.stream);
        buf_append_text(&stream, "");
        stored_message_get_subject(&subject, stream.ptr);
        stored_message_by_sequence(&body, chances[i].key.sequence);
        request_batch_add(giver->requests, subject.ptr, buf_slice(&body));
    }
    buf_fini(&subject);
    buf_fini(&body);
    buf_fini(&stream);
    return request_batch_run(giver->requests, error);
}

/* The id tells chances of one event apart, such as of its first message and of a later replay. */
static enum status make_message(struct giver *giver, const struct chance *chance,
                                const struct stored_message *original, natsMsg **message,
                                struct error *error) {
    struct buf id = {0};
    buf_printf(&id, "%.*s.chance.%" PRIu64, SLICE_ARG(chance->entry_id), chance->key.sequence);
    const struct republication republication = {
        .subject = slice_of(original->subject),
        .stream = chance->key.stream,
        .consumer = chance->key.consumer,
        .entry_id = chance->entry_id,
        .message_id = buf_slice(&id),
        .is_alone = true,
        .original = original,
        .next_header = header_next,
    };
    enum status status = republish_message(
        &republication, request_batch_next_reply(giver->requests), message, error);
    buf_fini(&id);
    return status;
}

static enum status publish(struct giver *giver, natsMsg *message, uint64_t *sequence,
                           struct error *error) {
    request_batch_add_message(giver->requests, message);
    failpoint("dlq.before_chance");
    enum status status = request_batch_run(giver->requests, error);
    if (status == STATUS_OK)
        status = republish_judge(request_batch_reply(giver->requests, 0), sequence, error);
    failpoint("dlq.after_chance");
    return status;
}

/* Published first, then written down: who is killed in between publishes it again under its id. */
static enum status give(struct giver *giver, const struct chance *chance,
                        const struct stored_message *original, struct error *error) {
    natsMsg *message = NULL;
    uint64_t sequence = 0;
    request_batch_clear(giver->requests);
    enum status status = make_message(giver, chance, original, &message, error);
    if (status == STATUS_OK)
        status = publish(giver, message, &sequence, error);
    if (status == STATUS_OK)
        status = store_chance_give(giver->pg, &chance->key, sequence, error);
    if (status != STATUS_OK)
        return status;
    count("given", 1);
    log_info("sent once more: it left no word", LOG_SLICE("entry", chance->entry_id),
             LOG_INT("streamSequence", (int64_t)chance->key.sequence),
             LOG_INT("chanceSequence", (int64_t)sequence));
    return STATUS_OK;
}

static enum status expire(struct giver *giver, const struct index_key *key, const struct error *why,
                          struct error *error) {
    count("expired", 1);
    log_warn("nobody says what became of a second chance", LOG_SLICE("stream", key->stream),
             LOG_SLICE("consumer", key->consumer),
             LOG_INT("streamSequence", (int64_t)key->sequence), LOG_ERROR(why));
    return store_chance_expire(giver->pg, key, error);
}

/* What the stream no longer holds, or the broker refuses, has none. */
static enum status give_or_expire(struct giver *giver, const struct chance *chance,
                                  struct stored_message *original, enum status read,
                                  struct error *error) {
    enum status status = read;
    if (status == STATUS_OK)
        status = give(giver, chance, original, error);
    if (status != STATUS_NOT_FOUND && status != STATUS_INVALID)
        return status;
    const struct error why = *error;
    return expire(giver, &chance->key, &why, error);
}

static enum status give_next(struct giver *giver, size_t *given, struct error *error) {
    struct chance chances[AT_ONCE_MOST];
    struct stored_message originals[AT_ONCE_MOST] = {0};
    struct error errors[AT_ONCE_MOST] = {0};
    enum status reads[AT_ONCE_MOST];
    enum status status =
        store_chance_next(giver->pg, giver->arena, chances, AT_ONCE_MOST, given, error);
    if (status != STATUS_OK || *given == 0)
        return status;
    status = read_originals(giver, chances, *given, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < *given; i++)
        reads[i] = stored_message_parse(request_batch_reply(giver->requests, i), &originals[i],
                                        &errors[i]);
    for (size_t i = 0; i < *given && status == STATUS_OK; i++) {
        *error = errors[i];
        status = give_or_expire(giver, &chances[i], &originals[i], reads[i], error);
    }
    for (size_t i = 0; i < *given; i++)
        stored_message_fini(&originals[i]);
    return status;
}

/* --- waiting for the end -----------------------------------------------------------------------
 */

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
    struct error why = {0};
    (void)error_set(&why, STATUS_TIMEOUT, facts->exists ? "no report" : "no consumer");
    return expire(giver, &given->key, &why, error);
}

static enum status expire_overdue(struct giver *giver, size_t *count, struct error *error) {
    struct given_chance given[AT_ONCE_MOST];
    struct consumer_facts facts[AT_ONCE_MOST] = {0};
    enum status status =
        store_chance_given(giver->pg, giver->arena, given, AT_ONCE_MOST, count, error);
    if (status != STATUS_OK || *count == 0 || clock_monotonic_us() < giver->overdue_due_us)
        return status;
    for (size_t i = 0; i < *count; i++)
        facts[i] = (struct consumer_facts){.stream = given[i].key.stream,
                                           .consumer = given[i].key.consumer};
    status = consumer_facts_read(giver->requests, giver->arena, facts, *count, error);
    for (size_t i = 0; i < *count && status == STATUS_OK; i++)
        status = judge_given(giver, &given[i], &facts[i], error);
    giver->overdue_due_us = clock_monotonic_us() + OVERDUE_POLL_MS * 1000;
    return status;
}

static enum status turn(struct giver *giver, int64_t *nap_ms, struct error *error) {
    bool is_leader = false, is_new = false;
    struct chance_ends ends = {0};
    size_t given = 0, out = 0;
    arena_reset(giver->arena);
    enum status status = leader_try(&giver->leader, giver->pg, &is_leader, &is_new, error);
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
    arena_destroy(&giver.arena);
    pg_destroy(&giver.pg);
}
