#include "omctl/install/resource_text.h"
#include "tests/support/base/test.h"

#include <json-c/json_tokener.h>

static void assert_written(const char *field, const char *value, const char *expected) {
    struct json_object *parsed = value == NULL ? NULL : json_tokener_parse(value);
    struct buf text = {0};
    resource_write_value(field, parsed, &text);
    assert_string_equal(text.ptr, expected);
    buf_fini(&text);
    json_object_put(parsed);
}

static void durations_are_written_with_their_units_and_all_else_as_it_is(void **state) {
    (void)state;
    assert_written("max_age", "604800000000000", "7d");
    assert_written("ack_wait", "45000000000", "45s");
    assert_written("backoff", "[1000000000,250000000]", "1s, 250ms");
    assert_written("max_msgs", "604800000000000", "604800000000000");
    assert_written("no_ack", "true", "true");
    assert_written("max_age", NULL, "absent");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_written_with_their_units_and_all_else_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
