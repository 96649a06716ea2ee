/*
 * Accepted commands, kept in Redis until the order service has them: the broker may lose what it
 * acknowledged, and kept_sweep.h brings it again from here.
 *
 * KEPT_KEY is a stream of Redis, of all gateways and in the order of acceptance. An entry:
 *
 *     order <order id> submit|cancel <the message's body, personal data sealed> [again <times>]
 *
 * Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_KEPT_KEPT_COMMAND_H
#define OM_GATEWAY_KEPT_KEPT_COMMAND_H

#include "gateway/lane/lane.h"
#include "gateway/link/redis.h"
#include "shared/base/arena.h"
#include "shared/contract/event.h"

#define KEPT_KEY "order:commands"

struct kept_command {
    struct slice entry_id; /* "<unix ms>-<n>", by Redis' clock */
    int64_t kept_ms;       /* that time */
    enum event_type type;  /* ORDER_SUBMIT or ORDER_CANCEL */
    struct slice order_id; /* text */
    struct slice body;
    int64_t again; /* how often it was published again */
};

/* "submit" or "cancel". */
const char *kept_kind(enum event_type type);

/* Keeps a command that the stream has just stored, unless all that may be kept is. `fn` is called
   when Redis has it, and all that this loop wrote before, or could not take it; that may be before
   this returns. The answer is for kept_note(); without `fn` that is done here. */
void kept_accept(struct lane *lane, enum event_type type, const struct uuid *order_id,
                 struct slice body, redis_fn fn, void *closure);
/* Heeds Redis' answer to that, during the call of `fn`: while it refuses, /health says so. */
void kept_note(struct lane *lane, const struct redisReply *reply);
/* Keeps it anew, in any case. Its entry_id and kept_ms are not looked at. */
void kept_write(struct redis *redis, const struct kept_command *command, redis_fn fn,
                void *closure);
/* An element of XRANGE's reply, copied into the arena. False when it is none of ours. */
bool kept_read(const struct redisReply *entry, struct arena *arena, struct kept_command *command);

#endif
