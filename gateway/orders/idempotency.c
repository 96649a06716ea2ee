#include "gateway/orders/idempotency.h"

#include "gateway/lane/meter.h"
#include "gateway/reply/idempotency_key.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/crypto/crypto.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(claims, "ordermesh_idempotency_total", "result",
               "Claims: first, replay, mismatch, in_flight, takeover, degraded.");
METRIC_STARTS(claims, "first", "replay", "mismatch", "in_flight", "takeover", "degraded");

enum { HASH_LEN = 32, HASH_HEX_LEN = 64 };
/* ORDER_HELD_MOST_S of services/order/submit.h. */
#define UNGUARDED_US INT64_C(150000000)

struct claim claim_of(struct slice tenant, struct slice key, struct slice canonical_body) {
    struct claim claim = {.tenant = tenant};
    uint8_t key_hash[HASH_LEN], fingerprint[HASH_LEN], id_hash[HASH_LEN];
    sha256(canonical_body.ptr, canonical_body.len, fingerprint);
    const struct slice parts[] = {tenant, key, {(const char *)fingerprint, HASH_LEN}};
    idempotency_key_hash(parts, 2, key_hash);
    idempotency_key_hash(parts, 3, id_hash);
    hex_encode(key_hash, HASH_LEN, claim.key_hash);
    hex_encode(fingerprint, HASH_LEN, claim.fingerprint);
    claim.order_id = uuid_v8(id_hash);
    return claim;
}

const char *claim_verdict_name(enum claim_verdict verdict) {
    static const char *const names[] = {
#define CLAIM_NAME(id, label) label,
        CLAIM_TABLE(CLAIM_NAME)
#undef CLAIM_NAME
    };
    return names[verdict];
}

bool claim_is_unguarded(enum claim_verdict verdict) {
    static _Atomic int64_t until_us;
    int64_t now_us = clock_monotonic_us();
    if (verdict == CLAIM_DEGRADED)
        atomic_store(&until_us, now_us + UNGUARDED_US);
    return now_us < atomic_load(&until_us);
}

/* A deadline that lies further ahead than a lease lasts comes from a clock that is wrong. */
static bool is_lease_live(struct slice deadline, int64_t now_ms) {
    uint64_t most_ms = (uint64_t)(now_ms + 2 * IDEMPOTENCY_LEASE_MS), deadline_ms;
    return slice_parse_uint(deadline, most_ms, &deadline_ms) && deadline_ms > (uint64_t)now_ms;
}

enum claim_verdict claim_judge(const struct claim *claim, struct slice record, int64_t now_ms) {
    enum { FINGERPRINT_AT = 2, DEADLINE_AT = FINGERPRINT_AT + HASH_HEX_LEN + 1 };
    if (record.ptr == NULL)
        return CLAIM_FIRST;
    bool is_done = record.len == DEADLINE_AT - 1 && record.ptr[0] == 'D';
    bool is_in_flight = record.len > DEADLINE_AT && record.ptr[0] == 'P';
    if (!is_done && !is_in_flight)
        return CLAIM_DEGRADED;
    if (memcmp(record.ptr + FINGERPRINT_AT, claim->fingerprint, HASH_HEX_LEN) != 0)
        return CLAIM_MISMATCH;
    if (is_done)
        return CLAIM_REPLAY;
    struct slice deadline = {record.ptr + DEADLINE_AT, record.len - DEADLINE_AT};
    return is_lease_live(deadline, now_ms) ? CLAIM_IN_FLIGHT : CLAIM_TAKEOVER;
}

void claim_write_in_flight(const struct claim *claim, int64_t deadline_ms, struct buf *out) {
    buf_append_text(out, "P:");
    buf_append(out, claim->fingerprint, HASH_HEX_LEN);
    buf_append_char(out, ':');
    buf_append_int(out, deadline_ms);
}

void claim_write_done(const struct claim *claim, struct buf *out) {
    buf_append_text(out, "D:");
    buf_append(out, claim->fingerprint, HASH_HEX_LEN);
}

/* --- with Redis ------------------------------------------------------------------------------- */

struct claim_call {
    struct redis *redis;
    struct claim claim;
    claim_fn fn;
    void *closure;
};

static int64_t now_ms(void) {
    return clock_now_us() / 1000;
}

static void append_redis_key(const struct claim *claim, struct buf *out) {
    buf_append_text(out, "idem:");
    buf_append_slice(out, claim->tenant);
    buf_append_char(out, ':');
    buf_append(out, claim->key_hash, HASH_HEX_LEN);
}

static void store(struct redis *redis, const struct claim *claim, struct slice record) {
    struct buf key = {0};
    append_redis_key(claim, &key);
    const struct slice argv[] = {SLICE_LITERAL("SET"), buf_slice(&key), record, SLICE_LITERAL("EX"),
                                 SLICE_LITERAL(IDEMPOTENCY_TTL_S)};
    redis_command(redis, NULL, NULL, sizeof(argv) / sizeof(argv[0]), argv);
    buf_fini(&key);
}

static void store_in_flight(struct redis *redis, const struct claim *claim, int64_t deadline_ms) {
    struct buf record = {0};
    claim_write_in_flight(claim, deadline_ms, &record);
    store(redis, claim, buf_slice(&record));
    buf_fini(&record);
}

static void count_verdict(enum claim_verdict verdict) {
    static atomic_uint slots[CLAIM_VERDICT_COUNT];
    unsigned slot = meter_slot(&slots[verdict], &claims, claim_verdict_name(verdict));
    metric_add(&claims, slot, 1);
}

static enum claim_verdict verdict_of(const struct claim *claim, const struct redisReply *reply) {
    if (reply == NULL)
        return CLAIM_DEGRADED;
    if (reply->type == REDIS_REPLY_NIL)
        return CLAIM_FIRST;
    if (reply->type != REDIS_REPLY_STRING)
        return CLAIM_DEGRADED;
    return claim_judge(claim, (struct slice){reply->str, (size_t)reply->len}, now_ms());
}

static void end_call(struct claim_call *call, enum claim_verdict verdict) {
    if (verdict == CLAIM_TAKEOVER)
        store_in_flight(call->redis, &call->claim, now_ms() + IDEMPOTENCY_LEASE_MS);
    count_verdict(verdict);
    call->fn(call->closure, verdict);
    free(call);
}

static void on_gap(void *closure, const struct redisReply *reply) {
    bool has_gap = reply == NULL || reply->type != REDIS_REPLY_NIL;
    end_call(closure, has_gap ? CLAIM_TAKEOVER : CLAIM_IN_FLIGHT);
}

/* The end of the request that has the lease may be among the writes that were lost. */
static void on_claim_reply(void *closure, const struct redisReply *reply) {
    struct claim_call *call = closure;
    enum claim_verdict verdict = verdict_of(&call->claim, reply);
    const struct slice argv[] = {SLICE_LITERAL("GET"), SLICE_LITERAL(REDIS_GAP_KEY)};
    if (verdict == CLAIM_IN_FLIGHT)
        redis_command(call->redis, on_gap, call, 2, argv);
    else
        end_call(call, verdict);
}

void claim_make(struct redis *redis, const struct claim *claim, claim_fn fn, void *closure) {
    struct claim_call *call = mem_alloc(sizeof(*call));
    *call = (struct claim_call){redis, *claim, fn, closure};
    struct buf key = {0}, record = {0};
    append_redis_key(claim, &key);
    claim_write_in_flight(claim, now_ms() + IDEMPOTENCY_LEASE_MS, &record);
    const struct slice argv[] = {SLICE_LITERAL("SET"),
                                 buf_slice(&key),
                                 buf_slice(&record),
                                 SLICE_LITERAL("NX"),
                                 SLICE_LITERAL("GET"),
                                 SLICE_LITERAL("EX"),
                                 SLICE_LITERAL(IDEMPOTENCY_TTL_S)};
    redis_command(redis, on_claim_reply, call, sizeof(argv) / sizeof(argv[0]), argv);
    buf_fini(&key);
    buf_fini(&record);
}

void claim_finish(struct redis *redis, const struct claim *claim) {
    struct buf record = {0};
    claim_write_done(claim, &record);
    store(redis, claim, buf_slice(&record));
    buf_fini(&record);
}

void claim_release(struct redis *redis, const struct claim *claim) {
    store_in_flight(redis, claim, 0);
}
