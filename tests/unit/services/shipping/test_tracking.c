#include "services/shipping/tracking.h"
#include "tests/support/base/test.h"

static void an_order_always_has_the_same_number(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    char first[TRACKING_SIZE], again[TRACKING_SIZE];
    tracking_format(&id, first);
    tracking_format(&id, again);
    assert_string_equal(first, again);
    assert_int_equal(strlen(first), TRACKING_LEN);
    assert_memory_equal(first, "OM", 2);
}

static void orders_have_different_numbers_that_check(void **state) {
    (void)state;
    char last[TRACKING_SIZE] = "";
    for (int i = 0; i < 1000; i++) {
        struct uuid id = uuid_v7();
        char text[TRACKING_SIZE];
        tracking_format(&id, text);
        assert_true(tracking_check(slice_of(text)));
        assert_string_not_equal(text, last);
        memcpy(last, text, sizeof(last));
    }
}

static void any_one_wrong_character_is_seen(void **state) {
    (void)state;
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    struct uuid id = uuid_v7();
    char text[TRACKING_SIZE];
    tracking_format(&id, text);
    for (int i = 2; i < TRACKING_LEN; i++) {
        char right = text[i];
        for (const char *c = alphabet; *c; c++) {
            text[i] = *c;
            assert_int_equal(tracking_check(slice_of(text)), *c == right);
        }
        text[i] = right;
    }
}

static void what_is_no_number_does_not_check(void **state) {
    (void)state;
    assert_false(tracking_check(SLICE_LITERAL("")));
    assert_false(tracking_check(SLICE_LITERAL("XX0000000000000")));
    assert_false(tracking_check(SLICE_LITERAL("OMU000000000000")));
    assert_true(tracking_check(SLICE_LITERAL("OM0000000000000")));
    assert_false(tracking_check(SLICE_LITERAL("OM00000000000000")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_always_has_the_same_number),
        cmocka_unit_test(orders_have_different_numbers_that_check),
        cmocka_unit_test(any_one_wrong_character_is_seen),
        cmocka_unit_test(what_is_no_number_does_not_check),
    };
    return cmocka_run_group_tests_name("tracking", tests, NULL, NULL);
}
