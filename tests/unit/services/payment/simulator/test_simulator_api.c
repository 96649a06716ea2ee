/* The simulator's API on a ledger file of its own. */
#include "services/payment/simulator/api.h"
#include "tests/support/base/test.h"

#define CHARGE "amount=500&currency=usd&confirm=true&metadata%5Border_id%5D=o1&payment_method="

static char path[] = "/tmp/om-ledger-XXXXXX";
static struct api api;

static struct api_answer ask(const char *method, const char *where, const char *key,
                             const char *body) {
    const struct api_request request = {.method = slice_of(method),
                                        .path = slice_of(where),
                                        .authorization = SLICE_LITERAL("Bearer sk_test_1"),
                                        .key = slice_of(key),
                                        .body = slice_of(body)};
    struct api_answer answer = {0};
    api_handle(&api, &request, &answer);
    buf_append_text(&answer.body, "");
    return answer;
}

static void assert_answer(struct api_answer answer, int status, const char *part) {
    assert_contains(answer.body.ptr, part);
    assert_int_equal(answer.status, status);
    buf_fini(&answer.body);
}

static void assert_charge(const char *key, const char *payment_method, int status,
                          const char *part) {
    struct buf body = {0};
    buf_append_text(&body, CHARGE);
    buf_append_text(&body, payment_method);
    assert_answer(ask("POST", "/v1/payment_intents", key, body.ptr), status, part);
    buf_fini(&body);
}

static void reopen(void) {
    struct error error = {0};
    book_close(&api.book);
    assert_int_equal(book_open(path, &api.book, &error), STATUS_OK);
}

static size_t count_lines(void) {
    struct buf file = read_file(path);
    size_t lines = 0;
    for (size_t i = 0; i < file.len; i++)
        lines += file.ptr[i] == '\n';
    buf_fini(&file);
    return lines;
}

static void a_key_charges_once_and_answers_the_same(void **state) {
    (void)state;
    assert_charge("k1", "pm_card_visa", 200, "\"status\":\"succeeded\"");
    struct api_answer again = ask("POST", "/v1/payment_intents", "k1", CHARGE "pm_card_visa");
    assert_true(again.is_replay);
    assert_answer(again, 200, "\"order_id\":\"o1\"");
    assert_charge("k1", "pm_other", 400, "idempotency_error");
    assert_int_equal(count_lines(), 1);
}

static void a_decline_is_remembered_too(void **state) {
    (void)state;
    assert_charge("k1", "pm_card_chargeDeclinedInsufficientFunds", 402, "insufficient_funds");
    assert_charge("k1", "pm_card_chargeDeclinedInsufficientFunds", 402, "insufficient_funds");
    assert_int_equal(count_lines(), 1);
}

static void faults_by_payment_method_end_after_their_times(void **state) {
    (void)state;
    assert_charge("a", "pm_sim_error_before_2", 500, "api_error");
    assert_charge("a", "pm_sim_error_before_2", 500, "api_error");
    assert_int_equal(count_lines(), 0);
    assert_charge("a", "pm_sim_error_before_2", 200, "succeeded");
    assert_charge("b", "pm_sim_error_after", 500, "api_error");
    assert_int_equal(count_lines(), 2);
    assert_charge("b", "pm_sim_error_after", 200, "succeeded");
    struct api_answer silent =
        ask("POST", "/v1/payment_intents", "c", CHARGE "pm_sim_timeout_after");
    assert_true(silent.is_silent);
    buf_fini(&silent.body);
    assert_int_equal(count_lines(), 3);
}

static void a_slow_answer_keeps_its_key_busy(void **state) {
    (void)state;
    struct api_answer slow = ask("POST", "/v1/payment_intents", "a", CHARGE "pm_sim_slow");
    assert_int_equal(slow.delay_ms, api.slow_ms);
    buf_fini(&slow.body);
    assert_charge("a", "pm_sim_slow", 409, "idempotency_key_in_use");
}

static void injected_faults_meet_the_next_requests(void **state) {
    (void)state;
    assert_answer(ask("POST", "/inject", "", "fault=busy&count=1"), 200, "{}");
    assert_charge("a", "pm_card_visa", 429, "rate_limit");
    assert_charge("a", "pm_card_visa", 200, "succeeded");
    assert_answer(ask("POST", "/inject", "", "fault=down"), 200, "{}");
    assert_charge("a", "pm_card_visa", 503, "api_error");
    assert_answer(ask("GET", "/v1/payment_intents", "", ""), 503, "api_error");
    assert_answer(ask("POST", "/inject", "", "fault=none"), 200, "{}");
    assert_answer(ask("GET", "/v1/payment_intents", "", ""), 200, "\"data\":[]");
    assert_answer(ask("POST", "/inject", "", "fault=earthquake"), 400, "fault");
}

static void a_charge_is_refunded_once(void **state) {
    (void)state;
    struct slice id;
    char body[100];
    assert_charge("k1", "pm_card_visa", 200, "pi_");
    id = slice_of(book_find_key(api.book, SLICE_LITERAL("k1"))->id);
    snprintf(body, sizeof(body), "payment_intent=%.*s", SLICE_ARG(id));
    assert_answer(ask("POST", "/v1/refunds", "r1", body), 200, "\"object\":\"refund\"");
    assert_answer(ask("POST", "/v1/refunds", "r1", body), 200, "\"object\":\"refund\"");
    assert_answer(ask("POST", "/v1/refunds", "r2", body), 400, "charge_already_refunded");
    reopen();
    assert_answer(ask("POST", "/v1/refunds", "r2", body), 400, "charge_already_refunded");
    assert_answer(ask("POST", "/v1/refunds", "r3", "payment_intent=pi_0"), 404, "resource_missing");
    assert_int_equal(count_lines(), 2);
}

/* Asks for `verb` of the intent that the key made. */
static struct api_answer ask_intent(const char *charge_key, const char *verb, const char *key,
                                    const char *body) {
    char where[200];
    const struct book_entry *charge = book_find_key(api.book, slice_of(charge_key));
    snprintf(where, sizeof(where), "/v1/payment_intents/%s/%s", charge->id, verb);
    return ask("POST", where, key, body);
}

static void what_is_held_is_captured_once_and_then_refunded_in_parts(void **state) {
    (void)state;
    char body[200], part[220];
    assert_charge("k1", "pm_card_visa&capture_method=manual", 200,
                  "\"status\":\"requires_capture\"");
    snprintf(body, sizeof(body), "payment_intent=%s",
             book_find_key(api.book, SLICE_LITERAL("k1"))->id);
    assert_answer(ask("POST", "/v1/refunds", "r0", body), 400, "charge_not_captured");
    assert_answer(ask_intent("k1", "capture", "c1", "amount_to_capture=501"), 400,
                  "amount_too_large");
    assert_answer(ask_intent("k1", "capture", "c1", "amount_to_capture=500"), 200, "succeeded");
    assert_answer(ask_intent("k1", "capture", "c1", "amount_to_capture=500"), 200, "succeeded");
    assert_answer(ask_intent("k1", "capture", "c2", ""), 400, "payment_intent_unexpected_state");
    assert_answer(ask_intent("k1", "cancel", "v1", ""), 400, "\"status\":\"succeeded\"");
    reopen();
    assert_answer(ask_intent("k1", "cancel", "v2", ""), 400, "\"status\":\"succeeded\"");
    snprintf(part, sizeof(part), "%s&amount=200", body);
    assert_answer(ask("POST", "/v1/refunds", "r1", part), 200, "\"amount\":200");
    assert_answer(ask("POST", "/v1/refunds", "r1", part), 200, "\"amount\":200");
    assert_answer(ask("POST", "/v1/refunds", "r2", part), 200, "\"amount\":200");
    assert_answer(ask("POST", "/v1/refunds", "r3", part), 400, "amount_too_large");
    reopen();
    assert_answer(ask("POST", "/v1/refunds", "r3", part), 400, "amount_too_large");
    assert_answer(ask("POST", "/v1/refunds", "r4", body), 200, "\"amount\":100");
    assert_answer(ask("POST", "/v1/refunds", "r5", body), 400, "charge_already_refunded");
    assert_int_equal(count_lines(), 5);
}

static void what_is_let_go_or_held_too_long_is_not_captured(void **state) {
    (void)state;
    assert_charge("k1", "pm_card_visa&capture_method=manual", 200, "authorization_code");
    assert_answer(ask_intent("k1", "cancel", "v1", ""), 200, "\"status\":\"canceled\"");
    assert_answer(ask_intent("k1", "capture", "c1", ""), 400, "\"status\":\"canceled\"");
    assert_charge("k2", "pm_sim_expired&capture_method=manual", 200, "requires_capture");
    assert_answer(ask_intent("k2", "capture", "c2", ""), 400, "charge_expired_for_capture");
    assert_charge("k3", "pm_card_visa", 200, "succeeded");
    assert_answer(ask_intent("k3", "cancel", "v3", ""), 400, "payment_intent_unexpected_state");
    assert_answer(ask("POST", "/v1/payment_intents/pi_0/capture", "c4", ""), 404,
                  "resource_missing");
    assert_int_equal(count_lines(), 4);
}

static void wrong_requests_are_refused(void **state) {
    (void)state;
    struct api_answer anonymous = {0};
    api_handle(&api,
               &(struct api_request){.method = SLICE_LITERAL("GET"),
                                     .path = SLICE_LITERAL("/v1/payment_intents")},
               &anonymous);
    assert_answer(anonymous, 401, "error");
    assert_answer(ask("POST", "/v1/payment_intents", "", CHARGE "pm_x"), 400, "Idempotency-Key");
    assert_answer(ask("POST", "/v1/payment_intents", "k", "amount=x"), 400, "amount");
    assert_answer(ask("POST", "/v1/payment_intents", "k", "amount=%zz"), 400, "error");
#define INTENT(amount, currency)                                                                   \
    ask("POST", "/v1/payment_intents", "k", "amount=" amount "&currency=" currency)
    assert_answer(INTENT("0", "usd"), 400, "amount");
    assert_answer(INTENT("49", "usd"), 400, "amount_too_small");
    assert_answer(INTENT("100000000", "usd"), 400, "amount_too_large");
    assert_answer(INTENT("550", "isk"), 400, "amount");
    assert_answer(INTENT("505", "ugx"), 400, "amount");
    assert_answer(INTENT("1234", "kwd"), 400, "amount");
    assert_answer(INTENT("500", "USD"), 400, "currency");
    assert_charge("k", "visa", 400, "resource_missing");
    assert_answer(ask("GET", "/v1/balance", "", ""), 404, "error");
    assert_int_equal(count_lines(), 0);
}

static void a_torn_last_line_is_cut_off(void **state) {
    (void)state;
    assert_charge("k1", "pm_card_visa", 200, "succeeded");
    FILE *file = fopen(path, "a");
    fputs("{\"kind\":\"charge\",\"id\":\"pi_", file);
    fclose(file);
    reopen();
    assert_charge("k1", "pm_card_visa", 200, "succeeded");
    assert_charge("k2", "pm_card_visa", 200, "succeeded");
    assert_int_equal(count_lines(), 2);
    reopen();
    assert_non_null(book_find_key(api.book, SLICE_LITERAL("k2")));
}

static void a_ledger_that_is_none_is_refused(void **state) {
    (void)state;
    struct error error = {0};
    struct book *book = NULL;
    FILE *file = fopen(path, "a");
    fputs("chapter one\n", file);
    fclose(file);
    assert_int_equal(book_open(path, &book, &error), STATUS_INVALID);
    assert_contains(error.text, "line 1");
    assert_int_equal(book_open("/nowhere/ledger", &book, &error), STATUS_UNAVAILABLE);
}

static int setup(void **state) {
    struct error error = {0};
    (void)state;
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    close(fd);
    api = (struct api){.faults = faults_create(), .slow_ms = 60000};
    return fd < 0 || book_open(path, &api.book, &error) != STATUS_OK;
}

static int teardown(void **state) {
    (void)state;
    book_close(&api.book);
    faults_destroy(&api.faults);
    return unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_key_charges_once_and_answers_the_same),
        TEST(a_decline_is_remembered_too),
        TEST(faults_by_payment_method_end_after_their_times),
        TEST(a_slow_answer_keeps_its_key_busy),
        TEST(injected_faults_meet_the_next_requests),
        TEST(a_charge_is_refunded_once),
        TEST(what_is_held_is_captured_once_and_then_refunded_in_parts),
        TEST(what_is_let_go_or_held_too_long_is_not_captured),
        TEST(wrong_requests_are_refused),
        TEST(a_torn_last_line_is_cut_off),
        TEST(a_ledger_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("provider_sim", tests, NULL, NULL);
}
