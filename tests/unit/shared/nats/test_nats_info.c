#include "shared/nats/nats_info.h"

#include "tests/support/base/test.h"

static int parse(const char *text) {
    return nats_info_parse_version(slice_of(text));
}

static void versions_compare_as_numbers(void **state) {
    (void)state;

    assert_int_equal(parse("2.10.4"), NATS_SERVER_VERSION(2, 10, 4));
    assert_true(parse("2.9.10") < parse("2.10.3"));
    assert_true(parse("2.10.3") < parse("2.10.4"));
    assert_true(parse("2.15.2") > parse("2.10.22"));
    assert_true(parse("3.0.0") > parse("2.999.999"));
}

static void what_follows_the_numbers_does_not_matter(void **state) {
    (void)state;

    assert_int_equal(parse("2.11.0-RC.1"), NATS_SERVER_VERSION(2, 11, 0));
    assert_int_equal(parse("2.11.0+build"), NATS_SERVER_VERSION(2, 11, 0));
}

static void what_is_no_version_is_unknown(void **state) {
    (void)state;
    static const char *const texts[] = {"", "2", "2.10", "2.10.", "v2.10.4", "2..4", "1000.0.0"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(parse(texts[i]), 0);
}

static void nobody_at_the_address_is_an_error(void **state) {
    (void)state;
    struct error error = {0};
    struct nats_info info = {.version = 7};

    assert_int_equal(nats_info_ask("nats://127.0.0.1:1", 200, &info, &error), STATUS_UNAVAILABLE);
    assert_int_equal(nats_info_ask("nats://127.0.0.1", 200, &info, &error), STATUS_INVALID);
    assert_int_equal(nats_info_ask("nats://:4222", 200, &info, &error), STATUS_INVALID);
    assert_int_equal(info.version, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_compare_as_numbers),
        cmocka_unit_test(what_follows_the_numbers_does_not_matter),
        cmocka_unit_test(what_is_no_version_is_unknown),
        cmocka_unit_test(nobody_at_the_address_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
