#include "gateway/kept/kept_lease.h"

#include "gateway/kept/kept_command.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define LEASE_KEY "order:sweeper"
#define LEASE_MS "5000"
/* As long as ORDERS keeps its messages: sealed data do not outlive the gateways. */
#define KEPT_MOST_S "604800"

METRIC_GAUGE(kept, "ordermesh_commands_kept", "",
             "Accepted commands in Redis that the order service is not known to have.");
METRIC_GAUGE(kept_bytes, "ordermesh_commands_kept_bytes", "", "Memory of Redis that they take.");
METRIC_GAUGE(oldest, "ordermesh_commands_kept_oldest_seconds", "",
             "Age of the oldest of them, since it was last published.");
METRIC_GAUGE(full, "ordermesh_commands_kept_full", "",
             "1 while they take OM_COMMAND_KEPT_BYTES, and no further ones are kept.");

struct kept_lease {
    struct lane *lane;
    char name[UUID_TEXT_SIZE];
    bool is_mine;
    int64_t clock_ms; /* Redis', when last asked */
    int64_t ahead_ms; /* what counts as now, against our monotonic clock */
    void (*fn)(void *closure);
    void *closure;
};

bool kept_lease_is_mine(const struct kept_lease *lease) {
    return lease->is_mine;
}

int64_t kept_lease_now_ms(const struct kept_lease *lease) {
    return clock_monotonic_us() / 1000 + lease->ahead_ms;
}

/* --- measuring -------------------------------------------------------------------------------- */

static void on_time(void *closure, const struct redisReply *reply) {
    struct kept_lease *lease = closure;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return;
    lease->clock_ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                      strtoll(reply->element[1]->str, NULL, 10) / 1000;
}

static void on_count(void *closure, const struct redisReply *reply) {
    (void)closure;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        metric_set(&kept, 0, reply->integer);
}

static void note_full(struct gateway *gateway, bool is_full) {
    if (atomic_exchange(&gateway->is_kept_full, is_full) == is_full)
        return;
    metric_set(&full, 0, is_full);
    if (is_full)
        log_warn("no further commands are kept, as those kept take all that they may",
                 LOG_INT("bytes", gateway->settings->command_kept_bytes));
    else
        log_info("commands are kept again");
}

/* There is no such key while nothing was ever kept. */
static void on_bytes(void *closure, const struct redisReply *reply) {
    struct kept_lease *lease = closure;
    if (reply == NULL)
        return;
    int64_t bytes = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    metric_set(&kept_bytes, 0, bytes);
    note_full(lease->lane->gateway, bytes >= lease->lane->gateway->settings->command_kept_bytes);
}

static int64_t read_kept_ms(const struct redisReply *reply) {
    struct arena *arena = arena_create(1024);
    struct kept_command command;
    int64_t kept_ms = 0;
    if (reply->elements == 1 && kept_read(reply->element[0], arena, &command))
        kept_ms = command.kept_ms;
    arena_destroy(&arena);
    return kept_ms;
}

/* A command from the future, of a clock that was ahead, counts as from when it was first seen:
   Redis gives all that follow the same time, until its clock has come there. */
static void on_oldest(void *closure, const struct redisReply *reply) {
    struct kept_lease *lease = closure;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
        return;
    int64_t kept_ms = read_kept_ms(reply), monotonic_ms = clock_monotonic_us() / 1000;
    int64_t ahead_ms = lease->clock_ms - monotonic_ms;
    if (kept_ms > lease->clock_ms && ahead_ms < lease->ahead_ms)
        ahead_ms = lease->ahead_ms;
    if (kept_ms > ahead_ms + monotonic_ms)
        ahead_ms = kept_ms - monotonic_ms;
    lease->ahead_ms = ahead_ms;
    metric_set(&oldest, 0, kept_ms == 0 ? 0 : (ahead_ms + monotonic_ms - kept_ms) / 1000);
}

/* --- the lease -------------------------------------------------------------------------------- */

static void extend(struct kept_lease *lease) {
    struct redis *redis = lease->lane->redis;
    const struct slice longer[] = {SLICE_LITERAL("PEXPIRE"), SLICE_LITERAL(LEASE_KEY),
                                   SLICE_LITERAL(LEASE_MS)};
    const struct slice bound[] = {SLICE_LITERAL("EXPIRE"), SLICE_LITERAL(KEPT_KEY),
                                  SLICE_LITERAL(KEPT_MOST_S)};
    redis_command(redis, NULL, NULL, sizeof(longer) / sizeof(longer[0]), longer);
    redis_command(redis, NULL, NULL, sizeof(bound) / sizeof(bound[0]), bound);
}

/* What was there before. */
static void on_holder(void *closure, const struct redisReply *reply) {
    struct kept_lease *lease = closure;
    bool is_held = reply != NULL && reply->type == REDIS_REPLY_STRING;
    bool is_taken = reply != NULL && reply->type == REDIS_REPLY_NIL;
    lease->is_mine =
        is_taken ||
        (is_held && slice_is((struct slice){reply->str, (size_t)reply->len}, lease->name));
    if (lease->is_mine)
        extend(lease);
    lease->fn(lease->closure);
}

void kept_lease_renew(struct kept_lease *lease, void (*fn)(void *closure), void *closure) {
    struct redis *redis = lease->lane->redis;
    lease->fn = fn;
    lease->closure = closure;
    const struct slice time[] = {SLICE_LITERAL("TIME")};
    const struct slice length[] = {SLICE_LITERAL("XLEN"), SLICE_LITERAL(KEPT_KEY)};
    const struct slice size[] = {SLICE_LITERAL("MEMORY"), SLICE_LITERAL("USAGE"),
                                 SLICE_LITERAL(KEPT_KEY)};
    const struct slice first[] = {SLICE_LITERAL("XRANGE"), SLICE_LITERAL(KEPT_KEY),
                                  SLICE_LITERAL("-"),      SLICE_LITERAL("+"),
                                  SLICE_LITERAL("COUNT"),  SLICE_LITERAL("1")};
    const struct slice take[] = {
        SLICE_LITERAL("SET"), SLICE_LITERAL(LEASE_KEY), slice_of(lease->name),  SLICE_LITERAL("NX"),
        SLICE_LITERAL("GET"), SLICE_LITERAL("PX"),      SLICE_LITERAL(LEASE_MS)};
    redis_command(redis, on_time, lease, sizeof(time) / sizeof(time[0]), time);
    redis_command(redis, on_count, lease, sizeof(length) / sizeof(length[0]), length);
    redis_command(redis, on_bytes, lease, sizeof(size) / sizeof(size[0]), size);
    redis_command(redis, on_oldest, lease, sizeof(first) / sizeof(first[0]), first);
    redis_command(redis, on_holder, lease, sizeof(take) / sizeof(take[0]), take);
}

/* --- lifecycle -------------------------------------------------------------------------------- */

struct kept_lease *kept_lease_create(struct lane *lane) {
    struct kept_lease *lease = mem_alloc(sizeof(*lease));
    struct uuid name = uuid_v7();
    lease->lane = lane;
    uuid_format(&name, lease->name);
    return lease;
}

void kept_lease_destroy(struct kept_lease **lease) {
    free(*lease);
    *lease = NULL;
}
