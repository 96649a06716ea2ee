/* Idempotency keys as headers. */
#include "gateway/reply/idempotency_key.h"
#include "tests/support/base/test.h"

static void assert_key(const char *header, const char *expected) {
    char key[IDEMPOTENCY_KEY_MAX];
    size_t len = 0;
    bool is_valid = idempotency_key_parse(slice_of(header), key, &len);
    if (is_valid != (expected != NULL) ||
        (is_valid && !slice_is((struct slice){key, len}, expected)))
        fail_msg("%s was read wrongly", header);
}

static void a_key_is_a_quoted_string_or_a_bare_token(void **state) {
    (void)state;
    assert_key("\"k-1\"", "k-1");
    assert_key("k-1", "k-1");
    assert_key(" \"a b\" ", "a b");
    assert_key("\"a\\\"b\\\\c\"", "a\"b\\c");
    assert_key("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324");
}

static void a_malformed_key_is_refused(void **state) {
    (void)state;
    static const char *const headers[] = {
        "",    " ",   "\"\"",      "\"a",  "a\"",      "\"a\"b",       "\"a\\n\"",
        "a b", "a,b", "\"a\";p=1", "a\tb", "\"\x7f\"", "\"\xc3\xa9\"", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_key(headers[i], NULL);
}

static void a_key_has_at_most_255_characters(void **state) {
    (void)state;
    char key[IDEMPOTENCY_KEY_MAX + 2];
    memset(key, 'k', sizeof(key));
    key[IDEMPOTENCY_KEY_MAX] = '\0';
    assert_key(key, key);

    key[IDEMPOTENCY_KEY_MAX] = 'k';
    key[IDEMPOTENCY_KEY_MAX + 1] = '\0';
    assert_key(key, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_a_quoted_string_or_a_bare_token),
        cmocka_unit_test(a_malformed_key_is_refused),
        cmocka_unit_test(a_key_has_at_most_255_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
