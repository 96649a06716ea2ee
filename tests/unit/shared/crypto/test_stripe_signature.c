#include "shared/crypto/stripe_signature.h"
#include "tests/support/base/test.h"

#include <unistd.h>

static char path[] = "/tmp/om-stripe-secret-XXXXXX";

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static enum status create(const char *text, struct stripe_secret **secret) {
    struct error error = {0};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return stripe_secret_create(path, secret, &error);
}

static struct stripe_secret *secret_of(const char *text) {
    struct stripe_secret *secret = NULL;
    assert_int_equal(create(text, &secret), STATUS_OK);
    return secret;
}

#define NOW 1700000000
#define BODY SLICE_LITERAL("{\n  \"id\": \"evt_1\"\n}")

static bool verify_at(const struct stripe_secret *secret, const char *header, int64_t now_s) {
    return stripe_signature_verify(secret, slice_of(header), BODY, now_s);
}

/* By: printf '1700000000.{\n  "id": "evt_1"\n}' | openssl dgst -sha256 -hmac whsec_test */
#define MAC "76253f08e60f11c31932763a0c891f28c7bd4c18bb16b4221784951bd872e671"

static void the_signature_is_stripes(void **state) {
    (void)state;
    struct stripe_secret *secret = secret_of("whsec_test\n");
    char text[STRIPE_SIGNATURE_SIZE];
    stripe_signature_write(secret, NOW, BODY, text);
    assert_string_equal(text, "t=1700000000,v1=" MAC);
    assert_true(verify_at(secret, text, NOW));
    stripe_secret_destroy(&secret);
    assert_null(secret);
}

static void any_v1_counts_and_nothing_else(void **state) {
    (void)state;
    struct stripe_secret *secret = secret_of("whsec_test");
    assert_true(verify_at(secret, "t=1700000000,v1=00,v1=" MAC ",v0=1", NOW));
    assert_true(verify_at(secret, "v1=" MAC ",t=1700000000", NOW));
    assert_false(verify_at(secret, "t=1700000000,v0=" MAC, NOW));
    assert_false(verify_at(secret, "t=1700000000", NOW));
    assert_false(verify_at(secret, "v1=" MAC, NOW));
    assert_false(verify_at(secret, "t=,v1=" MAC, NOW));
    assert_false(verify_at(secret, "t=-1700000000,v1=" MAC, NOW));
    assert_false(verify_at(secret, "t=1700000001,v1=" MAC, NOW));
    assert_false(verify_at(secret, "t=99999999999999999999,v1=" MAC, NOW));
    assert_false(verify_at(secret, "", NOW));
    assert_false(verify_at(secret, ",,=,", NOW));
    stripe_secret_destroy(&secret);
}

static void another_body_or_secret_is_refused(void **state) {
    (void)state;
    struct stripe_secret *secret = secret_of("whsec_test");
    struct stripe_secret *other = secret_of("whsec_other");
    assert_false(verify_at(other, "t=1700000000,v1=" MAC, NOW));
    assert_false(verify_at(NULL, "t=1700000000,v1=" MAC, NOW));
    assert_false(stripe_signature_verify(secret, SLICE_LITERAL("t=1700000000,v1=" MAC),
                                         SLICE_LITERAL("{\"id\":\"evt_1\"}"), NOW));
    stripe_secret_destroy(&secret);
    stripe_secret_destroy(&other);
}

static void what_is_older_or_younger_than_the_tolerance_is_refused(void **state) {
    (void)state;
    struct stripe_secret *secret = secret_of("whsec_test");
    const char *header = "t=1700000000,v1=" MAC;
    assert_true(verify_at(secret, header, NOW + STRIPE_SIGNATURE_TOLERANCE_S));
    assert_false(verify_at(secret, header, NOW + STRIPE_SIGNATURE_TOLERANCE_S + 1));
    assert_true(verify_at(secret, header, NOW - STRIPE_SIGNATURE_TOLERANCE_S));
    assert_false(verify_at(secret, header, NOW - STRIPE_SIGNATURE_TOLERANCE_S - 1));
    stripe_secret_destroy(&secret);
}

static void a_file_without_a_secret_is_refused(void **state) {
    (void)state;
    struct stripe_secret *secret = NULL;
    struct error error = {0};
    assert_int_equal(create("", &secret), STATUS_INVALID);
    assert_int_equal(create("two words", &secret), STATUS_INVALID);
    assert_int_not_equal(stripe_secret_create("/nowhere", &secret, &error), STATUS_OK);
    assert_null(secret);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_stripes),
        cmocka_unit_test(any_v1_counts_and_nothing_else),
        cmocka_unit_test(another_body_or_secret_is_refused),
        cmocka_unit_test(what_is_older_or_younger_than_the_tolerance_is_refused),
        cmocka_unit_test(a_file_without_a_secret_is_refused),
    };
    return cmocka_run_group_tests_name("stripe_signature", tests, make_file, remove_file);
}
