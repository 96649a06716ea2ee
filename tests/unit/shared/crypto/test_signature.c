#include "shared/crypto/signature.h"
#include "tests/support/base/test.h"

static char path[] = "/tmp/om-secret-XXXXXX";

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static enum status create(const char *secret, struct signature_key **key) {
    struct error error = {0};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(secret, file);
    fclose(file);
    return signature_key_create(path, key, &error);
}

/* The values that the reference libraries of Standard Webhooks are tested with. */
static void the_signature_is_the_standards(void **state) {
    (void)state;
    struct signature_key *key = NULL;
    char text[SIGNATURE_SIZE];

    assert_int_equal(create("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", &key), STATUS_OK);
    signature_write(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                    SLICE_LITERAL("{\"test\": 2432232314}"), text);

    assert_string_equal(text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    signature_key_destroy(&key);
    assert_null(key);
}

static void a_secret_of_another_form_is_refused(void **state) {
    (void)state;
    static const char *const secrets[] = {
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
    };
    struct signature_key *key = NULL;
    struct error error = {0};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (create(secrets[i], &key) != STATUS_INVALID)
            fail_msg("\"%s\" was taken", secrets[i]);
    }
    assert_int_equal(signature_key_create("/nowhere/secret", &key, &error), STATUS_NOT_FOUND);
    assert_null(key);
}

static void a_secret_that_is_made_is_one_and_is_new_each_time(void **state) {
    (void)state;
    struct signature_key *key = NULL;
    struct error error = {0};
    char first[SIGNATURE_SECRET_SIZE], second[SIGNATURE_SECRET_SIZE];

    signature_secret_make(first);
    signature_secret_make(second);

    assert_int_equal(strlen(first), SIGNATURE_SECRET_SIZE - 1);
    assert_string_not_equal(first, second);
    assert_int_equal(signature_key_parse(slice_of(first), &key, &error), STATUS_OK);
    signature_key_destroy(&key);
}

static void a_request_has_the_three_headers_of_its_id(void **state) {
    (void)state;
    struct signature_key *key = NULL;
    struct error error = {0};
    struct buf headers[SIGNATURE_HEADERS] = {0};
    struct slice secret = SLICE_LITERAL("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

    assert_int_equal(signature_key_parse(secret, &key, &error), STATUS_OK);
    signature_write_headers(key, "e-1", SLICE_LITERAL("{}"), headers);

    assert_string_equal(headers[0].ptr, "webhook-id: e-1");
    assert_int_equal(strncmp(headers[1].ptr, "webhook-timestamp: ", 19), 0);
    assert_int_equal(strncmp(headers[2].ptr, "webhook-signature: v1,", 22), 0);
    for (int i = 0; i < SIGNATURE_HEADERS; i++)
        buf_fini(&headers[i]);
    signature_key_destroy(&key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_the_standards),
        cmocka_unit_test(a_secret_of_another_form_is_refused),
        cmocka_unit_test(a_secret_that_is_made_is_one_and_is_new_each_time),
        cmocka_unit_test(a_request_has_the_three_headers_of_its_id),
    };
    return cmocka_run_group_tests_name("signature", tests, make_file, remove_file);
}
