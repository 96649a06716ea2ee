/*
 * Idempotency claims: Redis as the fast first guard of an Idempotency-Key.
 *
 * A key's record is `P:<fingerprint>:<lease deadline, unix ms>` while a request is in flight and
 * `D:<fingerprint>` once it was accepted. Nothing else need be kept: id and answer derive from key
 * and body. Redis is not the truth; without it the derived order id guards alone.
 *
 * The upper half is pure. The lower half runs on the loop thread of the `redis` given, and its
 * callback may come before the call returns.
 */
#ifndef OM_GATEWAY_ORDERS_IDEMPOTENCY_H
#define OM_GATEWAY_ORDERS_IDEMPOTENCY_H

#include "gateway/link/redis.h"
#include "shared/base/buf.h"
#include "shared/crypto/uuid.h"

#define IDEMPOTENCY_LEASE_MS 5000
#define IDEMPOTENCY_TTL_S "86400"
#define HASH_HEX_SIZE 65

/* The identity of one keyed request; everything derives from tenant, key and canonical body. */
struct claim {
    struct slice tenant; /* borrowed */
    char key_hash[HASH_HEX_SIZE];
    char fingerprint[HASH_HEX_SIZE];
    struct uuid order_id;
};

struct claim claim_of(struct slice tenant, struct slice key, struct slice canonical_body);

/* id, metric label */
#define CLAIM_TABLE(X)                                                                             \
    X(FIRST, "first")         /* nobody had the key: go on */                                      \
    X(REPLAY, "replay")       /* accepted before: the same answer again */                         \
    X(MISMATCH, "mismatch")   /* the key belongs to another body */                                \
    X(IN_FLIGHT, "in_flight") /* another request holds the lease */                                \
    X(TAKEOVER, "takeover")   /* its holder is gone: go on under the same id */                    \
    X(DEGRADED, "degraded")   /* Redis cannot say: go on, the id guards */

enum claim_verdict {
#define CLAIM_ENUM(id, label) CLAIM_##id,
    CLAIM_TABLE(CLAIM_ENUM)
#undef CLAIM_ENUM
        CLAIM_VERDICT_COUNT
};

/* Whether an order that was accepted without Redis may have the key and not be taken in yet: for
   DEGRADED, and as long after it as a command may wait in a process that has stalled. Counts for
   this process. */
bool claim_is_unguarded(enum claim_verdict verdict);

const char *claim_verdict_name(enum claim_verdict verdict);

/* Judges the record found (`ptr` NULL: there was none). */
enum claim_verdict claim_judge(const struct claim *claim, struct slice record, int64_t now_ms);
/* Appends a record. */
void claim_write_in_flight(const struct claim *claim, int64_t deadline_ms, struct buf *out);
void claim_write_done(const struct claim *claim, struct buf *out);

/* --- with Redis ------------------------------------------------------------------------------- */

typedef void (*claim_fn)(void *closure, enum claim_verdict verdict);

/* One round trip: claims the key or finds its record. After FIRST and TAKEOVER the caller ends with
   claim_finish() or claim_release(). */
void claim_make(struct redis *redis, const struct claim *claim, claim_fn fn, void *closure);
/* The order was accepted. Not waited for. */
void claim_finish(struct redis *redis, const struct claim *claim);
/* It was not, as far as we know: a retry may go on at once. Not waited for. */
void claim_release(struct redis *redis, const struct claim *claim);

#endif
