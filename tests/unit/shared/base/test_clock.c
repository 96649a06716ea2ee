#include "shared/base/clock.h"

#include "tests/support/base/test.h"

#include <time.h>

static void a_time_is_written_as_rfc3339_with_microseconds(void **state) {
    (void)state;
    char text[RFC3339_SIZE];

    clock_format(INT64_C(1767323045678901), text);

    assert_string_equal(text, "2026-01-02T03:04:05.678901Z");
}

static void the_first_and_last_moments_are_written(void **state) {
    (void)state;
    static const struct {
        int64_t time_us;
        const char *text;
    } moments[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
        {INT64_C(-62167219200000000), "0000-01-01T00:00:00.000000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000000Z"},
    };
    char text[RFC3339_SIZE];

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        clock_format(moments[i].time_us, text);
        assert_string_equal(text, moments[i].text);
    }
}

static void days_agree_with_the_c_library(void **state) {
    (void)state;
    char text[RFC3339_SIZE], expected[RFC3339_SIZE];

    for (int64_t second = -70000000000; second < 200000000000; second += 86400 * 37 + 12345) {
        time_t time = second;
        struct tm tm;
        gmtime_r(&time, &tm);
        if (tm.tm_year + 1900 < 1000 || tm.tm_year + 1900 > 9999)
            continue;
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
        clock_format(second * 1000000, text);
        assert_string_equal(text, expected);
    }
}

static void what_was_written_is_read_back(void **state) {
    (void)state;
    char text[RFC3339_SIZE];

    for (int64_t time_us = -50000000000000000; time_us < 200000000000000000;
         time_us += 98765432109876) {
        int64_t parsed_us = 0;
        clock_format(time_us, text);
        assert_true(clock_parse(slice_of(text), &parsed_us));
        assert_int_equal(parsed_us, time_us);
    }
}

static void offsets_and_fractions_are_understood(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t time_us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.123456789Z", 123456},
        {"1970-01-01T00:00:00.000001+00:00", 1},
        {"1972-06-30T23:59:60Z", INT64_C(78796800000000)},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t parsed_us = -1;
        assert_true(clock_parse(slice_of(cases[i].text), &parsed_us));
        assert_int_equal(parsed_us, cases[i].time_us);
    }
}

static void what_is_not_rfc3339_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-1-02T03:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "1900-02-29T03:04:05Z",
        "2026-01-32T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.1234567890Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05Zx",
        "+026-01-02T03:04:05Z",
        "2026-01-02T03:04:05\rZ",
        "2026\r01-02T03:04:05Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t parsed_us = 7;
        assert_false(clock_parse(slice_of(texts[i]), &parsed_us));
        assert_int_equal(parsed_us, 7);
    }
}

static void sleeping_takes_at_least_its_time(void **state) {
    (void)state;
    int64_t before_us = clock_monotonic_us();

    clock_sleep_ms(5);
    clock_sleep_ms(-1);

    assert_true(clock_monotonic_us() - before_us >= 5000);
}

static void the_wall_clock_is_in_this_era(void **state) {
    (void)state;

    assert_true(clock_now_us() > INT64_C(1700000000000000));
}

static void a_length_of_time_is_written_in_its_largest_whole_unit(void **state) {
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "0"},
        {INT64_C(604800000000000), "7d"},
        {INT64_C(30000000000), "30s"},
        {INT64_C(90000000000), "90s"},
        {1500000, "1500us"},
        {INT64_MAX, "9223372036854775807ns"},
        {-2000000000, "-2s"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[DURATION_SIZE];
        clock_format_duration(rows[i].ns, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_rfc3339_with_microseconds),
        cmocka_unit_test(the_first_and_last_moments_are_written),
        cmocka_unit_test(days_agree_with_the_c_library),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(offsets_and_fractions_are_understood),
        cmocka_unit_test(what_is_not_rfc3339_is_refused),
        cmocka_unit_test(a_length_of_time_is_written_in_its_largest_whole_unit),
        cmocka_unit_test(sleeping_takes_at_least_its_time),
        cmocka_unit_test(the_wall_clock_is_in_this_era),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
