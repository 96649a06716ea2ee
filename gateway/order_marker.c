#include "gateway/order_marker.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define MARKER_TTL_S "300"
#define KEY_PREFIX "order:"
enum { KEY_SIZE = sizeof(KEY_PREFIX) - 1 + UUID_TEXT_SIZE };

static struct slice format_key(const struct uuid *order_id, char key[KEY_SIZE]) {
    memcpy(key, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
    uuid_format(order_id, key + sizeof(KEY_PREFIX) - 1);
    return (struct slice){key, KEY_SIZE - 1};
}

void order_marker_set(struct redis *redis, const struct uuid *order_id) {
    char key[KEY_SIZE];
    const struct slice argv[] = {SLICE_LITERAL("SET"), format_key(order_id, key),
                                 SLICE_LITERAL("PENDING"), SLICE_LITERAL("EX"),
                                 SLICE_LITERAL(MARKER_TTL_S)};
    redis_command(redis, NULL, NULL, sizeof(argv) / sizeof(argv[0]), argv);
}

struct find_call {
    order_marker_fn fn;
    void *closure;
};

static void on_found(void *closure, const struct redisReply *reply) {
    struct find_call *call = closure;
    call->fn(call->closure, reply != NULL && reply->type == REDIS_REPLY_STRING);
    free(call);
}

void order_marker_find(struct redis *redis, const struct uuid *order_id, order_marker_fn fn,
                       void *closure) {
    char key[KEY_SIZE];
    struct find_call *call = mem_alloc(sizeof(*call));
    *call = (struct find_call){fn, closure};
    const struct slice argv[] = {SLICE_LITERAL("GET"), format_key(order_id, key)};
    redis_command(redis, on_found, call, sizeof(argv) / sizeof(argv[0]), argv);
}
