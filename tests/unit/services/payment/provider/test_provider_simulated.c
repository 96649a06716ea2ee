#include "services/payment/provider/provider_simulated.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"

static struct provider_request ask(const char *payment_method, int attempt, int64_t age_us) {
    struct provider_request request = {.key = "charge-1",
                                       .payment_method = slice_of(payment_method),
                                       .amount_minor = 100,
                                       .currency = SLICE_LITERAL("USD"),
                                       .attempt = attempt,
                                       .wanted_at_us = clock_now_us() - age_us};
    struct provider_request *requests[] = {&request};
    provider_simulated.charge(&provider_simulated, requests, 1);
    return request;
}

static void an_ordinary_card_is_charged_under_an_id_made_of_the_key(void **state) {
    (void)state;
    struct provider_request first = ask("pm_card_visa", 1, 0);
    struct provider_request again = ask("pm_card_visa", 2, 0);
    assert_int_equal(first.answer, PROVIDER_DONE);
    assert_true(first.charge_id[0] != 0);
    assert_string_equal(first.charge_id, again.charge_id);
}

static void the_method_chooses_the_decline(void **state) {
    (void)state;
    struct provider_request request = ask("pm_card_chargeDeclined", 1, 0);
    assert_int_equal(request.answer, PROVIDER_DECLINED);
    assert_string_equal(request.code, "card_declined");
    request = ask("pm_card_chargeDeclinedInsufficientFunds", 1, 0);
    assert_int_equal(request.answer, PROVIDER_DECLINED);
    assert_string_equal(request.code, "insufficient_funds");
}

static struct provider_request settle(provider_fn operation, const char *payment_method,
                                      int attempt) {
    struct provider_request request = {.key = "capture-1",
                                       .charge_key = "charge-1",
                                       .payment_method = slice_of(payment_method),
                                       .attempt = attempt};
    struct provider_request *requests[] = {&request};
    operation(&provider_simulated, requests, 1);
    return request;
}

static void what_is_held_is_captured_or_released_under_the_charges_id(void **state) {
    (void)state;
    struct provider_request charge = ask("pm_card_visa", 1, 0);
    struct provider_request taken = settle(provider_simulated.capture, "pm_card_visa", 1);
    struct provider_request let_go = settle(provider_simulated.release, "pm_card_visa", 1);
    assert_int_equal(taken.answer, PROVIDER_DONE);
    assert_int_equal(let_go.answer, PROVIDER_DONE);
    assert_string_equal(taken.charge_id, charge.charge_id);
    assert_string_equal(let_go.charge_id, charge.charge_id);
    assert_int_equal(settle(provider_simulated.capture, "pm_sim_error", 2).answer,
                     PROVIDER_TRANSIENT);
    taken = settle(provider_simulated.capture, "pm_sim_expired", 1);
    assert_int_equal(taken.answer, PROVIDER_DECLINED);
    assert_string_equal(taken.code, PROVIDER_EXPIRED);
}

static void an_error_passes_at_the_third_attempt(void **state) {
    (void)state;
    assert_int_equal(ask("pm_sim_error", 1, 0).answer, PROVIDER_TRANSIENT);
    assert_int_equal(ask("pm_sim_error", 2, 0).answer, PROVIDER_TRANSIENT);
    assert_int_equal(ask("pm_sim_error", 3, 0).answer, PROVIDER_DONE);
}

static void an_outage_ends_after_ten_seconds(void **state) {
    (void)state;
    assert_int_equal(ask("pm_sim_unavailable", 1, 0).answer, PROVIDER_OUTAGE);
    assert_int_equal(ask("pm_sim_unavailable", 1, SIMULATED_OUTAGE_US).answer, PROVIDER_DONE);
}

static void the_delays_of_a_batch_run_side_by_side(void **state) {
    (void)state;
    struct provider_request many[20] = {0};
    struct provider_request *requests[20];
    for (int i = 0; i < 20; i++) {
        many[i].payment_method = SLICE_LITERAL("pm_sim_delay_100");
        requests[i] = &many[i];
    }
    int64_t start_us = clock_monotonic_us();
    provider_simulated.charge(&provider_simulated, requests, 20);
    int64_t took_us = clock_monotonic_us() - start_us;
    assert_true(took_us >= 100000);
    assert_true(took_us < 1000000);
    assert_int_equal(many[19].answer, PROVIDER_DONE);
}

static void a_delay_that_is_no_number_is_none(void **state) {
    (void)state;
    int64_t start_us = clock_monotonic_us();
    assert_int_equal(ask("pm_sim_delay_", 1, 0).answer, PROVIDER_DONE);
    assert_int_equal(ask("pm_sim_delay_99x", 1, 0).answer, PROVIDER_DONE);
    assert_true(clock_monotonic_us() - start_us < 90000);
}

static void a_refund_finds_only_what_could_be_charged(void **state) {
    (void)state;
    struct provider_request paid = {
        .key = "refund-1", .charge_key = "charge-1", .payment_method = SLICE_LITERAL("pm_x")};
    struct provider_request declined = {.key = "refund-2",
                                        .payment_method = SLICE_LITERAL("pm_card_chargeDeclined")};
    struct provider_request *requests[] = {&paid, &declined};
    provider_simulated.refund(&provider_simulated, requests, 2);
    assert_int_equal(paid.answer, PROVIDER_DONE);
    assert_true(paid.refund_id[0] != 0);
    assert_string_equal(paid.charge_id, ask("pm_x", 1, 0).charge_id);
    assert_int_equal(declined.answer, PROVIDER_NOTHING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_card_is_charged_under_an_id_made_of_the_key),
        cmocka_unit_test(what_is_held_is_captured_or_released_under_the_charges_id),
        cmocka_unit_test(the_method_chooses_the_decline),
        cmocka_unit_test(an_error_passes_at_the_third_attempt),
        cmocka_unit_test(an_outage_ends_after_ten_seconds),
        cmocka_unit_test(the_delays_of_a_batch_run_side_by_side),
        cmocka_unit_test(a_delay_that_is_no_number_is_none),
        cmocka_unit_test(a_refund_finds_only_what_could_be_charged),
    };
    return cmocka_run_group_tests_name("provider_simulated", tests, NULL, NULL);
}
