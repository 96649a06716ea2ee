#include "gateway/kept/kept_sweep.h"

#include "gateway/kept/intake_pending.h"
#include "gateway/kept/kept_again.h"
#include "gateway/kept/kept_lease.h"
#include "gateway/link/broker.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/observe/log.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SECOND_MS = 1000,
    PAUSE_MS = 100,        /* behind a batch of which most are missing, or some were lost */
    BATCH_MOST = 64,       /* so that large orders, too, come within Redis' time-out */
    YOUNG_MOST_MS = 1500,  /* before, it is seldom worth asking */
    DOUBLINGS_MOST = 5,    /* of the grace */
    CLOCK_DOUBT_MS = 1000, /* how well we know Redis' clock */
    ENTRY_ID_SIZE = 48,
    ARENA_CHUNK_BYTES = 65536,
};

/* All that ORDERS held at a moment. What was kept before that, and is in the stream, is up to this
   sequence, also if the stream was set back since. */
struct fence {
    bool is_set;
    uint64_t sequence;
    int64_t horizon_ms; /* by Redis' clock: the moment */
    int64_t passed_us;  /* monotonic: the order service was seen behind it; 0: not yet */
};

struct kept_sweep {
    struct lane *lane;
    struct kept_lease *lease;
    int64_t grace_ms;
    struct delay seconds, pauses;
    h2o_timer_t second, pause;
    struct fence fence;
    /* Of the walk: */
    bool is_walking;
    bool is_ripe;           /* what is missing from before the fence was lost */
    bool has_looked;        /* at the stream */
    char at[ENTRY_ID_SIZE]; /* the last entry read; "" for none */
    struct arena *arena;    /* holds the items' texts and events */
    struct kept_item items[BATCH_MOST];
    struct kept_again again[BATCH_MOST];
    size_t read, count; /* entries of the batch; of these, items */
    size_t under_way;   /* being published */
    bool has_published;
};

/*
 * begin_walk()       each second, with the lease, unless a walk is under way
 *   read_batch()       reads the next entries
 *     on_batch()       asks the order service which of them have not taken effect
 *     on_missing()     lets the others go
 *       on_streams()   once a walk, if one is old: looks how far the stream is, which sets the
 *                      fence, or lowers it,
 *       on_consumers() and whether the order service has passed it
 *       on_fate()      in a walk that began long enough after that: asks which of those lost are
 *                      dead letters, and publishes the rest again
 *     go_on()          with the next batch, or ends the walk
 */
static void read_batch(struct kept_sweep *sweep);

/* --- the walk --------------------------------------------------------------------------------- */

static void drop_items(struct kept_sweep *sweep) {
    sweep->count = 0;
}

/* The fence has done its work with a whole walk in which it was ripe. */
static void end_walk(struct kept_sweep *sweep, bool is_whole) {
    if (is_whole && sweep->is_ripe)
        sweep->fence = (struct fence){0};
    drop_items(sweep);
    sweep->is_walking = false;
}

static void begin_walk(struct kept_sweep *sweep) {
    const struct fence *fence = &sweep->fence;
    sweep->is_walking = true;
    sweep->has_looked = false;
    sweep->at[0] = '\0';
    sweep->is_ripe = fence->passed_us > 0 &&
                     clock_monotonic_us() - fence->passed_us >= sweep->grace_ms * 1000 / 2;
    read_batch(sweep);
}

static size_t count_state(const struct kept_sweep *sweep, enum kept_state state) {
    size_t count = 0;
    for (size_t i = 0; i < sweep->count; i++)
        count += sweep->items[i].state == state;
    return count;
}

static void go_on(struct kept_sweep *sweep) {
    bool is_slow = sweep->has_published || count_state(sweep, KEPT_KNOWN) * 2 < sweep->count;
    if (sweep->read < BATCH_MOST)
        end_walk(sweep, true);
    else if (is_slow)
        timer_start(&sweep->pause, &sweep->pauses);
    else
        timer_start_now(&sweep->pause, &sweep->lane->context);
}

static void on_pause_over(h2o_timer_t *entry) {
    struct kept_sweep *sweep = H2O_STRUCT_FROM_MEMBER(struct kept_sweep, pause, entry);
    if (kept_lease_is_mine(sweep->lease))
        read_batch(sweep);
    else
        end_walk(sweep, false);
}

/* Without an answer the walk ends; the next one asks again. */
static void ask(struct kept_sweep *sweep, const char *subject, struct slice body, broker_fn fn) {
    const struct broker_question question = {subject, NULL, body};
    if (broker_request(sweep->lane->broker, &question, fn, sweep) != STATUS_OK)
        end_walk(sweep, false);
}

static bool is_understood(struct kept_sweep *sweep, enum status status, const struct error *error) {
    if (status == STATUS_OK)
        return true;
    log_warn("an answer about kept commands cannot be used", LOG_ERROR(error));
    end_walk(sweep, false);
    return false;
}

static void forget_known(struct kept_sweep *sweep) {
    struct slice argv[2 + BATCH_MOST] = {SLICE_LITERAL("XDEL"), SLICE_LITERAL(KEPT_KEY)};
    size_t argc = 2;
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->items[i].state == KEPT_KNOWN)
            argv[argc++] = sweep->items[i].command.entry_id;
    if (argc > 2)
        redis_command(sweep->lane->redis, NULL, NULL, argc, argv);
}

/* --- what was lost ---------------------------------------------------------------------------- */

/* What cannot be read cannot be published: nobody but us writes there. */
static void mark_lost(struct kept_sweep *sweep, struct kept_item *item) {
    struct error error = {0};
    if (event_decode(item->command.body, sweep->arena, &item->event, &error) == STATUS_OK) {
        item->state = KEPT_LOST;
        return;
    }
    log_error("a kept command cannot be read", LOG_SLICE("orderId", item->command.order_id),
              LOG_ERROR(&error));
}

static void find_lost(struct kept_sweep *sweep) {
    int64_t now_ms = kept_lease_now_ms(sweep->lease);
    for (size_t i = 0; i < sweep->count; i++) {
        struct kept_item *item = &sweep->items[i];
        int64_t times = item->command.again;
        int64_t wait_ms = sweep->grace_ms << (times < DOUBLINGS_MOST ? times : DOUBLINGS_MOST);
        if (item->state == KEPT_WAITING && item->command.kept_ms <= sweep->fence.horizon_ms &&
            now_ms - item->command.kept_ms >= wait_ms)
            mark_lost(sweep, item);
    }
}

static void on_published(void *closure) {
    struct kept_sweep *sweep = closure;
    if (--sweep->under_way == 0)
        go_on(sweep);
}

static void publish_lost(struct kept_sweep *sweep) {
    size_t lost = count_state(sweep, KEPT_LOST);
    if (lost > 0)
        log_warn("accepted commands that the broker lost are published again",
                 LOG_INT("commands", (int64_t)lost));
    sweep->has_published = lost > 0;
    sweep->under_way = lost + 1;
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->items[i].state == KEPT_LOST)
            kept_publish_again(&sweep->again[i], sweep->lane, &sweep->items[i], on_published,
                               sweep);
    on_published(sweep);
}

static void on_fate(void *closure, const struct broker_answer *answer) {
    struct kept_sweep *sweep = closure;
    struct error error = {.status = answer->status, .text = "the dead letters are not told"};
    enum status status = answer->status;
    if (status == STATUS_OK)
        status = kept_take_fate(answer->body, sweep->items, sweep->count, &error);
    if (!is_understood(sweep, status, &error))
        return;
    forget_known(sweep);
    publish_lost(sweep);
}

/* --- how far the stream is -------------------------------------------------------------------- */

static void on_consumers(void *closure, const struct broker_answer *answer) {
    struct kept_sweep *sweep = closure;
    if (answer->status == STATUS_OK && intake_has_passed(answer->body, sweep->fence.sequence))
        sweep->fence.passed_us = clock_monotonic_us();
    go_on(sweep);
}

static void on_streams(void *closure, const struct broker_answer *answer) {
    struct kept_sweep *sweep = closure;
    struct fence *fence = &sweep->fence;
    struct error error;
    uint64_t last;
    if (answer->status != STATUS_OK || kept_take_last(answer->body, &last, &error) != STATUS_OK) {
        end_walk(sweep, false);
        return;
    }
    if (!fence->is_set || last < fence->sequence)
        fence->sequence = last;
    fence->is_set = true;
    ask(sweep, "$JS.API.CONSUMER.LIST.COMMANDS", SLICE_LITERAL("{\"offset\":0}"), on_consumers);
}

static void look_at_stream(struct kept_sweep *sweep) {
    sweep->has_looked = true;
    if (!sweep->fence.is_set)
        sweep->fence.horizon_ms = kept_lease_now_ms(sweep->lease) - CLOCK_DOUBT_MS;
    ask(sweep, "$JS.API.STREAM.LIST", SLICE_LITERAL("{\"offset\":0}"), on_streams);
}

/* --- a batch ---------------------------------------------------------------------------------- */

static bool has_late(const struct kept_sweep *sweep) {
    int64_t late_ms = kept_lease_now_ms(sweep->lease) - sweep->grace_ms / 2;
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->items[i].state == KEPT_WAITING && sweep->items[i].command.kept_ms <= late_ms)
            return true;
    return false;
}

static void ask_fate(struct kept_sweep *sweep) {
    struct buf *body = lane_scratch(sweep->lane);
    kept_ask_fate(sweep->items, sweep->count, body);
    ask(sweep, "mesh.dlq.fate", buf_slice(body), on_fate);
}

static void on_missing(void *closure, const struct broker_answer *answer) {
    struct kept_sweep *sweep = closure;
    struct error error = {0};
    if (answer->status != STATUS_OK) {
        end_walk(sweep, false);
        return;
    }
    if (!is_understood(sweep, kept_take_missing(answer->body, sweep->items, sweep->count, &error),
                       &error))
        return;
    forget_known(sweep);
    if (sweep->is_ripe)
        find_lost(sweep);
    if (count_state(sweep, KEPT_LOST) > 0)
        ask_fate(sweep);
    else if (!sweep->has_looked && sweep->fence.passed_us == 0 && has_late(sweep))
        look_at_stream(sweep);
    else
        go_on(sweep);
}

/* The rest of a batch of which one is unreadable is still worth asking about. */
static void take_entries(struct kept_sweep *sweep, const struct redisReply *reply) {
    arena_reset(sweep->arena);
    sweep->read = reply->elements;
    for (size_t i = 0; i < reply->elements; i++) {
        struct kept_item *item = &sweep->items[sweep->count];
        const struct redisReply *id = reply->element[i]->element[0];
        *item = (struct kept_item){0};
        snprintf(sweep->at, sizeof(sweep->at), "%.*s", (int)id->len, id->str);
        if (kept_read(reply->element[i], sweep->arena, &item->command))
            sweep->count++;
        else
            log_error("a kept command cannot be read", LOG_TEXT("entry", sweep->at));
    }
}

static void on_batch(void *closure, const struct redisReply *reply) {
    struct kept_sweep *sweep = closure;
    sweep->has_published = false;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        end_walk(sweep, false);
        return;
    }
    take_entries(sweep, reply);
    if (sweep->count == 0) {
        go_on(sweep);
        return;
    }
    struct buf *body = lane_scratch(sweep->lane);
    kept_ask_missing(sweep->items, sweep->count, body);
    ask(sweep, "mesh.order.missing", buf_slice(body), on_missing);
}

static void read_batch(struct kept_sweep *sweep) {
    char from[ENTRY_ID_SIZE + 1], to[ENTRY_ID_SIZE], most[16];
    int64_t young_ms = sweep->grace_ms / 2 < YOUNG_MOST_MS ? sweep->grace_ms / 2 : YOUNG_MOST_MS;
    snprintf(from, sizeof(from), "%s%s", sweep->at[0] == '\0' ? "-" : "(", sweep->at);
    snprintf(to, sizeof(to), "%lld", (long long)(kept_lease_now_ms(sweep->lease) - young_ms));
    snprintf(most, sizeof(most), "%d", BATCH_MOST);
    drop_items(sweep);
    const struct slice argv[] = {SLICE_LITERAL("XRANGE"), SLICE_LITERAL(KEPT_KEY),
                                 slice_of(from),          slice_of(to),
                                 SLICE_LITERAL("COUNT"),  slice_of(most)};
    redis_command(sweep->lane->redis, on_batch, sweep, sizeof(argv) / sizeof(argv[0]), argv);
}

/* --- lifecycle -------------------------------------------------------------------------------- */

static void on_measured(void *closure) {
    struct kept_sweep *sweep = closure;
    if (kept_lease_is_mine(sweep->lease) && !sweep->is_walking)
        begin_walk(sweep);
    timer_start(&sweep->second, &sweep->seconds);
}

static void on_second(h2o_timer_t *entry) {
    struct kept_sweep *sweep = H2O_STRUCT_FROM_MEMBER(struct kept_sweep, second, entry);
    kept_lease_renew(sweep->lease, on_measured, sweep);
}

struct kept_sweep *kept_sweep_create(struct lane *lane) {
    struct kept_sweep *sweep = mem_alloc(sizeof(*sweep));
    sweep->lane = lane;
    sweep->grace_ms = lane->gateway->settings->command_grace_s * 1000;
    sweep->lease = kept_lease_create(lane);
    sweep->arena = arena_create(ARENA_CHUNK_BYTES);
    delay_init(&sweep->seconds, lane->context.loop, SECOND_MS);
    delay_init(&sweep->pauses, lane->context.loop, PAUSE_MS);
    sweep->second.cb = on_second;
    sweep->pause.cb = on_pause_over;
    timer_start(&sweep->second, &sweep->seconds);
    return sweep;
}

void kept_sweep_destroy(struct kept_sweep **sweep) {
    struct kept_sweep *s = *sweep;
    *sweep = NULL;
    if (s == NULL)
        return;
    timer_stop(&s->second);
    timer_stop(&s->pause);
    delay_fini(&s->seconds);
    delay_fini(&s->pauses);
    drop_items(s);
    arena_destroy(&s->arena);
    kept_lease_destroy(&s->lease);
    free(s);
}
