/* Payments that need the customer, on a real database and with a provider across the network:
   whatever the customer does, and whoever dies meanwhile, the provider's ledger and ours are the
   same, and the order goes on or ends.

   Covers: services/payment/actions.c services/payment/action_store.c services/payment/handler.c
   services/payment/payment_event.c services/payment/simulator/customer.c
   services/payment/simulator/hooks.c services/order/store_watch.c services/order/read/store_read.c
 */
#include "services/order/read/store_read.h"
#include "services/order/unpaid.h"
#include "services/payment/actions.h"
#include "services/payment/owed_steps.h"
#include "services/payment/provider/provider_stripe.h"
#include "shared/base/clock.h"
#include "shared/contract/order_payment.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/provider_sim.h"
#include "tests/support/world/world_fixture.h"

#define METHOD "pm_card_threeDSecure2Required"
#define STATUS "SELECT status FROM payments.payments"
#define EVENTS "SELECT coalesce(string_agg(subject, ' ' ORDER BY id), '') FROM payments.outbox"
#define ORDER "SELECT concat_ws(' ', status, reason) FROM orders.orders"
#define LIMIT_S 600

static struct provider_sim *sim;
static struct provider *stripe;
static struct pg *pg;        /* of the payment service */
static struct pg *orders_pg; /* of the order service */

static const enum order_flow flows[] = {FLOW_INVENTORY_FIRST, FLOW_PAYMENT_FIRST, FLOW_PARALLEL};
#define FLOWS (sizeof(flows) / sizeof(flows[0]))

static void assert_ledgers_agree(void) {
    struct buf sql = {0};
    provider_sim_write_check(sim, &sql);
    assert_int_equal(world_query_int(&world, sql.ptr), 0);
    buf_fini(&sql);
}

static int each_setup(void **state);
static int each_teardown(void **state);

/* With an empty ledger. */
static void begin_anew(void) {
    each_teardown(NULL);
    each_setup(NULL);
}

/* --- steps ------------------------------------------------------------------------------------ */

static struct uuid submit_as(enum order_flow flow, enum order_capture capture, const char *method) {
    struct buf payload = {0};
    const struct world_order order = {.id = uuid_v7(),
                                      .sku = "MUG",
                                      .quantity = 1,
                                      .unit_price_minor = -1,
                                      .payment_method = method,
                                      .flow = flow,
                                      .capture = capture};
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    world_run(&world);
    return order.id;
}

static struct uuid submit(void) {
    return submit_as(FLOW_INVENTORY_FIRST, CAPTURE_AUTOMATIC, METHOD);
}

static void run_task(const struct periodic *task, struct pg *on, void *context) {
    struct error error = {0};
    struct batch batch = {
        .arena = arena_create(65536), .outbox = outbox_create(), .pg = on, .context = context};
    require_ok(periodic_run(task, &batch, &error), &error);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
}

/* One turn of the task, at which all is due, and what follows of it. */
static void look(void) {
    world_execute(&world, "UPDATE payments.actions SET due_at = now()");
    run_task(&awaited_actions, pg, &world.payment);
    world_run(&world);
}

static void time_is_up(void) {
    world_execute(&world, "UPDATE payments.actions SET until = now() - interval '1 second'");
}

static char *charge_id(void) {
    return world_query_text(&world, "SELECT charge_id FROM payments.payments");
}

static void confirm(void) {
    char *id = charge_id();
    provider_sim_confirm(sim, id);
    free(id);
}

static void decline(void) {
    char *id = charge_id();
    provider_sim_decline(sim, id);
    free(id);
}

static void cancel(const struct uuid *id) {
    struct buf payload = {0};
    world_write_event(&payload, EVENT_ORDER_CANCEL, id, "{\"tenant\":\"default\"}");
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    world_run(&world);
}

/* Nothing waits any more, the ledgers agree, and what did not complete holds nothing. */
static void assert_settled(const char *order, const char *payment) {
    assert_world(ORDER, order);
    assert_world(STATUS, payment);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.actions"), 0);
    assert_int_equal(world_query_int(&world, "SELECT sum(reserved) FROM inventory.stock"), 0);
    assert_ledgers_agree();
}

/* --- the customer ----------------------------------------------------------------------------- */

static void whoever_confirms_goes_on_in_each_flow_and_with_each_capture(void **state) {
    (void)state;
    for (size_t i = 0; i < FLOWS; i++) {
        for (int capture = CAPTURE_AUTOMATIC; capture <= CAPTURE_ON_SHIPMENT; capture++) {
            begin_anew();
            submit_as(flows[i], (enum order_capture)capture, METHOD);
            look();
            assert_world(ORDER, "PENDING");
            assert_world(STATUS, capture == CAPTURE_AUTOMATIC ? "CHALLENGED" : "HOLD_CHALLENGED");
            assert_world("SELECT convert_from(payload, 'UTF8')::jsonb #>> '{data,tenant}'"
                         " FROM payments.outbox",
                         "default");
            assert_ledgers_agree();

            confirm();
            look();

            assert_settled("COMPLETED", "CAPTURED");
            assert_world(EVENTS, capture == CAPTURE_AUTOMATIC
                                     ? "payments.evt.action_required payments.evt.succeeded"
                                     : "payments.evt.action_required payments.evt.authorized "
                                       "payments.evt.captured");
        }
    }
}

static void whoever_declines_fails_and_cannot_confirm_any_more(void **state) {
    (void)state;
    submit();
    decline();
    look();
    assert_settled("FAILED payment_declined", "DECLINED");
    assert_world("SELECT decline_code FROM payments.payments",
                 "payment_intent_authentication_failure");
    confirm();
    assert_ledgers_agree();
}

static void whoever_does_nothing_fails_with_payment_timeout(void **state) {
    (void)state;
    for (int capture = CAPTURE_AUTOMATIC; capture <= CAPTURE_ON_SHIPMENT; capture++) {
        begin_anew();
        submit_as(FLOW_INVENTORY_FIRST, (enum order_capture)capture, METHOD);
        time_is_up();
        look();
        assert_settled("FAILED payment_timeout", "DECLINED");
        assert_world("SELECT decline_code FROM payments.payments", "confirmation_timeout");
        confirm(); /* too late: the intent is cancelled */
        assert_ledgers_agree();
    }
}

static void who_confirmed_in_time_has_paid_even_if_nobody_heard_of_it_then(void **state) {
    (void)state;
    submit();
    confirm();
    time_is_up();
    look();
    assert_settled("COMPLETED", "CAPTURED");
}

static void a_payment_that_needs_nobody_has_none_of_it(void **state) {
    (void)state;
    submit_as(FLOW_INVENTORY_FIRST, CAPTURE_AUTOMATIC, "pm_card_visa");
    assert_settled("COMPLETED", "CAPTURED");
    assert_world(EVENTS, "payments.evt.succeeded");
    assert_int_equal(world_query_int(&world, "SELECT count(action_until) FROM orders.orders"), 0);
}

/* --- the order's end comes first -------------------------------------------------------------- */

static void an_order_that_is_cancelled_while_it_waits_withdraws_the_question(void **state) {
    (void)state;
    for (size_t i = 0; i < FLOWS; i++) {
        for (int capture = CAPTURE_AUTOMATIC; capture <= CAPTURE_ON_SHIPMENT; capture++) {
            begin_anew();
            struct uuid id = submit_as(flows[i], (enum order_capture)capture, METHOD);
            cancel(&id);
            assert_settled("CANCELLED cancelled_by_customer", "WITHDRAWN");
            assert_world(EVENTS, "payments.evt.action_required");
            confirm();
            assert_ledgers_agree();
        }
    }
}

static void who_confirms_as_the_order_ends_gets_the_money_back(void **state) {
    (void)state;
    struct error error = {0};
    struct buf end = {0};
    struct uuid id = submit();
    confirm();
    world_write_snapshot(&end, EVENT_ORDER_FAILED, &id, METHOD);
    struct drive_message message = {.payload = buf_slice(&end)};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_world(STATUS, "REFUNDING");

    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    run_task(&owed_steps, pg, &world.payment);

    assert_world(STATUS, "REFUNDED");
    assert_world(EVENTS, "payments.evt.action_required payments.evt.succeeded "
                         "payments.evt.refunded");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.actions"), 0);
    assert_ledgers_agree();
    buf_fini(&end);
}

/* What the order's end could not settle is settled by the clock. */
static void what_is_not_withdrawn_at_the_orders_end_is_withdrawn_by_the_clock(void **state) {
    (void)state;
    submit();
    world_execute(&world, "UPDATE payments.payments SET status = 'WITHDRAWING',"
                          " updated_at = now() - interval '1 hour'");
    world_execute(&world, "DELETE FROM payments.actions");
    run_task(&owed_steps, pg, &world.payment);
    assert_world(STATUS, "WITHDRAWN");
    confirm();
    assert_ledgers_agree();
}

static void what_was_held_as_the_order_ended_is_let_go(void **state) {
    (void)state;
    struct uuid id = submit_as(FLOW_PARALLEL, CAPTURE_ON_SHIPMENT, METHOD);
    confirm();
    cancel(&id);
    assert_settled("CANCELLED cancelled_by_customer", "WITHDRAWN");
}

static void an_order_that_ended_while_its_charge_was_unknown_asks_nobody(void **state) {
    (void)state;
    struct error error = {0};
    struct uuid id = uuid_v7();
    struct buf charge = {0}, end = {0};
    world_write_snapshot(&charge, EVENT_INVENTORY_RESERVED, &id, METHOD);
    world_write_snapshot(&end, EVENT_ORDER_FAILED, &id, METHOD);
    struct drive_message message = {.payload = buf_slice(&charge)};
    provider_sim_inject(sim, "fault=timeout_after&count=3");
    assert_int_equal(drive_batch(world.drives[WORLD_INVENTORY_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_PAYMENT, buf_slice(&end)), OUTCOME_DONE);
    assert_world(STATUS, "VOIDED");

    assert_int_equal(drive_batch(world.drives[WORLD_INVENTORY_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_world(STATUS, "WITHDRAWING");
    assert_int_equal(drive_batch(world.drives[WORLD_INVENTORY_PAYMENT], &message, 1, &error),
                     STATUS_OK);

    assert_int_equal(message.outcome, OUTCOME_DONE);
    assert_world(STATUS, "WITHDRAWN");
    assert_world(EVENTS, "");
    confirm();
    assert_ledgers_agree();
    buf_fini(&charge);
    buf_fini(&end);
}

/* --- repetition, death and outages ------------------------------------------------------------ */

static void a_charge_that_comes_again_asks_nothing_while_its_customer_is_asked(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_INVENTORY_RESERVED, &id, METHOD);
    for (int i = 0; i < 3; i++)
        assert_int_equal(world_deliver(&world, WORLD_INVENTORY_PAYMENT, buf_slice(&payload)),
                         OUTCOME_DONE);
    assert_world(STATUS, "CHALLENGED");
    assert_world(EVENTS, "payments.evt.action_required");
    buf_fini(&payload);
}

/* As a process that is killed leaves it: asked, and not noted. */
static void die_after_asking(void) {
    struct error error = {0};
    struct batch batch = {.arena = arena_create(65536), .pg = pg, .context = &world.payment};
    world_execute(&world, "UPDATE payments.actions SET due_at = now()");
    require_ok(awaited_actions.ask(&batch, &error), &error);
    arena_destroy(&batch.arena);
}

static void a_process_that_dies_after_it_withdrew_leaves_the_order_to_the_next(void **state) {
    (void)state;
    submit();
    time_is_up();
    die_after_asking();
    assert_world(STATUS, "CHALLENGED");
    look();
    assert_settled("FAILED payment_timeout", "DECLINED");
}

static void a_process_that_dies_after_it_asked_leaves_the_order_to_the_next(void **state) {
    (void)state;
    submit_as(FLOW_PAYMENT_FIRST, CAPTURE_ON_SHIPMENT, METHOD);
    confirm();
    die_after_asking();
    look();
    look();
    assert_settled("COMPLETED", "CAPTURED");
}

static void a_provider_that_is_away_is_asked_again(void **state) {
    (void)state;
    submit();
    provider_sim_kill(sim);
    time_is_up();
    look();
    assert_world(STATUS, "CHALLENGED");
    provider_sim_restart(sim);
    world.payment.breaker = (breaker_destroy(&world.payment.breaker), breaker_create("again"));
    look();
    assert_settled("FAILED payment_timeout", "DECLINED");
}

static void a_charge_of_before_customers_could_be_asked_is_asked_for_as_it_was(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct provider *before = NULL;
    struct error error = {0};
    char order_id[UUID_TEXT_SIZE];
    const struct provider_stripe_options options = {.url = provider_sim_url(sim),
                                                    .key_file = provider_sim_key_file(sim),
                                                    .timeout_ms = 600,
                                                    .parallel_max = 4};
    require_ok(provider_stripe_create(&options, &before, &error), &error);
    uuid_format(&id, order_id);
    struct provider_request request = {.payment_method = SLICE_LITERAL("pm_card_visa"),
                                       .amount_minor = 500,
                                       .currency = SLICE_LITERAL("USD")};
    snprintf(request.order_id, sizeof(request.order_id), "%s", order_id);
    snprintf(request.key, sizeof(request.key), "charge-%s", order_id);
    struct provider_request *requests[] = {&request};
    before->charge(before, requests, 1);
    assert_int_equal(request.answer, PROVIDER_DONE);

    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_INVENTORY_RESERVED, &id, "pm_card_visa");
    assert_int_equal(world_deliver(&world, WORLD_INVENTORY_PAYMENT, buf_slice(&payload)),
                     OUTCOME_DONE);

    assert_world(STATUS, "CAPTURED");
    assert_ledgers_agree();
    buf_fini(&payload);
    provider_stripe_destroy(&before);
}

/* --- when it is asked ------------------------------------------------------------------------- */

#define IS_DUE "SELECT due_at <= now() FROM payments.actions"

static bool recheck(const struct uuid *id, struct buf *reply) {
    char text[UUID_TEXT_SIZE], request[80];
    struct error error = {0};
    uuid_format(id, text);
    snprintf(request, sizeof(request), "{\"orderId\":\"%s\"}", text);
    struct endpoint_call call = {.request = slice_of(request), .pg = pg, .reply = reply};
    buf_clear(reply);
    return action_endpoint_recheck(&call, &error) == STATUS_OK;
}

static void news_have_the_provider_asked_at_once(void **state) {
    (void)state;
    struct buf reply = {0};
    struct uuid id = submit(), other = uuid_v7();
    assert_world(IS_DUE, "f");
    assert_true(recheck(&other, &reply));
    assert_string_equal(reply.ptr, "{\"waits\":false}");
    assert_world(IS_DUE, "f");
    assert_true(recheck(&id, &reply));
    assert_true(recheck(&id, &reply));
    assert_string_equal(reply.ptr, "{\"waits\":true}");
    assert_world(IS_DUE, "t");
    run_task(&awaited_actions, pg, &world.payment);
    assert_world(STATUS, "CHALLENGED"); /* nothing is believed of news */
    buf_fini(&reply);
}

static void it_is_asked_soon_then_less_often_and_at_its_end(void **state) {
    (void)state;
#define NEXT "SELECT round(extract(epoch FROM due_at - now())) FROM payments.actions"
    submit();
    assert_world(NEXT, "2");
    world_execute(&world, "UPDATE payments.actions SET asked_at = now() - interval '200 seconds',"
                          " due_at = now()");
    run_task(&awaited_actions, pg, &world.payment);
    assert_world(NEXT, "100");
    world_execute(&world, "UPDATE payments.actions SET due_at = now(),"
                          " until = now() + interval '40 seconds'");
    run_task(&awaited_actions, pg, &world.payment);
    assert_world(NEXT, "40");
}

/* --- what the customer sees, and the order's own limit ---------------------------------------- */

static void read_order(const struct uuid *id, struct buf *reply) {
    struct error error = {0};
    const struct order_sought sought = {
        .id = *id, .tenant = SLICE_LITERAL("default"), .customer = SLICE_LITERAL("")};
    buf_clear(reply);
    require_ok(order_store_read(orders_pg, &sought, reply, &error), &error);
}

static void the_order_says_where_and_until_when_as_long_as_it_waits(void **state) {
    (void)state;
    struct buf reply = {0}, expected = {0};
    struct uuid id = submit();
    char *intent = charge_id();
    char *until = world_query_text(&world, "SELECT to_char(until AT TIME ZONE 'UTC',"
                                           " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                                           " FROM payments.actions");
    buf_printf(&expected,
               "\"nextAction\":{\"type\":\"redirect_to_url\",\"url\":\"%s/confirm/%s\","
               "\"until\":\"%s\"}",
               provider_sim_url(sim), intent, until);

    read_order(&id, &reply);
    assert_contains(reply.ptr, "\"status\":\"ACTION_REQUIRED\"");
    assert_contains(reply.ptr, expected.ptr);
    assert_contains(reply.ptr, "Your bank asks you to confirm the payment");
    assert_contains(reply.ptr, "\"PaymentActionRequired\"");

    confirm();
    look();
    read_order(&id, &reply);
    assert_null(strstr(reply.ptr, "nextAction"));
    assert_contains(reply.ptr, "\"status\":\"CAPTURED\"");
    free(intent);
    free(until);
    buf_fini(&reply);
    buf_fini(&expected);
}

static void strike(void) {
    world_execute(&world, "UPDATE orders.watch SET resumed_at = '-infinity', settled_to ="
                          " '-infinity', turn_at = now()");
    run_task(&watchdog, orders_pg, &world.order);
    world_run(&world);
}

/* The order's limit is shorter than the customer's. */
static void the_watchdog_leaves_an_order_to_its_customer(void **state) {
    (void)state;
    submit();
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() - interval '2 hours'");
    strike();
    assert_world(ORDER, "PENDING");
    world.order.reservation_limit_s = 60;
    run_task(&unpaid_watch, orders_pg, &world.order);
    world.order.reservation_limit_s = 0;
    assert_world(ORDER, "PENDING");

    world_execute(&world, "UPDATE orders.orders SET action_until = now() - interval '1 hour'");
    strike();
    assert_settled("FAILED saga_timeout", "WITHDRAWN");
}

static void an_order_whose_customer_took_long_has_its_whole_time_behind_that(void **state) {
    (void)state;
    submit_as(FLOW_PAYMENT_FIRST, CAPTURE_AUTOMATIC, METHOD);
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() - interval '2 hours'");
    confirm();
    world_execute(&world, "UPDATE payments.actions SET due_at = now()");
    run_task(&awaited_actions, pg, &world.payment);
    strike(); /* before the stock is reserved */
    assert_settled("COMPLETED", "CAPTURED");
}

/* --- fixtures --------------------------------------------------------------------------------- */

static int each_setup(void **state) {
    struct error error = {0};
    (void)world_empty(state);
    world_add_product(&world, "MUG", 999, 10);
    sim = provider_sim_start(servers_dir(world.servers), 1000);
    const struct provider_stripe_options options = {.url = provider_sim_url(sim),
                                                    .key_file = provider_sim_key_file(sim),
                                                    .timeout_ms = 600,
                                                    .parallel_max = 4,
                                                    .return_url = "https://shop.example/back"};
    require_ok(provider_stripe_create(&options, &stripe, &error), &error);
    world.payment.provider = stripe;
    world.payment.breaker =
        (breaker_destroy(&world.payment.breaker), breaker_create("payment-actions"));
    world.payment.action_limit_s = LIMIT_S;
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    provider_stripe_destroy(&stripe);
    provider_sim_stop(&sim);
    return 0;
}

static int setup(void **state) {
    world_setup(state);
    pg = pg_create(servers_role_url(world.servers, "om_payments"), "actions");
    orders_pg = pg_create(servers_role_url(world.servers, "om_orders"), "watch");
    return 0;
}

static int teardown(void **state) {
    pg_destroy(&pg);
    pg_destroy(&orders_pg);
    return world_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(whoever_confirms_goes_on_in_each_flow_and_with_each_capture),
        TEST(whoever_declines_fails_and_cannot_confirm_any_more),
        TEST(whoever_does_nothing_fails_with_payment_timeout),
        TEST(who_confirmed_in_time_has_paid_even_if_nobody_heard_of_it_then),
        TEST(a_payment_that_needs_nobody_has_none_of_it),
        TEST(an_order_that_is_cancelled_while_it_waits_withdraws_the_question),
        TEST(who_confirms_as_the_order_ends_gets_the_money_back),
        TEST(what_is_not_withdrawn_at_the_orders_end_is_withdrawn_by_the_clock),
        TEST(what_was_held_as_the_order_ended_is_let_go),
        TEST(an_order_that_ended_while_its_charge_was_unknown_asks_nobody),
        TEST(a_charge_that_comes_again_asks_nothing_while_its_customer_is_asked),
        TEST(a_process_that_dies_after_it_withdrew_leaves_the_order_to_the_next),
        TEST(a_process_that_dies_after_it_asked_leaves_the_order_to_the_next),
        TEST(a_provider_that_is_away_is_asked_again),
        TEST(a_charge_of_before_customers_could_be_asked_is_asked_for_as_it_was),
        TEST(news_have_the_provider_asked_at_once),
        TEST(it_is_asked_soon_then_less_often_and_at_its_end),
        TEST(the_order_says_where_and_until_when_as_long_as_it_waits),
        TEST(the_watchdog_leaves_an_order_to_its_customer),
        TEST(an_order_whose_customer_took_long_has_its_whole_time_behind_that),
    };
    return cmocka_run_group_tests_name("payment_actions", tests, setup, teardown);
}
