#include "gateway/live/order_watch.h"

#include "gateway/lane/pending.h"
#include "gateway/link/broker.h"
#include "gateway/orders/get_order.h"
#include "gateway/orders/order_marker.h"
#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/order_terms.h"
#include "shared/json/json.h"
#include "shared/observe/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 1024,
    TURN_MS = 100,
    READS_MOST = 64, /* at once, so that a thousand watches leave places in flight to others */
    TRIES_MOST = 5,  /* of the first reading */
    QUIET_LEAST_MS = 2000,
    QUIET_MOST_MS = 30000,
    SOON_MS = 500, /* until what could not be read is read again */
};

/*
 * join -> read -> history, or marker (accepted, but not in the database yet), or failure
 *           ^---- a missing update, or a quiet while
 */
struct order_watch {
    struct order_watches *watches;
    struct feed_watch feed_watch;
    struct pending asker; /* without a request; it is read with this caller's rights */
    struct order_watcher *watchers;
    struct order_watcher *told_next; /* while they are told; leaving moves it on */
    struct order_watch *next;        /* in its bucket */
    enum order_watch_state state;
    enum status failure;
    bool is_reading, reads_again, is_telling;
    int failures;   /* to read it for the first time */
    int64_t due_us; /* when it is read without an update */
    struct backoff quiet;
    enum order_status status;
    int64_t version;
    struct buf text;  /* all entries */
    struct buf stand; /* how the order stands */
    size_t *ends;     /* of each entry in `text` */
    size_t count, capacity;
    char reason[32], message[160];
};

struct order_watches {
    struct lane *lane;
    struct feed_lane *feed;
    struct order_watch *buckets[BUCKETS];
    struct order_watch *visited_next; /* while a bucket is visited; an end moves it on */
    size_t count;
    size_t reads; /* in flight */
    struct delay turns;
    h2o_timer_t turn;
};

static struct uuid *id_of(struct order_watch *watch) {
    return &watch->feed_watch.order_id;
}

/* Ids end in random bits, whether they are of version 7 or 8. */
static struct order_watch **bucket_of(struct order_watches *watches, const struct uuid *order_id) {
    return &watches->buckets[(order_id->bytes[14] << 8 | order_id->bytes[15]) % BUCKETS];
}

/* --- history ---------------------------------------------------------------------------------- */

static void note_end(struct order_watch *watch) {
    if (watch->count == watch->capacity) {
        watch->capacity = watch->capacity > 0 ? 2 * watch->capacity : 8;
        size_t *ends = mem_alloc(watch->capacity * sizeof(*ends));
        for (size_t i = 0; i < watch->count; i++)
            ends[i] = watch->ends[i];
        free(watch->ends);
        watch->ends = ends;
    }
    watch->ends[watch->count++] = watch->text.len;
}

static void add_entry(struct order_watch *watch, struct json_object *entry) {
    struct slice at = {"", 0}, event = {"", 0}, detail = {"", 0};
    bool is_whole = json_get_string(entry, "at", &at, NULL) == STATUS_OK &&
                    json_get_string(entry, "event", &event, NULL) == STATUS_OK;
    bool has_detail = json_get_string(entry, "detail", &detail, NULL) == STATUS_OK;
    if (!is_whole)
        event = SLICE_LITERAL("Unknown");
    buf_printf(&watch->text, "id: %zu\nevent: %.*s\ndata: ", watch->count + 1, SLICE_ARG(event));
    struct json_writer w = json_writer(&watch->text);
    json_begin_object(&w);
    json_put_int(&w, "sequence", (int64_t)watch->count + 1);
    json_put_string(&w, "at", at);
    json_put_string(&w, "event", event);
    if (has_detail)
        json_put_string(&w, "detail", detail);
    json_end_object(&w);
    buf_append_text(&watch->text, "\n\n");
    note_end(watch);
}

static void write_stand(struct order_watch *watch) {
    buf_clear(&watch->stand);
    buf_append_text(&watch->stand, "event: status\ndata: ");
    struct json_writer w = json_writer(&watch->stand);
    json_begin_object(&w);
    json_put_text(&w, "status", order_status_name(watch->status));
    if (watch->reason[0] != '\0')
        json_put_text(&w, "reason", watch->reason);
    if (watch->message[0] != '\0')
        json_put_text(&w, "message", watch->message);
    json_put_int(&w, "version", watch->version);
    json_end_object(&w);
    buf_append_text(&watch->stand, "\n\n");
}

/* Takes the entries of `timeline`, the first of which has number `sequence`, that are not known.
   False when some before them are missing. */
static bool take_entries(struct order_watch *watch, struct json_object *timeline,
                         int64_t sequence) {
    size_t len = json_object_array_length(timeline), first = (size_t)sequence - 1;
    if (first > watch->count)
        return false;
    for (size_t i = watch->count - first; i < len; i++)
        add_entry(watch, json_object_array_get_idx(timeline, i));
    return true;
}

/* Read from a history, or from an update. */
struct said {
    enum order_status status;
    int64_t version, sequence; /* of the timeline's first entry */
    struct json_object *timeline;
    struct slice reason, message; /* may be empty */
};

static enum status read_said(struct json_object *root, struct said *said, struct error *error) {
    struct slice text;
    enum status status = json_get_string(root, "status", &text, error);
    if (status == STATUS_OK && !order_status_parse(text, &said->status))
        status = error_set(error, STATUS_INVALID, "status: unknown");
    if (status == STATUS_OK)
        status = json_get_int64(root, "version", &said->version, error);
    if (status == STATUS_OK)
        status = json_get_array(root, "timeline", &said->timeline, error);
    if (status != STATUS_OK)
        return status;
    said->sequence = 1; /* a history is whole */
    if (json_get_int64(root, "sequence", &said->sequence, NULL) == STATUS_OK && said->sequence < 1)
        return error_set(error, STATUS_INVALID, "sequence: below 1");
    (void)!json_get_string(root, "reason", &said->reason, NULL);
    (void)!json_get_string(root, "message", &said->message, NULL);
    return STATUS_OK;
}

/* Nothing older than what is known changes anything. False when entries are missing, or it cannot
   be read. */
static bool take_news(struct order_watch *watch, struct slice body) {
    struct json_object *root = NULL;
    struct said said = {.reason = {"", 0}, .message = {"", 0}};
    struct error error = {0};
    enum status status = json_parse(body, &root, &error);
    if (status == STATUS_OK)
        status = read_said(root, &said, &error);
    if (status != STATUS_OK)
        log_error("what is said of an order cannot be read", LOG_ERROR(&error));
    bool is_taken = status == STATUS_OK && take_entries(watch, said.timeline, said.sequence);
    if (is_taken && said.version > watch->version) {
        watch->version = said.version;
        watch->status = said.status;
        if (said.reason.len > 0)
            snprintf(watch->reason, sizeof(watch->reason), "%.*s", SLICE_ARG(said.reason));
        snprintf(watch->message, sizeof(watch->message), "%.*s", SLICE_ARG(said.message));
        write_stand(watch);
    }
    json_object_put(root);
    return is_taken;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

static void destroy(struct order_watch *watch) {
    struct order_watch **at = bucket_of(watch->watches, id_of(watch));
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    if (watch->watches->visited_next == watch)
        watch->watches->visited_next = watch->next;
    watch->watches->count--;
    feed_unwatch(watch->watches->feed, &watch->feed_watch);
    buf_fini(&watch->text);
    buf_fini(&watch->stand);
    free(watch->ends);
    free(watch);
}

static void destroy_if_idle(struct order_watch *watch) {
    if (watch->watchers == NULL && !watch->is_reading && !watch->is_telling)
        destroy(watch);
}

/* Keeps the watch, even if all watchers leave. */
static void tell_watchers(struct order_watch *watch) {
    watch->is_telling = true;
    for (struct order_watcher *watcher = watch->watchers; watcher; watcher = watch->told_next) {
        watch->told_next = watcher->next;
        watcher->on_news(watcher);
    }
    watch->is_telling = false;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_order(struct order_watch *watch);

static void set_due(struct order_watch *watch, int64_t wait_ms) {
    watch->due_us = clock_monotonic_us() + wait_ms * 1000;
}

static void wait_longer(struct order_watch *watch) {
    set_due(watch, backoff_next(&watch->quiet));
}

static void end_reading(struct order_watch *watch) {
    watch->is_reading = false;
    watch->watches->reads--;
    if (watch->watchers != NULL && watch->reads_again)
        read_order(watch); /* which may end it */
    else
        destroy_if_idle(watch);
}

/* A known order stays known, also when a later reading fails. Browsers give up on a stream that
   begins with an error, so an error that may pass is not answered at once. */
static void fail(struct order_watch *watch, enum status failure) {
    bool is_worth_waiting = watch->state == ORDER_WATCH_KNOWN ||
                            (status_is_retryable(failure) && ++watch->failures < TRIES_MOST);
    if (is_worth_waiting) {
        set_due(watch, SOON_MS);
    } else {
        watch->state = ORDER_WATCH_FAILED;
        watch->failure = failure;
        tell_watchers(watch);
    }
    end_reading(watch);
}

static void succeed(struct order_watch *watch) {
    watch->state = ORDER_WATCH_KNOWN;
    wait_longer(watch);
    tell_watchers(watch);
    end_reading(watch);
}

static void on_marker(void *closure, enum status status) {
    struct order_watch *watch = closure;
    if (status != STATUS_OK)
        fail(watch, status);
    else
        succeed(watch);
}

static void on_history(void *closure, const struct broker_answer *answer) {
    struct order_watch *watch = closure;
    if (answer->status == STATUS_NOT_FOUND && watch->state != ORDER_WATCH_KNOWN)
        order_marker_find(&watch->asker, id_of(watch), on_marker, watch);
    else if (answer->status == STATUS_NOT_FOUND)
        succeed(watch); /* accepted, and still not in the database */
    else if (answer->status != STATUS_OK)
        fail(watch, answer->status);
    else if (!take_news(watch, answer->body))
        fail(watch, STATUS_INTERNAL);
    else
        succeed(watch);
}

static void read_order(struct order_watch *watch) {
    char traceparent[TRACEPARENT_SIZE];
    struct trace trace = trace_start();
    trace.flags = 0; /* nobody's request */
    if (watch->is_reading) {
        watch->reads_again = true;
        return;
    }
    if (watch->watches->reads == READS_MOST) {
        watch->due_us = 0; /* its turn comes */
        return;
    }
    watch->watches->reads++;
    watch->is_reading = true;
    watch->reads_again = false;
    trace_format(&trace, traceparent);
    const struct broker_question question = {"mesh.order.history", traceparent,
                                             order_question(&watch->asker, id_of(watch))};
    enum status status = broker_request(watch->asker.lane->broker, &question, on_history, watch);
    if (status != STATUS_OK)
        fail(watch, status);
}

typedef void (*visit_fn)(struct order_watch *watch, const struct feed_news *news);

static void visit(struct order_watches *watches, struct order_watch *bucket, visit_fn fn,
                  const struct feed_news *news) {
    for (struct order_watch *watch = bucket; watch != NULL; watch = watches->visited_next) {
        watches->visited_next = watch->next;
        fn(watch, news);
    }
}

static void visit_all(struct order_watches *watches, visit_fn fn, const struct feed_news *news) {
    for (size_t i = 0; i < BUCKETS; i++)
        visit(watches, watches->buckets[i], fn, news);
}

static void read_if_due(struct order_watch *watch, const struct feed_news *news) {
    (void)news;
    if (!watch->is_reading && watch->due_us <= clock_monotonic_us() &&
        !order_watch_has_ended(watch))
        read_order(watch);
}

static void take_turn(h2o_timer_t *entry) {
    struct order_watches *watches = H2O_STRUCT_FROM_MEMBER(struct order_watches, turn, entry);
    visit_all(watches, read_if_due, NULL);
    if (watches->count > 0)
        timer_start(&watches->turn, &watches->turns);
}

/* --- the feed --------------------------------------------------------------------------------- */

static void hear_update(struct order_watch *watch, const struct feed_news *news) {
    if (uuid_compare(id_of(watch), &news->order_id) != 0)
        return;
    if (watch->state != ORDER_WATCH_KNOWN || !take_news(watch, news->text)) {
        read_order(watch);
        return;
    }
    backoff_reset(&watch->quiet);
    wait_longer(watch);
    tell_watchers(watch);
    destroy_if_idle(watch);
}

/* An answer that is on its way may be from before the gap. */
static void hear_of_gap(struct order_watch *watch, const struct feed_news *news) {
    (void)news;
    watch->due_us = 0;
    watch->reads_again = watch->is_reading;
}

void order_watches_hear(struct order_watches *watches, const struct feed_news *news) {
    if (news->kind == FEED_MISSED)
        visit_all(watches, hear_of_gap, news);
    else
        visit(watches, *bucket_of(watches, &news->order_id), hear_update, news);
}

/* --- watchers --------------------------------------------------------------------------------- */

static bool sees_the_same(const struct caller *a, const struct caller *b) {
    return strcmp(a->tenant, b->tenant) == 0 && slice_equal(caller_customer(a), caller_customer(b));
}

static struct order_watch *find(struct order_watches *watches, const struct caller *caller,
                                const struct uuid *order_id) {
    struct order_watch *watch = *bucket_of(watches, order_id);
    while (watch != NULL &&
           (uuid_compare(id_of(watch), order_id) != 0 || watch->state == ORDER_WATCH_FAILED ||
            !sees_the_same(&watch->asker.caller, caller)))
        watch = watch->next;
    return watch;
}

static struct order_watch *create(struct order_watches *watches, const struct caller *caller,
                                  const struct uuid *order_id) {
    struct order_watch *watch = mem_alloc(sizeof(*watch));
    struct order_watch **bucket = bucket_of(watches, order_id);
    watch->watches = watches;
    watch->asker.lane = watches->lane;
    watch->asker.caller = *caller;
    watch->quiet = (struct backoff){.least_ms = QUIET_LEAST_MS, .most_ms = QUIET_MOST_MS};
    watch->next = *bucket;
    *bucket = watch;
    watches->count++;
    feed_watch(watches->feed, &watch->feed_watch, order_id);
    if (!timer_is_running(&watches->turn))
        timer_start(&watches->turn, &watches->turns);
    return watch;
}

void order_watch_join(struct order_watches *watches, const struct caller *caller,
                      const struct uuid *order_id, struct order_watcher *watcher) {
    struct order_watch *watch = find(watches, caller, order_id);
    bool is_new = watch == NULL;
    if (is_new)
        watch = create(watches, caller, order_id);
    watcher->watch = watch;
    watcher->next = watch->watchers;
    watch->watchers = watcher;
    if (is_new)
        read_order(watch);
}

void order_watch_leave(struct order_watcher *watcher) {
    struct order_watch *watch = watcher->watch;
    if (watch == NULL)
        return;
    struct order_watcher **at = &watch->watchers;
    while (*at != watcher)
        at = &(*at)->next;
    *at = watcher->next;
    if (watch->told_next == watcher)
        watch->told_next = watcher->next;
    watcher->watch = NULL;
    destroy_if_idle(watch);
}

enum order_watch_state order_watch_state(const struct order_watch *watch) {
    return watch->state;
}

enum status order_watch_failure(const struct order_watch *watch) {
    return watch->failure;
}

size_t order_watch_count(const struct order_watch *watch) {
    return watch->count;
}

int64_t order_watch_version(const struct order_watch *watch) {
    return watch->version;
}

bool order_watch_has_ended(const struct order_watch *watch) {
    return watch->version > 0 && order_status_is_final(watch->status);
}

void order_watch_write(const struct order_watch *watch, size_t sent, struct buf *out) {
    size_t start = sent == 0 ? 0 : watch->ends[sent - 1];
    if (watch->text.len > start)
        buf_append(out, watch->text.ptr + start, watch->text.len - start);
    buf_append_slice(out, buf_slice(&watch->stand));
}

/* --- a lane's table --------------------------------------------------------------------------- */

struct order_watches *order_watches_create(struct lane *lane, struct feed_lane *feed) {
    struct order_watches *watches = mem_alloc(sizeof(*watches));
    watches->lane = lane;
    watches->feed = feed;
    watches->turn.cb = take_turn;
    delay_init(&watches->turns, lane->context.loop, TURN_MS);
    return watches;
}

void order_watches_destroy(struct order_watches **watches) {
    free(*watches);
    *watches = NULL;
}
