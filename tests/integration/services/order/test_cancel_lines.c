/* Pieces of an order that are cancelled before they are sent, through all services on a real
   database: they are not sent, their stock and their money are back, and whatever comes twice, late
   or in another order changes nothing about that.

   Covers: services/order/cancel_lines.c services/order/handler.c services/order/own_step.c
   services/order/lines/ services/order/shipments.c services/payment/line_refunds.c
   services/payment/handler.c services/payment/store.c services/inventory/cut.c
   services/inventory/handler.c services/inventory/store.c services/shipping/
   shared/contract/lines_cancelled.c */
#include "services/order/cancel_lines.h"
#include "services/order/returns.h"
#include "services/payment/part_refunds.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#include <pthread.h>

static struct pg *orders, *payments; /* of the services */

#define STOCK                                                                                      \
    "SELECT concat_ws(' ', received, returned, on_hand, reserved, shipped) FROM inventory.stock"
#define MONEY                                                                                      \
    "SELECT concat_ws(' ', status, amount_minor, authorized_minor, captured_minor,"                \
    " refunded_minor) FROM payments.payments"
#define ORDER                                                                                      \
    "SELECT concat_ws(' ', o.status, o.total_minor, o.refunded_minor, i.quantity, i.cancelled)"    \
    " FROM orders.orders o JOIN orders.order_items i ON i.order_id = o.id"
#define WISHES "SELECT string_agg(status, ' ' ORDER BY status) FROM orders.line_cancels"
#define TIMELINE                                                                                   \
    "SELECT string_agg(t ->> 'event', ' ' ORDER BY n) FROM orders.orders,"                         \
    " jsonb_array_elements(timeline) WITH ORDINALITY AS t(t, n)"                                   \
    " WHERE t ->> 'event' !~ 'Reserved|Succeeded|Authorized|Created'"
#define SENT                                                                                       \
    "SELECT convert_from(payload, 'UTF8')::jsonb -> 'data' -> 'items' -> 0 ->> 'quantity'"         \
    " FROM shipping.outbox WHERE subject = 'shipping.evt.shipped'"

/* --- orders ----------------------------------------------------------------------------------- */

struct wanted {
    enum order_flow flow;
    enum order_capture capture;
    const char *sku, *method;
};

/* Three pieces. */
static struct uuid submit(const struct wanted *wanted) {
    struct buf payload = {0};
    const struct world_order order = {
        .id = uuid_v7(),
        .sku = wanted->sku != NULL ? wanted->sku : "MUG",
        .quantity = 3,
        .unit_price_minor = -1,
        .payment_method = wanted->method != NULL ? wanted->method : "pm_card_visa",
        .flow = wanted->flow,
        .capture = wanted->capture,
    };
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    return order.id;
}

/* Events in hand, each for one consumer. */
struct held {
    enum world_consumer consumer;
    enum event_type type;
    struct buf payload;
};
static struct held held[200];
static size_t held_count;

static void hold(enum world_consumer consumer, enum event_type type, struct slice payload) {
    struct held *one = &held[held_count++];
    assert_true(held_count < sizeof(held) / sizeof(held[0]));
    *one = (struct held){.consumer = consumer, .type = type};
    buf_append_slice(&one->payload, payload);
}

static void drop(size_t place) {
    buf_fini(&held[place].payload);
    held[place] = held[--held_count];
}

/* `closure`: the type that is not handed out, unless NULL; else none is. */
static void take(void *closure, enum event_type type, struct slice payload) {
    const enum event_type *withheld = closure;
    for (int i = 0; i < WORLD_CONSUMERS; i++) {
        enum world_consumer consumer = (enum world_consumer)i;
        if (!world_wants(consumer, type))
            continue;
        if (withheld == NULL || type == *withheld)
            hold(consumer, type, payload);
        else
            assert_int_equal(world_deliver(&world, consumer, payload), OUTCOME_DONE);
    }
}

static void run_without(enum event_type withheld) {
    while (world_take_events(&world, take, &withheld) > 0)
        continue;
}

/* What was withheld comes after all. */
static void run_late(void) {
    while (held_count > 0) {
        assert_int_equal(world_deliver(&world, held[0].consumer, buf_slice(&held[0].payload)),
                         OUTCOME_DONE);
        drop(0);
    }
    world_run(&world);
}

/* Confirmed, and shipping has not heard of it. */
static struct uuid confirm(const struct wanted *wanted) {
    struct uuid order = submit(wanted);
    run_without(EVENT_ORDER_CONFIRMED);
    assert_world("SELECT status FROM orders.orders", "CONFIRMED");
    return order;
}

static void make_refunds(void) {
    struct error error = {0};
    struct batch batch = {.arena = arena_create(65536),
                          .outbox = outbox_create(),
                          .pg = payments,
                          .context = &world.payment};
    if (periodic_run(&asked_refunds, &batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
    world_run(&world);
}

/* --- asking ----------------------------------------------------------------------------------- */

typedef enum status (*endpoint_fn)(struct endpoint_call *call, struct error *error);

static struct buf said; /* what was answered last, or why not */

static enum status call_with(struct pg *pg, endpoint_fn endpoint, const struct uuid *order,
                             const struct uuid *id, const char *more, struct buf *reply) {
    char order_text[UUID_TEXT_SIZE], id_text[UUID_TEXT_SIZE];
    struct buf request = {0};
    struct error error = {0};
    uuid_format(order, order_text);
    uuid_format(id, id_text);
    buf_printf(&request,
               "{\"orderId\":\"%s\",\"tenant\":\"default\",\"returnId\":\"%s\","
               "\"cancellationId\":\"%s\",\"reason\":\"changed my mind\"%s}",
               order_text, id_text, id_text, more);
    struct endpoint_call call = {.request = buf_slice(&request),
                                 .pg = pg,
                                 .arena = arena_create(4096),
                                 .context = &world.order,
                                 .reply = reply};
    buf_clear(reply);
    enum status status = endpoint(&call, &error);
    if (status != STATUS_OK)
        buf_append_text(reply, error.text);
    arena_destroy(&call.arena);
    buf_fini(&request);
    return status;
}

#define PIECES(n) ",\"items\":[{\"line\":1,\"quantity\":" #n "}]"

static enum status cancel(const struct uuid *order, const struct uuid *id, const char *items) {
    return call_with(orders, cancel_lines_endpoint, order, id, items, &said);
}

static void must_cancel(const struct uuid *order, const char *items, const char *status) {
    struct uuid id = uuid_v7();
    if (cancel(order, &id, items) != STATUS_OK)
        fail_msg("%s", said.ptr);
    assert_contains(said.ptr, status);
}

/* --- before it is confirmed ------------------------------------------------------------------- */

static void
pieces_of_a_pending_order_are_cancelled_and_given_back_as_it_is_confirmed(void **state) {
    (void)state;
    for (int flow = FLOW_INVENTORY_FIRST; flow <= FLOW_PARALLEL; flow++) {
        world_clear(&world);
        world_add_product(&world, "MUG", 500, 10);
        struct uuid order = submit(&(struct wanted){.flow = (enum order_flow)flow});
        must_cancel(&order, PIECES(1), "\"status\":\"CANCELLED\"");
        assert_contains(said.ptr, "\"cancelled\": 1");
        world_run(&world);
        make_refunds();
        assert_world(ORDER, "COMPLETED 1500 500 3 1");
        assert_world(STOCK, "10 0 8 0 2");
        assert_world(MONEY, "CAPTURED 1500 500");
        assert_world(SENT, "2");
        assert_world(TIMELINE, "LinesCancelRequested OrderConfirmed LinesCancelled OrderShipped"
                               " OrderCompleted PaymentRefunded");
        assert_world("SELECT count(*) FROM shipping.outbox", "1");
    }
}

static void several_cuts_of_a_pending_order_are_one(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL});
    must_cancel(&order, PIECES(1), "CANCELLED");
    must_cancel(&order, ",\"items\":[{\"sku\":\"MUG\",\"quantity\":1}]", "CANCELLED");
    world_run(&world);
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 1000 3 2");
    assert_world(STOCK, "10 0 9 0 1");
    assert_world(MONEY, "CAPTURED 1500 1000");
    assert_world("SELECT count(*) FROM orders.outbox WHERE subject = 'orders.evt.lines_cancelled'",
                 "1");
}

static void a_pending_order_that_ends_otherwise_gives_everything_back(void **state) {
    (void)state;
    world_add_product(&world, "UNSHIPPABLE", 500, 10);
    struct uuid order = submit(&(struct wanted){.sku = "UNSHIPPABLE"});
    must_cancel(&order, PIECES(1), "CANCELLED");
    world_run(&world);
    make_refunds();
    assert_world("SELECT status || ' ' || reason FROM orders.orders", "FAILED shipping_failed");
    assert_world("SELECT concat_ws(' ', on_hand, reserved, shipped) FROM inventory.stock"
                 " WHERE sku = 'UNSHIPPABLE'",
                 "10 0 0");
    assert_world("SELECT status FROM payments.payments", "REFUNDED");
}

/* --- once it is confirmed --------------------------------------------------------------------- */

static void pieces_of_a_confirmed_order_are_not_sent_if_shipping_hears_of_it_first(void **state) {
    (void)state;
    struct uuid order = confirm(&(struct wanted){.flow = FLOW_INVENTORY_FIRST}), id = uuid_v7();
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_OK);
    assert_contains(said.ptr, "\"status\":\"REQUESTED\"");
    world_run(&world);
    run_late();
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 500 3 1");
    assert_world(STOCK, "10 0 8 0 2");
    assert_world(MONEY, "CAPTURED 1500 500");
    assert_world(SENT, "2");
    assert_world(TIMELINE, "OrderConfirmed LinesCancelRequested LinesStopRequested OrderShipped"
                           " LinesCancelled OrderCompleted PaymentRefunded");
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_OK);
    assert_contains(said.ptr, "\"status\":\"CANCELLED\"");
    assert_contains(said.ptr, "\"replayed\":true");
}

static void pieces_that_have_been_sent_are_not_cancelled(void **state) {
    (void)state;
    struct uuid order = confirm(&(struct wanted){.flow = FLOW_INVENTORY_FIRST});
    must_cancel(&order, PIECES(1), "REQUESTED");
    run_without(EVENT_ORDER_LINES_STOP_REQUESTED);
    run_late();
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 3");
    assert_world(STOCK, "10 0 7 0 3");
    assert_world(MONEY, "CAPTURED 1500");
    assert_world(SENT, "3");
    assert_world(WISHES, "REFUSED");
    assert_world(TIMELINE, "OrderConfirmed LinesCancelRequested LinesStopRequested OrderShipped"
                           " LinesNotCancelled OrderCompleted");
}

static void of_money_that_is_held_less_is_taken(void **state) {
    (void)state;
    const struct wanted wanted = {.capture = CAPTURE_ON_SHIPMENT};
    struct uuid pending = submit(&wanted);
    must_cancel(&pending, PIECES(1), "CANCELLED");
    world_run(&world);
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 3 1");
    assert_world(MONEY, "CAPTURED 1000 1500 1000");
    assert_world("SELECT count(*) FROM payments.refunds", "0");

    world_clear(&world);
    world_add_product(&world, "MUG", 500, 10);
    struct uuid order = confirm(&wanted);
    must_cancel(&order, PIECES(2), "REQUESTED");
    world_run(&world);
    run_late();
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 3 2");
    assert_world(MONEY, "CAPTURED 500 1500 500");
    assert_world(STOCK, "10 0 9 0 1");
    assert_world("SELECT count(*) FROM payments.refunds", "0");
}

/* Payment and inventory hear of the pieces when the order has been sent, and paid. */
static void what_was_not_taken_is_not_given_back_however_late_it_is_told(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.capture = CAPTURE_ON_SHIPMENT});
    must_cancel(&order, PIECES(1), "CANCELLED");
    run_without(EVENT_ORDER_LINES_CANCELLED);
    assert_world(MONEY, "CAPTURED 1000 1500 1000");
    run_late();
    make_refunds();
    assert_world(MONEY, "CAPTURED 1000 1500 1000");
    assert_world("SELECT count(*) FROM payments.refunds", "0");
    assert_world(STOCK, "10 0 8 0 2");
}

static void what_was_cut_before_may_be_cut_again(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL});
    must_cancel(&order, PIECES(1), "CANCELLED");
    run_without(EVENT_ORDER_CONFIRMED);
    must_cancel(&order, PIECES(1), "REQUESTED");
    world_run(&world);
    run_late();
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 1000 3 2");
    assert_world(STOCK, "10 0 9 0 1");
    assert_world(MONEY, "CAPTURED 1500 1000");
    assert_world(SENT, "1");
    assert_world(WISHES, "CANCELLED CANCELLED");
}

/* --- who is refused --------------------------------------------------------------------------- */

static void a_cancellation_is_the_same_under_its_key(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL}), id = uuid_v7();
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_OK);
    assert_contains(said.ptr, "\"replayed\":false");
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_OK);
    assert_contains(said.ptr, "\"replayed\":true");
    assert_int_equal(cancel(&order, &id, PIECES(2)), STATUS_INVALID);
    assert_world("SELECT cancelled FROM orders.order_items", "1");
}

static void what_cannot_be_cancelled_says_why(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL}), id = uuid_v7();
    assert_int_equal(cancel(&order, &id, PIECES(4)), STATUS_CONFLICT);
    assert_contains(said.ptr, "of line 1 only 3 are left");
    assert_int_equal(cancel(&order, &id, ",\"items\":[{\"sku\":\"CUP\",\"quantity\":1}]"),
                     STATUS_CONFLICT);
    assert_contains(said.ptr, "CUP is not in the order");
    assert_int_equal(cancel(&order, &id, ",\"items\":[]"), STATUS_INVALID);
    assert_int_equal(cancel(&order, &id, PIECES(1) ",\"customerId\":\"C-else\""), STATUS_NOT_FOUND);
    assert_int_equal(cancel(&id, &id, PIECES(1)), STATUS_NOT_FOUND);
    run_without(EVENT_ORDER_CONFIRMED);
    must_cancel(&order, PIECES(1), "REQUESTED");
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_CONFLICT);
    assert_contains(said.ptr, "shipping has yet to say");
    world_run(&world);
    run_late();
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_CONFLICT);
    assert_contains(said.ptr, "has ended");
    assert_world(WISHES, "CANCELLED");
}

static void nobody_cuts_an_order_that_is_held_back(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL}), id = uuid_v7();
    world_execute(&world, "INSERT INTO orders.held_orders SELECT id, 1 FROM orders.orders");
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_CONFLICT);
    assert_contains(said.ptr, "ask again in a moment");
}

static void all_that_is_left_is_the_whole_order(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL});
    must_cancel(&order, PIECES(1), "CANCELLED");
    must_cancel(&order, PIECES(2), "\"status\":\"CANCELLED\"");
    world_run(&world);
    assert_world("SELECT status || ' ' || reason FROM orders.orders",
                 "CANCELLED cancelled_by_customer");
    assert_world(STOCK, "10 0 10 0 0");
    assert_world("SELECT status FROM payments.payments", "REFUNDED");
}

static void all_that_is_left_of_a_confirmed_order_is_stopped_by_shipping(void **state) {
    (void)state;
    struct uuid order = confirm(&(struct wanted){.flow = FLOW_PARALLEL}), id = uuid_v7();
    assert_int_equal(cancel(&order, &id, PIECES(3)), STATUS_OK);
    assert_contains(said.ptr, "\"status\":\"REQUESTED\"");
    world_run(&world);
    run_late();
    assert_world("SELECT status FROM orders.orders", "CANCELLED");
    assert_world(STOCK, "10 0 10 0 0");
    assert_world("SELECT status FROM payments.payments", "REFUNDED");
    assert_int_equal(cancel(&order, &id, PIECES(3)), STATUS_OK);
    assert_contains(said.ptr, "\"status\":\"CANCELLED\"");
}

static void what_is_cancelled_does_not_come_back(void **state) {
    (void)state;
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL}), id = uuid_v7();
    must_cancel(&order, PIECES(1), "CANCELLED");
    world_run(&world);
    make_refunds();
    assert_int_equal(call_with(orders, return_endpoint_ask, &order, &id, PIECES(3), &said),
                     STATUS_CONFLICT);
    assert_int_equal(call_with(orders, return_endpoint_ask, &order, &id, PIECES(2), &said),
                     STATUS_OK);
    assert_int_equal(
        call_with(orders, return_endpoint_receive, &order, &id,
                  ",\"items\":[{\"line\":1,\"quantity\":2,\"disposition\":\"restock\"}]", &said),
        STATUS_OK);
    world_run(&world);
    make_refunds();
    assert_world(MONEY, "CAPTURED 1500 1500");
    assert_world(STOCK, "10 2 10 0 2");
    assert_world("SELECT concat_ws(' ', status, refunded_minor) FROM orders.returns",
                 "RETURNED 1000");
}

struct asker {
    pthread_t thread;
    const struct uuid *order;
    int granted;
};

static void *ask_often(void *closure) {
    struct asker *asker = closure;
    struct pg *own = pg_create(servers_role_url(world.servers, "om_orders"), "asker");
    struct buf reply = {0};
    for (int i = 0; i < 3; i++) {
        struct uuid id = uuid_v7();
        asker->granted += call_with(own, cancel_lines_endpoint, asker->order, &id, PIECES(1),
                                    &reply) == STATUS_OK;
    }
    buf_fini(&reply);
    pg_destroy(&own);
    return NULL;
}

static void many_who_ask_at_once_cancel_each_piece_once(void **state) {
    (void)state;
    enum { ASKERS = 4 };
    struct asker askers[ASKERS] = {0};
    struct uuid order = submit(&(struct wanted){.flow = FLOW_PARALLEL});
    int granted = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i].order = &order;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        granted += askers[i].granted;
    }
    /* The third is all that is left, and so the order. */
    assert_int_equal(granted, 3);
    assert_world("SELECT status FROM orders.orders", "CANCELLED");
    assert_world(WISHES, "CANCELLED CANCELLED WHOLE");
}

/* --- several warehouses ----------------------------------------------------------------------- */

/* Of three pieces main gives what it has, and north the rest; both have sent theirs in the end. */
static void cut_in_parts(bool is_confirmed, int64_t in_main, const char *stock,
                         const char *parcels) {
    world_clear(&world);
    world_add_product(&world, "MUG", 500, in_main);
    world_add_elsewhere(&world, "MUG", "north", 1, 2);
    struct uuid order = submit(&(struct wanted){.flow = FLOW_INVENTORY_FIRST});
    if (is_confirmed)
        run_without(EVENT_ORDER_CONFIRMED);
    must_cancel(&order, PIECES(1), is_confirmed ? "REQUESTED" : "CANCELLED");
    world_run(&world);
    run_late();
    for (int i = 0; i < 3; i++) {
        world_send_parcels(&world);
        world_run(&world);
    }
    make_refunds();
    assert_world(ORDER, "COMPLETED 1500 500 3 1");
    assert_world(MONEY, "CAPTURED 1500 500");
    assert_world("SELECT concat_ws(' ', s.on_hand, s.reserved, s.shipped, w.on_hand, w.reserved,"
                 " w.shipped) FROM inventory.stock s, inventory.warehouse_stock w",
                 stock);
    assert_world("SELECT string_agg(concat_ws(' ', part, warehouse, items -> 0 ->> 'quantity',"
                 " tracking_number IS NOT NULL), ', ' ORDER BY part) FROM orders.shipments",
                 parcels);
}

static void what_is_cut_is_taken_from_the_last_warehouse(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        cut_in_parts(i == 1, 2, "0 0 2 2 0 0", "1 main 2 t");
        cut_in_parts(i == 1, 1, "0 0 1 1 0 1", "1 main 1 t, 2 north 1 t");
    }
}

static void an_order_whose_parcels_leave_is_cut_no_more(void **state) {
    (void)state;
    world_clear(&world);
    world_add_product(&world, "MUG", 500, 2);
    world_add_elsewhere(&world, "MUG", "north", 1, 2);
    struct uuid order = submit(&(struct wanted){.flow = FLOW_INVENTORY_FIRST}), id = uuid_v7();
    world_run(&world);
    world_send_parcels(&world);
    world_run(&world);
    assert_int_equal(cancel(&order, &id, PIECES(1)), STATUS_CONFLICT);
    assert_contains(said.ptr, "has been shipped");
}

/* --- whatever comes twice, late or in another order ------------------------------------------- */

static unsigned dice;

static size_t roll(size_t sides) {
    dice = dice * 1103515245u + 12345u;
    return dice / 65536u % sides;
}

/* Hands out what is in hand in any order, and some of it again, until all is done. `cut` of the
   order's pieces are asked for when that many events have been handed out. */
static void shuffle(const struct uuid *order, size_t when, const char *cut) {
    for (size_t handed = 0;; handed++) {
        struct uuid id = uuid_v7();
        if (handed == when)
            (void)cancel(order, &id, cut);
        world_take_events(&world, take, NULL);
        if (held_count == 0 && handed > when)
            return;
        if (held_count == 0)
            continue;
        size_t place = roll(held_count);
        struct held *one = &held[place];
        enum outcome outcome = world_deliver(&world, one->consumer, buf_slice(&one->payload));
        assert_true(outcome == OUTCOME_DONE || outcome == OUTCOME_EARLY);
        if (outcome == OUTCOME_DONE && roll(4) != 0)
            drop(place);
        assert_true(handed < 5000);
    }
}

static void assert_conserved(unsigned seed) {
    char *wrong = world_query_text(
        &world,
        "SELECT concat_ws(' ', o.status, o.steps, p.status, p.captured_minor, p.refunded_minor,"
        "  s.on_hand, s.reserved, s.shipped, i.cancelled)"
        " FROM orders.orders o JOIN orders.order_items i ON i.order_id = o.id"
        " JOIN payments.payments p ON p.order_id = o.id, inventory.stock s WHERE s.sku = 'MUG'"
        " AND NOT (s.reserved = 0 AND s.on_hand + s.shipped = 10 AND CASE o.status"
        "   WHEN 'COMPLETED' THEN p.status = 'CAPTURED'"
        "    AND s.shipped = 3 - coalesce(i.cancelled, 0)"
        "    AND coalesce(p.captured_minor, p.amount_minor) - coalesce(p.refunded_minor, 0)"
        "     = 500 * s.shipped ELSE s.shipped = 0 AND p.status IN ('REFUNDED', 'RELEASED',"
        "     'VOIDED', 'ABANDONED') END)"
        " UNION ALL SELECT 'fine' ORDER BY 1 DESC LIMIT 1");
    if (strcmp(wrong, "fine") != 0)
        fail_msg("seed %u: %s", seed, wrong);
    free(wrong);
}

static void stock_and_money_add_up_whatever_comes_twice_or_late(void **state) {
    (void)state;
    int cut = 0, kept = 0;
    for (unsigned seed = 1; seed <= 40; seed++) {
        world_clear(&world);
        world_add_product(&world, "MUG", 500, 10);
        dice = seed;
        struct uuid order = submit(&(struct wanted){
            .flow = (enum order_flow)roll(3),
            .capture = roll(2) == 0 ? CAPTURE_AUTOMATIC : CAPTURE_ON_SHIPMENT,
        });
        shuffle(&order, roll(14), roll(3) == 0 ? PIECES(2) : PIECES(1));
        make_refunds();
        assert_conserved(seed);
        char *cancelled = world_query_text(&world, "SELECT coalesce(cancelled, 0) FROM"
                                                   " orders.order_items");
        cut += strcmp(cancelled, "0") != 0;
        kept += strcmp(cancelled, "0") == 0;
        free(cancelled);
    }
    assert_true(cut >= 5);
    assert_true(kept >= 5);
}

/* --- fixtures --------------------------------------------------------------------------------- */

static int setup(void **state) {
    int result = world_setup(state);
    orders = pg_create(servers_role_url(world.servers, "om_orders"), "cancels");
    payments = pg_create(servers_role_url(world.servers, "om_payments"), "cancels");
    return result;
}

static int teardown(void **state) {
    pg_destroy(&orders);
    pg_destroy(&payments);
    buf_fini(&said);
    return world_teardown(state);
}

static int each_setup(void **state) {
    world_empty(state);
    while (held_count > 0)
        drop(0);
    world_add_product(&world, "MUG", 500, 10);
    world.order.return_days = 30;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(pieces_of_a_pending_order_are_cancelled_and_given_back_as_it_is_confirmed),
        TEST(several_cuts_of_a_pending_order_are_one),
        TEST(a_pending_order_that_ends_otherwise_gives_everything_back),
        TEST(pieces_of_a_confirmed_order_are_not_sent_if_shipping_hears_of_it_first),
        TEST(pieces_that_have_been_sent_are_not_cancelled),
        TEST(of_money_that_is_held_less_is_taken),
        TEST(what_was_not_taken_is_not_given_back_however_late_it_is_told),
        TEST(what_was_cut_before_may_be_cut_again),
        TEST(a_cancellation_is_the_same_under_its_key),
        TEST(what_cannot_be_cancelled_says_why),
        TEST(nobody_cuts_an_order_that_is_held_back),
        TEST(all_that_is_left_is_the_whole_order),
        TEST(all_that_is_left_of_a_confirmed_order_is_stopped_by_shipping),
        TEST(what_is_cancelled_does_not_come_back),
        TEST(many_who_ask_at_once_cancel_each_piece_once),
        TEST(what_is_cut_is_taken_from_the_last_warehouse),
        TEST(an_order_whose_parcels_leave_is_cut_no_more),
        TEST(stock_and_money_add_up_whatever_comes_twice_or_late),
    };
    return cmocka_run_group_tests_name("cancel_lines", tests, setup, teardown);
}
