/* A broker that is full, sealed or without a leader is no event's fault.

   Covers: shared/nats/jetstream_code.c */
#include "shared/nats/jetstream_code.h"
#include "tests/support/base/test.h"

static const struct row {
    int code;
    enum blame blame;
    const char *meaning;
} rows[] = {
#define ROW(code, name, blame, meaning) {code, BLAME_##blame, meaning},
    JETSTREAM_CODE_TABLE(ROW)
#undef ROW
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_one_of(int code, const int *codes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

static void only_size_and_absence_are_the_event_s_and_only_order_is_the_moment_s(void **state) {
    (void)state;
    static const int event[] = {10037, 10043, 10054, 10097};
    static const int moment[] = {10063, 10070, 10071, 10158, 10163,
                                 10164, 10167, 10176, 10201, 10210};
    for (size_t i = 0; i < ROWS; i++) {
        enum blame wanted = BLAME_DEPENDENCY;
        if (is_one_of(rows[i].code, event, sizeof(event) / sizeof(event[0])))
            wanted = BLAME_EVENT;
        if (is_one_of(rows[i].code, moment, sizeof(moment) / sizeof(moment[0])))
            wanted = BLAME_MOMENT;
        if (jetstream_blame(rows[i].code) != wanted || rows[i].blame != wanted)
            fail_msg("%d, %s", rows[i].code, rows[i].meaning);
    }
}

static void codes_ascend(void **state) {
    (void)state;
    for (size_t i = 1; i < ROWS; i++)
        assert_true(rows[i - 1].code < rows[i].code);
}

static void a_code_of_no_row_is_the_dependency_s(void **state) {
    (void)state;
    static const int unknown[] = {0, -1, 1, 10001, 10999};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(jetstream_blame(unknown[i]), BLAME_DEPENDENCY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_size_and_absence_are_the_event_s_and_only_order_is_the_moment_s),
        cmocka_unit_test(codes_ascend),
        cmocka_unit_test(a_code_of_no_row_is_the_dependency_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
