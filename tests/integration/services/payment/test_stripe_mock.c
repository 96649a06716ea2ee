/* Stripe's own stripe-mock (https://github.com/stripe/stripe-mock) checks each request against the
   published API and answers with fixtures: payment intents that nobody has paid yet, and refunds
   that succeeded. scripts/test builds it where Go can be had. Skipped where it is neither in PATH
   nor named by OM_STRIPE_MOCK.

   Covers: services/payment/provider/provider_stripe.c services/payment/provider/stripe_message.c */
#include "services/payment/provider/provider_stripe.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"

#define START_MS 10000
#define SKIPPED 77 /* what ctest takes for a skipped test */

static struct {
    const char *program;
    struct process *process;
    int port;
    char key_path[sizeof("/tmp/om-key-XXXXXX")];
    struct provider *provider;
} mock = {.key_path = "/tmp/om-key-XXXXXX"};

static struct provider_request ask(void (*operation)(const struct provider *,
                                                     struct provider_request *const *, size_t),
                                   struct provider_request request) {
    struct provider_request *requests[] = {&request};
    snprintf(request.order_id, sizeof(request.order_id), "0190b5a4-0000-7000-8000-000000000001");
    request.payment_method = SLICE_LITERAL("pm_card_visa");
    request.amount_minor = 500;
    request.currency = SLICE_LITERAL("USD");
    operation(mock.provider, requests, 1);
    return request;
}

static void a_charge_is_a_valid_request(void **state) {
    (void)state;
    struct provider_request request =
        ask(mock.provider->charge, (struct provider_request){.key = "charge-1"});
    assert_int_equal(request.answer, PROVIDER_DECLINED);
    assert_string_equal(request.code, "requires_payment_method");
}

static void a_charge_that_is_over_is_a_valid_request(void **state) {
    (void)state;
    struct provider_request request =
        ask(mock.provider->charge, (struct provider_request){.key = "charge-1", .is_over = true});
    assert_int_equal(request.answer, PROVIDER_NOTHING);
}

static void a_refund_is_a_valid_request_and_is_read(void **state) {
    (void)state;
    struct provider_request request = ask(
        mock.provider->refund, (struct provider_request){.key = "refund-1", .charge_id = "pi_1"});
    assert_int_equal(request.answer, PROVIDER_DONE);
    assert_int_equal(strncmp(request.refund_id, "re_", 3), 0);
}

static void a_question_about_a_charge_is_a_valid_request(void **state) {
    (void)state;
    struct provider_request request = ask(
        mock.provider->inquire, (struct provider_request){.key = "inquire-1", .charge_id = "pi_1"});
    /* Its fixture waits for a payment method, which the customer failed to give; then it is
       cancelled, which its fixture is not. */
    assert_int_equal(request.answer, PROVIDER_REFUSED);
    assert_string_equal(request.code, "requires_payment_method");
}

static void a_charge_is_withdrawn_by_a_valid_request(void **state) {
    (void)state;
    struct provider_request request =
        ask(mock.provider->release,
            (struct provider_request){.key = "withdraw-1", .charge_id = "pi_1"});
    assert_int_equal(request.answer, PROVIDER_REFUSED);
    assert_string_equal(request.code, "requires_payment_method");
}

/* --- fixtures --- */

static bool find_program(void) {
    const char *named = getenv("OM_STRIPE_MOCK");
    mock.program = named != NULL && named[0] != '\0' ? named : "stripe-mock";
    const char *const argv[] = {mock.program, "-version", NULL};
    return process_run(&(struct process_options){.argv = argv, .log_path = "/dev/null"},
                       START_MS) == 0;
}

static bool answers(void *closure) {
    (void)closure;
    return port_accepts(mock.port);
}

static void write_key(void) {
    int fd = mkstemp(mock.key_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "sk_test_1\n", 10), 10);
    close(fd);
}

static int setup(void **state) {
    char http[32], https[32], url[64];
    struct error error = {0};
    (void)state;
    mock.port = free_port();
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", mock.port);
    snprintf(http, sizeof(http), "127.0.0.1:%d", mock.port);
    snprintf(https, sizeof(https), "127.0.0.1:%d", free_port());
    const char *const argv[] = {mock.program, "-http-addr", http, "-https-addr", https, NULL};
    mock.process = process_start(&(struct process_options){.argv = argv, .log_path = "/dev/null"});
    assert_true(wait_until(answers, NULL, START_MS));
    write_key();
    const struct provider_stripe_options options = {.url = url,
                                                    .key_file = mock.key_path,
                                                    .timeout_ms = 5000,
                                                    .parallel_max = 4,
                                                    .return_url = "https://shop.example/back"};
    return provider_stripe_create(&options, &mock.provider, &error) != STATUS_OK;
}

static int teardown(void **state) {
    (void)state;
    provider_stripe_destroy(&mock.provider);
    process_destroy(&mock.process);
    return unlink(mock.key_path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_charge_is_a_valid_request),
        cmocka_unit_test(a_charge_that_is_over_is_a_valid_request),
        cmocka_unit_test(a_refund_is_a_valid_request_and_is_read),
        cmocka_unit_test(a_question_about_a_charge_is_a_valid_request),
        cmocka_unit_test(a_charge_is_withdrawn_by_a_valid_request),
    };
    if (!find_program()) {
        print_message("SKIP: no stripe-mock in PATH, and OM_STRIPE_MOCK names none\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("stripe_mock", tests, setup, teardown);
}
