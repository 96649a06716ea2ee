#include "services/payment/simulator/form.h"

#include "tests/support/base/test.h"

static struct arena *arena;
static struct form form;

static int setup(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static bool parse(const char *text) {
    return form_parse(slice_of(text), arena, &form);
}

static void names_and_values_are_decoded(void **state) {
    (void)state;
    assert_true(parse("metadata%5Border_id%5D=o+1%2B2&empty=&bare&&amount=500"));
    assert_slice_equal(form_get(&form, "metadata[order_id]"), "o 1+2");
    assert_slice_equal(form_get(&form, "empty"), "");
    assert_int_equal(form_get(&form, "absent").len, 0);
    assert_int_equal(form.count, 4);
}

static void the_first_field_of_a_name_counts(void **state) {
    (void)state;
    assert_true(parse("a=1&a=2"));
    assert_slice_equal(form_get(&form, "a"), "1");
}

static void numbers_are_digits_only(void **state) {
    (void)state;
    int64_t value = -1;
    assert_true(parse("a=500&b=-1&c=1x&d=&e=999999999999999&f=1000000000000000"));
    assert_true(form_get_int(&form, "a", &value));
    assert_int_equal(value, 500);
    assert_true(form_get_int(&form, "e", &value));
    assert_int_equal(value, INT64_C(999999999999999));
    assert_false(form_get_int(&form, "b", &value));
    assert_false(form_get_int(&form, "c", &value));
    assert_false(form_get_int(&form, "d", &value));
    assert_false(form_get_int(&form, "f", &value));
    assert_false(form_get_int(&form, "absent", &value));
}

static void a_malformed_form_and_one_of_too_many_fields_are_refused(void **state) {
    (void)state;
    struct buf fields = {0};
    assert_false(parse("a=%4"));
    assert_false(parse("%zz=1"));
    for (int i = 0; i < FORM_FIELDS_MOST; i++)
        buf_printf(&fields, "f%d=1&", i);
    assert_true(parse(fields.ptr));
    buf_append_text(&fields, "more=1");
    assert_false(parse(fields.ptr));
    buf_fini(&fields);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_are_decoded),
        cmocka_unit_test(the_first_field_of_a_name_counts),
        cmocka_unit_test(numbers_are_digits_only),
        cmocka_unit_test(a_malformed_form_and_one_of_too_many_fields_are_refused),
    };
    return cmocka_run_group_tests_name("form", tests, setup, teardown);
}
