#include "omctl/command/command.h"
#include "tests/support/base/test.h"

static void a_duration_is_a_number_and_its_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"250ms", 250000},
        {"2s", 2000000},
        {"15m", 900000000},
        {"1h", INT64_C(3600000000)},
        {"7d", INT64_C(604800000000)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t us = 0;
        assert_int_equal(duration_parse(rows[i].text, &us, NULL), STATUS_OK);
        assert_int_equal(us, rows[i].us);
    }
}

static void anything_else_is_no_duration(void **state) {
    (void)state;
    static const char *const texts[] = {"",    "2",  "s",    "2x",           "-2s",
                                        "2 s", "0s", "2s2s", "99999999999s", "1.5h"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t us = 42;
        assert_int_equal(duration_parse(texts[i], &us, NULL), STATUS_INVALID);
        assert_int_equal(us, 42);
    }
}

struct parsed {
    const char *dir;
    bool check;
};

static enum status parse(struct parsed *parsed, int argc, char **argv, struct error *error) {
    const struct command_option options[] = {
        {.name = "--dir", .value = &parsed->dir},
        {.name = "--check", .flag = &parsed->check},
    };
    return command_parse(options, 2, argc, argv, error);
}

static void options_are_flags_or_take_a_value_in_two_ways(void **state) {
    (void)state;
    struct parsed parsed = {0};
    char *apart[] = {"--check", "--dir", "a"};
    assert_int_equal(parse(&parsed, 3, apart, NULL), STATUS_OK);
    assert_true(parsed.check);
    assert_string_equal(parsed.dir, "a");
    char *together[] = {"--dir=b=c"};
    assert_int_equal(parse(&parsed, 1, together, NULL), STATUS_OK);
    assert_string_equal(parsed.dir, "b=c");
}

static void one_word_may_stand_anywhere(void **state) {
    (void)state;
    const char *word = NULL, *dir = NULL;
    struct error error;
    const struct command_option options[] = {{.name = "--dir", .value = &dir}, {.value = &word}};
    char *behind[] = {"--dir", "a", "x"}, *before[] = {"x", "--dir=a"}, *two[] = {"x", "y"};
    assert_int_equal(command_parse(options, 2, 3, behind, NULL), STATUS_OK);
    assert_string_equal(word, "x");
    word = NULL;
    assert_int_equal(command_parse(options, 2, 2, before, NULL), STATUS_OK);
    assert_string_equal(word, "x");
    word = NULL;
    assert_int_equal(command_parse(options, 2, 2, two, &error), STATUS_INVALID);
    assert_contains(error.text, "unknown argument y");
}

static void wrong_arguments_are_named(void **state) {
    (void)state;
    struct parsed parsed = {0};
    struct error error;
    char *unknown[] = {"--chec"}, *bare[] = {"x"}, *no_value[] = {"--dir"},
         *value[] = {"--check=1"};
    assert_int_equal(parse(&parsed, 1, unknown, &error), STATUS_INVALID);
    assert_contains(error.text, "--chec");
    assert_int_equal(parse(&parsed, 1, bare, &error), STATUS_INVALID);
    assert_int_equal(parse(&parsed, 1, no_value, &error), STATUS_INVALID);
    assert_contains(error.text, "--dir needs a value");
    assert_int_equal(parse(&parsed, 1, value, &error), STATUS_INVALID);
}

static void a_file_that_is_not_there_is_named(void **state) {
    (void)state;
    struct error error;
    struct buf content = {0};
    assert_int_equal(command_read_file("/nowhere/x", &content, &error), STATUS_NOT_FOUND);
    assert_contains(error.text, "/nowhere/x");
    assert_int_equal(content.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_a_number_and_its_unit),
        cmocka_unit_test(anything_else_is_no_duration),
        cmocka_unit_test(options_are_flags_or_take_a_value_in_two_ways),
        cmocka_unit_test(one_word_may_stand_anywhere),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
