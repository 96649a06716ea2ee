#include "services/dlq/replay/replay.h"

#include "services/dlq/index/entry.h"
#include "services/dlq/replay/republish.h"
#include "shared/base/failpoint.h"
#include "shared/observe/metrics.h"

#include <stdio.h>

METRIC_COUNTER(replays_total, "ordermesh_dlq_replays_total", "result",
               "Dead letters sent to be published again: published, refused by the broker.");

static void refuse(struct replay_result *result, const char *detail) {
    result->end = REPLAY_REFUSED;
    snprintf(result->detail, sizeof(result->detail), "%s", detail);
}

/* Not OK only for what may pass; else the replay is refused. */
static enum status refuse_unless(enum status status, struct replay_result *result,
                                 const struct error *error) {
    if (status == STATUS_OK || status_is_retryable(status))
        return status;
    refuse(result, error->text);
    return STATUS_OK;
}

/* The messages that the replays name, to be ended by the caller; no subject: refused. */
static enum status read_stored(struct request_batch *requests, const struct replays *replays,
                               struct stored_message *stored, struct replay_result *results,
                               struct error *error) {
    request_batch_clear(requests);
    for (size_t i = 0; i < replays->count; i++) {
        const struct replay *replay = &replays->items[i];
        struct buf stream = {0};
        if (replay->is_chance)
            buf_append_slice(&stream, replay->stream);
        else
            entry_write_stream(replay->stream, &stream);
        stored_message_ask(requests, buf_slice(&stream), replay->sequence);
        buf_fini(&stream);
    }
    enum status status = request_batch_run(requests, error);
    for (size_t i = 0; i < replays->count && status == STATUS_OK; i++)
        status =
            refuse_unless(stored_message_parse(request_batch_reply(requests, i), &stored[i], error),
                          &results[i], error);
    return status;
}

static enum status add_publish(struct request_batch *requests, const struct replay *replay,
                               const struct stored_message *stored, struct replay_result *result,
                               struct error *error) {
    natsMsg *message = NULL;
    if (result->end == REPLAY_REFUSED)
        return STATUS_OK;
    enum status status =
        republish_message(replay, stored, request_batch_next_reply(requests), &message, error);
    if (status == STATUS_OK)
        request_batch_add_message(requests, message);
    return refuse_unless(status, result, error);
}

static enum status judge(struct slice reply, struct replay_result *result, struct error *error) {
    enum status status = republish_judge(reply, &result->sequence, error);
    if (status == STATUS_OK)
        result->end = REPLAY_PUBLISHED;
    return refuse_unless(status, result, error);
}

/* Takes in every answer, also behind one that says "not now". */
static enum status publish(struct request_batch *requests, const struct replays *replays,
                           const struct stored_message *stored, struct replay_result *results,
                           struct error *error) {
    enum status status = STATUS_OK;
    request_batch_clear(requests);
    for (size_t i = 0; i < replays->count && status == STATUS_OK; i++)
        status = add_publish(requests, &replays->items[i], &stored[i], &results[i], error);
    if (status == STATUS_OK)
        status = request_batch_run(requests, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0, answer = 0; i < replays->count; i++) {
        if (results[i].end == REPLAY_REFUSED)
            continue;
        enum status judged = judge(request_batch_reply(requests, answer++), &results[i], error);
        if (judged != STATUS_OK)
            status = judged;
    }
    return status;
}

enum status replay_publish(struct request_batch *requests, const struct replays *replays,
                           struct arena *arena, struct replay_result *results,
                           struct error *error) {
    struct stored_message *stored = arena_alloc(arena, (replays->count + 1) * sizeof(*stored));
    for (size_t i = 0; i < replays->count; i++)
        results[i] = (struct replay_result){.end = REPLAY_UNKNOWN};
    enum status status = read_stored(requests, replays, stored, results, error);
    if (status == STATUS_OK)
        status = publish(requests, replays, stored, results, error);
    for (size_t i = 0; i < replays->count; i++)
        stored_message_fini(&stored[i]);
    request_batch_clear(requests);
    return status;
}

static void count_results(const struct replays *replays, const struct replay_result *results) {
    for (size_t i = 0; i < replays->count; i++) {
        if (results[i].end == REPLAY_UNKNOWN)
            continue;
        const char *label = results[i].end == REPLAY_PUBLISHED ? "published" : "refused";
        metric_add(&replays_total, metric_slot(&replays_total, label), 1);
    }
}

enum status replay_run(struct request_batch *requests, const struct replays *replays, struct pg *pg,
                       struct arena *arena, struct error *error) {
    if (replays->count == 0)
        return STATUS_OK;
    struct replay_result *results = arena_alloc(arena, replays->count * sizeof(*results));
    struct error settling = {0};
    failpoint("dlq.before_replay");
    enum status status = replay_publish(requests, replays, arena, results, error);
    failpoint("dlq.after_replay");
    enum status settled = store_settle(pg, replays, results, &settling);
    if (settled == STATUS_OK)
        count_results(replays, results);
    else if (status == STATUS_OK)
        *error = settling;
    return status == STATUS_OK ? settled : status;
}
