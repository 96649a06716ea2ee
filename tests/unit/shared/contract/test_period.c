/* The periods that analytics can be asked about: from, to and granularity. */
#include "shared/base/clock.h"
#include "shared/contract/period.h"
#include "tests/support/base/test.h"

static int64_t at(const char *text) {
    int64_t time_us = 0;
    assert_true(clock_parse(slice_of(text), &time_us));
    return time_us;
}

static enum status parse(const char *from, const char *to, const char *granularity,
                         struct period *period, struct error *error) {
    const struct period_request request = {slice_of(from), slice_of(to), slice_of(granularity)};
    return period_parse(&request, at("2026-01-31T12:34:56Z"), period, error);
}

static void nothing_asked_is_the_last_day_by_the_hour(void **state) {
    (void)state;
    struct period period;
    struct error error;
    assert_int_equal(parse("", "", "", &period, &error), STATUS_OK);
    assert_int_equal(period.granularity, GRANULARITY_HOUR);
    assert_int_equal(period.from_us, at("2026-01-30T12:00:00Z"));
    assert_int_equal(period.to_us, at("2026-01-31T12:34:56Z"));
}

static void the_first_bucket_is_whole(void **state) {
    (void)state;
    struct period period;
    struct error error;
    assert_int_equal(
        parse("2026-01-31T10:20:30+01:00", "2026-01-31T10:00:00Z", "minute", &period, &error),
        STATUS_OK);
    assert_int_equal(period.from_us, at("2026-01-31T09:20:00Z"));
    assert_int_equal(parse("2026-01-30T10:20:30Z", "", "day", &period, &error), STATUS_OK);
    assert_int_equal(period.from_us, at("2026-01-30T00:00:00Z"));
}

static void wrong_parts_are_named(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *granularity, *named;
    } wrong[] = {
        {"yesterday", "", "", "from"},
        {"", "2026-13-01T00:00:00Z", "", "to"},
        {"1969-12-31T00:00:00Z", "", "", "from"},
        {"", "", "week", "granularity"},
        {"2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z", "", "from"},
        {"2026-02-01T00:00:00Z", "2026-01-31T00:00:00Z", "", "from"},
        {"2026-01-29T00:00:00Z", "2026-01-31T00:00:00Z", "minute", "granularity"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct period period;
        struct error error;
        assert_int_equal(parse(wrong[i].from, wrong[i].to, wrong[i].granularity, &period, &error),
                         STATUS_INVALID);
        assert_memory_equal(error.text, wrong[i].named, strlen(wrong[i].named));
    }
}

static void as_many_buckets_as_allowed_are_allowed(void **state) {
    (void)state;
    struct period period;
    struct error error;
    assert_int_equal(
        parse("2026-01-30T00:00:00Z", "2026-01-31T01:00:00Z", "minute", &period, &error),
        STATUS_OK);
    assert_int_equal(
        parse("2026-01-30T00:00:00Z", "2026-01-31T01:00:00.000001Z", "minute", &period, &error),
        STATUS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_is_the_last_day_by_the_hour),
        cmocka_unit_test(the_first_bucket_is_whole),
        cmocka_unit_test(wrong_parts_are_named),
        cmocka_unit_test(as_many_buckets_as_allowed_are_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
