/*
 * One connection to Redis on one h2o loop (hiredis, asynchronous).
 *
 * A command is answered within the time-out or it failed: then the whole connection is thrown away
 * (a late reply can so never be taken for another's), the name is resolved again, its addresses are
 * tried in turn, with a growing pause. The same when the server refuses a command: it may be a
 * replica now, or full. Usable is what has taken a write, and takes one each second. While it is
 * not usable, commands fail at once. Everything runs on the loop's thread; nothing blocks. A
 * callback may come before redis_command() returns.
 *
 * Writes may have been lost before a connection that follows a failure: REDIS_GAP_KEY says so to
 * all gateways, for REDIS_GAP_S seconds.
 */
#ifndef OM_GATEWAY_LINK_REDIS_H
#define OM_GATEWAY_LINK_REDIS_H

#include "gateway/link/redis_health.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#include "shared/loop/loop.h"

#define REDIS_GAP_KEY "order:gap"
#define REDIS_GAP_S "300"

struct redis;
struct redisReply;

struct redis_options {
    h2o_context_t *context;
    const char *url; /* redis://[[user]:password@]host:port[/database], percent-encoded */
    int64_t timeout_ms;
    struct redis_health *health;
};

/* INVALID, with the name of the setting, for what is no such URL. */
enum status redis_check_url(const char *url, struct error *error) MUST_CHECK;
/* Starts to connect. INVALID when the URL is not one. */
enum status redis_create(const struct redis_options *options, struct redis **redis,
                         struct error *error) MUST_CHECK;
/* Fails what is in flight. */
void redis_destroy(struct redis **redis);

/* `reply` is valid during the call; NULL: it failed or Redis refused it. */
typedef void (*redis_fn)(void *closure, const struct redisReply *reply);

/* During a call of `fn` without a reply: Redis' words, if it refused the command; else NULL. */
const char *redis_refusal(const struct redis *redis);

/* Whether it had REDIS_GAP_KEY, of whichever gateway, when it was last found usable: before the
   first command of a connection, and then each second. */
bool redis_has_gap(const struct redis *redis);

/* Sends the command at the end of the loop's turn, together with its other ones; `argv` is copied.
   `fn` may be NULL. */
void redis_command(struct redis *redis, redis_fn fn, void *closure, size_t argc,
                   const struct slice *argv);

#endif
