/* The configuration makes the provider that it names, and must have all that this one needs. */
#include "services/payment/handler.h"
#include "services/payment/settings.h"
#include "tests/support/base/test.h"

static char key_path[] = "/tmp/om-key-XXXXXX";

static int make_key(void **state) {
    (void)state;
    int fd = mkstemp(key_path);
    bool is_written = fd >= 0 && write(fd, "sk_test_1\n", 10) == 10;
    return is_written ? close(fd) : -1;
}

static int remove_key(void **state) {
    (void)state;
    return unlink(key_path);
}

static struct payment_settings stripe_settings(const char *url, const char *key_file) {
    return (struct payment_settings){
        .provider = "stripe",
        .stripe = {.url = url, .key_file = key_file, .timeout_ms = 1000, .parallel_max = 4}};
}

static void assert_made(const struct payment_settings *settings, const char *name) {
    struct error error = {0};
    struct payment *payment = NULL;
    assert_int_equal(payment_create(settings, &payment, &error), STATUS_OK);
    assert_string_equal(payment->provider->name, name);
    payment_destroy(&payment);
    payment_destroy(&payment);
    assert_null(payment);
}

static void assert_refused(struct payment_settings settings, const char *why) {
    struct error error = {0};
    struct payment *payment = NULL;
    assert_int_not_equal(payment_create(&settings, &payment, &error), STATUS_OK);
    assert_contains(error.text, why);
    assert_null(payment);
}

static void the_provider_is_made_as_named(void **state) {
    (void)state;
    const struct payment_settings stripe = stripe_settings("https://api.stripe.com/", key_path);
    assert_made(&(struct payment_settings){.provider = "simulated"}, "simulated");
    assert_made(&stripe, "stripe");
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    assert_refused((struct payment_settings){.provider = "cash"}, "OM_PAYMENT_PROVIDER");
    assert_refused(stripe_settings("https://api.stripe.com", ""), "OM_STRIPE_KEY_FILE");
    assert_refused(stripe_settings("https://api.stripe.com", "/dev/null"), "no key");
    assert_refused(stripe_settings("https://api.stripe.com", "/nowhere"), "/nowhere");
    assert_refused(stripe_settings("ftp://api.stripe.com", key_path), "OM_STRIPE_URL");
    struct payment_settings settings = stripe_settings("https://api.stripe.com", key_path);
    settings.stripe.return_url = "shop.example";
    assert_refused(settings, "OM_PAYMENT_RETURN_URL");
}

static void nobody_there_is_an_outage(void **state) {
    (void)state;
    const struct payment_settings settings = stripe_settings("http://127.0.0.1:1", key_path);
    struct error error = {0};
    struct payment *payment = NULL;
    struct provider_request unknown = {.key = "refund-1"};
    struct provider_request *requests[] = {&unknown};
    assert_int_equal(payment_create(&settings, &payment, &error), STATUS_OK);
    payment->provider->refund(payment->provider, requests, 1);
    assert_int_equal(unknown.answer, PROVIDER_TRANSIENT); /* which charge? */
    snprintf(unknown.charge_id, sizeof(unknown.charge_id), "pi_1");
    payment->provider->refund(payment->provider, requests, 1);
    assert_int_equal(unknown.answer, PROVIDER_OUTAGE);
    payment_destroy(&payment);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_provider_is_made_as_named),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(nobody_there_is_an_outage),
    };
    return cmocka_run_group_tests_name("payment_settings", tests, make_key, remove_key);
}
