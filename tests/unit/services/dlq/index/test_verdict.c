#include "services/dlq/index/verdict.h"
#include "tests/support/base/test.h"

static void verdict_follows_what_is_there(void **state) {
    (void)state;
    static const struct {
        enum entry_status status;
        uint64_t sequence;
        int replay_of;
        bool is_comparable, is_another, is_new;
    } cases[] = {
        {ENTRY_DEAD, 20, 0, true, false, false},     /* a second copy */
        {ENTRY_DEAD, 20, 2, true, false, true},      /* its replay; the index is behind */
        {ENTRY_DEAD, 20, 1, true, false, false},     /* the late copy of an earlier replay */
        {ENTRY_REPLAYED, 20, 2, true, false, true},  /* fails again */
        {ENTRY_REPLAYING, 20, 2, true, false, true}, /* fails before it is noted as published */
        {ENTRY_REPLAYED, 20, 1, true, false, false}, /* the late copy of an earlier replay */
        {ENTRY_REPLAYED, 10, 0, true, false, false}, /* the same message, said again */
        {ENTRY_RESOLVED, 9, 0, true, false, false},  /* an older one, said late */
        {ENTRY_RESOLVED, 20, 0, true, false, true},  /* a new copy */
        {ENTRY_DISCARDED, 20, 0, true, false, true},
        {ENTRY_RESOLVED, 3, 0, false, false, true}, /* of a stream made anew */
        {ENTRY_DEAD, 3, 0, false, false, false},
        {ENTRY_DEAD, 3, 0, false, true, true}, /* another message by the same name */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct entry_row row = {
            .status = cases[i].status, .sequence = 10, .dlq_sequence = 77, .generation = 2};
        const struct failed_message message = {cases[i].sequence, cases[i].replay_of,
                                               cases[i].is_comparable, cases[i].is_another};
        struct verdict verdict = verdict_of(&row, &message);
        if (verdict.is_new != cases[i].is_new)
            fail_msg("case %zu", i);
        assert_int_equal(verdict.generation, 3);
        assert_int_equal(verdict.expected_sequence, 77);
    }
}

static void first_failure_expects_nothing_there(void **state) {
    (void)state;
    struct verdict verdict = verdict_of(NULL, &(struct failed_message){.sequence = 1});
    assert_true(verdict.is_new);
    assert_int_equal(verdict.generation, 1);
    assert_int_equal(verdict.expected_sequence, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict_follows_what_is_there),
        cmocka_unit_test(first_failure_expects_nothing_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
