#include "services/notification/sender.h"

#include "services/notification/announce.h"
#include "services/notification/customer_keys.h"
#include "services/notification/notice.h"
#include "services/notification/queue.h"
#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/base/waker.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/observe/span.h"

#include <pthread.h>
#include <stdlib.h>

METRIC_GAUGE(notifications_pending, "ordermesh_notifications_pending", "channel",
             "Notices that wait for their channel, of all instances.");

METRIC_COUNTER(notifications_held, "ordermesh_notifications_held_total", "channel",
               "Batches after which a channel was left alone for its rate or a receiver's 429.");

#define BATCH_MOST 12
#define LEASE_MS 300000
#define IDLE_MS 200
#define DOWN_MS 1000
#define SETTLE_TRIES 30
#define MEASURE_EVERY_US 5000000
#define DELAY_MOST_MS 600000
_Static_assert(BATCH_MOST *SENDER_TIMEOUT_MOST_MS < LEASE_MS, "a batch ends within its lease");

struct sender {
    struct sender_options options;
    struct pg *pg;
    struct arena *arena;
    struct outbox *outbox;
    pthread_t thread;
    bool has_thread;
    struct waker waker; /* guards is_stopping */
    bool is_stopping;
    bool is_down; /* as the log last said */
    int64_t wait_ms;
};

int64_t sender_delay_ms(int attempts) {
    static const struct backoff backoff = {.least_ms = 1000, .most_ms = DELAY_MOST_MS};
    return backoff_after(&backoff, attempts);
}

/* False when the sender is to stop. */
static bool rest(struct sender *sender, int64_t ms) {
    int64_t until_us = clock_monotonic_us() + ms * 1000;
    waker_lock(&sender->waker);
    while (!sender->is_stopping && waker_wait(&sender->waker, until_us))
        continue;
    bool goes_on = !sender->is_stopping;
    waker_unlock(&sender->waker);
    return goes_on;
}

/* --- one batch --- */

/* A queued notice in hand. */
struct job {
    struct queued_notice *queued;
    struct event event;
    bool has_event;
    struct span span; /* with an event: of the channel's work */
    struct notice notice;
};

static void read_job(struct sender *sender, struct queued_notice *queued, struct job *job) {
    struct error error = {0};
    job->queued = queued;
    enum status status = event_decode(queued->event, sender->arena, &job->event, &error);
    job->has_event = status == STATUS_OK;
    if (job->has_event) {
        job->span = span_start(SPAN_CLIENT, &job->event.trace);
        job->event.trace = job->span.trace;
    }
    if (status == STATUS_OK)
        status = notice_read(&job->event, sender->arena, &job->notice, &error);
    if (status != STATUS_OK)
        notice_fail(&job->notice, NOTICE_FAILED, "%.100s", error.text);
}

/* Those that have no result yet. */
static size_t list_untried(struct job *jobs, size_t count, struct notice **notices) {
    size_t untried = 0;
    for (size_t i = 0; i < count; i++)
        if (jobs[i].notice.result == NOTICE_UNTRIED)
            notices[untried++] = &jobs[i].notice;
    return untried;
}

/* Where the keys cannot be read nothing is sent, and all waits. */
static enum status send_jobs(struct sender *sender, struct job *jobs, size_t count,
                             struct error *error) {
    struct channel *channel = sender->options.channel;
    struct notice **notices = arena_alloc(sender->arena, (count + 1) * sizeof(struct notice *));
    size_t untried = list_untried(jobs, count, notices);
    enum status status = customer_keys_open(sender->pg, sender->options.ring, notices, untried,
                                            sender->arena, error);
    if (status != STATUS_OK)
        return status;
    untried = list_untried(jobs, count, notices);
    return untried > 0 ? channel->send(channel, notices, untried, error) : STATUS_OK;
}

static void end_spans(const struct sender *sender, const struct job *jobs, size_t count) {
    const char *channel = notify_channel_name(sender->options.channel->id);
    char name[64];
    snprintf(name, sizeof(name), "notify %s", channel);
    for (size_t i = 0; i < count; i++) {
        const struct notice *notice = &jobs[i].notice;
        bool has_failed = notice->result == NOTICE_FAILED || notice->result == NOTICE_PUT_OFF;
        if (jobs[i].has_event)
            span_end(&jobs[i].span, name, SPAN_TEXT("ordermesh.notification.channel", channel),
                     SPAN_TEXT("ordermesh.notification.kind", notice_kind_name(notice->kind)),
                     SPAN_INT("ordermesh.attempt", jobs[i].queued->attempts),
                     SPAN_ERROR(has_failed ? notice->detail : NULL));
    }
}

/* The rows that a batch's transaction writes. */
struct settlement {
    struct notice_records records;
    struct queued_notices ended, put_back;
};

static void put_back(struct job *job, struct settlement *settlement) {
    struct queued_notice *queued = &settlement->put_back.rows[settlement->put_back.count++];
    bool was_tried = job->notice.result == NOTICE_PUT_OFF;
    *queued = *job->queued;
    queued->attempts -= was_tried ? 0 : 1;
    queued->delay_ms = was_tried ? sender_delay_ms(queued->attempts) : DOWN_MS;
    if (queued->delay_ms < job->notice.wait_ms)
        queued->delay_ms = job->notice.wait_ms;
}

static void settle_job(struct sender *sender, struct job *job, struct settlement *settlement) {
    struct notice *notice = &job->notice;
    bool is_too_old = job->queued->age_s >= sender->options.give_up_s;
    bool is_waiting = notice->result == NOTICE_PUT_OFF || notice->result == NOTICE_UNTRIED;
    if (is_waiting && !is_too_old) {
        put_back(job, settlement);
        return;
    }
    settlement->ended.rows[settlement->ended.count++] = *job->queued;
    if (notice->result == NOTICE_SKIPPED)
        return;
    if (notice->result == NOTICE_UNTRIED)
        notice_fail(notice, NOTICE_FAILED, "the channel was down until it was too late");
    struct notice_record *record = &settlement->records.rows[settlement->records.count++];
    *record = (struct notice_record){
        .order_id = job->queued->order_id,
        .kind = job->queued->kind,
        .channel = job->queued->channel,
        .has_failed = notice->result != NOTICE_SENT,
        .is_erased = notice->result == NOTICE_ERASED,
    };
    if (record->has_failed)
        record->detail = slice_of(notice->detail);
    if (record->has_failed && !record->is_erased)
        record->event = job->queued->event;
    if (job->has_event)
        notification_announce(sender->outbox, &job->event, record);
}

static void plan(struct sender *sender, struct job *jobs, size_t count,
                 struct settlement *settlement) {
    struct arena *arena = sender->arena;
    settlement->records.rows = arena_alloc(arena, count * sizeof(struct notice_record));
    settlement->ended.rows = arena_alloc(arena, count * sizeof(struct queued_notice));
    settlement->put_back.rows = arena_alloc(arena, count * sizeof(struct queued_notice));
    outbox_clear(sender->outbox);
    for (size_t i = 0; i < count; i++)
        settle_job(sender, &jobs[i], settlement);
}

/* Can be repeated, also when it is not known whether it was committed. */
static enum status write_settlement(struct sender *sender, const struct settlement *settlement,
                                    struct error *error) {
    enum status status = pg_begin(sender->pg, error);
    if (status == STATUS_OK)
        status = notification_queue_remove(sender->pg, &settlement->ended, error);
    if (status == STATUS_OK)
        status = notification_store_add(sender->pg, &settlement->records, error);
    if (status == STATUS_OK)
        status = notification_queue_put_back(sender->pg, &settlement->put_back, error);
    if (status == STATUS_OK)
        status = outbox_write(sender->outbox, sender->pg, error);
    if (status == STATUS_OK)
        status = pg_commit(sender->pg, error);
    if (status != STATUS_OK)
        pg_rollback(sender->pg);
    return status;
}

/* Tries several times, so that notices are not sent again because the database is away for a
   moment. */
static enum status settle(struct sender *sender, struct job *jobs, size_t count,
                          struct error *error) {
    struct settlement settlement = {0};
    plan(sender, jobs, count, &settlement);
    enum status status = write_settlement(sender, &settlement, error);
    for (int i = 1; i < SETTLE_TRIES && status_is_retryable(status) && rest(sender, DOWN_MS); i++)
        status = write_settlement(sender, &settlement, error);
    return status;
}

/* Of those that were told that there were too many, the longest wait. */
static int64_t asked_wait_ms(const struct job *jobs, size_t count) {
    int64_t wait_ms = 0;
    for (size_t i = 0; i < count; i++) {
        const struct notice *notice = &jobs[i].notice;
        int64_t asked_ms = notice->wait_ms > DOWN_MS ? notice->wait_ms : DOWN_MS;
        if (notice->is_too_many && asked_ms > wait_ms)
            wait_ms = asked_ms;
    }
    return wait_ms;
}

static void hold(struct sender *sender, int64_t wait_ms) {
    const char *channel = notify_channel_name(sender->options.channel->id);
    if (wait_ms > sender->wait_ms)
        sender->wait_ms = wait_ms;
    if (sender->wait_ms > 0)
        metric_add(&notifications_held, metric_slot(&notifications_held, channel), 1);
}

int64_t sender_wait_ms(const struct sender *sender) {
    return sender->wait_ms;
}

enum status sender_run(struct sender *sender, size_t *count, struct error *error) {
    struct queued_notices taken = {0};
    const struct queue_take take = {.channel = sender->options.channel->id,
                                    .most = BATCH_MOST,
                                    .lease_ms = LEASE_MS,
                                    .rate = sender->options.rate};
    arena_reset(sender->arena);
    sender->wait_ms = 0;
    enum status status = notification_queue_take(sender->pg, &take, sender->arena, &taken, error);
    if (status != STATUS_OK)
        return status;
    *count = taken.count;
    sender->wait_ms = taken.wait_ms;
    if (taken.count == 0)
        return STATUS_OK;
    struct job *jobs = arena_alloc(sender->arena, taken.count * sizeof(*jobs));
    for (size_t i = 0; i < taken.count; i++)
        read_job(sender, &taken.rows[i], &jobs[i]);
    struct error unsettled = {0};
    enum status sent = send_jobs(sender, jobs, taken.count, error);
    end_spans(sender, jobs, taken.count);
    hold(sender, asked_wait_ms(jobs, taken.count));
    status = settle(sender, jobs, taken.count, &unsettled);
    if (status != STATUS_OK)
        *error = unsettled;
    return status != STATUS_OK ? status : sent;
}

enum status sender_measure(struct sender *sender, struct error *error) {
    enum notify_channel channel = sender->options.channel->id;
    int64_t waiting = 0;
    enum status status = notification_queue_count(sender->pg, channel, &waiting, error);
    if (status == STATUS_OK)
        metric_set(&notifications_pending,
                   metric_slot(&notifications_pending, notify_channel_name(channel)), waiting);
    return status;
}

/* --- the thread --- */

static void report(struct sender *sender, enum status status, const struct error *error) {
    const char *name = notify_channel_name(sender->options.channel->id);
    bool is_down = status != STATUS_OK;
    if (is_down && !sender->is_down)
        log_warn("notices wait for their channel", LOG_TEXT("channel", name), LOG_ERROR(error));
    if (!is_down && sender->is_down)
        log_info("notices go out again", LOG_TEXT("channel", name));
    sender->is_down = is_down;
}

/* Sends one batch; how long to rest then. */
static int64_t send_batch(struct sender *sender) {
    struct error error = {0};
    size_t count = 0;
    enum status status = sender_run(sender, &count, &error);
    int64_t rest_ms = count == BATCH_MOST ? 0 : IDLE_MS;
    if (status != STATUS_OK || count > 0)
        report(sender, status, &error);
    if (sender->wait_ms > 0)
        rest_ms = sender->wait_ms;
    return status != STATUS_OK && rest_ms < DOWN_MS ? DOWN_MS : rest_ms;
}

static int64_t ms_until(int64_t until_us) {
    int64_t left_us = until_us - clock_monotonic_us();
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

static void *sender_main(void *arg) {
    struct sender *sender = arg;
    int64_t send_us = 0, measure_us = 0;
    while (rest(sender, ms_until(send_us < measure_us ? send_us : measure_us))) {
        if (clock_monotonic_us() >= send_us)
            send_us = send_batch(sender) * 1000 + clock_monotonic_us();
        if (clock_monotonic_us() >= measure_us) {
            struct error unmeasured;
            (void)!sender_measure(sender, &unmeasured); /* the next time will do */
            measure_us = clock_monotonic_us() + MEASURE_EVERY_US;
        }
    }
    return NULL;
}

struct sender *sender_create(const struct sender_options *options) {
    struct sender *sender = mem_alloc(sizeof(*sender));
    sender->options = *options;
    sender->pg = pg_create(options->database_url, notify_channel_name(options->channel->id));
    sender->arena = arena_create(64 * 1024);
    sender->outbox = outbox_create();
    waker_init(&sender->waker);
    return sender;
}

enum status sender_start(struct sender *sender, struct error *error) {
    if (pthread_create(&sender->thread, NULL, sender_main, sender) != 0)
        return error_set(error, STATUS_NO_MEMORY, "no thread for a sender");
    sender->has_thread = true;
    return STATUS_OK;
}

void sender_destroy(struct sender **sender) {
    struct sender *s = *sender;
    *sender = NULL;
    if (s == NULL)
        return;
    atomic_store(&s->options.channel->is_stopping, true);
    waker_lock(&s->waker);
    s->is_stopping = true;
    waker_wake(&s->waker);
    waker_unlock(&s->waker);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    waker_fini(&s->waker);
    outbox_destroy(&s->outbox);
    arena_destroy(&s->arena);
    pg_destroy(&s->pg);
    free(s);
}
