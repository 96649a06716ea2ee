/* Which origins are welcome. */
#include "gateway/admit/cors.h"
#include "tests/support/base/test.h"

static struct cors parse(const char *text) {
    struct cors cors;
    struct error error;
    if (cors_parse(text, &cors, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return cors;
}

static bool welcomes(const char *setting, const char *origin) {
    struct cors cors = parse(setting);
    return cors_welcomes(&cors, slice_of(origin));
}

static void by_default_nobody_is_welcome(void **state) {
    (void)state;
    assert_false(welcomes("", "https://shop.example"));
    assert_false(welcomes("", ""));
    assert_false(welcomes("", "null"));
}

static void an_origin_is_welcome_exactly_as_it_is_named(void **state) {
    (void)state;
    static const char setting[] = "https://shop.example , http://localhost:5173,http://[::1]:80801";
    assert_true(welcomes(setting, "https://shop.example"));
    assert_true(welcomes(setting, "http://localhost:5173"));
    assert_true(welcomes(setting, "http://[::1]:80801"));
    static const char *const others[] = {"http://shop.example",
                                         "https://shop.example:8443",
                                         "https://shop.example.evil",
                                         "https://evil.shop.example",
                                         "https://shop.exampl",
                                         "http://localhost",
                                         "https://shop.example, other",
                                         "null",
                                         ""};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (welcomes(setting, others[i]))
            fail_msg("%s is welcome", others[i]);
}

static void with_a_star_any_origin_is_welcome(void **state) {
    (void)state;
    assert_true(welcomes("*", "https://anywhere.example"));
    assert_true(welcomes(" * ", "null"));
    assert_false(welcomes("*", ""));
}

/* It would never equal what a browser sends. */
static void what_no_browser_writes_is_refused(void **state) {
    (void)state;
    static const char *const settings[] = {"shop.example",
                                           "https://",
                                           "https://shop.example/",
                                           "https://Shop.example",
                                           "ftp://shop.example",
                                           "https://shop.example:443",
                                           "http://shop.example:80",
                                           "https://shop.example,,http://a",
                                           "https://a,*",
                                           "https://*.shop.example",
                                           "null",
                                           "https://a b"};
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct cors cors;
        struct error error;
        if (cors_parse(settings[i], &cors, &error) != STATUS_INVALID)
            fail_msg("taken: %s", settings[i]);
    }
}

static void there_is_room_for_thirty_two(void **state) {
    (void)state;
    struct buf text = {0};
    struct cors cors;
    struct error error;
    for (int i = 0; i < CORS_ORIGINS_MOST; i++)
        buf_printf(&text, "%shttps://s%d.example", i > 0 ? "," : "", i);
    assert_int_equal(cors_parse(text.ptr, &cors, &error), STATUS_OK);
    assert_true(cors_welcomes(&cors, SLICE_LITERAL("https://s31.example")));
    buf_append_text(&text, ",https://one.more");
    assert_int_equal(cors_parse(text.ptr, &cors, &error), STATUS_INVALID);
    buf_fini(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_nobody_is_welcome),
        cmocka_unit_test(an_origin_is_welcome_exactly_as_it_is_named),
        cmocka_unit_test(with_a_star_any_origin_is_welcome),
        cmocka_unit_test(what_no_browser_writes_is_refused),
        cmocka_unit_test(there_is_room_for_thirty_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
