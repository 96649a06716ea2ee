/* Returns, through all services on a real database: pieces come back once, no more than were sent,
   to the shelf or not, and their money goes back once.

   Covers: services/order/returns.c services/order/own_step.c services/order/lines/
   services/payment/line_refunds.c services/inventory/returned.c */
#include "services/order/returns.h"
#include "services/payment/part_refunds.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#include <pthread.h>

static struct pg *orders, *payments; /* of the services */

#define STOCK                                                                                      \
    "SELECT concat_ws(' ', received, returned, on_hand, reserved, shipped) FROM inventory.stock"
#define RETURNS                                                                                    \
    "SELECT string_agg(concat_ws(' ', status, refunded_minor), ', ' ORDER BY created_at, id)"      \
    " FROM orders.returns"
#define TIMELINE                                                                                   \
    "SELECT string_agg(t ->> 'event', ' ' ORDER BY n) FROM orders.orders,"                         \
    " jsonb_array_elements(timeline) WITH ORDINALITY AS t(t, n)"                                   \
    " WHERE t ->> 'event' ~ 'Return|Refund'"

/* --- orders ----------------------------------------------------------------------------------- */

static struct uuid submit(const char *method, enum order_capture capture) {
    struct buf payload = {0};
    const struct world_order order = {.id = uuid_v7(),
                                      .sku = "MUG",
                                      .quantity = 3,
                                      .unit_price_minor = -1,
                                      .payment_method = method,
                                      .capture = capture};
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    return order.id;
}

static struct uuid complete(void) {
    struct uuid id = submit("pm_card_visa", CAPTURE_AUTOMATIC);
    world_run(&world);
    assert_world("SELECT status FROM orders.orders", "COMPLETED");
    return id;
}

/* --- asking ----------------------------------------------------------------------------------- */

typedef enum status (*endpoint_fn)(struct endpoint_call *call, struct error *error);

/* What was answered last, or why not. */
static struct buf said;

static enum status call_with(struct pg *pg, endpoint_fn endpoint, const struct uuid *order,
                             const struct uuid *id, const char *more, struct buf *reply) {
    char order_text[UUID_TEXT_SIZE], id_text[UUID_TEXT_SIZE];
    struct buf request = {0};
    struct error error = {0};
    uuid_format(order, order_text);
    uuid_format(id, id_text);
    buf_printf(&request, "{\"orderId\":\"%s\",\"tenant\":\"default\",\"returnId\":\"%s\"%s}",
               order_text, id_text, more);
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

#define ASK(items) ",\"reason\":\"too small\",\"items\":[" items "]"
#define COME(items) ",\"items\":[" items "]"
#define PIECES(n) "{\"line\":1,\"quantity\":" #n "}"
#define SHELF(n) "{\"line\":1,\"quantity\":" #n ",\"disposition\":\"restock\"}"
#define WASTE(n) "{\"sku\":\"MUG\",\"quantity\":" #n ",\"disposition\":\"write_off\"}"

static enum status ask(const struct uuid *order, const struct uuid *id, const char *more) {
    return call_with(orders, return_endpoint_ask, order, id, more, &said);
}

static enum status receive(const struct uuid *order, const struct uuid *id, const char *more) {
    return call_with(orders, return_endpoint_receive, order, id, more, &said);
}

static enum status refuse(const struct uuid *order, const struct uuid *id) {
    return call_with(orders, return_endpoint_refuse, order, id, ",\"reason\":\"worn\"", &said);
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

/* --- tests ------------------------------------------------------------------------------------ */

static void what_comes_back_is_on_hand_or_written_off_and_its_money_goes_back(void **state) {
    (void)state;
    struct uuid order = complete(), id = uuid_v7();
    assert_int_equal(ask(&order, &id, ASK(PIECES(3))), STATUS_OK);
    assert_contains(said.ptr, "\"status\":\"REQUESTED\"");
    assert_contains(said.ptr, "\"replayed\":false");
    assert_world(STOCK, "10 0 7 0 3");
    assert_int_equal(receive(&order, &id, COME(SHELF(1) "," WASTE(1))), STATUS_OK);
    assert_contains(said.ptr, "\"status\":\"RECEIVED\"");
    world_run(&world);
    assert_world(STOCK, "10 1 8 0 3");
    make_refunds();
    assert_world(RETURNS, "RETURNED 1000");
    assert_world("SELECT concat_ws(' ', line, quantity, restocked, written_off)"
                 " FROM orders.return_items",
                 "1 3 1 1");
    assert_world("SELECT concat_ws(' ', status, refunded_minor) FROM orders.orders",
                 "COMPLETED 1000");
    assert_world(TIMELINE, "ReturnRequested OrderReturned PaymentRefunded");
    assert_world("SELECT count(*) FROM notifications.notifications WHERE kind = 'returned'", "1");
    assert_world("SELECT count(*) FROM notifications.outbox o WHERE convert_from(payload, 'UTF8') ~"
                 " 'returned'",
                 "0");
    /* The piece that did not come may be announced anew. */
    struct uuid next = uuid_v7();
    assert_int_equal(ask(&order, &next, ASK(PIECES(2))), STATUS_CONFLICT);
    assert_contains(said.ptr, "only 1 are left");
    assert_int_equal(ask(&order, &next, ASK(PIECES(1))), STATUS_OK);
}

static void a_return_that_is_asked_for_or_received_again_is_the_same(void **state) {
    (void)state;
    struct uuid order = complete(), id = uuid_v7(), other = uuid_v7();
    assert_int_equal(ask(&order, &id, ASK(PIECES(2))), STATUS_OK);
    assert_int_equal(ask(&order, &id, ASK(PIECES(2))), STATUS_OK);
    assert_contains(said.ptr, "\"replayed\":true");
    assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_INVALID);
    assert_int_equal(receive(&order, &id, COME(SHELF(2))), STATUS_OK);
    assert_int_equal(receive(&order, &id, COME(SHELF(2))), STATUS_OK);
    assert_contains(said.ptr, "\"replayed\":true");
    assert_int_equal(receive(&order, &id, COME(SHELF(1))), STATUS_CONFLICT);
    assert_int_equal(refuse(&order, &id), STATUS_CONFLICT);
    assert_int_equal(receive(&order, &other, COME(SHELF(1))), STATUS_NOT_FOUND);
    world_run(&world);
    make_refunds();
    make_refunds();
    assert_world(STOCK, "10 2 9 0 3");
    assert_world("SELECT concat_ws(' ', status, refunded_minor) FROM payments.payments",
                 "CAPTURED 1000");
    assert_world("SELECT count(*) FROM orders.outbox WHERE subject = 'orders.evt.returned'", "1");
}

static void no_more_is_received_than_was_announced(void **state) {
    (void)state;
    struct uuid order = complete(), id = uuid_v7();
    assert_int_equal(ask(&order, &id, ASK(PIECES(2))), STATUS_OK);
    assert_int_equal(receive(&order, &id, COME(SHELF(2) "," WASTE(1))), STATUS_CONFLICT);
    assert_contains(said.ptr, "of MUG only 0 are left");
    assert_int_equal(receive(&order, &id, COME(PIECES(1))), STATUS_INVALID);
    assert_world(RETURNS, "REQUESTED");
}

static void a_refused_return_leaves_its_pieces_to_another(void **state) {
    (void)state;
    struct uuid order = complete(), id = uuid_v7(), next = uuid_v7();
    assert_int_equal(ask(&order, &id, ASK(PIECES(3))), STATUS_OK);
    assert_int_equal(refuse(&order, &id), STATUS_OK);
    assert_contains(said.ptr, "\"note\":\"worn\"");
    assert_int_equal(refuse(&order, &id), STATUS_OK);
    assert_contains(said.ptr, "\"replayed\":true");
    assert_int_equal(receive(&order, &id, COME(SHELF(1))), STATUS_CONFLICT);
    assert_int_equal(ask(&order, &next, ASK(PIECES(3))), STATUS_OK);
    assert_world(TIMELINE, "ReturnRequested ReturnRefused ReturnRequested");
}

static void what_was_not_sent_does_not_come_back(void **state) {
    (void)state;
    struct uuid id = uuid_v7(), order = submit("pm_card_chargeDeclined", CAPTURE_AUTOMATIC);
    assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_CONFLICT);
    world_run(&world);
    assert_world("SELECT status FROM orders.orders", "FAILED");
    assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_CONFLICT);
    assert_contains(said.ptr, "not completed");
    assert_world("SELECT count(*) FROM orders.returns", "0");
    assert_int_equal(ask(&id, &id, ASK(PIECES(1))), STATUS_NOT_FOUND);
}

static void an_order_that_was_completed_long_ago_is_not_taken_back(void **state) {
    (void)state;
    struct uuid id = uuid_v7(), order = complete();
    world_execute(&world,
                  "UPDATE orders.orders SET timeline = (SELECT jsonb_agg(jsonb_set(t, '{at}',"
                  " to_jsonb('2026-01-01T00:00:00.000000Z'::text)))"
                  " FROM jsonb_array_elements(timeline) t)");
    world.order.return_days = 30;
    assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_CONFLICT);
    assert_contains(said.ptr, "more than 30 days ago");
    world.order.return_days = 0;
    assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_OK);
}

/* What an administrator gave back before is not given back with the pieces. */
static void no_piece_is_paid_back_twice(void **state) {
    (void)state;
    struct uuid order = complete(), id = uuid_v7();
    char order_text[UUID_TEXT_SIZE], id_text[UUID_TEXT_SIZE];
    struct buf request = {0};
    struct uuid refund = uuid_v7();
    struct error error;
    uuid_format(&order, order_text);
    uuid_format(&refund, id_text);
    buf_printf(&request,
               "{\"refundId\":\"%s\",\"orderId\":\"%s\",\"items\":[{\"line\":1,\"quantity\":2}],"
               "\"lines\":[{\"sku\":\"MUG\",\"quantity\":3,\"unitPriceMinor\":500}],"
               "\"reason\":\"broken\"}",
               id_text, order_text);
    struct endpoint_call call = {.request = buf_slice(&request),
                                 .pg = payments,
                                 .arena = arena_create(1024),
                                 .reply = &said};
    assert_int_equal(refund_endpoint_ask(&call, &error), STATUS_OK);
    arena_destroy(&call.arena);
    buf_fini(&request);

    assert_int_equal(ask(&order, &id, ASK(PIECES(2))), STATUS_OK);
    assert_int_equal(receive(&order, &id, COME(SHELF(2))), STATUS_OK);
    world_run(&world);
    make_refunds();
    assert_world("SELECT concat_ws(' ', status, refunded_minor) FROM payments.payments",
                 "CAPTURED 1500");
    assert_world(RETURNS, "RETURNED 500");

    struct uuid last = uuid_v7();
    assert_int_equal(ask(&order, &last, ASK(PIECES(1))), STATUS_OK);
    assert_int_equal(receive(&order, &last, COME(SHELF(1))), STATUS_OK);
    world_run(&world);
    assert_world(RETURNS, "RETURNED 500, RETURNED 0");
    assert_world(STOCK, "10 3 10 0 3");
}

static void what_was_shipped_and_not_paid_comes_back_without_money(void **state) {
    (void)state;
    struct uuid id = uuid_v7(), order = submit("pm_sim_expired", CAPTURE_ON_SHIPMENT);
    world_run(&world);
    char *stands = world_query_text(&world, "SELECT concat_ws(' ', o.status, p.status)"
                                            " FROM orders.orders o, payments.payments p");
    if (strcmp(stands, "COMPLETED UNCAPTURED") == 0) {
        assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_OK);
        assert_int_equal(receive(&order, &id, COME(SHELF(1))), STATUS_OK);
        world_run(&world);
        assert_world(RETURNS, "RETURNED 0");
    } else {
        fail_msg("%s", stands);
    }
    free(stands);
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
    for (int i = 0; i < 4; i++) {
        struct uuid id = uuid_v7();
        asker->granted += call_with(own, return_endpoint_ask, asker->order, &id, ASK(PIECES(1)),
                                    &reply) == STATUS_OK;
    }
    buf_fini(&reply);
    pg_destroy(&own);
    return NULL;
}

static void many_who_ask_at_once_send_back_no_more_than_was_sent(void **state) {
    (void)state;
    enum { ASKERS = 4 };
    struct asker askers[ASKERS] = {0};
    struct uuid order = complete();
    int granted = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i].order = &order;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        granted += askers[i].granted;
    }
    assert_int_equal(granted, 3);
    assert_world("SELECT coming_back FROM orders.order_items", "3");
}

static void returns_are_listed_for_who_may_see_the_order(void **state) {
    (void)state;
    struct uuid order = complete(), id = uuid_v7();
    assert_int_equal(call_with(orders, return_endpoint_list, &order, &id, "", &said), STATUS_OK);
    assert_string_equal(said.ptr, "{\"returns\":[]}");
    assert_int_equal(ask(&order, &id, ASK(PIECES(1))), STATUS_OK);
    assert_int_equal(call_with(orders, return_endpoint_list, &order, &id, "", &said), STATUS_OK);
    assert_contains(said.ptr, "{\"returns\":[{\"returnId\":");
    assert_int_equal(call_with(orders, return_endpoint_get, &order, &id, "", &said), STATUS_OK);
    assert_contains(said.ptr, "\"items\":[{\"sku\": \"MUG\", \"line\": 1,");
    assert_int_equal(
        call_with(orders, return_endpoint_get, &order, &id, ",\"customerId\":\"C-else\"", &said),
        STATUS_NOT_FOUND);
    assert_int_equal(call_with(orders, return_endpoint_get, &order, &order, "", &said),
                     STATUS_NOT_FOUND);
}

/* --- fixtures --------------------------------------------------------------------------------- */

static int setup(void **state) {
    int result = world_setup(state);
    orders = pg_create(servers_role_url(world.servers, "om_orders"), "returns");
    payments = pg_create(servers_role_url(world.servers, "om_payments"), "returns");
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
    world_add_product(&world, "MUG", 500, 10);
    world.order.return_days = 30;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_comes_back_is_on_hand_or_written_off_and_its_money_goes_back),
        TEST(a_return_that_is_asked_for_or_received_again_is_the_same),
        TEST(no_more_is_received_than_was_announced),
        TEST(a_refused_return_leaves_its_pieces_to_another),
        TEST(what_was_not_sent_does_not_come_back),
        TEST(an_order_that_was_completed_long_ago_is_not_taken_back),
        TEST(no_piece_is_paid_back_twice),
        TEST(what_was_shipped_and_not_paid_comes_back_without_money),
        TEST(many_who_ask_at_once_send_back_no_more_than_was_sent),
        TEST(returns_are_listed_for_who_may_see_the_order),
    };
    return cmocka_run_group_tests_name("returns", tests, setup, teardown);
}
