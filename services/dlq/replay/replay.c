#include "services/dlq/replay/replay.h"

#include "services/dlq/index/entry.h"
#include "services/dlq/replay/republish.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/nats/request_batch.h"
#include "shared/observe/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

METRIC_COUNTER(replays_total, "ordermesh_dlq_replays_total", "result",
               "Dead letters sent to be published again: published, refused by the broker.");

struct replayer {
    struct request_batch *reads;
    struct request_batch *publishes;
    size_t *replay_of; /* whose each publish is, while publishing */
    size_t publish_count;
};

struct replayer *replayer_create(struct nats_client *nats) {
    struct replayer *replayer = mem_alloc(sizeof(*replayer));
    replayer->reads = request_batch_create(nats);
    replayer->publishes = request_batch_create(nats);
    return replayer;
}

void replayer_destroy(struct replayer **replayer) {
    struct replayer *r = *replayer;
    *replayer = NULL;
    if (r == NULL)
        return;
    request_batch_destroy(&r->reads);
    request_batch_destroy(&r->publishes);
    free(r);
}

static void refuse(struct replay_result *result, const char *detail) {
    result->end = REPLAY_REFUSED;
    snprintf(result->detail, sizeof(result->detail), "%s", detail);
}

static enum status read_stored(struct replayer *replayer, const struct replays *replays,
                               struct error *error) {
    for (size_t i = 0; i < replays->count; i++) {
        const struct replay *replay = &replays->items[i];
        struct buf stream = {0};
        if (replay->is_chance)
            buf_append_slice(&stream, replay->stream);
        else
            entry_write_stream(replay->stream, &stream);
        stored_message_ask(replayer->reads, buf_slice(&stream), replay->sequence);
        buf_fini(&stream);
    }
    return request_batch_run(replayer->reads, error);
}

/* Adds the message to what is to be published, or refuses. An error: it was not to be read now. */
static enum status prepare(struct replayer *replayer, const struct replay *replay, size_t index,
                           struct replay_result *result, struct error *error) {
    struct stored_message stored = {0};
    natsMsg *message = NULL;
    enum status status =
        stored_message_parse(request_batch_reply(replayer->reads, index), &stored, error);
    if (status == STATUS_OK)
        status = republish_message(replay, &stored, request_batch_next_reply(replayer->publishes),
                                   &message, error);
    stored_message_fini(&stored);
    if (status == STATUS_OK) {
        request_batch_add_message(replayer->publishes, message);
        replayer->replay_of[replayer->publish_count++] = index;
        return STATUS_OK;
    }
    if (status_is_retryable(status))
        return status;
    refuse(result, error->text);
    return STATUS_OK;
}

static enum status judge(struct slice reply, struct replay_result *result, struct error *error) {
    struct replay_result published = {.end = REPLAY_PUBLISHED};
    enum status status = republish_judge(reply, &published.sequence, error);
    if (status == STATUS_OK)
        *result = published;
    else if (!status_is_retryable(status))
        refuse(result, error->text);
    return status_is_retryable(status) ? status : STATUS_OK;
}

/* Takes in every answer, also behind one that says "not now". */
static enum status publish(struct replayer *replayer, struct replay_result *results,
                           struct error *error) {
    enum status status = request_batch_run(replayer->publishes, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < replayer->publish_count; i++) {
        enum status judged = judge(request_batch_reply(replayer->publishes, i),
                                   &results[replayer->replay_of[i]], error);
        if (judged != STATUS_OK)
            status = judged;
    }
    return status;
}

enum status replayer_publish(struct replayer *replayer, const struct replays *replays,
                             struct replay_result *results, struct error *error) {
    enum status status = read_stored(replayer, replays, error);
    replayer->replay_of = mem_alloc((replays->count + 1) * sizeof(size_t));
    replayer->publish_count = 0;
    for (size_t i = 0; i < replays->count; i++)
        results[i] = (struct replay_result){.end = REPLAY_UNKNOWN};
    for (size_t i = 0; i < replays->count && status == STATUS_OK; i++)
        status = prepare(replayer, &replays->items[i], i, &results[i], error);
    if (status == STATUS_OK)
        status = publish(replayer, results, error);
    request_batch_clear(replayer->reads);
    request_batch_clear(replayer->publishes);
    free(replayer->replay_of);
    replayer->replay_of = NULL;
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

enum status replayer_run(struct replayer *replayer, const struct replays *replays, struct pg *pg,
                         struct arena *arena, struct error *error) {
    if (replays->count == 0)
        return STATUS_OK;
    struct replay_result *results = arena_alloc(arena, replays->count * sizeof(*results));
    struct error settling = {0};
    failpoint("dlq.before_replay");
    enum status status = replayer_publish(replayer, replays, results, error);
    failpoint("dlq.after_replay");
    enum status settled = store_settle(pg, replays, results, &settling);
    if (settled == STATUS_OK)
        count_results(replays, results);
    else if (status == STATUS_OK)
        *error = settling;
    return status == STATUS_OK ? settled : status;
}
