#include "gateway/orders/order_marker.h"
#include "gateway/link/redis.h"
#include "shared/base/memory.h"

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

/* Neither tenants nor customers have a blank in their names. */
static void write_content(struct slice tenant, struct slice customer, struct buf *out) {
    buf_append_slice(out, tenant);
    buf_append_char(out, ' ');
    buf_append_slice(out, customer);
}

bool order_marker_is_for(struct slice content, const struct caller *caller) {
    struct buf expected = {0};
    struct slice customer = caller_customer(caller);
    write_content(slice_of(caller->tenant), customer, &expected);
    if (customer.len == 0 && content.len > expected.len)
        content.len = expected.len; /* the tenant alone counts */
    bool is_for = slice_equal(content, buf_slice(&expected));
    buf_fini(&expected);
    return is_for;
}

void order_marker_set(struct redis *redis, const struct order_snapshot *order) {
    char key[KEY_SIZE];
    struct buf content = {0};
    write_content(order->tenant, order->customer_id, &content);
    const struct slice argv[] = {SLICE_LITERAL("SET"), format_key(&order->order_id, key),
                                 buf_slice(&content), SLICE_LITERAL("EX"),
                                 SLICE_LITERAL(MARKER_TTL_S)};
    redis_command(redis, NULL, NULL, sizeof(argv) / sizeof(argv[0]), argv);
    buf_fini(&content);
}

struct find_call {
    const struct pending *pending;
    order_marker_fn fn;
    void *closure;
};

static void on_found(void *closure, const struct redisReply *reply) {
    struct find_call *call = closure;
    bool is_marked =
        reply != NULL && reply->type == REDIS_REPLY_STRING &&
        order_marker_is_for((struct slice){reply->str, (size_t)reply->len}, &call->pending->caller);
    call->fn(call->closure, is_marked);
    free(call);
}

void order_marker_find(const struct pending *pending, const struct uuid *order_id,
                       order_marker_fn fn, void *closure) {
    char key[KEY_SIZE];
    struct find_call *call = mem_alloc(sizeof(*call));
    *call = (struct find_call){pending, fn, closure};
    const struct slice argv[] = {SLICE_LITERAL("GET"), format_key(order_id, key)};
    redis_command(pending->lane->redis, on_found, call, sizeof(argv) / sizeof(argv[0]), argv);
}
