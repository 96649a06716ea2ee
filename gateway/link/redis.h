/*
 * One connection to Redis on one h2o loop (hiredis, asynchronous).
 *
 * A command is answered within the time-out or it failed: then the whole connection is thrown away
 * (a late reply can so never be taken for another's) and opened again with a growing pause. While
 * it is not usable, commands fail at once. Everything runs on the loop's thread; nothing blocks. A
 * callback may come before redis_command() returns.
 */
#ifndef OM_GATEWAY_LINK_REDIS_H
#define OM_GATEWAY_LINK_REDIS_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#include <h2o.h>

struct redis;
struct redisReply;

struct redis_options {
    h2o_context_t *context;
    const char *url; /* redis://[[user]:password@]host:port; parts may be percent-encoded */
    int64_t timeout_ms;
    void (*on_change)(void *closure, bool is_usable); /* starts out unusable */
    void *closure;
};

/* Starts to connect. INVALID when the URL is not one. */
enum status redis_create(const struct redis_options *options, struct redis **redis,
                         struct error *error) MUST_CHECK;
/* Fails what is in flight. */
void redis_destroy(struct redis **redis);

/* `reply` is valid during the call; NULL: it failed or Redis refused it. */
typedef void (*redis_fn)(void *closure, const struct redisReply *reply);

/* Sends the command at the end of the loop's turn, together with its other ones; `argv` is copied.
   `fn` may be NULL. */
void redis_command(struct redis *redis, redis_fn fn, void *closure, size_t argc,
                   const struct slice *argv);

#endif
