#include "gateway/catalog/catalog_cache.h"

#include "gateway/lane/meter.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(cache_reads, "ordermesh_catalog_cache_total", "result",
               "Reads of the catalog: hit, miss, degraded (Redis did not answer).");
METRIC_STARTS(cache_reads, "hit", "miss", "degraded");

#define KEY_PREFIX "catalog:"
#define GENERATION_KEY "catalog-generation"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct catalog_cache {
    struct catalog_cache_options options;
    struct delay hold; /* of writes that could not set a generation */
};

struct catalog_cache *catalog_cache_create(const struct catalog_cache_options *options) {
    struct catalog_cache *cache = mem_alloc(sizeof(*cache));
    cache->options = *options;
    delay_init(&cache->hold, options->context->loop, (uint64_t)options->ttl_ms);
    return cache;
}

void catalog_cache_destroy(struct catalog_cache **cache) {
    struct catalog_cache *c = *cache;
    *cache = NULL;
    if (c == NULL)
        return;
    delay_fini(&c->hold);
    free(c);
}

static void new_generation(char text[UUID_TEXT_SIZE]) {
    struct uuid generation = uuid_v7();
    uuid_format(&generation, text);
}

static void append_key(struct slice key, struct buf *out) {
    buf_append_text(out, KEY_PREFIX);
    buf_append_slice(out, key);
}

/* --- finding ---------------------------------------------------------------------------------- */

enum result { RESULT_HIT, RESULT_MISS, RESULT_DEGRADED, RESULT_COUNT };

static void count(enum result result) {
    static const char *const labels[RESULT_COUNT] = {"hit", "miss", "degraded"};
    static atomic_uint slots[RESULT_COUNT];
    metric_add(&cache_reads, meter_slot(&slots[result], &cache_reads, labels[result]), 1);
}

struct find_call {
    struct catalog_cache *cache;
    int64_t asked_us;
    catalog_found_fn fn;
    void *closure;
};

/* A reader that finds none proposes one, and the next reader finds it. */
static void propose_generation(struct catalog_cache *cache) {
    char generation[UUID_TEXT_SIZE];
    new_generation(generation);
    const struct slice argv[] = {SLICE_LITERAL("SET"), SLICE_LITERAL(GENERATION_KEY),
                                 slice_of(generation), SLICE_LITERAL("NX")};
    redis_command(cache->options.redis, NULL, NULL, COUNT(argv), argv);
}

/* An entry is the generation and, behind it, the body. */
static struct slice judge(const struct redisReply *entry, struct slice generation) {
    if (entry->type != REDIS_REPLY_STRING || (size_t)entry->len < generation.len ||
        memcmp(entry->str, generation.ptr, generation.len) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){entry->str + generation.len, (size_t)entry->len - generation.len};
}

static enum result take_reply(struct find_call *call, const struct redisReply *reply,
                              struct catalog_ticket *ticket, struct slice *body) {
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return RESULT_DEGRADED;
    const struct redisReply *generation = reply->element[0];
    if (generation->type != REDIS_REPLY_STRING || generation->len != UUID_TEXT_LEN) {
        propose_generation(call->cache);
        return RESULT_MISS;
    }
    memcpy(ticket->generation, generation->str, UUID_TEXT_LEN);
    *body = judge(reply->element[1], (struct slice){generation->str, UUID_TEXT_LEN});
    return body->ptr != NULL ? RESULT_HIT : RESULT_MISS;
}

static void on_found(void *closure, const struct redisReply *reply) {
    struct find_call *call = closure;
    struct catalog_ticket ticket = {.asked_us = call->asked_us};
    struct slice body = {NULL, 0};
    count(take_reply(call, reply, &ticket, &body));
    call->fn(call->closure, body, &ticket);
    free(call);
}

void catalog_cache_find(struct catalog_cache *cache, struct slice key, catalog_found_fn fn,
                        void *closure) {
    if (cache->options.ttl_ms == 0) {
        fn(closure, (struct slice){NULL, 0}, &(struct catalog_ticket){.asked_us = 0});
        return;
    }
    struct find_call *call = mem_alloc(sizeof(*call));
    *call = (struct find_call){cache, clock_monotonic_us(), fn, closure};
    struct buf name = {0};
    append_key(key, &name);
    const struct slice argv[] = {SLICE_LITERAL("MGET"), SLICE_LITERAL(GENERATION_KEY),
                                 buf_slice(&name)};
    redis_command(cache->options.redis, on_found, call, COUNT(argv), argv);
    buf_fini(&name);
}

void catalog_cache_store(struct catalog_cache *cache, struct slice key,
                         const struct catalog_ticket *ticket, struct slice body) {
    int64_t age_ms = (clock_monotonic_us() - ticket->asked_us) / 1000;
    if (ticket->generation[0] == '\0' || age_ms >= cache->options.ttl_ms)
        return;
    struct buf name = {0}, entry = {0}, ttl_ms = {0};
    append_key(key, &name);
    buf_append_text(&entry, ticket->generation);
    buf_append_slice(&entry, body);
    buf_append_int(&ttl_ms, cache->options.ttl_ms - age_ms);
    const struct slice argv[] = {SLICE_LITERAL("SET"), buf_slice(&name), buf_slice(&entry),
                                 SLICE_LITERAL("PX"), buf_slice(&ttl_ms)};
    redis_command(cache->options.redis, NULL, NULL, COUNT(argv), argv);
    buf_fini(&name);
    buf_fini(&entry);
    buf_fini(&ttl_ms);
}

/* --- renewing --------------------------------------------------------------------------------- */

struct renewal {
    struct catalog_cache *cache;
    h2o_timer_t hold;
    void (*fn)(void *closure);
    void *closure;
};

static void end_renewal(struct renewal *renewal) {
    renewal->fn(renewal->closure);
    free(renewal);
}

static void on_held(h2o_timer_t *entry) {
    end_renewal(H2O_STRUCT_FROM_MEMBER(struct renewal, hold, entry));
}

static void on_renewed(void *closure, const struct redisReply *reply) {
    struct renewal *renewal = closure;
    struct catalog_cache *cache = renewal->cache;
    if (reply != NULL || cache->options.ttl_ms == 0) {
        end_renewal(renewal);
        return;
    }
    renewal->hold.cb = on_held;
    timer_start(&renewal->hold, &cache->hold);
}

void catalog_cache_renew(struct catalog_cache *cache, void (*fn)(void *closure), void *closure) {
    char generation[UUID_TEXT_SIZE];
    struct renewal *renewal = mem_alloc(sizeof(*renewal));
    *renewal = (struct renewal){.cache = cache, .fn = fn, .closure = closure};
    new_generation(generation);
    const struct slice argv[] = {SLICE_LITERAL("SET"), SLICE_LITERAL(GENERATION_KEY),
                                 slice_of(generation)};
    redis_command(cache->options.redis, on_renewed, renewal, COUNT(argv), argv);
}
