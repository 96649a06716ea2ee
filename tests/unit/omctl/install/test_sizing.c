#include "omctl/install/sizing.h"

#include "tests/support/base/test.h"

#include <json-c/json_tokener.h>

static void a_size_is_what_nats_server_takes_it_for(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {
        {"1073741824", INT64_C(1073741824)}, {"512MB", INT64_C(536870912)},
        {"9GB", INT64_C(9663676416)},        {"9GiB", INT64_C(9663676416)},
        {"9G", INT64_C(9000000000)},         {"2TB", INT64_C(2199023255552)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t bytes = 0;
        assert_int_equal(sizing_parse(rows[i].text, &bytes, NULL), STATUS_OK);
        assert_int_equal(bytes, rows[i].bytes);
    }
}

static void anything_else_is_no_size(void **state) {
    (void)state;
    static const char *const texts[] = {"", "GB", "-9GB", "9 GB", "0", "9XB", "99999999999TB"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t bytes = 42;
        assert_int_equal(sizing_parse(texts[i], &bytes, NULL), STATUS_INVALID);
        assert_int_equal(bytes, 42);
    }
}

static int64_t shared(const struct resource *resource) {
    return json_object_get_int64(json_object_object_get(resource->declared, "max_bytes"));
}

static void limits_are_four_fifths_of_the_store_in_the_files_proportion(void **state) {
    (void)state;
    struct resource items[] = {
        {.declared = json_tokener_parse("{\"max_bytes\":3000000}")},
        {.declared = json_tokener_parse("{\"max_bytes\":1000000}")},
        {.declared = json_tokener_parse("{\"max_bytes\":-1}")},
        {.declared = json_tokener_parse("{\"durable_name\":\"d\"}")},
    };
    struct resources resources = {.items = items, .count = 4};
    sizing_share(&resources, INT64_C(100) * 1024 * 1024);
    assert_int_equal(shared(&items[0]), 60 * 1024 * 1024);
    assert_int_equal(shared(&items[1]), 20 * 1024 * 1024);
    assert_int_equal(shared(&items[2]), -1);
    assert_false(json_object_object_get_ex(items[3].declared, "max_bytes", NULL));
    for (size_t i = 0; i < 4; i++)
        json_object_put(items[i].declared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_is_what_nats_server_takes_it_for),
        cmocka_unit_test(anything_else_is_no_size),
        cmocka_unit_test(limits_are_four_fifths_of_the_store_in_the_files_proportion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
