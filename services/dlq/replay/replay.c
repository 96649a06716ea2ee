#include "services/dlq/replay/replay.h"

#include "services/dlq/replay/republish.h"
#include "shared/base/failpoint.h"
#include "shared/observe/metrics.h"

#include <stdio.h>

METRIC_COUNTER(replays_total, "ordermesh_dlq_replays_total", "result",
               "Dead letters sent to be published again: published, refused by the broker.");
METRIC_STARTS(replays_total, "published", "refused");

/* Not OK only for what may pass; else the replay is refused, with the error's words. */
static enum status refuse_unless(enum status status, struct replay *replay,
                                 const struct error *error) {
    if (status == STATUS_OK || status_is_retryable(status))
        return status;
    replay->end = REPLAY_REFUSED;
    snprintf(replay->detail, sizeof(replay->detail), "%s", error->text);
    return STATUS_OK;
}

/* The messages that the replays name, to be ended by the caller. */
static enum status read_stored(struct request_batch *requests, struct replays *replays,
                               struct error *error) {
    request_batch_clear(requests);
    for (size_t i = 0; i < replays->count; i++)
        stored_message_ask(requests, replays->items[i].holder, replays->items[i].sequence);
    enum status status = request_batch_run(requests, error);
    for (size_t i = 0; i < replays->count && status == STATUS_OK; i++) {
        struct replay *replay = &replays->items[i];
        status = stored_message_parse(request_batch_reply(requests, i), &replay->stored, error);
        if (status == STATUS_NOT_FOUND)
            error_set(error, status, "it is no longer in %.*s: it was purged, or has expired",
                      SLICE_ARG(replay->holder));
        status = refuse_unless(status, replay, error);
    }
    return status;
}

static enum status add_publish(struct request_batch *requests, struct replay *replay,
                               struct error *error) {
    natsMsg *message = NULL;
    if (replay->end == REPLAY_REFUSED)
        return STATUS_OK;
    enum status status = republish_message(replay, &replay->stored,
                                           request_batch_next_reply(requests), &message, error);
    if (status == STATUS_OK)
        request_batch_add_message(requests, message);
    return refuse_unless(status, replay, error);
}

static enum status judge(struct slice reply, struct replay *replay, struct error *error) {
    enum status status = republish_judge(reply, &replay->published_sequence, error);
    if (status == STATUS_OK)
        replay->end = REPLAY_PUBLISHED;
    return refuse_unless(status, replay, error);
}

/* Takes in every answer, also behind one that says "not now". */
static enum status publish(struct request_batch *requests, struct replays *replays,
                           struct error *error) {
    enum status status = STATUS_OK;
    request_batch_clear(requests);
    for (size_t i = 0; i < replays->count && status == STATUS_OK; i++)
        status = add_publish(requests, &replays->items[i], error);
    if (status == STATUS_OK)
        status = request_batch_run(requests, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0, answer = 0; i < replays->count; i++) {
        if (replays->items[i].end == REPLAY_REFUSED)
            continue;
        enum status judged =
            judge(request_batch_reply(requests, answer++), &replays->items[i], error);
        if (judged != STATUS_OK)
            status = judged;
    }
    return status;
}

enum status replay_publish(struct request_batch *requests, struct replays *replays,
                           struct error *error) {
    enum status status = read_stored(requests, replays, error);
    if (status == STATUS_OK)
        status = publish(requests, replays, error);
    for (size_t i = 0; i < replays->count; i++)
        stored_message_fini(&replays->items[i].stored);
    request_batch_clear(requests);
    return status;
}

static void count_ends(const struct replays *replays) {
    for (size_t i = 0; i < replays->count; i++) {
        if (replays->items[i].end == REPLAY_UNKNOWN)
            continue;
        const char *label = replays->items[i].end == REPLAY_PUBLISHED ? "published" : "refused";
        metric_add(&replays_total, metric_slot(&replays_total, label), 1);
    }
}

enum status replay_run(struct request_batch *requests, struct replays *replays, struct pg *pg,
                       struct error *error) {
    if (replays->count == 0)
        return STATUS_OK;
    struct error settling = {0};
    failpoint("dlq.before_replay");
    enum status status = replay_publish(requests, replays, error);
    failpoint("dlq.after_replay");
    enum status settled = store_settle(pg, replays, &settling);
    if (settled == STATUS_OK)
        count_ends(replays);
    else if (status == STATUS_OK)
        *error = settling;
    return status == STATUS_OK ? settled : status;
}
