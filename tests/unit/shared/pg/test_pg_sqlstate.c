/* Trouble is the dependency's until it is shown to be the event's. A read-only server, a missing
   right and a lock once used up an order's deliveries.

   Covers: shared/pg/pg_sqlstate.c */
#include "shared/pg/pg_sqlstate.h"
#include "tests/support/base/test.h"

#include <string.h>

static const struct row {
    const char *code;
    enum blame blame;
    bool leaves_session;
} rows[] = {
#define ROW(code, blame, leaves_session, meaning) {code, BLAME_##blame, leaves_session},
    PG_SQLSTATE_TABLE(ROW)
#undef ROW
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_one_of(const char *code, const char *const *codes) {
    while (*codes != NULL && strcmp(*codes, code) != 0)
        codes++;
    return *codes != NULL;
}

static void each_row_is_what_its_code_is_judged_by(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        char sqlstate[6] = "00ZZZ"; /* some code of the class */
        memcpy(sqlstate, rows[i].code, strlen(rows[i].code));
        struct pg_verdict verdict = pg_sqlstate_verdict(sqlstate);
        if (verdict.blame != rows[i].blame || verdict.leaves_session != rows[i].leaves_session)
            fail_msg("%s is %s", sqlstate, status_name(verdict.status));
    }
}

static void only_data_is_the_event_s_and_only_two_codes_the_moment_s(void **state) {
    (void)state;
    static const enum status statuses[] = {[BLAME_EVENT] = STATUS_DATA,
                                           [BLAME_MOMENT] = STATUS_SERIALIZATION,
                                           [BLAME_DEPENDENCY] = STATUS_UNAVAILABLE};
    for (size_t i = 0; i < ROWS; i++) {
        const char *code = rows[i].code;
        enum blame wanted = BLAME_DEPENDENCY;
        if (is_one_of(code, (const char *const[]){"21", "22", "23", "44", "54", "P0", NULL}))
            wanted = BLAME_EVENT;
        if (is_one_of(code, (const char *const[]){"40001", "40P01", NULL}))
            wanted = BLAME_MOMENT;
        if (rows[i].blame != wanted || pg_sqlstate_verdict(code).status != statuses[wanted])
            fail_msg("%s is %s", code, status_name(pg_sqlstate_verdict(code).status));
    }
}

static void every_dependency_s_error_but_a_lock_leaves_the_session(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        bool leaves = rows[i].blame == BLAME_DEPENDENCY && strcmp(rows[i].code, "55P03") != 0;
        if (rows[i].leaves_session != leaves)
            fail_msg("%s", rows[i].code);
    }
}

static void no_code_is_there_twice(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(strlen(rows[i].code) == 2 || strlen(rows[i].code) == 5);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].code, rows[k].code);
    }
}

static void a_code_of_no_known_class_is_the_dependency_s(void **state) {
    (void)state;
    static const char *const unknown[] = {"ZZ000", "01000", "2", ""};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(pg_sqlstate_verdict(unknown[i]).status, STATUS_UNAVAILABLE);
        assert_true(pg_sqlstate_verdict(unknown[i]).leaves_session);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_what_its_code_is_judged_by),
        cmocka_unit_test(only_data_is_the_event_s_and_only_two_codes_the_moment_s),
        cmocka_unit_test(every_dependency_s_error_but_a_lock_leaves_the_session),
        cmocka_unit_test(no_code_is_there_twice),
        cmocka_unit_test(a_code_of_no_known_class_is_the_dependency_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
