#include "omctl/command/suggest.h"
#include "tests/support/base/test.h"

static void a_distance_counts_letters_put_in_left_out_and_replaced(void **state) {
    (void)state;
    assert_int_equal(suggest_distance("list", "list"), 0);
    assert_int_equal(suggest_distance("list", "lst"), 1);
    assert_int_equal(suggest_distance("list", "lisst"), 1);
    assert_int_equal(suggest_distance("list", "lost"), 1);
    assert_int_equal(suggest_distance("dlq", "dql"), 2);
    assert_int_equal(suggest_distance("", "abc"), 3);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
}

static void long_words_are_near_to_nothing(void **state) {
    (void)state;
    char word[100];
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_false(suggest_is_near("list", suggest_distance("list", word)));
    assert_false(suggest_is_near(word, suggest_distance(word, word)));
}

static void only_slips_are_near(void **state) {
    (void)state;
    assert_true(suggest_is_near("provision", 2));
    assert_false(suggest_is_near("provision", 3));
    assert_false(suggest_is_near("why", 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distance_counts_letters_put_in_left_out_and_replaced),
        cmocka_unit_test(long_words_are_near_to_nothing),
        cmocka_unit_test(only_slips_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
