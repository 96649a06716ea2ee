#include "shared/consume/intake.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_WAIT_MS 200
#define GATHER_MS 4
#define HEARTBEAT_MS 100
/* How many messages may wait in memory, in batches, while one is held. */
#define WAITING_BATCHES 4
/* A message that is delivered so often may have ended the process twice. */
#define SUSPECT_DELIVERIES 3

struct intake {
    struct pull *pull;
    size_t batch_most, waiting_most;
    pthread_mutex_t mutex;       /* guards what is in hand, and busy */
    struct message_list batch;   /* being worked on */
    struct message_list waiting; /* fetched, next */
    bool is_busy;                /* the consumer is not at the subscription: the heartbeat may be */
    pthread_t heartbeat;
    bool has_heartbeat;
    atomic_bool is_ending;
};

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

/* --- from the subscription to the batch ------------------------------------------------------- */

static bool is_second_chance(natsMsg *raw) {
    const char *ignored = NULL;
    return natsMsgHeader_Get(raw, "Om-Replay-Alone", &ignored) == NATS_OK;
}

/* NULL for what nobody can acknowledge, as it was not delivered by the server. */
static struct message *message_create(natsMsg *raw) {
    struct pull_metadata metadata;
    if (!pull_parse_metadata(natsMsg_GetReply(raw), &metadata))
        return NULL;
    struct message *message = mem_alloc(sizeof(*message));
    struct delivery *delivery = &message->delivery;
    message->raw = raw;
    message->metadata = metadata;
    message->touched_us = clock_monotonic_us();
    message->is_chance = is_second_chance(raw);
    message->is_alone = message->is_chance || metadata.deliveries >= SUSPECT_DELIVERIES;
    delivery->subject = slice_of(natsMsg_GetSubject(raw));
    delivery->payload = (struct slice){natsMsg_GetData(raw), (size_t)natsMsg_GetDataLength(raw)};
    delivery->attempt = metadata.deliveries;
    delivery->sequence = metadata.stream_sequence;
    delivery->stored_us = metadata.stored_us;
    return message;
}

/* Moves what has come into the waiting list; the caller is alone at the subscription. */
static enum status collect(struct intake *intake, int64_t first_wait_ms, struct error *error) {
    int64_t wait_ms = first_wait_ms;
    while (intake->waiting.count < intake->waiting_most) {
        natsMsg *raw = NULL;
        enum status status = pull_collect(intake->pull, wait_ms, &raw, error);
        if (status == STATUS_TIMEOUT)
            return STATUS_OK;
        if (status != STATUS_OK)
            return status;
        struct message *message = message_create(raw);
        if (message != NULL)
            intake->waiting.items[intake->waiting.count++] = message;
        else
            natsMsg_Destroy(raw);
        wait_ms = 0;
    }
    return STATUS_OK;
}

/* The first that is to be worked on by itself; the list's count for none. */
static size_t find_alone(const struct message_list *waiting) {
    size_t at = 0;
    while (at < waiting->count && !waiting->items[at]->is_alone)
        at++;
    return at;
}

/* The server has more for us than a batch that has just begun to come in: worth a moment. */
static bool is_backlog_coming(const struct intake *intake) {
    const struct message_list *waiting = &intake->waiting;
    return waiting->count > 0 && waiting->count < intake->batch_most &&
           waiting->items[waiting->count - 1]->metadata.pending > 0 &&
           find_alone(waiting) == waiting->count;
}

static enum status gather(struct intake *intake, struct error *error) {
    pull_request(intake->pull);
    enum status status = collect(intake, intake->waiting.count > 0 ? 0 : TAKE_WAIT_MS, error);
    for (int naps = 0; naps < GATHER_MS && status == STATUS_OK && is_backlog_coming(intake);
         naps++) {
        clock_sleep_ms(1);
        status = collect(intake, 0, error);
    }
    pull_request(intake->pull);
    return status;
}

static size_t move_to_batch(struct intake *intake) {
    struct message_list *waiting = &intake->waiting;
    size_t first = find_alone(waiting), count = 1;
    if (first == waiting->count) {
        first = 0;
        count = waiting->count < intake->batch_most ? waiting->count : intake->batch_most;
    }
    memcpy(intake->batch.items, waiting->items + first, count * sizeof(struct message *));
    memmove(waiting->items + first, waiting->items + first + count,
            (waiting->count - first - count) * sizeof(struct message *));
    waiting->count -= count;
    intake->batch.count = count;
    return count;
}

enum status intake_take(struct intake *intake, struct error *error) {
    pthread_mutex_lock(&intake->mutex);
    intake->is_busy = false;
    pthread_mutex_unlock(&intake->mutex);

    enum status status = gather(intake, error);

    pthread_mutex_lock(&intake->mutex);
    size_t count = move_to_batch(intake);
    intake->is_busy = true;
    pthread_mutex_unlock(&intake->mutex);
    return count > 0 ? STATUS_OK : status;
}

const struct message_list *intake_batch(const struct intake *intake) {
    return &intake->batch;
}

void intake_release(struct intake *intake) {
    pthread_mutex_lock(&intake->mutex);
    list_clear(&intake->batch);
    pthread_mutex_unlock(&intake->mutex);
}

/* --- the heartbeat ---------------------------------------------------------------------------- */

static void touch(struct intake *intake, struct message_list *list, int64_t interval_us) {
    int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < list->count; i++) {
        if (now_us - list->items[i]->touched_us < interval_us)
            continue;
        pull_in_progress(intake->pull, list->items[i]->raw);
        list->items[i]->touched_us = now_us;
    }
}

static void *heartbeat_main(void *arg) {
    struct intake *intake = arg;
    while (!atomic_load(&intake->is_ending)) {
        clock_sleep_ms(HEARTBEAT_MS);
        int64_t interval_us = pull_ack_wait_ms(intake->pull) * 1000 / 4;
        pthread_mutex_lock(&intake->mutex);
        if (intake->is_busy) {
            struct error ignored = {0}; /* the consumer meets it again, and says so */
            (void)!collect(intake, 0, &ignored);
            touch(intake, &intake->batch, interval_us);
            touch(intake, &intake->waiting, interval_us);
        }
        pthread_mutex_unlock(&intake->mutex);
    }
    return NULL;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

struct intake *intake_create(struct nats_client *nats, const char *stream, const char *durable,
                             int64_t batch_max) {
    struct intake *intake = mem_alloc(sizeof(*intake));
    intake->pull = pull_create(nats, stream, durable, batch_max);
    intake->batch_most = (size_t)batch_max;
    intake->waiting_most = intake->batch_most * WAITING_BATCHES;
    intake->batch.items = mem_alloc(intake->batch_most * sizeof(struct message *));
    intake->waiting.items = mem_alloc(intake->waiting_most * sizeof(struct message *));
    pthread_mutex_init(&intake->mutex, NULL);
    return intake;
}

void intake_destroy(struct intake **intake) {
    struct intake *i = *intake;
    *intake = NULL;
    if (i == NULL)
        return;
    atomic_store(&i->is_ending, true);
    if (i->has_heartbeat)
        pthread_join(i->heartbeat, NULL);
    list_clear(&i->batch);
    list_clear(&i->waiting);
    free(i->batch.items);
    free(i->waiting.items);
    pull_destroy(&i->pull);
    pthread_mutex_destroy(&i->mutex);
    free(i);
}

enum status intake_open(struct intake *intake, struct error *error) {
    enum status status = pull_open(intake->pull, error);
    if (status != STATUS_OK || intake->has_heartbeat)
        return status;
    if (pthread_create(&intake->heartbeat, NULL, heartbeat_main, intake) != 0)
        return error_set(error, STATUS_UNAVAILABLE, "cannot start a heartbeat's thread");
    intake->has_heartbeat = true;
    return STATUS_OK;
}

void intake_drain(struct intake *intake) {
    pull_drain(intake->pull);
}

struct pull *intake_pull(struct intake *intake) {
    return intake->pull;
}
