#include "services/payment/provider/stripe_message.h"
#include "tests/support/base/test.h"

#define ORDER_ID "0190b5a4-0000-7000-8000-000000000001"

/* The service's reading of an answer. */
struct reading {
    struct provider_request request;
    bool again;
};

static struct reading read_with(bool (*read)(const struct httpc_call *, struct provider_request *),
                                int status, const char *head, const char *body) {
    struct reading reading = {0};
    struct httpc_call call = {.result = HTTPC_ANSWERED, .status = status};
    buf_append_text(&call.head, head);
    buf_append_text(&call.answer, body);
    reading.again = read(&call, &reading.request);
    httpc_call_fini(&call);
    return reading;
}

static void assert_charge(int status, const char *body, enum provider_answer answer,
                          const char *code, bool again) {
    struct reading reading = read_with(stripe_read_charge, status, "", body);
    assert_int_equal(reading.request.answer, answer);
    assert_string_equal(reading.request.code, code);
    assert_int_equal(reading.again, again);
}

/* --- forms --- */

static void a_charge_is_created_and_confirmed_in_one_form(void **state) {
    (void)state;
    const struct provider_request request = {.order_id = ORDER_ID,
                                             .payment_method = SLICE_LITERAL("pm_a b&c=d+\xc3\xa4"),
                                             .amount_minor = INT64_C(9007199254740993),
                                             .currency = SLICE_LITERAL("USD")};
    struct buf form = {0};
    stripe_write_charge(&form, &request);
    assert_string_equal(form.ptr, "amount=9007199254740993&currency=usd"
                                  "&payment_method=pm_a%20b%26c%3Dd%2B%C3%A4"
                                  "&payment_method_types%5B%5D=card&confirm=true"
                                  "&error_on_requires_action=true"
                                  "&metadata%5Border_id%5D=" ORDER_ID);
    buf_fini(&form);
}

static void amounts_are_in_the_units_of_stripe_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *currency;
        int64_t minor, amount; /* -1: refused */
    } cases[] = {
        {"USD", 1, 1},       {"JPY", 500, 500},
        {"ISK", 5, 500},     {"UGX", 5, 500},
        {"KWD", 1230, 1230}, {"KWD", 1234, -1},
        {"TND", 1, -1},      {"BHD", 10, 10},
        {"MGA", 500, 5},     {"MGA", 501, -1},
        {"XAF", 7, 7},       {"ISK", INT64_C(9007199254740991), INT64_C(900719925474099100)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t amount = -1;
        assert_int_equal(stripe_amount(slice_of(cases[i].currency), cases[i].minor, &amount),
                         cases[i].amount >= 0);
        assert_int_equal(amount, cases[i].amount);
    }
    const struct provider_request request = {
        .order_id = ORDER_ID, .amount_minor = 5, .currency = SLICE_LITERAL("ISK")};
    struct buf charge = {0}, annulment = {0};
    stripe_write_charge(&charge, &request);
    stripe_write_void(&annulment, &request);
    assert_contains(charge.ptr, "amount=500&currency=isk");
    assert_contains(annulment.ptr, "amount=500&currency=isk");
    buf_fini(&charge);
    buf_fini(&annulment);
}

static void a_refund_names_the_payment_intent(void **state) {
    (void)state;
    const struct provider_request request = {.order_id = ORDER_ID, .charge_id = "pi_1"};
    struct buf form = {0};
    stripe_write_refund(&form, &request);
    assert_string_equal(form.ptr, "payment_intent=pi_1&metadata%5Border_id%5D=" ORDER_ID);
    buf_fini(&form);
}

static void a_refund_of_a_part_says_how_much_in_the_units_of_stripe(void **state) {
    (void)state;
    const struct provider_request request = {.order_id = ORDER_ID,
                                             .charge_id = "pi_1",
                                             .amount_minor = 5,
                                             .currency = SLICE_LITERAL("ISK"),
                                             .is_partial = true};
    struct buf form = {0};
    stripe_write_refund(&form, &request);
    assert_string_equal(form.ptr,
                        "payment_intent=pi_1&metadata%5Border_id%5D=" ORDER_ID "&amount=500");
    buf_fini(&form);
}

static void a_charge_that_is_only_held_says_so(void **state) {
    (void)state;
    struct provider_request request = {.order_id = ORDER_ID,
                                       .payment_method = SLICE_LITERAL("pm_1"),
                                       .amount_minor = 5,
                                       .currency = SLICE_LITERAL("ISK")};
    struct buf plain = {0}, held = {0}, capture = {0};
    stripe_write_charge(&plain, &request);
    request.is_held = true;
    stripe_write_charge(&held, &request);
    assert_null(strstr(plain.ptr, "capture_method"));
    assert_contains(held.ptr, "&capture_method=manual");
    stripe_write_capture(&capture, &request);
    assert_string_equal(capture.ptr, "amount_to_capture=500");
    buf_fini(&plain);
    buf_fini(&held);
    buf_fini(&capture);
}

/* --- answers --- */

static struct reading read_held(const char *body) {
    struct reading reading = {.request.is_held = true};
    struct httpc_call call = {.result = HTTPC_ANSWERED, .status = 200};
    buf_append_text(&call.answer, body);
    reading.again = stripe_read_charge(&call, &reading.request);
    httpc_call_fini(&call);
    return reading;
}

static void a_held_charge_waits_for_its_capture(void **state) {
    (void)state;
    static const char plain[] = "{\"id\":\"pi_1\",\"status\":\"requires_capture\"}";
    struct reading reading =
        read_held("{\"id\":\"pi_1\",\"status\":\"requires_capture\",\"latest_charge\":{\"id\":"
                  "\"ch_1\",\"payment_method_details\":{\"card\":{\"authorization_code\":"
                  "\"004711\"}}}}");
    assert_int_equal(reading.request.answer, PROVIDER_DONE);
    assert_string_equal(reading.request.auth_code, "004711");
    reading = read_held("{\"id\":\"pi_1\",\"status\":\"requires_capture\",\"latest_charge\":"
                        "\"ch_1\"}");
    assert_string_equal(reading.request.auth_code, "ch_1");
    reading = read_held(plain);
    assert_string_equal(reading.request.auth_code, "pi_1");
    assert_charge(200, plain, PROVIDER_DECLINED, "requires_capture", false);
}

static void assert_settled(bool (*read)(const struct httpc_call *, struct provider_request *),
                           int status, const char *body, enum provider_answer answer,
                           const char *code) {
    struct reading reading = read_with(read, status, "", body);
    assert_int_equal(reading.request.answer, answer);
    assert_string_equal(reading.request.code, code);
}

#define UNEXPECTED(status)                                                                         \
    "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"payment_intent_unexpected_state\"," \
    "\"payment_intent\":{\"status\":\"" status "\"}}}"

/* Stripe forgets keys after a day, and somebody may have done it by hand. */
static void an_intent_that_has_ended_tells_how(void **state) {
    (void)state;
    assert_settled(stripe_read_capture, 200, "{\"id\":\"pi_1\",\"status\":\"succeeded\"}",
                   PROVIDER_DONE, "");
    assert_settled(stripe_read_capture, 400, UNEXPECTED("succeeded"), PROVIDER_DONE, "");
    assert_settled(stripe_read_capture, 400, UNEXPECTED("canceled"), PROVIDER_DECLINED,
                   PROVIDER_EXPIRED);
    assert_settled(stripe_read_capture, 400, UNEXPECTED("requires_action"), PROVIDER_REFUSED,
                   "payment_intent_unexpected_state");
    assert_settled(stripe_read_release, 200, "{\"id\":\"pi_1\",\"status\":\"canceled\"}",
                   PROVIDER_DONE, "");
    assert_settled(stripe_read_release, 400, UNEXPECTED("canceled"), PROVIDER_DONE, "");
    assert_settled(stripe_read_release, 400, UNEXPECTED("succeeded"), PROVIDER_DECLINED,
                   "already_captured");
    assert_settled(stripe_read_capture, 400,
                   "{\"error\":{\"code\":\"charge_expired_for_capture\"}}", PROVIDER_DECLINED,
                   PROVIDER_EXPIRED);
    assert_settled(stripe_read_capture, 500, "{\"error\":{\"type\":\"api_error\"}}",
                   PROVIDER_TRANSIENT, "http_500");
}

static void a_succeeded_intent_is_the_charge(void **state) {
    (void)state;
    struct reading reading =
        read_with(stripe_read_charge, 200, "", "{\"id\":\"pi_1\",\"status\":\"succeeded\"}");
    assert_int_equal(reading.request.answer, PROVIDER_DONE);
    assert_string_equal(reading.request.charge_id, "pi_1");
    assert_string_equal(reading.request.code, "");
    assert_false(reading.again);
}

static void an_intent_that_did_not_succeed_is_no_charge(void **state) {
    (void)state;
    assert_charge(200, "{\"id\":\"pi_1\",\"status\":\"requires_payment_method\"}",
                  PROVIDER_DECLINED, "requires_payment_method", false);
    assert_charge(200, "{\"id\":\"pi_1\",\"status\":\"processing\"}", PROVIDER_TRANSIENT,
                  "processing", true);
}

static void a_decline_keeps_the_most_telling_code(void **state) {
    (void)state;
    assert_charge(402,
                  "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                  "\"decline_code\":\"insufficient_funds\"}}",
                  PROVIDER_DECLINED, "insufficient_funds", false);
    assert_charge(402,
                  "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\","
                  "\"decline_code\":\"generic_decline\"}}",
                  PROVIDER_DECLINED, "card_declined", false);
    assert_charge(402, "{\"error\":{\"type\":\"card_error\",\"code\":\"expired_card\"}}",
                  PROVIDER_DECLINED, "expired_card", false);
    assert_charge(402, "{\"error\":{\"type\":\"card_error\",\"code\":null}}", PROVIDER_DECLINED,
                  "card_declined", false);
}

static void what_the_customer_chose_wrongly_fails_the_order(void **state) {
    (void)state;
    assert_charge(400,
                  "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\","
                  "\"param\":\"payment_method\"}}",
                  PROVIDER_DECLINED, "resource_missing", false);
    assert_charge(400,
                  "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"amount_too_small\"}}",
                  PROVIDER_DECLINED, "amount_too_small", false);
}

/* Orders whose amount was refused were pending until the saga's limit. */
static void an_amount_that_cannot_be_charged_fails_the_order(void **state) {
    (void)state;
    assert_charge(400,
                  "{\"error\":{\"type\":\"invalid_request_error\",\"param\":\"amount\","
                  "\"code\":\"parameter_invalid_integer\"}}",
                  PROVIDER_DECLINED, "parameter_invalid_integer", false);
    assert_charge(400, "{\"error\":{\"type\":\"invalid_request_error\",\"param\":\"amount\"}}",
                  PROVIDER_DECLINED, "invalid_request_error", false);
    assert_charge(400, "{\"error\":{\"code\":\"amount_too_large\"}}", PROVIDER_DECLINED,
                  "amount_too_large", false);
}

static void what_we_asked_wrongly_is_refused(void **state) {
    (void)state;
    assert_charge(400, "{\"error\":{\"type\":\"idempotency_error\"}}", PROVIDER_REFUSED,
                  "idempotency_error", false);
    assert_charge(400, "{\"error\":{\"type\":\"invalid_request_error\",\"param\":\"confirm\"}}",
                  PROVIDER_REFUSED, "invalid_request_error", false);
}

static void errors_of_the_server_leave_the_outcome_open(void **state) {
    (void)state;
    const char *error = "{\"error\":{\"type\":\"api_error\"}}";
    assert_charge(500, error, PROVIDER_TRANSIENT, "http_500", true);
    assert_charge(503, "", PROVIDER_TRANSIENT, "http_503", true);
    assert_charge(409, "{\"error\":{\"type\":\"idempotency_error\"}}", PROVIDER_TRANSIENT,
                  "http_409", true);
}

static void what_is_not_stripe_s_is_nobody_s_fault(void **state) {
    (void)state;
    assert_charge(404, "gone", PROVIDER_OUTAGE, "http_404", false);
    assert_charge(301, "", PROVIDER_OUTAGE, "http_301", false);
    assert_charge(413, "<html>", PROVIDER_OUTAGE, "http_413", false);
}

static void our_key_and_our_rate_are_nobody_elses_fault(void **state) {
    (void)state;
    const char *error = "{\"error\":{\"type\":\"invalid_request_error\"}}";
    assert_charge(401, error, PROVIDER_OUTAGE, "http_401", false);
    assert_charge(403, error, PROVIDER_OUTAGE, "http_403", false);
    assert_charge(429, error, PROVIDER_OUTAGE, "http_429", true);
}

static void an_unreadable_success_is_no_success(void **state) {
    (void)state;
    const char *const bodies[] = {"",
                                  "{",
                                  "[]",
                                  "{}",
                                  "{\"status\":\"succeeded\"}",
                                  "{\"id\":7,\"status\":\"succeeded\"}",
                                  ("{\"id\":\"pi_1234567890123456789012345678901234567890\","
                                   "\"status\":\"succeeded\"}")};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct reading reading = read_with(stripe_read_charge, 200, "", bodies[i]);
        assert_int_equal(reading.request.answer, PROVIDER_TRANSIENT);
        assert_true(reading.again);
    }
}

static void what_was_sent_into_the_void_is_unknown(void **state) {
    (void)state;
    struct provider_request request = {0};
    struct httpc_call lost = {.result = HTTPC_LOST, .error = "Timeout was reached"};
    struct httpc_call unsent = {.result = HTTPC_UNSENT, .error = "Couldn't connect to server"};
    assert_true(stripe_read_charge(&lost, &request));
    assert_int_equal(request.answer, PROVIDER_TRANSIENT);
    assert_true(stripe_read_charge(&unsent, &request));
    assert_int_equal(request.answer, PROVIDER_OUTAGE);
    assert_string_equal(request.code, "Couldn't connect to server");
}

static void the_servers_advice_decides_about_another_try(void **state) {
    (void)state;
    assert_false(read_with(stripe_read_charge, 500, "Stripe-Should-Retry: false\r\n", "{}").again);
    assert_true(read_with(stripe_read_charge, 400, "stripe-should-retry: true\r\n", "{}").again);
}

static void a_refund_is_done_when_it_is_accepted(void **state) {
    (void)state;
    struct reading reading =
        read_with(stripe_read_refund, 200, "", "{\"id\":\"re_1\",\"status\":\"pending\"}");
    assert_int_equal(reading.request.answer, PROVIDER_DONE);
    assert_string_equal(reading.request.refund_id, "re_1");
    reading = read_with(stripe_read_refund, 200, "", "{\"id\":\"re_1\",\"status\":\"failed\"}");
    assert_int_equal(reading.request.answer, PROVIDER_REFUSED);
}

static void a_refund_is_never_declined(void **state) {
    (void)state;
    struct reading reading = read_with(stripe_read_refund, 402, "",
                                       "{\"error\":{\"type\":\"card_error\",\"code\":\"x\"}}");
    assert_int_equal(reading.request.answer, PROVIDER_REFUSED);
    assert_string_equal(reading.request.code, "x");
}

/* --- orders that are over --- */

static void an_unused_key_means_that_nothing_was_charged(void **state) {
    (void)state;
    struct reading reading = read_with(stripe_read_void, 200, "", "{\"id\":\"pi_1\"}");
    assert_int_equal(reading.request.answer, PROVIDER_NOTHING);
    assert_false(reading.again);
}

static void a_used_key_is_to_be_asked(void **state) {
    (void)state;
    struct reading reading =
        read_with(stripe_read_void, 400, "", "{\"error\":{\"type\":\"idempotency_error\"}}");
    assert_int_equal(reading.request.answer, PROVIDER_NONE);
    assert_false(reading.again);
    reading = read_with(stripe_read_void, 500, "", "");
    assert_int_equal(reading.request.answer, PROVIDER_TRANSIENT);
    assert_true(reading.again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_charge_is_created_and_confirmed_in_one_form),
        cmocka_unit_test(amounts_are_in_the_units_of_stripe_or_refused),
        cmocka_unit_test(a_refund_names_the_payment_intent),
        cmocka_unit_test(a_refund_of_a_part_says_how_much_in_the_units_of_stripe),
        cmocka_unit_test(a_charge_that_is_only_held_says_so),
        cmocka_unit_test(a_held_charge_waits_for_its_capture),
        cmocka_unit_test(an_intent_that_has_ended_tells_how),
        cmocka_unit_test(a_succeeded_intent_is_the_charge),
        cmocka_unit_test(an_intent_that_did_not_succeed_is_no_charge),
        cmocka_unit_test(a_decline_keeps_the_most_telling_code),
        cmocka_unit_test(what_the_customer_chose_wrongly_fails_the_order),
        cmocka_unit_test(an_amount_that_cannot_be_charged_fails_the_order),
        cmocka_unit_test(what_is_not_stripe_s_is_nobody_s_fault),
        cmocka_unit_test(what_we_asked_wrongly_is_refused),
        cmocka_unit_test(errors_of_the_server_leave_the_outcome_open),
        cmocka_unit_test(our_key_and_our_rate_are_nobody_elses_fault),
        cmocka_unit_test(an_unreadable_success_is_no_success),
        cmocka_unit_test(what_was_sent_into_the_void_is_unknown),
        cmocka_unit_test(the_servers_advice_decides_about_another_try),
        cmocka_unit_test(a_refund_is_done_when_it_is_accepted),
        cmocka_unit_test(a_refund_is_never_declined),
        cmocka_unit_test(an_unused_key_means_that_nothing_was_charged),
        cmocka_unit_test(a_used_key_is_to_be_asked),
    };
    return cmocka_run_group_tests_name("stripe_message", tests, NULL, NULL);
}
