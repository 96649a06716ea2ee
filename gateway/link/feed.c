#include "gateway/link/feed.h"

#include "gateway/link/pulse.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/base/waker.h"
#include "shared/contract/updates.h"
#include "shared/observe/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 4096,
    SECOND_US = 1000000,
    LINGER_S = 5, /* the subscription stays for a client that comes again at once */
    PENDING_MOST = 16384,
    FLUSH_MS = 1000,
    UNSUBSCRIBE_MS = 1000,
};

/* News on their way to a lane. */
struct parcel {
    h2o_multithread_message_t super;
    struct feed_news news;
    char text[];
};

struct feed_lane {
    struct feed *feed;
    size_t index;
    h2o_multithread_receiver_t receiver;
    feed_fn fn;
    void *closure;
    bool is_open;
    size_t viewers;   /* that want all orders */
    uint64_t told_at; /* the last update that this lane was told of */
};

struct feed {
    struct nats_client *nats;
    size_t lane_count;
    pthread_t thread;
    struct waker waker; /* guards what follows, and the lanes' counts */
    struct feed_watch *buckets[BUCKETS];
    size_t watches, viewers;
    uint64_t update_count;
    struct pulse pulse;
    struct buf text;
    bool is_stopping;
    struct feed_lane *lanes;
    /* of the thread alone */
    natsSubscription *subscription;
    atomic_bool is_over;
    uint64_t epoch;
    int idle_s;
};

/* --- to the lanes ----------------------------------------------------------------------------- */

static void tell(struct feed_lane *lane, enum feed_kind kind, const struct uuid *order_id,
                 struct slice text) {
    struct parcel *parcel = mem_alloc(sizeof(*parcel) + text.len);
    if (text.len > 0)
        memcpy(parcel->text, text.ptr, text.len);
    parcel->news = (struct feed_news){.kind = kind, .text = {parcel->text, text.len}};
    if (order_id != NULL)
        parcel->news.order_id = *order_id;
    h2o_multithread_send_message(&lane->receiver, &parcel->super);
}

/* With the lock. */
static void tell_all(struct feed *feed, enum feed_kind kind, struct slice text) {
    for (size_t i = 0; i < feed->lane_count; i++) {
        struct feed_lane *lane = &feed->lanes[i];
        if (lane->is_open && (kind == FEED_MISSED || lane->viewers > 0))
            tell(lane, kind, NULL, text);
    }
}

static void on_news(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
    struct feed_lane *lane = H2O_STRUCT_FROM_MEMBER(struct feed_lane, receiver, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        struct parcel *parcel = H2O_STRUCT_FROM_MEMBER(struct parcel, super.link, messages->next);
        h2o_linklist_unlink(&parcel->super.link);
        lane->fn(lane->closure, &parcel->news);
        free(parcel);
    }
}

struct feed_lane *feed_lane_open(struct feed *feed, size_t index, h2o_context_t *context,
                                 feed_fn fn, void *closure) {
    struct feed_lane *lane = &feed->lanes[index];
    lane->fn = fn;
    lane->closure = closure;
    h2o_multithread_register_receiver(context->queue, &lane->receiver, on_news);
    waker_lock(&feed->waker);
    lane->is_open = true;
    waker_unlock(&feed->waker);
    return lane;
}

/* --- who watches what ------------------------------------------------------------------------- */

/* Ids end in random bits, whether they are of version 7 or 8. */
static struct feed_watch **bucket_of(struct feed *feed, const struct uuid *order_id) {
    return &feed->buckets[(order_id->bytes[14] << 8 | order_id->bytes[15]) % BUCKETS];
}

void feed_watch(struct feed_lane *lane, struct feed_watch *watch, const struct uuid *order_id) {
    struct feed *feed = lane->feed;
    struct feed_watch **bucket = bucket_of(feed, order_id);
    waker_lock(&feed->waker);
    *watch = (struct feed_watch){*order_id, lane->index, *bucket};
    *bucket = watch;
    if (feed->watches++ == 0)
        waker_wake(&feed->waker);
    waker_unlock(&feed->waker);
}

void feed_unwatch(struct feed_lane *lane, struct feed_watch *watch) {
    struct feed *feed = lane->feed;
    waker_lock(&feed->waker);
    struct feed_watch **at = bucket_of(feed, &watch->order_id);
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    feed->watches--;
    waker_unlock(&feed->waker);
}

void feed_watch_all(struct feed_lane *lane) {
    waker_lock(&lane->feed->waker);
    lane->viewers++;
    if (lane->feed->viewers++ == 0) {
        lane->feed->pulse = (struct pulse){0};
        waker_wake(&lane->feed->waker);
    }
    waker_unlock(&lane->feed->waker);
}

void feed_unwatch_all(struct feed_lane *lane) {
    waker_lock(&lane->feed->waker);
    lane->viewers--;
    lane->feed->viewers--;
    waker_unlock(&lane->feed->waker);
}

/* --- updates (a thread of nats.c) ------------------------------------------------------------- */

static void pass_on(struct feed *feed, const struct uuid *order_id, struct slice body) {
    uint64_t update = ++feed->update_count;
    for (struct feed_watch *watch = *bucket_of(feed, order_id); watch; watch = watch->next) {
        struct feed_lane *lane = &feed->lanes[watch->lane];
        if (uuid_compare(&watch->order_id, order_id) != 0 || lane->told_at == update)
            continue;
        lane->told_at = update;
        tell(lane, FEED_UPDATE, order_id, body);
    }
    if (feed->viewers == 0)
        return;
    buf_clear(&feed->text);
    if (pulse_take(&feed->pulse, order_id, body, FEED_SAMPLE_MOST, &feed->text))
        tell_all(feed, FEED_SECOND, buf_slice(&feed->text));
}

static void on_update(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                      void *closure) {
    (void)connection;
    (void)subscription;
    struct feed *feed = closure;
    struct slice subject = slice_of(natsMsg_GetSubject(message));
    struct slice body = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
    size_t prefix = sizeof(UPDATES_PREFIX) - 1;
    struct uuid order_id;
    if (subject.len > prefix &&
        uuid_parse((struct slice){subject.ptr + prefix, subject.len - prefix}, &order_id)) {
        waker_lock(&feed->waker);
        pass_on(feed, &order_id, body);
        waker_unlock(&feed->waker);
    }
    natsMsg_Destroy(message);
}

static void on_over(void *is_over) {
    atomic_store((atomic_bool *)is_over, true);
}

/* --- the thread: subscribing, and the seconds ------------------------------------------------- */

static bool subscribe(struct feed *feed) {
    natsConnection *connection = nats_client_fast(feed->nats);
    struct error error;
    natsStatus s = natsConnection_Subscribe(&feed->subscription, connection, UPDATES_PREFIX "*",
                                            on_update, feed);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(feed->subscription, PENDING_MOST, -1);
    if (s == NATS_OK) /* once it answers, the server knows of it */
        s = natsConnection_FlushTimeout(connection, FLUSH_MS);
    if (nats_error(&error, s, "subscribing to updates") == STATUS_OK)
        return true;
    log_warn("live views see no updates yet", LOG_ERROR(&error));
    return false;
}

/* Waits for the last callback, which uses our memory. */
static void unsubscribe(struct feed *feed) {
    if (feed->subscription == NULL)
        return;
    atomic_store(&feed->is_over, false);
    if (natsSubscription_SetOnCompleteCB(feed->subscription, on_over, &feed->is_over) != NATS_OK)
        atomic_store(&feed->is_over, true);
    natsSubscription_Unsubscribe(feed->subscription);
    for (int waited_ms = 0; waited_ms < UNSUBSCRIBE_MS && !atomic_load(&feed->is_over); waited_ms++)
        clock_sleep_ms(1);
    nats_client_unsubscribe(feed->nats, &feed->subscription);
}

/* Subscribes while somebody watches. Without the lock. True when updates may have been missed. */
static bool follow(struct feed *feed, bool is_wanted) {
    uint64_t epoch = nats_client_epoch(feed->nats);
    bool is_new = is_wanted && feed->subscription == NULL;
    feed->idle_s = is_wanted ? 0 : feed->idle_s + 1;
    if (feed->idle_s > LINGER_S)
        unsubscribe(feed);
    if (is_new && !subscribe(feed)) {
        unsubscribe(feed);
        return false;
    }
    bool has_missed = is_new || (is_wanted && epoch != feed->epoch);
    feed->epoch = epoch;
    return has_missed;
}

static void end_second(struct feed *feed) {
    if (feed->viewers == 0)
        return;
    buf_clear(&feed->text);
    pulse_end_second(&feed->pulse, clock_now_us(), &feed->text);
    tell_all(feed, FEED_SECOND, buf_slice(&feed->text));
}

/* Until the second is over, or somebody is the first to watch. With the lock. */
static void wait_second(struct feed *feed, bool was_wanted, int64_t until_us) {
    while (!feed->is_stopping && (was_wanted || feed->watches + feed->viewers == 0) &&
           waker_wait(&feed->waker, until_us))
        continue;
}

static void *run_feed(void *closure) {
    struct feed *feed = closure;
    int64_t second_us = clock_monotonic_us() + SECOND_US;
    waker_lock(&feed->waker);
    while (!feed->is_stopping) {
        bool is_wanted = feed->watches + feed->viewers > 0;
        waker_unlock(&feed->waker);
        bool has_missed = follow(feed, is_wanted);
        waker_lock(&feed->waker);
        if (has_missed)
            tell_all(feed, FEED_MISSED, (struct slice){"", 0});
        if (clock_monotonic_us() >= second_us) {
            end_second(feed);
            second_us = clock_monotonic_us() + SECOND_US;
        }
        wait_second(feed, is_wanted, second_us);
    }
    waker_unlock(&feed->waker);
    return NULL;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

enum status feed_create(struct nats_client *nats, size_t lane_count, struct feed **feed,
                        struct error *error) {
    struct feed *made = mem_alloc(sizeof(*made));
    made->nats = nats;
    made->lane_count = lane_count;
    made->lanes = mem_alloc(lane_count * sizeof(*made->lanes));
    for (size_t i = 0; i < lane_count; i++) {
        made->lanes[i].feed = made;
        made->lanes[i].index = i;
    }
    waker_init(&made->waker);
    int failure = pthread_create(&made->thread, NULL, run_feed, made);
    if (failure != 0) {
        feed_destroy(&made);
        return error_set(error, STATUS_INTERNAL, "starting the feed: %s", strerror(failure));
    }
    *feed = made;
    return STATUS_OK;
}

void feed_stop(struct feed *feed) {
    if (feed == NULL)
        return;
    waker_lock(&feed->waker);
    feed->is_stopping = true;
    waker_wake(&feed->waker);
    waker_unlock(&feed->waker);
    pthread_join(feed->thread, NULL);
    unsubscribe(feed);
}

void feed_destroy(struct feed **feed) {
    struct feed *f = *feed;
    *feed = NULL;
    if (f == NULL)
        return;
    waker_fini(&f->waker);
    buf_fini(&f->text);
    free(f->lanes);
    free(f);
}
