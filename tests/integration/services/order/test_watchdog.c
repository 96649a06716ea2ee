/* The watchdog and the stop it asks for, on a real database: nothing hangs, nothing is given up too
   early, and several instances do not get in each other's way.

   Covers: services/order/handler.c services/order/store_watch.c services/order/unpaid.c
   services/order/watchdog.c
   shared/service/periodic.c */
#include "services/order/endpoint.h"
#include "services/order/unpaid.h"
#include "services/order/watchdog.h"
#include "shared/base/clock.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#define ORDER_KINDS 3

/* One order service's watchdog. */
struct instance {
    struct order_settings settings;
    struct batch batch;
};

static struct instance one, other;

static void instance_init(struct instance *instance, const char *name) {
    instance->settings.saga_limit_s = 900;
    instance->batch = (struct batch){
        .arena = arena_create(65536),
        .outbox = outbox_create(),
        .pg = pg_create(servers_role_url(world.servers, "om_orders"), name),
        .context = &instance->settings,
    };
}

static void instance_fini(struct instance *instance) {
    arena_destroy(&instance->batch.arena);
    outbox_destroy(&instance->batch.outbox);
    pg_destroy(&instance->batch.pg);
}

static void take_turn(struct instance *instance) {
    struct error error = {0};
    if (periodic_run(&watchdog, &instance->batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static struct uuid submit(enum order_flow flow) {
    struct world_order order = {.id = uuid_v7(),
                                .sku = "MUG",
                                .quantity = 2,
                                .unit_price_minor = -1,
                                .payment_method = "pm_card_visa",
                                .flow = flow};
    struct buf payload = {0};
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    return order.id;
}

static void deliver_to_order(enum event_type type, enum world_consumer consumer,
                             const struct uuid *id) {
    struct buf payload = {0};
    world_write_event(&payload, type, id, "{}");
    assert_int_equal(world_deliver(&world, consumer, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
}

/* As if its events had come: they are not, so that shipping has not heard of it. */
static struct uuid submit_confirmed(void) {
    struct uuid id = submit(FLOW_PARALLEL);
    deliver_to_order(EVENT_INVENTORY_RESERVED, WORLD_INVENTORY_ORDER, &id);
    deliver_to_order(EVENT_PAYMENT_SUCCEEDED, WORLD_PAYMENTS_ORDER, &id);
    return id;
}

static void make_old(void) {
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() - interval '16 minutes'");
}

static void assert_orders(const char *expected) {
    assert_world("SELECT coalesce(string_agg(status || coalesce(' ' || reason, ''), ', ' ORDER BY"
                 " id), '') FROM orders.orders",
                 expected);
}

static int64_t count_said(const char *subject) {
    struct buf sql = {0};
    buf_printf(&sql, "SELECT count(*) FROM orders.outbox WHERE subject = '%s'", subject);
    int64_t count = world_query_int(&world, sql.ptr);
    buf_fini(&sql);
    return count;
}

static void an_order_within_its_limit_is_left_alone(void **state) {
    (void)state;
    submit(FLOW_PARALLEL);
    take_turn(&one);
    assert_orders("PENDING");
}

static void an_overdue_order_fails_once_and_gives_everything_back(void **state) {
    (void)state;
    for (int flow = 0; flow < ORDER_KINDS; flow++)
        submit((enum order_flow)flow);
    make_old();
    take_turn(&one);
    take_turn(&one);
    world_run(&world);
    assert_orders("FAILED saga_timeout, FAILED saga_timeout, FAILED saga_timeout");
    assert_int_equal(count_said("orders.evt.failed"), 3);
    assert_int_equal(world_query_int(&world, "SELECT reserved FROM inventory.stock"), 0);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status"
                                             " NOT IN ('VOIDED', 'REFUNDED')"),
                     0);
}

static void an_overdue_confirmed_order_fails_when_shipping_has_stopped(void **state) {
    (void)state;
    submit_confirmed();
    make_old();
    take_turn(&one);
    take_turn(&one);
    assert_orders("CONFIRMED");
    assert_int_equal(count_said("orders.evt.stop_requested"), 1);
    world_execute(&world, "DELETE FROM orders.outbox WHERE subject = 'orders.evt.confirmed'");
    world_run(&world);
    assert_orders("FAILED saga_timeout");
    assert_int_equal(
        world_query_int(&world, "SELECT count(*) FROM shipping.shipments WHERE status = 'STOPPED'"),
        1);
}

static void after_a_gap_every_order_has_its_whole_limit_again(void **state) {
    (void)state;
    submit(FLOW_PARALLEL);
    make_old();
    world_execute(&world, "UPDATE orders.watch SET turn_at = now() - interval '20 minutes'");
    take_turn(&one);
    take_turn(&other);
    assert_orders("PENDING");
    world_execute(&world, "UPDATE orders.watch SET resumed_at = now() - interval '16 minutes'");
    take_turn(&other);
    assert_orders("FAILED saga_timeout");
}

/* The watchdog slept until the time had come that a clock ahead had left behind. */
static void a_clock_that_was_ahead_delays_no_end(void **state) {
    (void)state;
    submit(FLOW_PARALLEL);
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() + interval '1 day'");
    world_execute(&world, "UPDATE orders.watch SET turn_at = now() + interval '1 day', resumed_at ="
                          " now() + interval '1 day', settled_to = now() + interval '1 day'");
    take_turn(&one);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.watch, orders.orders"
                                             " WHERE turn_at <= now() AND resumed_at <= now() AND"
                                             " settled_to < taken_at AND taken_at <= now()"),
                     1);
    assert_orders("PENDING");

    submit(FLOW_PARALLEL);
    make_old();
    world_execute(&world, "UPDATE orders.watch SET resumed_at = now() - interval '16 minutes',"
                          " settled_to = now() - interval '17 minutes'");
    take_turn(&one);
    assert_orders("FAILED saga_timeout, FAILED saga_timeout");
}

static void an_instance_leaves_the_turn_and_the_orders_to_who_has_them(void **state) {
    (void)state;
    struct error error = {0};
    struct pg *pg = other.batch.pg;
    static const struct pg_statement lock_first = {
        .name = "lock_first",
        .sql = "SELECT id FROM orders.orders ORDER BY id LIMIT 1 FOR UPDATE",
    };
    static const struct pg_statement lock_watch = {
        .name = "lock_watch",
        .sql = "SELECT one FROM orders.watch FOR UPDATE",
    };
    submit(FLOW_PARALLEL);
    submit(FLOW_PARALLEL);
    make_old();

    assert_int_equal(pg_begin(pg, &error), STATUS_OK);
    struct pg_result *result = NULL;
    assert_int_equal(pg_query(pg, &lock_watch, NULL, &result, &error), STATUS_OK);
    pg_result_free(&result);
    take_turn(&one);
    assert_orders("PENDING, PENDING");
    pg_rollback(pg);

    assert_int_equal(pg_begin(pg, &error), STATUS_OK);
    assert_int_equal(pg_query(pg, &lock_first, NULL, &result, &error), STATUS_OK);
    pg_result_free(&result);
    take_turn(&one);
    assert_orders("PENDING, FAILED saga_timeout");
    pg_rollback(pg);
    take_turn(&one);
    assert_orders("FAILED saga_timeout, FAILED saga_timeout");
}

static void what_has_been_looked_at_is_not_read_again(void **state) {
    (void)state;
    submit(FLOW_PARALLEL);
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() - interval '1 hour'");
    take_turn(&one);
    assert_int_equal(world_query_int(&world, "SELECT (settled_to > now() - interval '17 minutes'"
                                             " AND settled_to < now() - interval '15 minutes')::int"
                                             " FROM orders.watch"),
                     1);
}

/* --- shipping's one answer --- */

static void write_order(struct buf *out, enum event_type type, const struct uuid *id) {
    char order_id[UUID_TEXT_SIZE], data[500];
    uuid_format(id, order_id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
             "\"USD\",\"flow\":\"parallel\",\"paymentMethod\":\"pm_x\",\"totalMinor\":500,"
             "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":500}]}",
             order_id);
    world_write_event(out, type, id, data);
}

static void ship(enum event_type first, enum event_type second, bool in_one_batch) {
    struct uuid id = uuid_v7();
    struct buf a = {0}, b = {0};
    struct error error = {0};
    write_order(&a, first, &id);
    write_order(&b, second, &id);
    struct drive_message messages[] = {{.payload = buf_slice(&a)}, {.payload = buf_slice(&b)}};
    struct drive *drive = world.drives[WORLD_ORDERS_SHIPPING];
    if (in_one_batch) {
        assert_int_equal(drive_batch(drive, messages, 2, &error), STATUS_OK);
    } else {
        assert_int_equal(drive_batch(drive, &messages[0], 1, &error), STATUS_OK);
        assert_int_equal(drive_batch(drive, &messages[1], 1, &error), STATUS_OK);
    }
    buf_fini(&a);
    buf_fini(&b);
}

static void assert_shipping_said(const char *expected) {
    assert_world("SELECT string_agg(subject, ' ' ORDER BY id) FROM shipping.outbox", expected);
}

static void what_was_stopped_first_is_never_shipped(void **state) {
    (void)state;
    ship(EVENT_ORDER_STOP_REQUESTED, EVENT_ORDER_CONFIRMED, false);
    assert_shipping_said("shipping.evt.stopped");
}

static void what_was_shipped_first_is_not_stopped(void **state) {
    (void)state;
    ship(EVENT_ORDER_CONFIRMED, EVENT_ORDER_STOP_REQUESTED, false);
    assert_shipping_said("shipping.evt.shipped");
}

static void of_two_events_in_one_batch_the_first_decides(void **state) {
    (void)state;
    ship(EVENT_ORDER_STOP_REQUESTED, EVENT_ORDER_CONFIRMED, true);
    assert_shipping_said("shipping.evt.stopped");
}

static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "MUG", 700, 1000);
    world_execute(&world, "UPDATE orders.watch SET turn_at = now(), resumed_at = '-infinity',"
                          " settled_to = '-infinity'");
    return 0;
}

static int setup(void **state) {
    world_setup(state);
    instance_init(&one, "one");
    instance_init(&other, "other");
    return 0;
}

static int teardown(void **state) {
    instance_fini(&one);
    instance_fini(&other);
    return world_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

/* --- the end of a reservation --- */

static void end_reservations(struct instance *instance) {
    struct error error = {0};
    instance->settings.reservation_limit_s = 600;
    if (periodic_run(&unpaid_watch, &instance->batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    instance->settings.reservation_limit_s = 0;
}

static void make_older_than_its_reservation(void) {
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() - interval '11 minutes'");
}

static void what_is_reserved_and_not_paid_in_time_is_given_back(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_PARALLEL);
    deliver_to_order(EVENT_INVENTORY_RESERVED, WORLD_INVENTORY_ORDER, &id);
    end_reservations(&one);
    assert_orders("PENDING");
    make_older_than_its_reservation();
    end_reservations(&one);
    end_reservations(&other);
    assert_orders("FAILED payment_timeout");
    assert_int_equal(count_said("orders.evt.failed"), 1);
    world_run(&world);
    assert_int_equal(world_query_int(&world, "SELECT reserved FROM inventory.stock"), 0);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status"
                                             " NOT IN ('VOIDED', 'REFUNDED')"),
                     0);
}

static void what_is_paid_or_not_reserved_has_its_whole_time(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_PAYMENT_FIRST);
    submit(FLOW_PARALLEL);
    deliver_to_order(EVENT_PAYMENT_SUCCEEDED, WORLD_PAYMENTS_ORDER, &id);
    make_older_than_its_reservation();
    end_reservations(&one);
    assert_orders("PENDING, PENDING");
}

static void a_reservation_has_its_whole_time_again_after_a_gap(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_PARALLEL);
    deliver_to_order(EVENT_INVENTORY_RESERVED, WORLD_INVENTORY_ORDER, &id);
    make_older_than_its_reservation();
    world_execute(&world, "UPDATE orders.watch SET resumed_at = now() - interval '1 minute'");
    end_reservations(&one);
    assert_orders("PENDING");
}

static void a_reader_sees_when_a_reservation_ends(void **state) {
    (void)state;
    struct uuid id = submit(FLOW_PARALLEL);
    struct error error = {0};
    struct buf reply = {0};
    char id_text[UUID_TEXT_SIZE], request[200];
    struct endpoint_call call = {
        .pg = one.batch.pg, .context = &one.settings, .arena = one.batch.arena, .reply = &reply};
    uuid_format(&id, id_text);
    snprintf(request, sizeof(request), "{\"orderId\":\"%s\",\"tenant\":\"default\"}", id_text);
    call.request = slice_of(request);
    assert_int_equal(order_endpoint_get(&call, &error), STATUS_OK);
    assert_null(strstr(reply.ptr, "reservation"));
    deliver_to_order(EVENT_INVENTORY_RESERVED, WORLD_INVENTORY_ORDER, &id);
    world_execute(&world, "UPDATE orders.orders SET taken_at = '2026-01-01 12:00Z'");
    buf_clear(&reply);
    assert_int_equal(order_endpoint_get(&call, &error), STATUS_OK);
    assert_contains(reply.ptr, "\"expiresAt\":\"2026-01-01T12:15:00.000000Z\"");
    deliver_to_order(EVENT_PAYMENT_SUCCEEDED, WORLD_PAYMENTS_ORDER, &id);
    buf_clear(&reply);
    assert_int_equal(order_endpoint_get(&call, &error), STATUS_OK);
    assert_null(strstr(reply.ptr, "reservation\""));
    buf_fini(&reply);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_order_within_its_limit_is_left_alone),
        TEST(what_is_reserved_and_not_paid_in_time_is_given_back),
        TEST(what_is_paid_or_not_reserved_has_its_whole_time),
        TEST(a_reservation_has_its_whole_time_again_after_a_gap),
        TEST(a_reader_sees_when_a_reservation_ends),
        TEST(an_overdue_order_fails_once_and_gives_everything_back),
        TEST(an_overdue_confirmed_order_fails_when_shipping_has_stopped),
        TEST(after_a_gap_every_order_has_its_whole_limit_again),
        TEST(a_clock_that_was_ahead_delays_no_end),
        TEST(an_instance_leaves_the_turn_and_the_orders_to_who_has_them),
        TEST(what_has_been_looked_at_is_not_read_again),
        TEST(what_was_stopped_first_is_never_shipped),
        TEST(what_was_shipped_first_is_not_stopped),
        TEST(of_two_events_in_one_batch_the_first_decides),
    };
    return cmocka_run_group_tests_name("watchdog", tests, setup, teardown);
}
