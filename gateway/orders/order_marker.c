#include "gateway/orders/order_marker.h"
#include "gateway/kept/intake_pending.h"
#include "gateway/link/broker.h"
#include "gateway/link/redis.h"
#include "gateway/orders/get_order.h"
#include "shared/base/memory.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define MARKER_TTL_S REDIS_GAP_S /* a marker that was lost would be gone when the gap is */
#define KEY_PREFIX "order:"
enum { KEY_SIZE = sizeof(KEY_PREFIX) - 1 + UUID_TEXT_SIZE };

static struct slice format_key(const struct uuid *order_id, char key[KEY_SIZE]) {
    memcpy(key, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
    uuid_format(order_id, key + sizeof(KEY_PREFIX) - 1);
    return (struct slice){key, KEY_SIZE - 1};
}

/* No tenant has a blank in its name. */
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

struct set_call {
    void (*fn)(void *closure);
    void *closure;
};

static void on_set(void *closure, const struct redisReply *reply) {
    struct set_call *call = closure;
    (void)reply;
    call->fn(call->closure);
    free(call);
}

void order_marker_set(struct redis *redis, const struct order_snapshot *order,
                      void (*fn)(void *closure), void *closure) {
    char key[KEY_SIZE];
    struct buf content = {0};
    struct set_call *call = mem_alloc(sizeof(*call));
    *call = (struct set_call){fn, closure};
    write_content(order->tenant, order->customer_id, &content);
    const struct slice argv[] = {SLICE_LITERAL("SET"), format_key(&order->order_id, key),
                                 buf_slice(&content), SLICE_LITERAL("EX"),
                                 SLICE_LITERAL(MARKER_TTL_S)};
    redis_command(redis, on_set, call, sizeof(argv) / sizeof(argv[0]), argv);
    buf_fini(&content);
}

/* --- finding ---------------------------------------------------------------------------------- */

/*
 * order_marker_find()  reads the marker, and whether markers may be missing
 *   on_found()         knows, unless they may
 *     on_consumers()   the order service has read all that was accepted, or cannot tell
 *       on_status()    and does not know the order even so
 */
struct find_call {
    const struct pending *pending;
    struct uuid order_id;
    order_marker_fn fn;
    void *closure;
};

static void end(struct find_call *call, enum status status) {
    call->fn(call->closure, status);
    free(call);
}

static void on_status(void *closure, const struct broker_answer *answer) {
    end(closure, answer->status == STATUS_NOT_FOUND ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE);
}

static void ask(struct find_call *call, const char *subject, struct slice body, broker_fn fn) {
    const struct broker_question question = {subject, NULL, body};
    if (broker_request(call->pending->lane->broker, &question, fn, call) != STATUS_OK)
        end(call, STATUS_UNAVAILABLE);
}

static void on_consumers(void *closure, const struct broker_answer *answer) {
    struct find_call *call = closure;
    if (answer->status == STATUS_OK && !intake_is_pending(answer->body))
        ask(call, "mesh.order.status", order_question(call->pending, &call->order_id), on_status);
    else
        end(call, STATUS_UNAVAILABLE);
}

static bool is_text(const struct redisReply *reply) {
    return reply->type == REDIS_REPLY_STRING;
}

static void on_found(void *closure, const struct redisReply *reply) {
    struct find_call *call = closure;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        end(call, STATUS_UNAVAILABLE);
        return;
    }
    const struct redisReply *marker = reply->element[0], *gap = reply->element[1];
    const struct slice content = {marker->str, (size_t)marker->len};
    if (is_text(marker))
        end(call,
            order_marker_is_for(content, &call->pending->caller) ? STATUS_OK : STATUS_NOT_FOUND);
    else if (is_text(gap))
        ask(call, "$JS.API.CONSUMER.LIST.COMMANDS", SLICE_LITERAL("{\"offset\":0}"), on_consumers);
    else
        end(call, STATUS_NOT_FOUND);
}

void order_marker_find(const struct pending *pending, const struct uuid *order_id,
                       order_marker_fn fn, void *closure) {
    char key[KEY_SIZE];
    struct find_call *call = mem_alloc(sizeof(*call));
    *call = (struct find_call){pending, *order_id, fn, closure};
    const struct slice argv[] = {SLICE_LITERAL("MGET"), format_key(order_id, key),
                                 SLICE_LITERAL(REDIS_GAP_KEY)};
    redis_command(pending->lane->redis, on_found, call, sizeof(argv) / sizeof(argv[0]), argv);
}
