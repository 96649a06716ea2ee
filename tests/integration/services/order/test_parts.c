/* Orders that several warehouses send, from the reservation to the last parcel, in a world of all
   services: what each event carries, what readers see meanwhile, and what can no longer be stopped.

   Covers: services/shipping/ services/order/shipments.c services/order/handler.c
   services/inventory/handler.c services/payment/payment_event.c */
#include "services/order/endpoint.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#include <stdio.h>

/* Of a SHIRT main has 2, north 3 and south 4. */
static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "SHIRT", 500, 2);
    world_add_elsewhere(&world, "SHIRT", "north", 1, 3);
    world_add_elsewhere(&world, "SHIRT", "south", 2, 4);
    return 0;
}

static struct uuid submit(enum order_flow flow, int64_t quantity, const char *method) {
    struct buf payload = {0};
    const struct world_order order = {.id = uuid_v7(),
                                      .sku = "SHIRT",
                                      .quantity = quantity,
                                      .unit_price_minor = -1,
                                      .payment_method = method,
                                      .flow = flow};
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    return order.id;
}

static void assert_status(const char *expected) {
    assert_world("SELECT status FROM orders.orders", expected);
}

static void assert_lies(const char *expected) {
    assert_world("SELECT string_agg(on_hand || '/' || reserved || '/' || shipped, ' ' ORDER BY w)"
                 " FROM (SELECT '' AS w, on_hand, reserved, shipped FROM inventory.stock"
                 " UNION ALL SELECT warehouse, on_hand, reserved, shipped"
                 "  FROM inventory.warehouse_stock) s",
                 expected);
}

static void assert_timeline(const char *expected) {
    assert_world("SELECT string_agg(t->>'event', ' ') FROM orders.orders o,"
                 " jsonb_array_elements(o.timeline) t",
                 expected);
}

/* What a reader gets. */
static void assert_order_says(const struct uuid *id, const char *expected) {
    char id_text[UUID_TEXT_SIZE], request[200];
    struct error error = {0};
    struct buf reply = {0};
    struct endpoint_call call = {
        .pg = pg_create(servers_role_url(world.servers, "om_orders"), "test"),
        .arena = arena_create(4096),
        .reply = &reply};
    uuid_format(id, id_text);
    snprintf(request, sizeof(request), "{\"orderId\":\"%s\",\"tenant\":\"default\"}", id_text);
    call.request = slice_of(request);
    assert_int_equal(order_endpoint_get(&call, &error), STATUS_OK);
    assert_contains(reply.ptr, expected);
    buf_fini(&reply);
    arena_destroy(&call.arena);
    pg_destroy(&call.pg);
}

static void parcels_leave_one_after_the_other_and_the_last_completes_the_order(void **state) {
    const enum order_flow flows[] = {FLOW_INVENTORY_FIRST, FLOW_PAYMENT_FIRST, FLOW_PARALLEL};
    for (int i = 0; i < 3; i++) {
        each_setup(state);
        struct uuid id = submit(flows[i], 5, "pm_card_visa");
        world_run(&world);
        assert_status("CONFIRMED");
        assert_lies("0/2/0 0/3/0 4/0/0");
        assert_order_says(&id, "\"shipmentStatus\":\"ALLOCATED\"");
        world_send_parcels(&world);
        world_run(&world);
        assert_status("CONFIRMED");
        assert_order_says(&id, "\"shipmentStatus\":\"PARTIALLY_SHIPPED\"");
        assert_order_says(&id, "\"status\": \"SHIPPED\"");
        assert_order_says(&id, "A part of your order has been sent");
        world_send_parcels(&world);
        world_run(&world);
        assert_status("COMPLETED");
        assert_order_says(&id, "\"shipmentStatus\":\"SHIPPED\"");
        assert_lies("0/0/2 0/0/3 4/0/0");
        assert_int_equal(world_query_int(&world, "SELECT count(*) FROM shipping.in_parts"), 0);
        assert_world("SELECT string_agg(o.warehouse || o.items::text || ' '"
                     "  || (o.tracking_number = p.tracking_number)::text, ' ' ORDER BY part)"
                     " FROM orders.shipments o JOIN shipping.parcels p USING (order_id, part)",
                     "main[{\"sku\": \"SHIRT\", \"quantity\": 2}] true"
                     " north[{\"sku\": \"SHIRT\", \"quantity\": 3}] true");
        assert_world("SELECT count(DISTINCT tracking_number)::text FROM shipping.parcels", "2");
        assert_world("SELECT (o.tracking_number = s.tracking_number)::text FROM orders.orders o"
                     " JOIN shipping.shipments s ON s.order_id = o.id",
                     "true");
        assert_world("SELECT string_agg(subject, ' ' ORDER BY id) FROM shipping.outbox",
                     "shipping.evt.part_shipped shipping.evt.shipped");
    }
    assert_timeline("OrderCreated InventoryReserved PaymentSucceeded OrderConfirmed"
                    " PartiallyShipped OrderShipped OrderCompleted");
}

static void one_other_warehouse_sends_one_parcel_at_once(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_INVENTORY_FIRST, 3, "pm_card_visa");
    world_run(&world);
    assert_status("COMPLETED");
    assert_lies("2/0/0 0/0/3 4/0/0");
    assert_order_says(&id, "\"shipments\":[{\"part\": 1, \"items\": [{\"sku\": \"SHIRT\","
                           " \"quantity\": 3}], \"status\": \"SHIPPED\"");
    assert_world("SELECT string_agg(subject, ' ' ORDER BY id) FROM shipping.outbox",
                 "shipping.evt.shipped");
}

static void an_order_that_main_serves_has_none_of_it(void **state) {
    (void)state;
    submit(FLOW_INVENTORY_FIRST, 2, "pm_card_visa");
    world_run(&world);
    assert_status("COMPLETED");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.shipments"), 0);
    assert_int_equal(world_query_int(&world, "SELECT steps FROM orders.orders"),
                     STEP_RESERVED | STEP_PAID | STEP_SHIPPED);
    const char *const nobody_says = "SELECT count(*)::text FROM (SELECT payload FROM"
                                    " inventory.outbox UNION ALL SELECT payload FROM orders.outbox"
                                    " UNION ALL SELECT payload FROM shipping.outbox UNION ALL"
                                    " SELECT payload FROM payments.outbox) o WHERE"
                                    " position('allocations'::bytea IN payload) > 0"
                                    " OR position('reservationId'::bytea IN payload) > 0";
    assert_world(nobody_says, "0");
}

static void a_declined_payment_gives_each_warehouse_its_own_back(void **state) {
    (void)state;
    submit(FLOW_INVENTORY_FIRST, 9, "pm_card_chargeDeclined");
    world_run(&world);
    assert_status("FAILED");
    assert_lies("2/0/0 3/0/0 4/0/0");
}

static void what_no_carrier_takes_leaves_no_warehouse(void **state) {
    (void)state;
    world_add_product(&world, "UNSHIPPABLE", 500, 1);
    world_add_elsewhere(&world, "UNSHIPPABLE", "south", 2, 4);
    struct buf payload = {0};
    const struct world_order order = {.id = uuid_v7(),
                                      .sku = "UNSHIPPABLE",
                                      .quantity = 5,
                                      .unit_price_minor = -1,
                                      .payment_method = "pm_card_visa"};
    world_write_submit(&payload, &order, clock_now_us());
    world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload));
    buf_fini(&payload);
    world_run(&world);
    world_send_parcels(&world);
    world_run(&world);
    assert_status("FAILED");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM shipping.parcels"), 0);
    assert_int_equal(world_query_int(&world, "SELECT sum(reserved) FROM inventory.warehouse_stock"),
                     0);
    assert_world("SELECT status FROM payments.payments", "REFUNDED");
}

static enum outcome happen(enum world_consumer consumer, enum event_type type,
                           const struct uuid *id, const char *more) {
    char id_text[UUID_TEXT_SIZE], data[400];
    struct buf payload = {0};
    uuid_format(id, id_text);
    snprintf(data, sizeof(data), "{\"orderId\":\"%s\",\"tenant\":\"default\"%s}", id_text, more);
    world_write_event(&payload, type, id, data);
    enum outcome outcome = world_deliver(&world, consumer, buf_slice(&payload));
    buf_fini(&payload);
    return outcome;
}

static void once_a_part_has_left_nobody_stops_the_rest(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_INVENTORY_FIRST, 5, "pm_card_visa");
    world_run(&world);
    world_send_parcels(&world);
    world_run(&world);
    happen(WORLD_ORDERS_ORDER, EVENT_ORDER_CANCEL, &id, "");
    world_run(&world);
    assert_status("CONFIRMED");
    world_send_parcels(&world);
    world_run(&world);
    assert_status("COMPLETED");
    assert_timeline("OrderCreated InventoryReserved PaymentSucceeded OrderConfirmed"
                    " PartiallyShipped CancelRequested OrderShipped OrderCompleted");
}

static void
a_wish_to_cancel_that_comes_before_the_first_parcel_comes_too_late_as_well(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_INVENTORY_FIRST, 5, "pm_card_visa");
    world_run(&world);
    happen(WORLD_ORDERS_ORDER, EVENT_ORDER_CANCEL, &id, "");
    world_run(&world);
    world_send_parcels(&world);
    world_run(&world);
    world_send_parcels(&world);
    world_run(&world);
    assert_status("COMPLETED");
    assert_lies("0/0/2 0/0/3 4/0/0");
}

#define PART                                                                                       \
    ",\"parts\":2,\"part\":1,\"warehouse\":\"north\",\"carrier\":\"C\",\"trackingNumber\":"        \
    "\"OM1\","                                                                                     \
    "\"items\":[{\"sku\":\"SHIRT\",\"quantity\":3}]"

/* The last parcel's event tells of all, so it may come first. */
static void parts_may_come_late_and_twice(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_INVENTORY_FIRST, 5, "pm_card_visa");
    world_run(&world);
    world_send_parcels(&world);
    world_execute(&world, "DELETE FROM shipping.outbox");
    world_send_parcels(&world);
    world_run(&world);
    assert_status("COMPLETED");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.shipments"
                                             " WHERE tracking_number IS NOT NULL"),
                     2);
    assert_int_equal(happen(WORLD_SHIPPING_ORDER, EVENT_SHIPPING_PART_SHIPPED, &id, PART),
                     OUTCOME_DONE);
    assert_status("COMPLETED");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.shipments"
                                             " WHERE tracking_number = 'OM1'"),
                     0);
}

static void a_part_that_says_too_little_is_refused(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_INVENTORY_FIRST, 5, "pm_card_visa");
    world_run(&world);
    assert_int_equal(happen(WORLD_SHIPPING_ORDER, EVENT_SHIPPING_PART_SHIPPED, &id,
                            ",\"trackingNumber\":\"OM1\",\"warehouse\":\"north\""),
                     OUTCOME_REJECT);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(parcels_leave_one_after_the_other_and_the_last_completes_the_order),
        TEST(one_other_warehouse_sends_one_parcel_at_once),
        TEST(an_order_that_main_serves_has_none_of_it),
        TEST(a_declined_payment_gives_each_warehouse_its_own_back),
        TEST(what_no_carrier_takes_leaves_no_warehouse),
        TEST(once_a_part_has_left_nobody_stops_the_rest),
        TEST(a_wish_to_cancel_that_comes_before_the_first_parcel_comes_too_late_as_well),
        TEST(parts_may_come_late_and_twice),
        TEST(a_part_that_says_too_little_is_refused),
    };
    return cmocka_run_group_tests_name("parts", tests, world_setup, world_teardown);
}
