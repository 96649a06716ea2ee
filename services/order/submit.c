#include "services/order/submit.h"

#include "services/order/catalog/product_source.h"
#include "services/order/handler.h"
#include "services/order/life/announce.h"
#include "services/order/life/timeline.h"
#include "services/order/progress_update.h"
#include "services/order/store_cancel.h"
#include "services/order/store_keys.h"
#include "services/order/store_new.h"
#include "services/order/watchdog.h"
#include "shared/base/clock.h"
#include "shared/base/hex.h"
#include "shared/nats/consumer_progress.h"
#include "shared/pg/pg_result.h"

#include <string.h>

#define KEY_HASH_BYTES 32

/* --- parsing --- */

static enum status parse_key(const struct json_value *data, struct arena *arena,
                             const uint8_t **key_hash, struct error *error) {
    struct slice hex;
    enum status status = json_tree_get_string(data, "idempotencyKeyHash", &hex, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    uint8_t *hash = arena_alloc(arena, KEY_HASH_BYTES);
    if (hex.len != (size_t)KEY_HASH_BYTES * 2 || !hex_decode(hex.ptr, hash, KEY_HASH_BYTES))
        return error_set(error, STATUS_INVALID, "idempotencyKeyHash: not 64 hex digits");
    *key_hash = hash;
    return STATUS_OK;
}

static enum status parse_order(struct delivery *delivery, struct arena *arena,
                               struct new_order *order, struct error *error) {
    const struct event *event = &delivery->event;
    struct order_snapshot *snapshot = &order->snapshot;
    enum status status = order_snapshot_parse(event->data, arena, snapshot, error);
    if (status != STATUS_OK)
        return status;
    if (uuid_compare(&snapshot->order_id, &event->order_id) != 0 ||
        uuid_compare(&snapshot->order_id, &event->id) != 0)
        return error_set(error, STATUS_INVALID, "event id, subject and orderId differ");
    order->delivery = delivery;
    (void)!json_tree_get_bool(event->data, "keyUnguarded", &order->is_key_unguarded, NULL);
    return parse_key(event->data, arena, &order->key_hash, error);
}

/* --- asking inventory ------------------------------------------------------------------------- */

/* What inventory says itself; delivery->state of the orders that were refused a moment ago. */
struct source_answer {
    struct catalog catalog;
    bool is_known;
    struct error why_not;
};

static size_t list_skus(struct batch *batch, struct slice *skus) {
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct order_snapshot snapshot = {0};
        struct error error;
        if (!batch->items[i]->has_waited ||
            order_snapshot_parse(batch->items[i]->event.data, batch->arena, &snapshot, &error) !=
                STATUS_OK)
            continue;
        for (size_t j = 0; j < snapshot.item_count; j++, count++) {
            if (skus != NULL)
                skus[count] = snapshot.items[j].sku;
        }
    }
    return count;
}

/* Without an answer they wait on, however long. */
static enum status submit_call(struct batch *batch, struct error *error) {
    const struct order_settings *settings = batch->context;
    size_t count = list_skus(batch, NULL);
    (void)error;
    if (count == 0)
        return STATUS_OK;
    struct slice *skus = arena_alloc(batch->arena, count * sizeof(*skus));
    struct source_answer *answer = arena_alloc(batch->arena, sizeof(*answer));
    list_skus(batch, skus);
    answer->is_known = product_source_ask(batch, settings->ask_products, skus, count,
                                          &answer->catalog, &answer->why_not) == STATUS_OK;
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->state = batch->items[i]->has_waited ? answer : NULL;
    return STATUS_OK;
}

static size_t parse_orders(struct batch *batch, struct new_order *orders) {
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct error error = {0};
        struct new_order order = {0};
        enum status status = parse_order(batch->items[i], batch->arena, &order, &error);
        if (status == STATUS_OK)
            orders[count++] = order;
        else
            delivery_reject(batch->items[i], status, "%s", error.text);
    }
    return count;
}

/* --- deciding --- */

/* Whether what inventory said of its products a moment ago might still let it be sold. */
static bool may_come_to_be_sold(const struct new_order *order) {
    return order->reason == REASON_UNKNOWN_SKU || order->reason == REASON_CURRENCY_MISMATCH ||
           order->reason == REASON_PRICE_CHANGED;
}

static void decide(struct new_order *order, const struct catalog *catalog, struct arena *arena) {
    order->reason = order_price(&order->snapshot, catalog, arena, &order->detail);
    if (order->is_key_conflict) {
        order->reason = REASON_IDEMPOTENCY_CONFLICT;
        order->detail = (struct slice){0};
    }
    order->status = order->reason == REASON_NONE ? ORDER_PENDING : ORDER_FAILED;
}

/* The reason, and what it is about. */
static struct slice why_failed(const struct new_order *order, struct arena *arena) {
    struct buf text = {0};
    buf_append_text(&text, order_reason_name(order->reason));
    if (order->detail.len > 0)
        buf_printf(&text, ", %.*s", SLICE_ARG(order->detail));
    struct slice kept = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return kept;
}

/* Of an order that our catalog refused before: by it, and else by what inventory says now. */
static void decide_again(struct new_order *order, const struct catalog *catalog,
                         const struct source_answer *answer, struct arena *arena) {
    struct order_snapshot *snapshot = &order->snapshot;
    size_t bytes = snapshot->item_count * sizeof(*snapshot->items);
    struct order_item *asked =
        arena_alloc(arena, bytes); /* pricing writes over what was expected */
    memcpy(asked, snapshot->items, bytes);
    decide(order, catalog, arena);
    if (!may_come_to_be_sold(order))
        return;
    if (!answer->is_known) {
        delivery_await_answer(order->delivery,
                              "our copy of the catalog refuses it (%.*s), and inventory, asked for "
                              "the price by mesh.inventory.product.prices, does not say: %s",
                              SLICE_ARG(why_failed(order, arena)), answer->why_not.text);
        return;
    }
    memcpy(snapshot->items, asked, bytes);
    order->detail = (struct slice){0};
    decide(order, &answer->catalog, arena);
}

/* Leaves those that are decided. A client that has just made a product, or changed its price,
   orders it at once, and the order may be here before the news: it waits in hand, and inventory is
   asked before it is looked at again. */
static size_t decide_all(struct new_order *orders, size_t count, const struct catalog *catalog,
                         struct arena *arena) {
    size_t decided = 0;
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = orders[i].delivery;
        if (delivery->state != NULL)
            decide_again(&orders[i], catalog, delivery->state, arena);
        else
            decide(&orders[i], catalog, arena);
        if (may_come_to_be_sold(&orders[i]) && delivery->state == NULL)
            delivery_early(delivery, "the catalog may change (%.*s)", SLICE_ARG(orders[i].detail));
        if (delivery->outcome == OUTCOME_DONE)
            orders[decided++] = orders[i];
    }
    return decided;
}

static void write_timeline(struct new_order *order, int64_t now_us, struct arena *arena,
                           struct buf *scratch) {
    buf_clear(scratch);
    struct json_writer w = json_writer(scratch);
    json_begin_array(&w);
    timeline_add(&w, EVENT_ORDER_CREATED, now_us, (struct slice){0});
    if (order->status == ORDER_FAILED)
        timeline_add(&w, EVENT_ORDER_FAILED, now_us, why_failed(order, arena));
    json_end_array(&w);
    order->timeline = arena_slice(arena, buf_slice(scratch));
}

/* An order that fails at once is announced as failed only: nobody may start on it. */
static void announce_new(struct outbox *outbox, const struct new_order *order, int64_t now_us,
                         struct buf *scratch) {
    bool has_failed = order->status == ORDER_FAILED;
    const struct announcement announcement = {
        .type = has_failed ? EVENT_ORDER_FAILED : EVENT_ORDER_CREATED,
        .snapshot = &order->snapshot,
        .cause = &order->delivery->event,
        .reason = order->reason,
        .detail = order->detail,
    };
    announce(outbox, &announcement, scratch);
    if (has_failed)
        announce_end_metrics(order->status, order->delivery->event.time_us, now_us);
}

/* Takes the keys and loads the prices in one round trip. */
static enum status load(struct batch *batch, struct new_order *orders, size_t count,
                        struct catalog *catalog, struct error *error) {
    struct pg_result *claims = NULL;
    enum status status = order_store_claim_keys(batch, orders, count, &claims, error);
    if (status == STATUS_OK)
        status = order_store_load_catalog(batch, orders, count, catalog, error);
    if (status == STATUS_OK && claims != NULL)
        order_store_take_claims(claims, orders);
    pg_result_free(&claims);
    return status;
}

/* The claims are settled before anything is decided: who is confirmed keeps its key. */
static enum status oust(struct batch *batch, struct new_order *orders, size_t count,
                        struct error *error) {
    struct batch ousted = *batch;
    ousted.count = 0;
    enum status status = order_store_oust(batch, orders, count, &ousted, error);
    return status == STATUS_OK && ousted.count > 0 ? progress_handler.apply(&ousted, error)
                                                   : status;
}

static void announce_all(struct batch *batch, const struct new_order *orders, size_t count,
                         int64_t now_us, struct buf *scratch) {
    for (size_t i = 0; i < count; i++) {
        if (!orders[i].is_new)
            continue;
        if (!new_order_is_held(&orders[i]))
            announce_new(batch->outbox, &orders[i], now_us, scratch);
        progress_update_new(batch->updates, &orders[i], scratch);
    }
}

/* New orders that were cancelled before they came go on as if the wishes came now. */
static enum status store(struct batch *batch, struct new_order *orders, size_t count,
                         int64_t now_us, struct error *error) {
    struct buf scratch = {0};
    struct pg_result *wishes = NULL;
    struct batch cancels = *batch;
    cancels.count = 0;
    enum status status = order_store_insert(batch, orders, count, &wishes, error);
    if (status == STATUS_OK) {
        order_store_tell_wishes(wishes, orders, count, &cancels);
        announce_all(batch, orders, count, now_us, &scratch);
        status = order_store_hold(batch, orders, count, error);
    }
    pg_result_free(&wishes);
    buf_fini(&scratch);
    return status == STATUS_OK && cancels.count > 0 ? progress_handler.apply(&cancels, error)
                                                    : status;
}

static enum status submit_apply(struct batch *batch, struct error *error) {
    struct new_order *orders = arena_alloc(batch->arena, batch->count * sizeof(*orders));
    size_t count = parse_orders(batch, orders);
    struct catalog catalog = {0};
    struct buf scratch = {0};
    int64_t now_us = clock_now_us();
    if (count == 0)
        return STATUS_OK;
    enum status status = load(batch, orders, count, &catalog, error);
    if (status == STATUS_OK)
        status = oust(batch, orders, count, error);
    if (status == STATUS_OK)
        count = decide_all(orders, count, &catalog, batch->arena);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        write_timeline(&orders[i], now_us, batch->arena, &scratch);
    buf_fini(&scratch);
    return status == STATUS_OK && count > 0 ? store(batch, orders, count, now_us, error) : status;
}

const struct handler submit_handler = {
    .call = submit_call, .apply = submit_apply, .once = ONCE_BY_OWN_KEY};

/* --- starting those held --- */

enum { TURN_MS = 250, ORDERS_MOST = 1000 };

/* Of the one thread that takes turns. */
static struct held_sight seen; /* in the turn before */
static struct consumer_fence fence;
static struct held_limits taken_in;

/* Where the stream was set back, an order's place says nothing: what the stream held once the order
   was known to be held is all that can be older. */
static enum status ask(struct batch *batch, struct error *error) {
    struct consumer_progress progress;
    struct consumer_fence passed;
    taken_in = (struct held_limits){0};
    if (!seen.has_held)
        return STATUS_OK;
    enum status status = consumer_progress_read(batch->nats, "COMMANDS", "order", &progress, error);
    if (status != STATUS_OK)
        return status;
    taken_in.sequence = progress.floor;
    if (consumer_fence_pass(&fence, &progress, seen.at_us, &passed))
        taken_in.held_us = passed.at_us;
    return STATUS_OK;
}

enum status held_orders_start(struct batch *batch, const struct held_limits *limits,
                              struct error *error) {
    struct held_limits bounded = *limits;
    bounded.most = ORDERS_MOST;
    bounded.most_s = ORDER_HELD_MOST_S;
    enum status status = order_store_let_start(batch, &bounded, batch, error);
    return status == STATUS_OK && batch->count > 0 ? progress_handler.apply(batch, error) : status;
}

static enum status take_turn(struct batch *batch, struct error *error) {
    enum status status = order_store_see_held(batch, &seen, error);
    if (!seen.has_held)
        fence.is_set = false;
    return status == STATUS_OK && seen.has_held ? held_orders_start(batch, &taken_in, error)
                                                : status;
}

const struct periodic held_orders = {"held_orders", TURN_MS, take_turn, ask};
