/* The payment service on a real database: money is taken once, and given back when the order ends
   at any moment of a charge.

   Covers: services/payment/handler.c services/payment/payment_fsm.c
   services/payment/payment_event.c services/payment/provider/provider_simulated.c
   services/payment/owed_steps.c services/payment/store.c */
#include "services/payment/owed_steps.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/data/sample.h"
#include "tests/support/world/world_fixture.h"

/* libpq has a type of the same name as a function of shared/pg/pg.h. */
#define pg_int64 libpq_int64
#include <libpq-fe.h>
#undef pg_int64

static struct drive_message reserved_message(struct buf *out, const struct uuid *id,
                                             const char *payment_method) {
    world_write_snapshot(out, EVENT_INVENTORY_RESERVED, id, payment_method);
    return (struct drive_message){.payload = buf_slice(out)};
}

static void order_fails(const struct uuid *id) {
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_ORDER_FAILED, id, "pm_card_visa");
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_PAYMENT, buf_slice(&payload)),
                     OUTCOME_DONE);
    buf_fini(&payload);
}

static enum status charge(struct drive_message *message) {
    struct error error = {0};
    return drive_batch(world.drives[WORLD_INVENTORY_PAYMENT], message, 1, &error);
}

static void assert_payment(const char *expected) {
    assert_world("SELECT status FROM payments.payments", expected);
}

static void assert_events(const char *expected) {
    assert_world("SELECT coalesce(string_agg(subject, ' ' ORDER BY id), '') FROM payments.outbox",
                 expected);
}

static int64_t told(const char *result) {
    char name[64];
    snprintf(name, sizeof(name), "ordermesh_payments_total{result=\"%s\"}", result);
    return sample_value(name);
}

static void a_reserved_order_is_charged_once(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf first = {0}, second = {0};
    struct drive_message message = reserved_message(&first, &id, "pm_card_visa");
    struct drive_message other = reserved_message(&second, &id, "pm_card_visa");
    int64_t before = told("succeeded");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_int_equal(charge(&message), STATUS_OK); /* redelivered */
    assert_int_equal(charge(&other), STATUS_OK);   /* said again under another id */
    assert_payment("CAPTURED");
    assert_int_equal(told("succeeded"), before + 1);
    assert_events("payments.evt.succeeded");
    buf_fini(&first);
    buf_fini(&second);
}

/* Who reserves stock only then needs all of the order. */
static void a_payment_tells_of_the_order_as_much_as_its_flow_needs(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_visa");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_world("SELECT string_agg(key, ' ' ORDER BY key) FROM payments.outbox,"
                 " jsonb_object_keys(convert_from(payload, 'UTF8')::jsonb -> 'data') AS key",
                 "amountMinor chargeId currency flow orderId");
    buf_fini(&payload);
}

static void a_declined_order_fails(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_chargeDeclined");
    int64_t before = told("failed");
    assert_int_equal(charge(&message), STATUS_OK);
    order_fails(&id);
    assert_payment("DECLINED");
    assert_int_equal(told("failed"), before + 1);
    assert_events("payments.evt.failed");
    buf_fini(&payload);
}

static void a_failed_order_gets_its_money_back(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_visa");
    int64_t before = told("refunded");
    assert_int_equal(charge(&message), STATUS_OK);
    order_fails(&id);
    order_fails(&id);
    assert_payment("REFUNDED");
    assert_int_equal(told("refunded"), before + 1);
    assert_events("payments.evt.succeeded payments.evt.refunded");
    buf_fini(&payload);
}

static void an_order_that_failed_first_is_never_charged(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_visa");
    order_fails(&id);
    assert_int_equal(charge(&message), STATUS_OK);
    assert_payment("VOIDED");
    assert_events("");
    buf_fini(&payload);
}

static void a_charge_whose_record_was_lost_is_repeated_under_its_key(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_visa");
    assert_int_equal(drive_until_apply(world.drives[WORLD_INVENTORY_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_payment("INTENT");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_payment("CAPTURED");
    assert_events("payments.evt.succeeded");
    buf_fini(&payload);
}

static void an_order_that_ends_between_charge_and_record_gets_its_money_back(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_visa");
    assert_int_equal(drive_until_apply(world.drives[WORLD_INVENTORY_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    order_fails(&id);
    assert_payment("VOIDED");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_payment("REFUNDING");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_DONE);
    assert_payment("REFUNDED");
    assert_events("payments.evt.succeeded payments.evt.refunded");
    buf_fini(&payload);
}

/* A provider during whose charge the order fails. */
static struct uuid failing_id;

static void charge_while_failing(const struct provider *self,
                                 struct provider_request *const *requests, size_t count) {
    provider_simulated.charge(self, requests, count);
    order_fails(&failing_id);
}

static void an_order_that_ends_during_its_charge_gets_its_money_back(void **state) {
    (void)state;
    const struct provider provider = {
        .name = "simulated", .charge = charge_while_failing, .refund = provider_simulated.refund};
    struct uuid id = failing_id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = reserved_message(&payload, &id, "pm_card_visa");
    world.payment.provider = &provider;
    assert_int_equal(charge(&message), STATUS_OK);
    world.payment.provider = &provider_simulated;
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_payment("REFUNDING");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_DONE);
    assert_payment("REFUNDED");
    assert_events("payments.evt.succeeded payments.evt.refunded");
    buf_fini(&payload);
}

static void turn_of_refunds(void) {
    struct error error = {0};
    struct batch batch = {
        .arena = arena_create(65536),
        .outbox = outbox_create(),
        .pg = pg_create(servers_role_url(world.servers, "om_payments"), "refunds"),
        .context = &world.payment,
    };
    if (periodic_run(&owed_steps, &batch, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
    pg_destroy(&batch.pg);
}

static int charges_asked;

static void fail_this_time(const struct provider *self, struct provider_request *const *requests,
                           size_t count) {
    (void)self;
    for (size_t i = 0; i < count; i++)
        requests[i]->answer = PROVIDER_TRANSIENT;
}

/* A charge that was made at its last delivery, after its order had ended, left a dead letter, and
   the money with us. */
static void a_refund_that_no_event_asks_for_is_made_by_the_clock(void **state) {
    (void)state;
    const struct provider failing = {
        .name = "simulated", .charge = provider_simulated.charge, .refund = fail_this_time};
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf payload = {0};
    struct drive_message last = reserved_message(&payload, &id, "pm_card_visa");
    assert_int_equal(drive_until_apply(world.drives[WORLD_INVENTORY_PAYMENT], &last, 1, &error),
                     STATUS_OK);
    order_fails(&id);
    assert_int_equal(charge(&last), STATUS_OK);
    assert_int_equal(last.outcome, OUTCOME_RETRY);

    turn_of_refunds(); /* it may still be delivered */
    assert_payment("REFUNDING");
    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    world.payment.provider = &failing;
    turn_of_refunds();
    world.payment.provider = &provider_simulated;
    turn_of_refunds(); /* not at once again */
    assert_payment("REFUNDING");
    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    turn_of_refunds();

    assert_payment("REFUNDED");
    assert_events("payments.evt.succeeded payments.evt.refunded");
    buf_fini(&payload);
}

/* A charge that timed out at each delivery left a dead letter, and where the provider had made it
   all the same, it kept the money of an order that then ended: nothing asked again. */
static void a_charge_that_nobody_asks_for_any_more_is_settled_by_the_clock(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf payload = {0};
    struct drive_message last = reserved_message(&payload, &id, "pm_card_visa");
    assert_int_equal(drive_until_apply(world.drives[WORLD_INVENTORY_PAYMENT], &last, 1, &error),
                     STATUS_OK);
    order_fails(&id);

    turn_of_refunds(); /* it may still be delivered */
    assert_payment("VOIDED");
    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    turn_of_refunds();
    assert_payment("REFUNDING");
    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    turn_of_refunds();

    assert_payment("REFUNDED");
    assert_events("payments.evt.succeeded payments.evt.refunded");
    buf_fini(&payload);
}

static void answer_nothing(const struct provider *self, struct provider_request *const *requests,
                           size_t count) {
    (void)self;
    for (size_t i = 0; i < count; i++) {
        assert_true(requests[i]->is_over);
        requests[i]->answer = PROVIDER_NOTHING;
        snprintf(requests[i]->code, sizeof(requests[i]->code), "never_charged");
    }
    charges_asked += (int)count;
}

static void a_charge_that_was_never_made_is_asked_for_once_by_the_clock(void **state) {
    (void)state;
    const struct provider failing = {
        .name = "simulated", .charge = fail_this_time, .refund = provider_simulated.refund};
    const struct provider knowing = {
        .name = "simulated", .charge = answer_nothing, .refund = provider_simulated.refund};
    struct uuid id = uuid_v7(), never = uuid_v7();
    struct buf payload = {0};
    struct drive_message last = reserved_message(&payload, &id, "pm_card_visa");
    world.payment.provider = &failing;
    assert_int_equal(charge(&last), STATUS_OK);
    order_fails(&id);
    order_fails(&never); /* before anybody wanted to charge it */
    world.payment.provider = &knowing;
    charges_asked = 0;

    for (int turn = 0; turn < 2; turn++) {
        world_execute(&world,
                      "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
        turn_of_refunds();
    }
    world.payment.provider = &provider_simulated;

    assert_int_equal(charges_asked, 1);
    assert_world("SELECT DISTINCT status FROM payments.payments", "VOIDED");
    assert_events("");
    buf_fini(&payload);
}

/* --- held until the order is shipped --- */

static struct drive_message held_message(struct buf *out, const struct uuid *id,
                                         const char *payment_method) {
    world_write_on_shipment(out, EVENT_INVENTORY_RESERVED, id, payment_method);
    return (struct drive_message){.payload = buf_slice(out)};
}

/* Its money is due, as said at delivery `attempt`. */
static enum outcome ask_for_money(const struct uuid *id, int attempt) {
    struct buf payload = {0};
    struct error error = {0};
    world_write_on_shipment(&payload, EVENT_ORDER_CAPTURE_REQUESTED, id, "pm_card_visa");
    struct drive_message message = {.payload = buf_slice(&payload), .attempt = attempt};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    buf_fini(&payload);
    return message.outcome;
}

static struct uuid hold(const char *payment_method) {
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = held_message(&payload, &id, payment_method);
    for (message.attempt = 1; message.attempt <= 3; message.attempt++)
        assert_int_equal(charge(&message), STATUS_OK);
    assert_payment("AUTHORIZED");
    buf_fini(&payload);
    return id;
}

#define AMOUNTS                                                                                    \
    "SELECT concat_ws(' ', amount_minor, coalesce(authorized_minor, -1),"                          \
    " coalesce(captured_minor, -1)) FROM payments.payments"

static void what_is_held_is_taken_once_when_the_order_is_shipped(void **state) {
    (void)state;
    struct uuid id = hold("pm_card_visa");
    assert_world(AMOUNTS, "500 500 -1");
    assert_events("payments.evt.authorized");
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_DONE);
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_DONE); /* said again under another id */
    assert_payment("CAPTURED");
    assert_world(AMOUNTS, "500 500 500");
    assert_events("payments.evt.authorized payments.evt.captured");
}

/* Nobody here is told a card's number, so that no event can tell it. */
static void an_authorization_tells_who_holds_what(void **state) {
    (void)state;
    hold("pm_card_visa");
    assert_world("SELECT string_agg(key, ' ' ORDER BY key) FROM payments.outbox,"
                 " jsonb_object_keys(convert_from(payload, 'UTF8')::jsonb -> 'data') AS key",
                 "amountMinor authCode currency flow orderId paymentId paymentMethod provider");
}

static void a_declined_authorization_fails_the_order(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = held_message(&payload, &id, "pm_card_chargeDeclined");
    assert_int_equal(charge(&message), STATUS_OK);
    order_fails(&id);
    assert_payment("DECLINED");
    assert_events("payments.evt.failed");
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_REJECT);
    buf_fini(&payload);
}

static void what_is_held_for_an_order_that_ended_is_let_go_once(void **state) {
    (void)state;
    struct uuid id = hold("pm_card_visa");
    order_fails(&id);
    order_fails(&id);
    assert_payment("RELEASED");
    assert_world(AMOUNTS, "500 500 -1");
    assert_events("payments.evt.authorized payments.evt.voided");
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_REJECT);
    assert_payment("RELEASED");
}

static void an_order_that_failed_first_is_never_held(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    struct drive_message message = held_message(&payload, &id, "pm_card_visa");
    order_fails(&id);
    assert_int_equal(charge(&message), STATUS_OK);
    assert_payment("VOIDED");
    assert_events("");
    buf_fini(&payload);
}

static void an_order_that_ends_between_authorization_and_record_is_let_go(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf payload = {0};
    struct drive_message message = held_message(&payload, &id, "pm_card_visa");
    assert_int_equal(drive_until_apply(world.drives[WORLD_INVENTORY_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_payment("AUTHORIZING");
    order_fails(&id);
    assert_payment("ABANDONED");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_payment("VOIDING");
    assert_int_equal(charge(&message), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_DONE);
    assert_int_equal(charge(&message), STATUS_OK); /* and once more */
    assert_payment("RELEASED");
    assert_events("payments.evt.authorized payments.evt.voided");
    buf_fini(&payload);
}

static void a_capture_whose_record_was_lost_is_repeated_under_its_key(void **state) {
    (void)state;
    struct uuid id = hold("pm_card_visa");
    struct error error = {0};
    struct buf payload = {0};
    world_write_on_shipment(&payload, EVENT_ORDER_CAPTURE_REQUESTED, &id, "pm_card_visa");
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(drive_until_apply(world.drives[WORLD_ORDERS_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_payment("CAPTURING");
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_PAYMENT], &message, 1, &error),
                     STATUS_OK);
    assert_payment("CAPTURED");
    assert_events("payments.evt.authorized payments.evt.captured");
    buf_fini(&payload);
}

static void a_capture_or_void_that_no_event_asks_for_is_made_by_the_clock(void **state) {
    (void)state;
    struct uuid id = hold("pm_sim_error");
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_RETRY);
    assert_int_equal(ask_for_money(&id, 2), OUTCOME_RETRY);
    assert_payment("CAPTURING");
    turn_of_refunds(); /* it may still be delivered */
    assert_payment("CAPTURING");
    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    turn_of_refunds();
    assert_payment("CAPTURED");

    world_empty(NULL);
    id = hold("pm_sim_error");
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_ORDER_FAILED, &id, "pm_sim_error");
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_PAYMENT, buf_slice(&payload)),
                     OUTCOME_RETRY);
    assert_payment("VOIDING");
    world_execute(&world, "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
    turn_of_refunds();
    assert_payment("RELEASED");
    assert_events("payments.evt.authorized payments.evt.voided");
    buf_fini(&payload);
}

static void an_authorization_that_nobody_asks_for_any_more_is_settled_by_the_clock(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf payload = {0};
    struct drive_message last = held_message(&payload, &id, "pm_card_visa");
    assert_int_equal(drive_until_apply(world.drives[WORLD_INVENTORY_PAYMENT], &last, 1, &error),
                     STATUS_OK);
    order_fails(&id);
    for (int turn = 0; turn < 3; turn++) {
        world_execute(&world,
                      "UPDATE payments.payments SET updated_at = now() - interval '1 hour'");
        turn_of_refunds();
    }
    assert_payment("RELEASED");
    assert_events("payments.evt.authorized payments.evt.voided");
    buf_fini(&payload);
}

static void money_that_is_held_no_more_ends_the_payment_visibly(void **state) {
    (void)state;
    struct uuid id = hold("pm_sim_expired");
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_DONE);
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_DONE);
    assert_payment("UNCAPTURED");
    assert_events("payments.evt.authorized payments.evt.capture_failed");
    assert_world("SELECT decline_code FROM payments.payments", PROVIDER_EXPIRED);
}

static void money_that_is_due_before_it_is_held_waits(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(ask_for_money(&id, 1), OUTCOME_EARLY);
    assert_world("SELECT count(*) FROM payments.payments", "0");
}

/* Nobody can take more than was held, whatever a program would write. */
static void the_database_refuses_more_than_was_held(void **state) {
    (void)state;
    static const char *const wrongs[] = {
        "UPDATE payments.payments SET authorized_minor = amount_minor + 1",
        "UPDATE payments.payments SET captured_minor = authorized_minor + 1, status = "
        "'CAPTURED'",
        "UPDATE payments.payments SET captured_minor = 100, refunded_minor = 101,"
        " status = 'CAPTURED'",
        "UPDATE payments.payments SET authorized_minor = NULL",
        "UPDATE payments.payments SET refunded_minor = 1",
    };
    hold("pm_card_visa");
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        PGresult *result = PQexec(world.conn, wrongs[i]);
        assert_string_equal(PQresultErrorField(result, PG_DIAG_SQLSTATE), "23514");
        PQclear(result);
    }
}

static void one_failing_request_puts_off_its_own_order_only(void **state) {
    (void)state;
    struct uuid good = uuid_v7(), bad = uuid_v7();
    struct error error = {0};
    struct buf a = {0}, b = {0};
    struct drive_message both[] = {reserved_message(&a, &bad, "pm_sim_error"),
                                   reserved_message(&b, &good, "pm_card_visa")};
    assert_int_equal(drive_batch(world.drives[WORLD_INVENTORY_PAYMENT], both, 2, &error),
                     STATUS_OK);
    assert_int_equal(both[0].outcome, OUTCOME_RETRY);
    assert_int_equal(both[1].outcome, OUTCOME_DONE);
    both[0].attempt = SIMULATED_ERRORS + 1;
    assert_int_equal(charge(&both[0]), STATUS_OK);
    assert_int_equal(both[0].outcome, OUTCOME_DONE);
    assert_int_equal(
        world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status = 'CAPTURED'"),
        2);
    buf_fini(&a);
    buf_fini(&b);
}

static void an_outage_holds_the_batch_and_opens_the_breaker(void **state) {
    (void)state;
    struct uuid down_id = uuid_v7(), id = uuid_v7();
    struct buf a = {0}, b = {0};
    struct drive_message down = reserved_message(&a, &down_id, "pm_sim_unavailable");
    struct drive_message good = reserved_message(&b, &id, "pm_card_visa");
    for (int i = 0; i < BREAKER_FAILURES; i++)
        assert_int_equal(charge(&down), STATUS_UNAVAILABLE);
    assert_int_equal(breaker_state(world.payment.breaker), BREAKER_OPEN);
    assert_int_equal(charge(&good), STATUS_UNAVAILABLE);
    breaker_destroy(&world.payment.breaker);
    world.payment.breaker = breaker_create("simulated");
    assert_int_equal(charge(&good), STATUS_OK);
    assert_events("payments.evt.succeeded");
    buf_fini(&a);
    buf_fini(&b);
}

static void an_event_about_another_order_than_it_says_is_rejected(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    world_write_event(&payload, EVENT_INVENTORY_RESERVED, &id, "{\"orderId\":\"?\"}");
    assert_int_equal(world_deliver(&world, WORLD_INVENTORY_PAYMENT, buf_slice(&payload)),
                     OUTCOME_REJECT);
    buf_fini(&payload);
}

#define TEST(name) cmocka_unit_test_setup(name, world_empty)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_reserved_order_is_charged_once),
        TEST(a_payment_tells_of_the_order_as_much_as_its_flow_needs),
        TEST(a_declined_order_fails),
        TEST(a_failed_order_gets_its_money_back),
        TEST(an_order_that_failed_first_is_never_charged),
        TEST(a_charge_whose_record_was_lost_is_repeated_under_its_key),
        TEST(an_order_that_ends_between_charge_and_record_gets_its_money_back),
        TEST(an_order_that_ends_during_its_charge_gets_its_money_back),
        TEST(a_refund_that_no_event_asks_for_is_made_by_the_clock),
        TEST(a_charge_that_nobody_asks_for_any_more_is_settled_by_the_clock),
        TEST(a_charge_that_was_never_made_is_asked_for_once_by_the_clock),
        TEST(what_is_held_is_taken_once_when_the_order_is_shipped),
        TEST(an_authorization_tells_who_holds_what),
        TEST(a_declined_authorization_fails_the_order),
        TEST(what_is_held_for_an_order_that_ended_is_let_go_once),
        TEST(an_order_that_failed_first_is_never_held),
        TEST(an_order_that_ends_between_authorization_and_record_is_let_go),
        TEST(a_capture_whose_record_was_lost_is_repeated_under_its_key),
        TEST(a_capture_or_void_that_no_event_asks_for_is_made_by_the_clock),
        TEST(an_authorization_that_nobody_asks_for_any_more_is_settled_by_the_clock),
        TEST(money_that_is_held_no_more_ends_the_payment_visibly),
        TEST(money_that_is_due_before_it_is_held_waits),
        TEST(the_database_refuses_more_than_was_held),
        TEST(one_failing_request_puts_off_its_own_order_only),
        TEST(an_outage_holds_the_batch_and_opens_the_breaker),
        TEST(an_event_about_another_order_than_it_says_is_rejected),
    };
    return cmocka_run_group_tests_name("payment_service", tests, world_setup, world_teardown);
}
