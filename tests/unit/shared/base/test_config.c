#include "shared/base/config.h"
#include "shared/base/memory.h"

#include "tests/support/base/test.h"

#include <stdbool.h>

struct sample {
    const char *name;
    const char *secret;
    int64_t count;
    bool is_on;
};

static const struct config_row rows[] = {
    {"OM_TEST_NAME", CONFIG_TEXT, offsetof(struct sample, name), NULL, 0, 0, "a name"},
    {"OM_TEST_SECRET", CONFIG_SECRET, offsetof(struct sample, secret), "hunter2", 0, 0, "a secret"},
    {"OM_TEST_COUNT", CONFIG_INT, offsetof(struct sample, count), "5", -10, 10, "a count"},
    {"OM_TEST_ON", CONFIG_BOOL, offsetof(struct sample, is_on), "false", 0, 0, "a switch"},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static int begin(void **state) {
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++)
        unsetenv(rows[i].name);
    setenv("OM_TEST_NAME", "given", 1);
    return 0;
}

/* Runs config_load() with these rows; its words on stderr stay out of the test's output. */
static enum status load(struct sample *sample, struct buf *words) {
    struct error error;
    struct stderr_capture capture = stderr_take();
    enum status status = config_load(rows, ROW_COUNT, sample, &error);
    *words = stderr_give_back(&capture);
    return status;
}

static void fallbacks_fill_what_is_not_set(void **state) {
    (void)state;
    struct sample sample;
    struct buf words;
    setenv("OM_TEST_COUNT", "", 1);

    assert_int_equal(load(&sample, &words), STATUS_OK);

    assert_string_equal(sample.name, "given");
    assert_string_equal(sample.secret, "hunter2");
    assert_int_equal(sample.count, 5);
    assert_false(sample.is_on);
    assert_string_equal(words.ptr, "");
    buf_fini(&words);
}

static void an_address_loses_its_brackets(void **state) {
    (void)state;
    static const struct config_row row = {"OM_TEST_ADDRESS", CONFIG_ADDRESS, 0, "[::1]", 0, 0,
                                          "an address"};
    static const struct {
        const char *text, *address;
    } cases[] = {{"", "::1"}, {"[::]", "::"}, {"::1", "::1"}, {"0.0.0.0", "0.0.0.0"}, {"[", "["}};
    static const char *loaded[sizeof(cases) / sizeof(cases[0])]; /* as long as the process */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("OM_TEST_ADDRESS", cases[i].text, 1);
        assert_int_equal(config_load(&row, 1, &loaded[i], NULL), STATUS_OK);
        assert_string_equal(loaded[i], cases[i].address);
    }
}

static void the_environment_wins_over_fallbacks(void **state) {
    (void)state;
    struct sample sample;
    struct buf words;
    setenv("OM_TEST_SECRET", "other", 1);
    setenv("OM_TEST_COUNT", "-10", 1);
    setenv("OM_TEST_ON", "1", 1);

    assert_int_equal(load(&sample, &words), STATUS_OK);

    assert_string_equal(sample.secret, "other");
    assert_int_equal(sample.count, -10);
    assert_true(sample.is_on);
    buf_fini(&words);
}

static void every_wrong_row_is_named(void **state) {
    (void)state;
    struct sample sample;
    struct error error;
    unsetenv("OM_TEST_NAME");
    setenv("OM_TEST_COUNT", "11", 1);
    setenv("OM_TEST_ON", "yes", 1);
    struct stderr_capture capture = stderr_take();

    enum status status = config_load(rows, ROW_COUNT, &sample, &error);

    struct buf words = stderr_give_back(&capture);
    assert_int_equal(status, STATUS_INVALID);
    assert_string_equal(error.text, "configuration: 3 wrong, first OM_TEST_NAME");
    assert_contains(words.ptr, "OM_TEST_NAME: required: a name\n");
    assert_contains(words.ptr, "OM_TEST_COUNT: must be an integer from -10 to 10, is \"11\"\n");
    assert_contains(words.ptr, "OM_TEST_ON: must be true or false, is \"yes\"\n");
    buf_fini(&words);
}

static bool is_int_accepted(const char *text) {
    struct sample sample;
    struct buf words;
    setenv("OM_TEST_COUNT", text, 1);
    enum status status = load(&sample, &words);
    buf_fini(&words);
    return status == STATUS_OK;
}

static void integers_are_read_strictly(void **state) {
    (void)state;

    assert_true(is_int_accepted("0"));
    assert_true(is_int_accepted("-5"));
    assert_true(is_int_accepted("10"));
    assert_false(is_int_accepted("10 "));
    assert_false(is_int_accepted(" 10"));
    assert_false(is_int_accepted("+1"));
    assert_false(is_int_accepted("1s"));
    assert_false(is_int_accepted("0x1"));
    assert_false(is_int_accepted("-"));
    assert_false(is_int_accepted("-11"));
    assert_false(is_int_accepted("99999999999999999999"));
}

static bool is_bool_accepted(const char *text, bool wanted) {
    struct sample sample;
    struct buf words;
    setenv("OM_TEST_ON", text, 1);
    enum status status = load(&sample, &words);
    buf_fini(&words);
    return status == STATUS_OK && sample.is_on == wanted;
}

static void booleans_are_true_false_1_or_0(void **state) {
    (void)state;

    assert_true(is_bool_accepted("true", true));
    assert_true(is_bool_accepted("1", true));
    assert_true(is_bool_accepted("false", false));
    assert_true(is_bool_accepted("0", false));
    assert_false(is_bool_accepted("TRUE", true));
    assert_false(is_bool_accepted("on", true));
}

static void help_shows_each_row_but_no_secret(void **state) {
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    config_print_help(rows, ROW_COUNT, out);

    fclose(out);
    assert_contains(text, "OM_TEST_NAME");
    assert_contains(text, "required");
    assert_contains(text, "a count");
    assert_null(strstr(text, "hunter2"));
    free(text);
}

static void the_common_rows_need_only_nats(void **state) {
    (void)state;
    struct config config = {0};
    setenv("OM_NATS_URL", "nats://127.0.0.1:4222", 1);

    assert_int_equal(config_load(config_common_rows, config_common_count, &config, NULL),
                     STATUS_OK);

    assert_string_equal(config.nats_url, "nats://127.0.0.1:4222");
    assert_string_equal(config.database_url, "");
    assert_string_equal(config.log_level, "info");
    assert_string_equal(config.admin_address, "127.0.0.1");
    assert_int_equal(config.admin_port, 0);
    assert_int_equal(config.batch_max, 256);
    assert_int_equal(config.relay_batch_max, 512);
    assert_int_equal(config.relay_poll_ms, 100);
    assert_int_equal(config.drain_ms, 10000);
    unsetenv("OM_NATS_URL");
}

static void every_common_row_says_what_it_is(void **state) {
    (void)state;

    for (size_t i = 0; i < config_common_count; i++) {
        assert_memory_equal(config_common_rows[i].name, "OM_", 3);
        assert_true(strlen(config_common_rows[i].help) > 8);
    }
}

/* A file of the test's own with this content; unlink and free the path. */
static char *write_temporary(const char *content, size_t len) {
    char *path = mem_copy(SLICE_LITERAL("/tmp/om-unit-XXXXXX"));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), len);
    close(fd);
    return path;
}

static void a_files_last_newline_is_not_part_of_its_content(void **state) {
    (void)state;
    static const char *const contents[] = {"secret", "secret\n", "secret\r\n"};

    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        char *path = write_temporary(contents[i], strlen(contents[i])), *content = NULL;
        size_t len = 0;
        assert_int_equal(config_read_file(path, &content, &len, NULL), STATUS_OK);
        assert_int_equal(len, 6);
        assert_string_equal(content, "secret");
        unlink(path);
        free(content);
        free(path);
    }
}

static void a_file_that_cannot_be_read_says_why(void **state) {
    (void)state;
    char *content = NULL, *large = mem_alloc(100000);
    size_t len = 0;
    struct error error;
    char *path = write_temporary(large, 100000);

    assert_int_equal(config_read_file("/nonexistent/key", &content, &len, &error),
                     STATUS_NOT_FOUND);
    assert_string_equal(error.text, "/nonexistent/key: No such file or directory");
    assert_int_equal(config_read_file("/", &content, &len, &error), STATUS_INVALID);
    assert_int_equal(config_read_file(path, &content, &len, &error), STATUS_INVALID);

    assert_null(content);
    unlink(path);
    free(path);
    free(large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fallbacks_fill_what_is_not_set, begin),
        cmocka_unit_test_setup(an_address_loses_its_brackets, begin),
        cmocka_unit_test_setup(the_environment_wins_over_fallbacks, begin),
        cmocka_unit_test_setup(every_wrong_row_is_named, begin),
        cmocka_unit_test_setup(integers_are_read_strictly, begin),
        cmocka_unit_test_setup(booleans_are_true_false_1_or_0, begin),
        cmocka_unit_test_setup(help_shows_each_row_but_no_secret, begin),
        cmocka_unit_test_setup(the_common_rows_need_only_nats, begin),
        cmocka_unit_test(every_common_row_says_what_it_is),
        cmocka_unit_test(a_files_last_newline_is_not_part_of_its_content),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
