/* Two orders under one key, taken in against the order of their acceptance: the one that was
   accepted first has it. On a real database, with the place in the stream that each is given.

   Covers: services/order/store_keys.c services/order/submit.c */
#include "services/order/submit.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SECOND_US INT64_C(1000000)

static struct world_order make_order(void) {
    return (struct world_order){.id = uuid_v7(),
                                .sku = "SHIRT",
                                .quantity = 2,
                                .unit_price_minor = -1,
                                .payment_method = "pm_card_visa",
                                .key_hash = KEY};
}

static struct world_order make_unguarded(void) {
    struct world_order order = make_order();
    order.is_key_unguarded = true;
    return order;
}

static struct drive_message message_of(struct buf *payload, const struct world_order *order,
                                       uint64_t sequence, int64_t at_us) {
    world_write_submit(payload, order, at_us);
    return (struct drive_message){
        .payload = buf_slice(payload), .sequence = sequence, .has_waited = true};
}

static void take_in(struct drive_message *messages, size_t count) {
    struct error error = {0};
    if (drive_batch(world.drives[WORLD_ORDERS_ORDER], messages, count, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(messages[i].outcome, OUTCOME_DONE);
}

static void submit_at(const struct world_order *order, uint64_t sequence, int64_t at_us) {
    struct buf payload = {0};
    struct drive_message message = message_of(&payload, order, sequence, at_us);
    take_in(&message, 1);
    buf_fini(&payload);
}

/* Stored in the order of the sequences, all within a second. */
static void submit(const struct world_order *order, uint64_t sequence) {
    static int64_t start_us;
    if (start_us == 0)
        start_us = clock_now_us();
    submit_at(order, sequence, start_us + (int64_t)sequence);
}

static void assert_order(const struct world_order *order, const char *expected) {
    char text[UUID_TEXT_SIZE], sql[200];
    uuid_format(&order->id, text);
    snprintf(sql, sizeof(sql),
             "SELECT status || coalesce('/' || reason, '') FROM orders.orders WHERE id = '%s'",
             text);
    assert_world(sql, expected);
}

/* "created failed": what was announced of it, in order. */
static void assert_announced(const struct world_order *order, const char *expected) {
    char text[UUID_TEXT_SIZE], sql[300];
    uuid_format(&order->id, text);
    snprintf(sql, sizeof(sql),
             "SELECT coalesce(string_agg(substr(subject, 12), ' ' ORDER BY id), '')"
             " FROM orders.outbox WHERE convert_from(payload, 'UTF8')::jsonb ->> 'subject' = '%s'",
             text);
    assert_world(sql, expected);
}

static void assert_stock(const char *expected) {
    assert_world("SELECT on_hand || ' ' || reserved || ' ' || shipped FROM inventory.stock",
                 expected);
}

static struct held_limits known;

static enum status start(struct batch *batch, struct error *error) {
    return held_orders_start(batch, &known, error);
}

/* A turn of an instance that knows this. */
static void start_known(struct held_limits limits) {
    static const struct periodic turn = {"turn", 0, start, NULL};
    struct error error = {0};
    struct batch batch = {
        .arena = arena_create(65536),
        .outbox = outbox_create(),
        .pg = pg_create(servers_role_url(world.servers, "om_orders"), "turn"),
    };
    known = limits;
    if (periodic_run(&turn, &batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
    pg_destroy(&batch.pg);
}

/* All up to `sequence` is taken in. */
static void start_to(uint64_t sequence) {
    start_known((struct held_limits){.sequence = sequence});
}

/* All that the stream held then is taken in. */
static void start_held_by(int64_t held_us) {
    start_known((struct held_limits){.held_us = held_us});
}

static void deliver_to_inventory(void *closure, enum event_type type, struct slice payload) {
    (void)closure;
    if (world_wants(WORLD_ORDERS_INVENTORY, type))
        assert_int_equal(world_deliver(&world, WORLD_ORDERS_INVENTORY, payload), OUTCOME_DONE);
}

static void an_order_under_way_gives_all_back_to_one_accepted_before_it(void **state) {
    (void)state;
    struct world_order older = make_order(), later = make_order();
    submit(&later, 8);
    world_take_events(&world, deliver_to_inventory, NULL);
    assert_stock("998 2 0");

    submit(&older, 7);

    assert_order(&older, "PENDING");
    assert_order(&later, "FAILED/idempotency_conflict");
    world_run(&world);
    assert_order(&older, "COMPLETED");
    assert_announced(&later, "created failed");
    assert_stock("998 0 2");
    submit(&later, 8); /* delivered again */
    assert_order(&older, "COMPLETED");
    assert_announced(&later, "created failed");
}

static void of_two_in_one_batch_the_one_accepted_first_has_the_key(void **state) {
    (void)state;
    struct world_order older = make_order(), later = make_order();
    struct buf a = {0}, b = {0};
    int64_t now_us = clock_now_us();
    struct drive_message both[] = {message_of(&b, &later, 8, now_us),
                                   message_of(&a, &older, 7, now_us)};
    take_in(both, 2);
    assert_order(&older, "PENDING");
    assert_order(&later, "FAILED/idempotency_conflict");
    buf_fini(&a);
    buf_fini(&b);
}

static void what_is_confirmed_keeps_its_key(void **state) {
    (void)state;
    struct world_order older = make_order(), oldest = make_order(), later = make_order();
    submit(&later, 8);
    world_run(&world);
    assert_order(&later, "COMPLETED");

    submit(&older, 7);
    submit(&oldest, 6);
    submit(&older, 7);

    assert_order(&older, "FAILED/idempotency_conflict");
    assert_order(&oldest, "FAILED/idempotency_conflict");
    assert_order(&later, "COMPLETED");
    assert_announced(&older, "failed");
}

static void a_key_whose_order_has_failed_already_goes_over_too(void **state) {
    (void)state;
    struct world_order older = make_order(), later = make_order();
    later.quantity = 5000;
    submit(&later, 8);
    world_run(&world);
    assert_order(&later, "FAILED/out_of_stock");
    submit(&older, 7);
    world_run(&world);
    assert_order(&older, "COMPLETED");
    assert_order(&later, "FAILED/out_of_stock");
}

/* A stream that was deleted counts from 1 again. */
static void a_low_sequence_of_a_stream_made_anew_is_not_older(void **state) {
    (void)state;
    struct world_order older = make_order(), later = make_order();
    int64_t now_us = clock_now_us();
    submit_at(&older, 900, now_us);
    submit_at(&later, 1, now_us + SECOND_US);
    assert_order(&older, "PENDING");
    assert_order(&later, "FAILED/idempotency_conflict");
}

static void an_order_of_the_version_before_keeps_its_key(void **state) {
    (void)state;
    struct world_order first = make_order(), second = make_order();
    submit(&first, 0);
    submit(&second, 3);
    assert_order(&first, "PENDING");
    assert_order(&second, "FAILED/idempotency_conflict");
}

static void nobody_hears_of_an_unguarded_order_before_all_older_ones_are_taken_in(void **state) {
    (void)state;
    struct world_order later = make_unguarded(), older = make_unguarded();
    submit(&later, 8);
    start_to(7);
    assert_order(&later, "PENDING");
    assert_announced(&later, "");

    submit(&older, 7);

    assert_order(&later, "FAILED/idempotency_conflict");
    assert_announced(&later, "failed");
    start_to(8);
    start_to(8);
    assert_announced(&older, "created");
    assert_announced(&later, "failed");
    world_run(&world);
    assert_order(&older, "COMPLETED");
    assert_world("SELECT version - jsonb_array_length(timeline) FROM orders.orders"
                 " WHERE status = 'COMPLETED'",
                 "-2");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.held_orders"), 0);
}

static void an_order_is_not_held_for_ever(void **state) {
    (void)state;
    struct world_order order = make_unguarded();
    submit(&order, 8);
    submit(&order, 8);
    world_execute(&world, "UPDATE orders.held_orders SET held_at = now() - interval '151 seconds'");
    start_to(0);
    assert_announced(&order, "created");
}

static void an_order_held_by_a_clock_that_was_ahead_is_started(void **state) {
    (void)state;
    struct world_order order = make_unguarded();
    submit(&order, 8);
    world_execute(&world, "UPDATE orders.held_orders SET held_at = now() + interval '1 day'");
    start_to(0);
    assert_announced(&order, "created");
}

/* An order that was held when its stream was set back waited for the stream to reach its place
   again, or for 150 s, where the stream had come beyond that place before anybody looked. */
static void an_order_whose_place_the_stream_has_lost_waits_for_what_is_left(void **state) {
    (void)state;
    struct world_order order = make_unguarded();
    submit(&order, 8);
    int64_t held_us =
        world_query_int(&world, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8");
    start_held_by(held_us - 60 * SECOND_US); /* it was not held yet when they asked */
    assert_announced(&order, "");

    start_held_by(held_us);

    assert_announced(&order, "created");
}

static void an_order_that_has_ended_while_it_was_held_is_not_started(void **state) {
    (void)state;
    struct world_order order = make_unguarded();
    struct buf wish = {0};
    submit(&order, 8);
    world_write_event(&wish, EVENT_ORDER_CANCEL, &order.id, "{\"tenant\":\"default\"}");
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&wish)), OUTCOME_DONE);
    start_to(8);
    assert_order(&order, "CANCELLED/cancelled_by_customer");
    assert_announced(&order, "cancelled");
    buf_fini(&wish);
}

static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "SHIRT", 1999, 1000);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_order_under_way_gives_all_back_to_one_accepted_before_it),
        TEST(of_two_in_one_batch_the_one_accepted_first_has_the_key),
        TEST(what_is_confirmed_keeps_its_key),
        TEST(a_key_whose_order_has_failed_already_goes_over_too),
        TEST(a_low_sequence_of_a_stream_made_anew_is_not_older),
        TEST(an_order_of_the_version_before_keeps_its_key),
        TEST(nobody_hears_of_an_unguarded_order_before_all_older_ones_are_taken_in),
        TEST(an_order_is_not_held_for_ever),
        TEST(an_order_held_by_a_clock_that_was_ahead_is_started),
        TEST(an_order_whose_place_the_stream_has_lost_waits_for_what_is_left),
        TEST(an_order_that_has_ended_while_it_was_held_is_not_started),
    };
    return cmocka_run_group_tests_name("key_order", tests, world_setup, world_teardown);
}
