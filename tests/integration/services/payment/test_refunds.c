/* Refunds in part, on a real database and with a provider across the network: each is made once,
   and together they are never more than was taken.

   Covers: services/payment/part_refunds.c services/payment/refund_store.c
   shared/contract/order_payment.c services/analytics/facts.c shared/service/transaction.c */
#include "services/analytics/facts.h"
#include "services/payment/part_refunds.h"
#include "services/payment/provider/provider_stripe.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/provider_sim.h"
#include "tests/support/world/world_fixture.h"

#include <pthread.h>

static struct provider_sim *sim;
static struct provider *stripe;
static struct pg *pg; /* of the payment service */

#define EVENTS "SELECT coalesce(string_agg(subject, ' ' ORDER BY id), '') FROM payments.outbox"
#define LEFT "SELECT concat_ws(' ', status, refunded_minor) FROM payments.payments"

/* --- a completed order ------------------------------------------------------------------------ */

static struct uuid complete(enum order_capture capture) {
    struct buf payload = {0};
    const struct world_order order = {.id = uuid_v7(),
                                      .sku = "MUG",
                                      .quantity = 1,
                                      .unit_price_minor = -1,
                                      .payment_method = "pm_card_visa",
                                      .capture = capture};
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    world_run(&world);
    assert_world("SELECT status FROM orders.orders", "COMPLETED");
    buf_fini(&payload);
    return order.id;
}

static void assert_ledgers_agree(void) {
    struct buf sql = {0};
    provider_sim_write_check(sim, &sql);
    assert_int_equal(world_query_int(&world, sql.ptr), 0);
    buf_fini(&sql);
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum status ask_with(struct pg *with, const struct uuid *refund_id,
                            const struct uuid *order_id, int64_t amount_minor, struct buf *reply) {
    char refund[UUID_TEXT_SIZE], order[UUID_TEXT_SIZE];
    struct buf request = {0};
    struct error error;
    uuid_format(refund_id, refund);
    uuid_format(order_id, order);
    buf_printf(&request,
               "{\"refundId\":\"%s\",\"orderId\":\"%s\",\"amountMinor\":%lld,\"reason\":"
               "\"broken\"}",
               refund, order, (long long)amount_minor);
    struct endpoint_call call = {
        .request = buf_slice(&request), .pg = with, .arena = arena_create(1024), .reply = reply};
    buf_clear(reply);
    enum status status = refund_endpoint_ask(&call, &error);
    arena_destroy(&call.arena);
    buf_fini(&request);
    return status;
}

static enum status ask(const struct uuid *refund_id, const struct uuid *order_id,
                       int64_t amount_minor) {
    struct buf reply = {0};
    enum status status = ask_with(pg, refund_id, order_id, amount_minor, &reply);
    buf_fini(&reply);
    return status;
}

static enum status ask_anew(const struct uuid *order_id, int64_t amount_minor) {
    struct uuid id = uuid_v7();
    return ask(&id, order_id, amount_minor);
}

/* --- making ----------------------------------------------------------------------------------- */

static void take_turn(void) {
    struct error error = {0};
    struct batch batch = {.arena = arena_create(65536),
                          .outbox = outbox_create(),
                          .pg = pg,
                          .context = &world.payment};
    if (periodic_run(&asked_refunds, &batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
    world_run(&world);
}

static void make_due(void) {
    world_execute(&world, "UPDATE payments.refunds SET due_at = now()");
}

static void give_back_in_parts(const struct uuid *id) {
    assert_int_equal(ask_anew(id, 501), STATUS_CONFLICT);
    assert_int_equal(ask_anew(id, 200), STATUS_OK);
    assert_int_equal(ask_anew(id, 301), STATUS_CONFLICT);
    take_turn();
    assert_world(LEFT, "CAPTURED 200");
    assert_int_equal(ask_anew(id, 300), STATUS_OK);
    assert_int_equal(ask_anew(id, 1), STATUS_CONFLICT);
    take_turn();
    assert_world(LEFT, "CAPTURED 500");
    assert_world("SELECT string_agg(status, ' ') FROM payments.refunds", "REFUNDED REFUNDED");
    assert_world("SELECT string_agg(concat_ws(' ', d ->> 'amountMinor', d ->> 'refundedMinor',"
                 " d ->> 'capturedMinor', d ->> 'reason'), ', ' ORDER BY id)"
                 " FROM payments.outbox, LATERAL (SELECT convert_from(payload, 'UTF8')::jsonb"
                 "  -> 'data' AS d) e WHERE subject = 'payments.evt.refunded'",
                 "200 200 500 broken, 300 500 500 broken");
    assert_world("SELECT concat_ws(' ', status, refunded_minor) FROM orders.orders",
                 "COMPLETED 500");
    assert_ledgers_agree();
}

static void what_was_charged_at_once_is_given_back_in_parts_and_no_more(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    give_back_in_parts(&id);
}

static void what_was_captured_on_shipment_is_given_back_in_parts_and_no_more(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_ON_SHIPMENT);
    give_back_in_parts(&id);
}

static void a_refund_that_is_asked_for_again_is_the_same(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC), refund = uuid_v7(), other = uuid_v7();
    struct buf reply = {0};
    assert_int_equal(ask_with(pg, &refund, &id, 100, &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"status\":\"PENDING\",\"replayed\":false");
    take_turn();
    assert_int_equal(ask_with(pg, &refund, &id, 100, &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"status\":\"REFUNDED\",\"replayed\":true");
    assert_int_equal(ask(&refund, &id, 101), STATUS_INVALID);
    assert_int_equal(ask(&refund, &other, 100), STATUS_NOT_FOUND);
    assert_int_equal(ask(&other, &id, 0), STATUS_INVALID);
    take_turn();
    assert_world(LEFT, "CAPTURED 100");
    assert_ledgers_agree();
    buf_fini(&reply);
}

struct asker {
    pthread_t thread;
    const struct uuid *order_id;
    int granted;
};

static void *ask_often(void *closure) {
    struct asker *asker = closure;
    struct pg *own = pg_create(servers_role_url(world.servers, "om_payments"), "asker");
    struct buf reply = {0};
    for (int i = 0; i < 10; i++) {
        struct uuid refund = uuid_v7();
        asker->granted += ask_with(own, &refund, asker->order_id, 40, &reply) == STATUS_OK;
    }
    buf_fini(&reply);
    pg_destroy(&own);
    return NULL;
}

static void many_who_ask_at_once_get_no_more_than_was_taken(void **state) {
    (void)state;
    enum { ASKERS = 4 };
    struct asker askers[ASKERS] = {0};
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    int granted = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i].order_id = &id;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        granted += askers[i].granted;
    }
    assert_int_equal(granted, 12); /* of 500, 40 each */
    take_turn();
    assert_world(LEFT, "CAPTURED 480");
    assert_ledgers_agree();
}

static void an_unknown_outcome_is_asked_for_again_under_the_same_key(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    assert_int_equal(ask_anew(&id, 100), STATUS_OK);
    provider_sim_inject(sim, "fault=timeout_after&count=3");
    take_turn();
    assert_world("SELECT status FROM payments.refunds", "PENDING");
    world_execute(&world, "UPDATE payments.refunds SET due_at = now() + interval '1 minute'");
    take_turn(); /* not before its time */
    assert_world("SELECT concat_ws(' ', status, attempts) FROM payments.refunds", "PENDING 1");
    make_due();
    take_turn();
    assert_world("SELECT concat_ws(' ', status, attempts) FROM payments.refunds", "REFUNDED 2");
    assert_ledgers_agree();
}

/* Somebody gave it back in the provider's own pages. */
static void what_the_provider_refuses_is_there_to_be_given_back_again(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    char *charge_id = world_query_text(&world, "SELECT charge_id FROM payments.payments");
    struct provider_request by_hand = {.key = "by-hand"};
    struct provider_request *requests[] = {&by_hand};
    snprintf(by_hand.charge_id, sizeof(by_hand.charge_id), "%s", charge_id);
    stripe->refund(stripe, requests, 1);
    assert_int_equal(by_hand.answer, PROVIDER_DONE);

    assert_int_equal(ask_anew(&id, 100), STATUS_OK);
    take_turn();

    assert_world("SELECT concat_ws(' ', status, code) FROM payments.refunds",
                 "REFUSED charge_already_refunded");
    assert_world(LEFT, "CAPTURED 0");
    assert_world("SELECT count(*) FROM payments.outbox WHERE subject = 'payments.evt.refunded'",
                 "0");
    free(charge_id);
}

/* --- pieces of lines -------------------------------------------------------------------------- */

#define LINES                                                                                      \
    "[{\"sku\":\"MUG\",\"quantity\":3,\"unitPriceMinor\":100},"                                    \
    "{\"sku\":\"LAMP\",\"quantity\":1,\"unitPriceMinor\":200},"                                    \
    "{\"sku\":\"CARD\",\"quantity\":1,\"unitPriceMinor\":0}]"

static enum status ask_pieces(struct pg *with, const struct uuid *refund_id,
                              const struct uuid *order_id, const char *items, struct buf *reply) {
    char refund[UUID_TEXT_SIZE], order[UUID_TEXT_SIZE];
    struct buf request = {0};
    struct error error;
    uuid_format(refund_id, refund);
    uuid_format(order_id, order);
    buf_printf(&request,
               "{\"refundId\":\"%s\",\"orderId\":\"%s\",\"items\":%s,\"lines\":" LINES
               ",\"reason\":\"broken\"}",
               refund, order, items);
    struct endpoint_call call = {
        .request = buf_slice(&request), .pg = with, .arena = arena_create(1024), .reply = reply};
    buf_clear(reply);
    enum status status = refund_endpoint_ask(&call, &error);
    if (status != STATUS_OK)
        buf_append_text(reply, error.text);
    arena_destroy(&call.arena);
    buf_fini(&request);
    return status;
}

static void assert_asked(const struct uuid *order_id, const char *items, enum status status,
                         const char *said) {
    struct buf reply = {0};
    struct uuid refund = uuid_v7();
    assert_int_equal(ask_pieces(pg, &refund, order_id, items, &reply), status);
    assert_contains(reply.ptr, said);
    buf_fini(&reply);
}

static void no_piece_is_given_back_twice(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    assert_asked(&id, "[{\"line\":1,\"quantity\":2}]", STATUS_OK, "\"amountMinor\":200");
    assert_asked(&id, "[{\"sku\":\"MUG\",\"quantity\":2}]", STATUS_CONFLICT,
                 "of MUG only 1 are left");
    assert_asked(&id, "[{\"sku\":\"PLATE\",\"quantity\":1}]", STATUS_CONFLICT,
                 "PLATE is not in the order");
    assert_asked(&id, "[{\"line\":3,\"quantity\":1}]", STATUS_CONFLICT, "worth nothing");
    assert_asked(&id, "[{\"line\":1,\"quantity\":0}]", STATUS_INVALID, "items");
    assert_asked(&id, "[{\"sku\":\"MUG\",\"quantity\":1},{\"line\":2,\"quantity\":1}]", STATUS_OK,
                 "\"amountMinor\":300");
    assert_asked(&id, "[{\"line\":2,\"quantity\":1}]", STATUS_CONFLICT, "only 0 are left");
    take_turn();
    assert_world(LEFT, "CAPTURED 500");
    assert_world("SELECT string_agg(concat_ws(' ', line, refunded, quantity), ', ' ORDER BY line)"
                 " FROM payments.refunded_lines",
                 "1 3 3, 2 1 1");
    assert_world("SELECT concat_ws(' ', status, refunded_minor) FROM orders.orders",
                 "COMPLETED 500");
    assert_ledgers_agree();
}

static void pieces_that_are_asked_for_again_are_the_same(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC), refund = uuid_v7();
    struct buf reply = {0};
    const char *one = "[{\"line\":1,\"quantity\":1}]";
    assert_int_equal(ask_pieces(pg, &refund, &id, one, &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"items\":[{\"line\":1,\"quantity\":1}]");
    assert_int_equal(ask_pieces(pg, &refund, &id, one, &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"replayed\":true");
    assert_int_equal(ask_pieces(pg, &refund, &id, "[{\"line\":1,\"quantity\":2}]", &reply),
                     STATUS_INVALID);
    assert_int_equal(ask(&refund, &id, 100), STATUS_INVALID); /* the same amount */
    take_turn();
    assert_world(LEFT, "CAPTURED 100");
    buf_fini(&reply);
}

/* Amounts and pieces draw on the same money. */
static void pieces_are_given_back_as_far_as_money_is_left(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_ON_SHIPMENT);
    assert_int_equal(ask_anew(&id, 350), STATUS_OK);
    assert_asked(&id, "[{\"line\":2,\"quantity\":1}]", STATUS_CONFLICT, "150 minor units are left");
    assert_asked(&id, "[{\"line\":1,\"quantity\":1}]", STATUS_OK, "\"amountMinor\":100");
    take_turn();
    assert_world(LEFT, "CAPTURED 450");
    assert_ledgers_agree();
}

static void *ask_for_pieces_often(void *closure) {
    struct asker *asker = closure;
    struct pg *own = pg_create(servers_role_url(world.servers, "om_payments"), "asker");
    struct buf reply = {0};
    for (int i = 0; i < 5; i++) {
        struct uuid refund = uuid_v7();
        asker->granted += ask_pieces(own, &refund, asker->order_id, "[{\"line\":1,\"quantity\":1}]",
                                     &reply) == STATUS_OK;
    }
    buf_fini(&reply);
    pg_destroy(&own);
    return NULL;
}

static void many_who_ask_for_pieces_at_once_get_each_once(void **state) {
    (void)state;
    enum { ASKERS = 4 };
    struct asker askers[ASKERS] = {0};
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    int granted = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i].order_id = &id;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_for_pieces_often, &askers[i]),
                         0);
    }
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        granted += askers[i].granted;
    }
    assert_int_equal(granted, 3);
    take_turn();
    assert_world(LEFT, "CAPTURED 300");
}

static void pieces_that_the_provider_refuses_may_be_asked_for_again(void **state) {
    (void)state;
    struct uuid id = complete(CAPTURE_AUTOMATIC);
    char *charge_id = world_query_text(&world, "SELECT charge_id FROM payments.payments");
    struct provider_request by_hand = {.key = "by-hand"};
    struct provider_request *requests[] = {&by_hand};
    snprintf(by_hand.charge_id, sizeof(by_hand.charge_id), "%s", charge_id);
    stripe->refund(stripe, requests, 1);
    assert_asked(&id, "[{\"line\":1,\"quantity\":3}]", STATUS_OK, "\"amountMinor\":300");
    take_turn();
    assert_world("SELECT status FROM payments.refunds", "REFUSED");
    assert_world("SELECT concat_ws(' ', line, refunded) FROM payments.refunded_lines", "1 0");
    assert_asked(&id, "[{\"line\":1,\"quantity\":3}]", STATUS_OK, "\"amountMinor\":300");
    free(charge_id);
}

static void only_what_was_taken_is_given_back(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    world_write_on_shipment(&payload, EVENT_INVENTORY_RESERVED, &id, "pm_card_visa");
    assert_int_equal(world_deliver(&world, WORLD_INVENTORY_PAYMENT, buf_slice(&payload)),
                     OUTCOME_DONE);
    assert_world("SELECT status FROM payments.payments", "AUTHORIZED");
    assert_int_equal(ask_anew(&id, 1), STATUS_CONFLICT);
    buf_fini(&payload);
}

/* --- who counts it ---------------------------------------------------------------------------- */

static struct event refunded(struct arena *arena, const char *data, int64_t time_us) {
    struct event event = {.type = EVENT_PAYMENT_REFUNDED, .time_us = time_us};
    assert_int_equal(json_tree_parse(slice_of(data), arena, &event.data, NULL), STATUS_OK);
    return event;
}

static void the_figures_count_what_was_given_back_in_all_in_whatever_order_it_comes(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct error error;
    const struct event first =
        refunded(arena, "{\"amountMinor\":200,\"currency\":\"USD\",\"refundedMinor\":200}", 1000);
    const struct event second =
        refunded(arena, "{\"amountMinor\":300,\"currency\":\"USD\",\"refundedMinor\":500}", 2000);
    struct order_facts a, b, forward = {0}, back = {0};
    assert_int_equal(facts_read(&first, &a, &error), STATUS_OK);
    assert_int_equal(facts_read(&second, &b, &error), STATUS_OK);
    assert_true(facts_merge(&forward, &a));
    assert_true(facts_merge(&forward, &b));
    assert_false(facts_merge(&forward, &a));
    assert_true(facts_merge(&back, &b));
    assert_true(facts_merge(&back, &a)); /* it is earlier */
    assert_int_equal(forward.refunded.minor, 500);
    assert_int_equal(back.refunded.minor, 500);
    assert_int_equal(back.at_us[FACT_REFUNDED], 1000);
    arena_destroy(&arena);
}

/* --- fixtures --------------------------------------------------------------------------------- */

static int setup(void **state) {
    int result = world_setup(state);
    pg = pg_create(servers_role_url(world.servers, "om_payments"), "refunds");
    return result;
}

static int teardown(void **state) {
    pg_destroy(&pg);
    return world_teardown(state);
}

static int each_setup(void **state) {
    struct error error = {0};
    world_empty(state);
    world_add_product(&world, "MUG", 500, 10);
    sim = provider_sim_start(servers_dir(world.servers), 1000);
    const struct provider_stripe_options options = {.url = provider_sim_url(sim),
                                                    .key_file = provider_sim_key_file(sim),
                                                    .timeout_ms = 600,
                                                    .parallel_max = 16};
    assert_int_equal(provider_stripe_create(&options, &stripe, &error), STATUS_OK);
    world.payment.provider = stripe;
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    provider_sim_stop(&sim);
    provider_stripe_destroy(&stripe);
    world.payment.provider = &provider_simulated;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_charged_at_once_is_given_back_in_parts_and_no_more),
        TEST(what_was_captured_on_shipment_is_given_back_in_parts_and_no_more),
        TEST(a_refund_that_is_asked_for_again_is_the_same),
        TEST(many_who_ask_at_once_get_no_more_than_was_taken),
        TEST(an_unknown_outcome_is_asked_for_again_under_the_same_key),
        TEST(what_the_provider_refuses_is_there_to_be_given_back_again),
        TEST(only_what_was_taken_is_given_back),
        TEST(no_piece_is_given_back_twice),
        TEST(pieces_that_are_asked_for_again_are_the_same),
        TEST(pieces_are_given_back_as_far_as_money_is_left),
        TEST(many_who_ask_for_pieces_at_once_get_each_once),
        TEST(pieces_that_the_provider_refuses_may_be_asked_for_again),
        cmocka_unit_test(the_figures_count_what_was_given_back_in_all_in_whatever_order_it_comes),
    };
    return cmocka_run_group_tests_name("refunds", tests, setup, teardown);
}
