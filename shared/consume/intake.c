#include "shared/consume/intake.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/consume/retry_delay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_WAIT_MS 200
#define GATHER_MS 4
/* What has come since the last pull is on its way. */
#define PATIENT_GATHER_MS 50
#define NAP_MS 1
#define HEARTBEAT_MS 100
/* How many messages may wait in memory, in batches, while one is held. */
#define WAITING_BATCHES 4
/* What is early crowds a consumer when it is as many as may wait; what was on its way then comes,
 * too.
 */
#define EARLY_SHARES 4
/* A message that is delivered so often may have ended the process twice. */
#define SUSPECT_DELIVERIES 3

struct intake {
    struct pull *pull;
    bool is_patient, is_draining;
    int64_t gather_ms;
    pthread_mutex_t mutex;       /* guards what is in hand, and busy */
    struct message_list batch;   /* being worked on */
    struct message_list waiting; /* fetched, next */
    struct message_list hollow;  /* fetched without their bodies */
    struct message_list early;   /* set aside */
    size_t early_count;          /* of those and the early ones that are being tried again */
    size_t overdue_count;        /* of those that were tried again in vain */
    char why_early[256];         /* one of them */
    bool is_busy;                /* the consumer is not at the subscription: the heartbeat may be */
    pthread_t heartbeat;
    bool has_heartbeat;
    atomic_bool is_ending;
};

static void message_destroy(struct message *message) {
    natsMsg_Destroy(message->raw);
    free(message);
}

static struct message_list list_of(size_t most) {
    return (struct message_list){mem_alloc(most * sizeof(struct message *)), 0, most};
}

static void list_clear(struct message_list *list) {
    for (size_t i = 0; i < list->count; i++)
        message_destroy(list->items[i]);
    list->count = 0;
}

static void list_fini(struct message_list *list) {
    list_clear(list);
    free(list->items);
}

/* What finds no room comes again after ack_wait. */
static void list_add(struct message_list *list, struct message *message) {
    if (list->count < list->most)
        list->items[list->count++] = message;
    else
        message_destroy(message);
}

/* --- from the subscription to the batch ------------------------------------------------------- */

static bool is_second_chance(natsMsg *raw) {
    const char *ignored = NULL;
    return natsMsgHeader_Get(raw, "Om-Replay-Alone", &ignored) == NATS_OK;
}

/* It has a body, which a consumer that was set to headers_only leaves out. */
static bool is_hollow(natsMsg *raw) {
    const char *size = NULL;
    uint64_t bytes;
    return natsMsg_GetDataLength(raw) == 0 &&
           natsMsgHeader_Get(raw, "Nats-Msg-Size", &size) == NATS_OK &&
           slice_parse_uint(slice_of(size), UINT64_MAX, &bytes) && bytes > 0;
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

static void put_in_hand(struct intake *intake, natsMsg *raw) {
    struct message *message = message_create(raw);
    if (message == NULL) {
        natsMsg_Destroy(raw);
    } else if (!is_hollow(raw)) {
        list_add(&intake->waiting, message);
    } else {
        list_add(&intake->hollow, message);
        pull_doubt(intake->pull, "it delivers no bodies (headers_only): run `omctl provision`");
    }
}

/* Moves what has come into the waiting list; the caller is alone at the subscription. */
static enum status collect(struct intake *intake, int64_t first_wait_ms, struct error *error) {
    int64_t wait_ms = first_wait_ms;
    while (intake->waiting.count < intake->waiting.most) {
        natsMsg *raw = NULL;
        enum status status = pull_collect(intake->pull, wait_ms, &raw, error);
        if (status == STATUS_TIMEOUT)
            return STATUS_OK;
        if (status != STATUS_OK)
            return status;
        put_in_hand(intake, raw);
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

/* A batch has begun to come in, and the server has more for us: worth a moment. */
static bool is_worth_waiting(const struct intake *intake) {
    const struct message_list *waiting = &intake->waiting;
    return waiting->count > 0 && waiting->count < intake->batch.most &&
           waiting->items[waiting->count - 1]->metadata.pending > 0 &&
           pull_is_asking(intake->pull) && find_alone(waiting) == waiting->count;
}

size_t intake_overdue_count(const struct intake *intake) {
    return intake->overdue_count;
}

bool intake_is_crowded(const struct intake *intake) {
    return intake->early_count >= intake->waiting.most;
}

/* Nothing more is asked for while what has come is hollow, or waits in vain. */
static void request_more(struct intake *intake) {
    if (intake->hollow.count == 0 && !intake_is_crowded(intake))
        pull_request(intake->pull);
}

/* Not beyond the moment when more may be asked for. */
static int64_t first_wait_ms(const struct intake *intake) {
    int64_t rest_ms = pull_rest_ms(intake->pull);
    if (intake->waiting.count > 0)
        return 0;
    return rest_ms > 0 && rest_ms < TAKE_WAIT_MS ? rest_ms : TAKE_WAIT_MS;
}

static enum status gather(struct intake *intake, struct error *error) {
    request_more(intake);
    enum status status = collect(intake, first_wait_ms(intake), error);
    int64_t left_ms = intake->gather_ms;
    for (; left_ms > 0 && status == STATUS_OK && is_worth_waiting(intake); left_ms -= NAP_MS) {
        if (intake->is_patient)
            clock_sleep_ms(NAP_MS);
        status = collect(intake, intake->is_patient ? 0 : NAP_MS, error);
    }
    request_more(intake);
    return status;
}

static void touch(struct intake *intake, struct message_list *list) {
    int64_t now_us = clock_monotonic_us();
    int64_t interval_us = pull_ack_wait_ms(intake->pull) * 1000 / 4;
    for (size_t i = 0; i < list->count; i++) {
        if (now_us - list->items[i]->touched_us < interval_us)
            continue;
        pull_in_progress(intake->pull, list->items[i]->raw);
        list->items[i]->touched_us = now_us;
    }
}

/* The server delivers them once more, to whoever is asked next. */
static void give_back(struct intake *intake, struct message_list *list) {
    for (size_t i = 0; i < list->count; i++)
        pull_nak(intake->pull, list->items[i]->raw, retry_delay_ms(1, false));
    list_clear(list);
}

/* --- what is early ---------------------------------------------------------------------------- */

static void set_aside(struct intake *intake, struct message *message) {
    snprintf(intake->why_early, sizeof(intake->why_early), "%s", message->delivery.error.text);
    list_add(&intake->early, message);
}

/* Those whose time has come wait for their batch again. */
static void take_due(struct intake *intake) {
    struct message_list *early = &intake->early, *waiting = &intake->waiting;
    int64_t now_us = clock_monotonic_us();
    size_t left = 0;
    for (size_t i = 0; i < early->count; i++) {
        struct message *message = early->items[i];
        if (message->due_us <= now_us && waiting->count < waiting->most) {
            message->due_us = 0;
            message->delivery.has_waited = true;
            list_add(waiting, message);
        } else {
            early->items[left++] = message;
        }
    }
    early->count = left;
}

static enum status judge_crowd(const struct intake *intake, struct error *error) {
    if (!intake_is_crowded(intake))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "%zu events wait in hand: %s", intake->early_count,
                     intake->why_early);
}

/* --- batches ---------------------------------------------------------------------------------- */

static size_t move_to_batch(struct intake *intake) {
    struct message_list *waiting = &intake->waiting;
    size_t first = find_alone(waiting), count = 1;
    if (first == waiting->count) {
        first = 0;
        count = waiting->count < intake->batch.most ? waiting->count : intake->batch.most;
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

    touch(intake, &intake->early);
    take_due(intake);
    enum status status = gather(intake, error);
    enum status trouble = pull_trouble(intake->pull, error);
    if (trouble == STATUS_OK)
        trouble = judge_crowd(intake, error);
    if (status == STATUS_OK && trouble == STATUS_OK)
        give_back(intake, &intake->hollow); /* a consumer that is well sends their bodies, too */
    else
        touch(intake, &intake->hollow);

    pthread_mutex_lock(&intake->mutex);
    size_t count = move_to_batch(intake);
    intake->is_busy = true;
    pthread_mutex_unlock(&intake->mutex);
    return count > 0 || status == STATUS_OK ? trouble : status;
}

const struct message_list *intake_batch(const struct intake *intake) {
    return &intake->batch;
}

void intake_release(struct intake *intake) {
    pthread_mutex_lock(&intake->mutex);
    for (size_t i = 0; i < intake->batch.count; i++) {
        struct message *message = intake->batch.items[i];
        intake->early_count += message->due_us != 0 && message->early_tries == 1;
        intake->early_count -= message->due_us == 0 && message->early_tries > 0;
        intake->overdue_count += message->due_us != 0 && message->early_tries == 2;
        intake->overdue_count -= message->due_us == 0 && message->early_tries > 1;
        if (message->due_us != 0)
            set_aside(intake, message);
        else
            message_destroy(message);
    }
    intake->batch.count = 0;
    if (intake->is_draining)
        give_back(intake, &intake->early);
    pthread_mutex_unlock(&intake->mutex);
}

/* --- the heartbeat ---------------------------------------------------------------------------- */

static void *heartbeat_main(void *arg) {
    struct intake *intake = arg;
    while (!atomic_load(&intake->is_ending)) {
        clock_sleep_ms(HEARTBEAT_MS);
        pthread_mutex_lock(&intake->mutex);
        if (intake->is_busy) {
            struct error ignored = {0}; /* the consumer meets it again, and says so */
            (void)!collect(intake, 0, &ignored);
            touch(intake, &intake->batch);
            touch(intake, &intake->waiting);
            touch(intake, &intake->hollow);
            touch(intake, &intake->early);
        }
        pthread_mutex_unlock(&intake->mutex);
    }
    return NULL;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

struct intake *intake_create(struct nats_client *nats, const struct consumer_spec *spec,
                             int64_t batch_max) {
    struct intake *intake = mem_alloc(sizeof(*intake));
    intake->pull = pull_create(nats, spec->stream, spec->durable, batch_max);
    int64_t patience_ms = consumer_spec_patience_ms(spec);
    pull_set_pause(intake->pull, patience_ms);
    intake->is_patient = patience_ms > 0;
    intake->gather_ms = intake->is_patient ? PATIENT_GATHER_MS : GATHER_MS;
    intake->batch = list_of((size_t)batch_max);
    intake->waiting = list_of((size_t)batch_max * WAITING_BATCHES);
    intake->hollow = list_of(intake->waiting.most);
    intake->early = list_of(intake->waiting.most * EARLY_SHARES);
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
    list_fini(&i->batch);
    list_fini(&i->waiting);
    list_fini(&i->hollow);
    list_fini(&i->early);
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
    intake->is_draining = true;
    give_back(intake, &intake->early);
    pull_drain(intake->pull);
}

struct pull *intake_pull(struct intake *intake) {
    return intake->pull;
}
