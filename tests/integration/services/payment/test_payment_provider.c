/* The payment service with a provider across the network, om-provider-sim, on a real database: what
   the provider did and what the service recorded are the same, whatever is lost between them.

   Covers: services/payment/handler.c services/payment/provider/provider_stripe.c
   services/payment/simulator/ services/payment/store.c services/payment/provider/stripe_message.c
 */
#include "services/payment/provider/provider_stripe.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/provider_sim.h"
#include "tests/support/world/world_fixture.h"

#define SIM_SLOW_MS 1100
#define TIMEOUT_MS 600
#define ATTEMPTS_MOST 4 /* as many as the consumers' max_deliver */

static struct provider_sim *sim;
static struct provider *stripe;

static void assert_ledgers_agree(void) {
    struct buf sql = {0};
    provider_sim_write_check(sim, &sql);
    assert_int_equal(world_query_int(&world, sql.ptr), 0);
    buf_fini(&sql);
}

/* --- orders --- */

static enum status charge(struct drive_message *messages, size_t count) {
    struct error error = {0};
    return drive_batch(world.drives[WORLD_INVENTORY_PAYMENT], messages, count, &error);
}

/* Delivers again what was put off, as the consumer would. Returns the attempts it took. */
static int charge_until_done(struct drive_message *messages, size_t count) {
    int attempt = 1;
    for (size_t open = count; open > 0; attempt++) {
        assert_in_range(attempt, 1, ATTEMPTS_MOST);
        assert_int_equal(charge(messages, count), STATUS_OK);
        open = 0;
        for (size_t i = 0; i < count; i++) {
            assert_int_not_equal(messages[i].outcome, OUTCOME_REJECT);
            open += messages[i].outcome == OUTCOME_RETRY;
            messages[i].attempt = attempt + 1;
        }
    }
    return attempt - 1;
}

static int charge_one(const struct uuid *id, const char *payment_method) {
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_INVENTORY_RESERVED, id, payment_method);
    struct drive_message message = {.payload = buf_slice(&payload)};
    int attempts = charge_until_done(&message, 1);
    buf_fini(&payload);
    return attempts;
}

static void order_fails(const struct uuid *id, const char *payment_method) {
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_ORDER_FAILED, id, payment_method);
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_PAYMENT, buf_slice(&payload)),
                     OUTCOME_DONE);
    buf_fini(&payload);
}

#define STATUSES "SELECT string_agg(DISTINCT status, ' ') FROM payments.payments"
#define EVENTS "SELECT coalesce(string_agg(subject, ' ' ORDER BY id), '') FROM payments.outbox"

/* --- what goes wrong with one charge --- */

static void every_order_of_a_batch_is_charged_once_whatever_its_request_meets(void **state) {
    (void)state;
    static const char *const methods[] = {
        "pm_card_visa", "pm_sim_slow",          "pm_sim_error_before",  "pm_sim_error_after",
        "pm_sim_busy",  "pm_sim_timeout_after", "pm_sim_error_after_4", "pm_sim_error_before_4"};
    enum { METHODS = sizeof(methods) / sizeof(methods[0]) };
    struct drive_message messages[METHODS];
    struct buf payloads[METHODS] = {0};
    for (size_t i = 0; i < METHODS; i++) {
        struct uuid id = uuid_v7();
        world_write_snapshot(&payloads[i], EVENT_INVENTORY_RESERVED, &id, methods[i]);
        messages[i] = (struct drive_message){.payload = buf_slice(&payloads[i])};
    }

    int attempts = charge_until_done(messages, METHODS);

    assert_in_range(attempts, 2, ATTEMPTS_MOST);
    assert_world(STATUSES, "CAPTURED");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.payments"), METHODS);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.outbox"), METHODS);
    assert_ledgers_agree();
    for (size_t i = 0; i < METHODS; i++)
        buf_fini(&payloads[i]);
}

static void an_unknown_outcome_stays_an_intent_until_the_same_key_tells(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_INVENTORY_RESERVED, &id, "pm_sim_timeout_after_3");
    struct drive_message message = {.payload = buf_slice(&payload)};

    assert_int_equal(charge(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_world(STATUSES, "INTENT");
    assert_world(EVENTS, "");

    assert_int_equal(charge(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_DONE);
    assert_world(EVENTS, "payments.evt.succeeded");
    assert_ledgers_agree();
    buf_fini(&payload);
}

static void declines_keep_the_code_of_the_bank(void **state) {
    (void)state;
    struct uuid a = uuid_v7(), b = uuid_v7(), c = uuid_v7();

    charge_one(&a, "pm_card_chargeDeclined");
    charge_one(&b, "pm_card_chargeDeclinedInsufficientFunds");
    charge_one(&c, "visa");

    assert_world(STATUSES, "DECLINED");
    assert_world("SELECT string_agg(decline_code, ' ' ORDER BY order_id) FROM payments.payments",
                 "card_declined insufficient_funds resource_missing");
    assert_world(EVENTS, "payments.evt.failed payments.evt.failed payments.evt.failed");
    assert_ledgers_agree();
}

/* --- amounts --- */

static void deliver_amount(enum event_type type, enum world_consumer consumer,
                           const struct uuid *id, const char *currency, int64_t amount_minor) {
    char order_id[UUID_TEXT_SIZE], data[500];
    struct buf payload = {0};
    uuid_format(id, order_id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
             "\"%s\",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_card_visa\","
             "\"totalMinor\":%lld,\"items\":[{\"sku\":\"A\",\"quantity\":1}],"
             "\"reason\":\"saga_timeout\"}",
             order_id, currency, (long long)amount_minor);
    world_write_event(&payload, type, id, data);
    assert_int_equal(world_deliver(&world, consumer, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
}

static void charge_amount(const struct uuid *id, const char *currency, int64_t amount_minor) {
    deliver_amount(EVENT_INVENTORY_RESERVED, WORLD_INVENTORY_PAYMENT, id, currency, amount_minor);
}

/* Crowns and shillings were charged at a hundredth, and dinars with fils never. */
static void amounts_are_charged_in_the_units_of_the_provider(void **state) {
    (void)state;
    struct uuid crowns = uuid_v7(), shillings = uuid_v7(), dinars = uuid_v7(), fils = uuid_v7();

    charge_amount(&crowns, "ISK", 500);
    charge_amount(&shillings, "UGX", 7000);
    charge_amount(&dinars, "KWD", 1230);
    charge_amount(&fils, "KWD", 1234);

    assert_world("SELECT string_agg(coalesce(decline_code, status), ' ' ORDER BY order_id)"
                 " FROM payments.payments",
                 "CAPTURED CAPTURED CAPTURED amount_not_exact");
    struct http_response ledger;
    char url[100];
    snprintf(url, sizeof(url), "%s/ledger", provider_sim_url(sim));
    assert_int_equal(http_get(url, &ledger), 200);
    assert_contains(ledger.body.ptr, "\"isk\",\"amountMinor\":50000}");
    assert_contains(ledger.body.ptr, "\"ugx\",\"amountMinor\":700000}");
    assert_contains(ledger.body.ptr, "\"kwd\",\"amountMinor\":1230}");
    http_response_fini(&ledger);
}

/* Such an order was pending until the saga's limit, with its stock held. */
static void an_amount_that_the_provider_refuses_fails_the_order_at_once(void **state) {
    (void)state;
    struct uuid small = uuid_v7(), large = uuid_v7();
    charge_amount(&small, "USD", 49);
    charge_amount(&large, "USD", 100000000);
    assert_world("SELECT string_agg(status || ' ' || decline_code, ', ' ORDER BY order_id)"
                 " FROM payments.payments",
                 "DECLINED amount_too_small, DECLINED amount_too_large");
    assert_world(EVENTS, "payments.evt.failed payments.evt.failed");
}

static void what_costs_nothing_is_paid_without_a_charge(void **state) {
    (void)state;
    struct uuid kept = uuid_v7(), given_back = uuid_v7();
    charge_amount(&kept, "USD", 0);
    charge_amount(&given_back, "USD", 0);
    deliver_amount(EVENT_ORDER_FAILED, WORLD_ORDERS_PAYMENT, &given_back, "USD", 0);
    assert_world("SELECT string_agg(status, ' ' ORDER BY order_id) FROM payments.payments",
                 "CAPTURED REFUNDED");
    assert_world(EVENTS, "payments.evt.succeeded payments.evt.succeeded payments.evt.refunded");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.payments"
                                             " WHERE charge_id <> 'none'"),
                     0);
}

/* --- refunds --- */

static void a_captured_order_that_fails_is_refunded_once(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    charge_one(&id, "pm_card_visa");

    provider_sim_inject(sim, "fault=error_after&count=1");
    order_fails(&id, "pm_card_visa");
    order_fails(&id, "pm_card_visa");

    assert_world(STATUSES, "REFUNDED");
    assert_world(EVENTS, "payments.evt.succeeded payments.evt.refunded");
    assert_ledgers_agree();
}

static void a_refund_that_somebody_else_made_is_taken_over(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    charge_one(&id, "pm_card_visa");
    char *charge_id = world_query_text(&world, "SELECT charge_id FROM payments.payments");
    struct provider_request request = {.key = "by-hand"};
    struct provider_request *requests[] = {&request};
    uuid_format(&id, request.order_id);
    snprintf(request.charge_id, sizeof(request.charge_id), "%s", charge_id);
    stripe->refund(stripe, requests, 1);
    assert_int_equal(request.answer, PROVIDER_DONE);

    order_fails(&id, "pm_card_visa");

    assert_world(STATUSES, "REFUNDED");
    assert_ledgers_agree();
    free(charge_id);
}

static void
an_order_that_ends_while_its_charge_is_unknown_is_refunded_if_it_was_taken(void **state) {
    (void)state;
    struct uuid taken = uuid_v7(), declined = uuid_v7();
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_INVENTORY_RESERVED, &taken, "pm_sim_timeout_after_3");
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(charge(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    order_fails(&taken, "pm_sim_timeout_after_3");
    assert_world(STATUSES, "VOIDED");

    charge_until_done(&message, 1);
    order_fails(&declined, "pm_card_chargeDeclined");
    charge_one(&declined, "pm_card_chargeDeclined");

    assert_world("SELECT string_agg(status, ' ' ORDER BY order_id) FROM payments.payments",
                 "REFUNDED VOIDED");
    assert_world(EVENTS, "payments.evt.succeeded payments.evt.refunded");
    assert_ledgers_agree();
    buf_fini(&payload);
}

static void an_order_that_ends_before_its_charge_arrived_is_never_charged(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    world_write_snapshot(&payload, EVENT_INVENTORY_RESERVED, &id, "pm_card_visa");
    struct drive_message message = {.payload = buf_slice(&payload)};
    provider_sim_inject(sim, "fault=error_before");
    assert_int_equal(charge(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    order_fails(&id, "pm_card_visa");
    provider_sim_inject(sim, "fault=error_after&count=1");

    assert_int_equal(charge_until_done(&message, 1), 1);

    assert_world(STATUSES, "VOIDED");
    assert_world(EVENTS, "");
    assert_ledgers_agree();
    buf_fini(&payload);
}

/* --- held until the order is shipped --- */

static void write_held(struct buf *out, struct uuid *id, const char *payment_method) {
    *id = uuid_v7();
    world_write_on_shipment(out, EVENT_INVENTORY_RESERVED, id, payment_method);
}

static struct uuid hold(const char *payment_method) {
    struct uuid id;
    struct buf payload = {0};
    write_held(&payload, &id, payment_method);
    struct drive_message message = {.payload = buf_slice(&payload)};
    charge_until_done(&message, 1);
    buf_fini(&payload);
    return id;
}

/* Until it is settled, as the consumer would. Returns the deliveries it took. */
static int deliver_until_done(enum event_type type, const struct uuid *id) {
    struct buf payload = {0};
    struct error error = {0};
    world_write_on_shipment(&payload, type, id, "pm_card_visa");
    struct drive_message message = {.payload = buf_slice(&payload), .attempt = 1};
    do {
        assert_in_range(message.attempt, 1, ATTEMPTS_MOST);
        assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_PAYMENT], &message, 1, &error),
                         STATUS_OK);
        message.attempt++;
    } while (message.outcome == OUTCOME_RETRY);
    assert_int_equal(message.outcome, OUTCOME_DONE);
    buf_fini(&payload);
    return message.attempt - 1;
}

/* Each is asked for by its own key, and meets its trouble at the first time. */
static const char *const troubles[] = {"pm_card_visa",        "pm_sim_slow", "pm_sim_error_before",
                                       "pm_sim_error_after",  "pm_sim_busy", "pm_sim_timeout_after",
                                       "pm_sim_error_after_4"};
#define TROUBLES (sizeof(troubles) / sizeof(troubles[0]))

static void what_is_held_is_taken_once_whatever_its_requests_meet(void **state) {
    (void)state;
    for (size_t i = 0; i < TROUBLES; i++) {
        struct uuid id = hold(troubles[i]);
        assert_world(STATUSES, i == 0 ? "AUTHORIZED" : "AUTHORIZED CAPTURED");
        deliver_until_done(EVENT_ORDER_CAPTURE_REQUESTED, &id);
        deliver_until_done(EVENT_ORDER_CAPTURE_REQUESTED, &id);
        assert_world(STATUSES, "CAPTURED");
    }
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.outbox"), 2 * TROUBLES);
    assert_ledgers_agree();
}

static void what_is_held_is_let_go_once_whatever_its_requests_meet(void **state) {
    (void)state;
    for (size_t i = 0; i < TROUBLES; i++) {
        struct uuid id = hold(troubles[i]);
        deliver_until_done(EVENT_ORDER_CANCELLED, &id);
        deliver_until_done(EVENT_ORDER_CANCELLED, &id);
        assert_world(STATUSES, "RELEASED");
    }
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.outbox"), 2 * TROUBLES);
    assert_ledgers_agree();
}

static void an_order_that_ends_while_its_authorization_is_unknown_is_let_go(void **state) {
    (void)state;
    struct uuid id;
    struct buf payload = {0};
    write_held(&payload, &id, "pm_sim_timeout_after_3");
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(charge(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_world(STATUSES, "AUTHORIZING");
    order_fails(&id, "pm_sim_timeout_after_3");
    assert_world(STATUSES, "ABANDONED");

    charge_until_done(&message, 1);

    assert_world(STATUSES, "RELEASED");
    assert_world(EVENTS, "payments.evt.authorized payments.evt.voided");
    assert_ledgers_agree();
    buf_fini(&payload);
}

static void an_order_that_ends_before_its_authorization_arrived_is_never_held(void **state) {
    (void)state;
    struct uuid id;
    struct buf payload = {0};
    write_held(&payload, &id, "pm_card_visa");
    struct drive_message message = {.payload = buf_slice(&payload)};
    provider_sim_inject(sim, "fault=error_before");
    assert_int_equal(charge(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    order_fails(&id, "pm_card_visa");
    provider_sim_inject(sim, "fault=error_after&count=1");

    assert_int_equal(charge_until_done(&message, 1), 1);
    assert_int_equal(charge_until_done(&message, 1), 1);

    assert_world(STATUSES, "ABANDONED");
    assert_world(EVENTS, "");
    assert_ledgers_agree();
    buf_fini(&payload);
}

static void an_unknown_capture_is_asked_again_under_its_key(void **state) {
    (void)state;
    struct uuid id = hold("pm_card_visa");
    provider_sim_inject(sim, "fault=timeout_after&count=3");
    assert_int_equal(deliver_until_done(EVENT_ORDER_CAPTURE_REQUESTED, &id), 2);
    assert_world(EVENTS, "payments.evt.authorized payments.evt.captured");
    assert_ledgers_agree();
}

static void what_is_held_too_long_is_not_paid_and_not_asked_for_again(void **state) {
    (void)state;
    struct uuid id = hold("pm_sim_expired");
    assert_int_equal(deliver_until_done(EVENT_ORDER_CAPTURE_REQUESTED, &id), 1);
    assert_world("SELECT concat_ws(' ', status, decline_code) FROM payments.payments",
                 "UNCAPTURED " PROVIDER_EXPIRED);
    assert_world(EVENTS, "payments.evt.authorized payments.evt.capture_failed");
    assert_ledgers_agree();
}

/* As somebody does it in the provider's own pages. */
static void by_hand(provider_fn operation) {
    char *charge_id = world_query_text(&world, "SELECT charge_id FROM payments.payments");
    struct provider_request request = {.amount_minor = 500, .currency = SLICE_LITERAL("USD")};
    struct provider_request *requests[] = {&request};
    snprintf(request.key, sizeof(request.key), "by-hand-%s", charge_id);
    snprintf(request.charge_id, sizeof(request.charge_id), "%s", charge_id);
    operation(stripe, requests, 1);
    assert_int_equal(request.answer, PROVIDER_DONE);
    free(charge_id);
}

static void what_somebody_let_go_cannot_be_taken(void **state) {
    (void)state;
    struct uuid id = hold("pm_card_visa");
    by_hand(stripe->release);
    deliver_until_done(EVENT_ORDER_CAPTURE_REQUESTED, &id);
    assert_world(STATUSES, "UNCAPTURED");
}

static void what_somebody_took_is_taken_or_given_back(void **state) {
    (void)state;
    struct uuid kept = hold("pm_card_visa");
    by_hand(stripe->capture);
    deliver_until_done(EVENT_ORDER_CAPTURE_REQUESTED, &kept);
    assert_world(STATUSES, "CAPTURED");
    assert_ledgers_agree();

    world_empty(NULL);
    struct uuid ended = hold("pm_card_visa");
    by_hand(stripe->capture);
    assert_int_equal(deliver_until_done(EVENT_ORDER_FAILED, &ended), 2);
    assert_world(STATUSES, "REFUNDED");
    assert_world(EVENTS, "payments.evt.authorized payments.evt.captured payments.evt.refunded");
}

/* --- outages --- */

static void assert_outage_then_recovery(void (*end_outage)(void)) {
    enum { ORDERS = 20 };
    struct drive_message messages[ORDERS];
    struct buf payloads[ORDERS] = {0};
    for (size_t i = 0; i < ORDERS; i++) {
        struct uuid id = uuid_v7();
        world_write_snapshot(&payloads[i], EVENT_INVENTORY_RESERVED, &id, "pm_card_visa");
        messages[i] = (struct drive_message){.payload = buf_slice(&payloads[i])};
    }

    /* UNAVAILABLE: the consumer holds the batch, and no delivery is used up */
    assert_int_equal(charge(messages, ORDERS), STATUS_UNAVAILABLE);
    assert_int_equal(charge(messages, 1), STATUS_UNAVAILABLE);
    assert_world(STATUSES, "INTENT");
    assert_world(EVENTS, "");
    end_outage();

    assert_int_equal(charge_until_done(messages, ORDERS), 1);
    assert_world(STATUSES, "CAPTURED");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.outbox"), ORDERS);
    assert_ledgers_agree();
    for (size_t i = 0; i < ORDERS; i++)
        buf_fini(&payloads[i]);
}

static void end_injection(void) {
    provider_sim_inject(sim, "fault=none");
}

static void a_provider_that_answers_nothing_but_errors_is_an_outage(void **state) {
    (void)state;
    provider_sim_inject(sim, "fault=down");
    assert_outage_then_recovery(end_injection);
}

static void a_refused_rate_is_an_outage(void **state) {
    (void)state;
    provider_sim_inject(sim, "fault=busy");
    assert_outage_then_recovery(end_injection);
}

static void restart(void) {
    provider_sim_restart(sim);
}

static void a_provider_that_is_gone_is_an_outage(void **state) {
    (void)state;
    provider_sim_kill(sim);
    assert_outage_then_recovery(restart);
}

static void resume(void) {
    provider_sim_resume(sim);
}

static void a_provider_that_hangs_is_an_outage(void **state) {
    (void)state;
    provider_sim_pause(sim);
    assert_outage_then_recovery(resume);
}

static void the_simulators_ledger_outlives_it(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    charge_one(&id, "pm_card_visa");
    provider_sim_kill(sim);
    provider_sim_restart(sim);
    order_fails(&id, "pm_card_visa");
    assert_world(STATUSES, "REFUNDED");
    assert_ledgers_agree();
}

/* --- fixtures --- */

static void make_provider(void) {
    struct error error = {0};
    const struct provider_stripe_options options = {.url = provider_sim_url(sim),
                                                    .key_file = provider_sim_key_file(sim),
                                                    .timeout_ms = TIMEOUT_MS,
                                                    .parallel_max = 16};
    assert_int_equal(provider_stripe_create(&options, &stripe, &error), STATUS_OK);
}

static int each_setup(void **state) {
    world_empty(state);
    sim = provider_sim_start(servers_dir(world.servers), SIM_SLOW_MS);
    make_provider();
    world.payment.provider = stripe;
    breaker_destroy(&world.payment.breaker);
    world.payment.breaker = breaker_create("stripe");
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    provider_sim_stop(&sim);
    provider_stripe_destroy(&stripe);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_order_of_a_batch_is_charged_once_whatever_its_request_meets),
        TEST(an_unknown_outcome_stays_an_intent_until_the_same_key_tells),
        TEST(declines_keep_the_code_of_the_bank),
        TEST(amounts_are_charged_in_the_units_of_the_provider),
        TEST(an_amount_that_the_provider_refuses_fails_the_order_at_once),
        TEST(what_costs_nothing_is_paid_without_a_charge),
        TEST(a_captured_order_that_fails_is_refunded_once),
        TEST(a_refund_that_somebody_else_made_is_taken_over),
        TEST(an_order_that_ends_while_its_charge_is_unknown_is_refunded_if_it_was_taken),
        TEST(an_order_that_ends_before_its_charge_arrived_is_never_charged),
        TEST(what_is_held_is_taken_once_whatever_its_requests_meet),
        TEST(what_is_held_is_let_go_once_whatever_its_requests_meet),
        TEST(an_order_that_ends_while_its_authorization_is_unknown_is_let_go),
        TEST(an_order_that_ends_before_its_authorization_arrived_is_never_held),
        TEST(an_unknown_capture_is_asked_again_under_its_key),
        TEST(what_is_held_too_long_is_not_paid_and_not_asked_for_again),
        TEST(what_somebody_let_go_cannot_be_taken),
        TEST(what_somebody_took_is_taken_or_given_back),
        TEST(a_provider_that_answers_nothing_but_errors_is_an_outage),
        TEST(a_refused_rate_is_an_outage),
        TEST(a_provider_that_is_gone_is_an_outage),
        TEST(a_provider_that_hangs_is_an_outage),
        TEST(the_simulators_ledger_outlives_it),
    };
    return cmocka_run_group_tests_name("payment_provider", tests, world_setup, world_teardown);
}
