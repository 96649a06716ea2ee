#include "shared/observe/log.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/json/json_check.h"
#include "shared/observe/trace.h"
#include "tests/support/base/test.h"

#include <pthread.h>

static int begin(void **state) {
    (void)state;
    log_init("order", "order-1", LOG_LEVEL_DEBUG);
    return 0;
}

/* The one line that was logged, parsed. */
static struct json_object *parse_line(const struct buf *written) {
    struct json_object *line = NULL;
    assert_true(written->len > 0);
    assert_ptr_equal(strchr(written->ptr, '\n'), written->ptr + written->len - 1);
    struct slice text = {written->ptr, written->len - 1};
    assert_int_equal(json_parse(text, &line, NULL), STATUS_OK);
    return line;
}

static void assert_member(struct json_object *line, const char *key, const char *expected) {
    struct slice value;
    assert_int_equal(json_get_string(line, key, &value, NULL), STATUS_OK);
    assert_slice_equal(value, expected);
}

static void a_line_is_one_json_object_with_its_fields(void **state) {
    (void)state;
    struct stderr_capture capture = stderr_take();

    log_info("order accepted", LOG_TEXT("orderId", "o-1"), LOG_INT("items", -3),
             LOG_SLICE("sku", ((struct slice){"SKU-123", 3})));

    struct buf written = stderr_give_back(&capture);
    struct json_object *line = parse_line(&written);
    int64_t items = 0;
    assert_member(line, "level", "info");
    assert_member(line, "service", "order");
    assert_member(line, "instance", "order-1");
    assert_member(line, "msg", "order accepted");
    assert_member(line, "orderId", "o-1");
    assert_member(line, "sku", "SKU");
    assert_int_equal(json_get_int64(line, "items", &items, NULL), STATUS_OK);
    assert_int_equal(items, -3);
    json_object_put(line);
    buf_fini(&written);
}

static void an_error_says_its_text_status_and_sqlstate(void **state) {
    (void)state;
    struct error error;
    error_set(&error, STATUS_DATA, "value \"too\" long");
    memcpy(error.sqlstate, "22001", sizeof(error.sqlstate));
    struct stderr_capture capture = stderr_take();

    log_error("store failed", LOG_ERROR(&error));

    struct buf written = stderr_give_back(&capture);
    struct json_object *line = parse_line(&written);
    assert_member(line, "level", "error");
    assert_member(line, "error", "value \"too\" long");
    assert_member(line, "errorStatus", "DATA");
    assert_member(line, "sqlstate", "22001");
    json_object_put(line);
    buf_fini(&written);
}

static void lines_carry_the_ids_of_the_trace_they_belong_to(void **state) {
    (void)state;
    struct trace trace;
    assert_true(
        trace_parse(slice_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &trace));
    struct stderr_capture capture = stderr_take();
    trace_set_current(&trace);
    log_info("within");
    struct buf written = stderr_give_back(&capture);
    struct json_object *line = parse_line(&written);
    assert_member(line, "traceId", "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_member(line, "spanId", "00f067aa0ba902b7");
    json_object_put(line);
    buf_fini(&written);

    capture = stderr_take();
    trace_set_current(NULL);
    log_info("outside");
    written = stderr_give_back(&capture);
    assert_null(strstr(written.ptr, "traceId"));
    buf_fini(&written);
}

static void hostile_text_cannot_forge_a_line(void **state) {
    (void)state;
    struct stderr_capture capture = stderr_take();

    log_warn("odd input", LOG_TEXT("text", "x\"}\n{\"level\":\"error\" \xff"));

    struct buf written = stderr_give_back(&capture);
    struct json_object *line = parse_line(&written);
    assert_member(line, "text", "x\"}\n{\"level\":\"error\" \xef\xbf\xbd");
    json_object_put(line);
    buf_fini(&written);
}

static void less_than_the_least_level_is_not_written(void **state) {
    (void)state;
    log_init("order", "order-1", LOG_LEVEL_WARN);
    struct stderr_capture capture = stderr_take();

    log_debug("not this");
    log_info("nor this");
    log_warn("but this");

    struct buf written = stderr_give_back(&capture);
    struct json_object *line = parse_line(&written);
    assert_member(line, "msg", "but this");
    json_object_put(line);
    buf_fini(&written);
}

static void *log_many(void *name) {
    for (int i = 0; i < 500; i++)
        log_debug("line", LOG_TEXT("thread", name), LOG_INT("i", i));
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state) {
    (void)state;
    struct stderr_capture capture = stderr_take();
    pthread_t threads[2];

    pthread_create(&threads[0], NULL, log_many, "first");
    pthread_create(&threads[1], NULL, log_many, "second");
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);

    struct buf written = stderr_give_back(&capture);
    int lines = 0;
    for (char *at = written.ptr, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++)
        assert_int_equal(json_check((struct slice){at, (size_t)(end - at)}, NULL), STATUS_OK);
    assert_int_equal(lines, 1000);
    buf_fini(&written);
}

/* --- repeated lines --------------------------------------------------------------------------- */

static int count_of(const struct buf *written, const char *part) {
    int count = 0;
    for (const char *at = written->ptr; at != NULL && (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static void refuse_order(const char *why) {
    struct error error;
    error_set(&error, STATUS_UNAVAILABLE, "%s", why);
    log_warn("an order is refused", LOG_ERROR(&error));
}

/* An outage wrote a line for each refused order: 16 MiB in four minutes. */
static void a_line_that_repeats_is_held_back_and_counted(void **state) {
    (void)state;
    struct stderr_capture capture = stderr_take();

    for (int i = 0; i < 1000; i++)
        refuse_order("no PubAck");
    log_tell_held(clock_monotonic_us());
    log_warn("another place in the source");
    struct buf before = stderr_give_back(&capture);
    capture = stderr_take();
    log_tell_held(clock_monotonic_us() + LOG_INTERVAL_US);
    log_tell_held(clock_monotonic_us() + LOG_INTERVAL_US);
    struct buf after = stderr_give_back(&capture);
    capture = stderr_take();
    refuse_order("no PubAck");
    struct buf next = stderr_give_back(&capture);

    assert_int_equal(count_of(&before, "an order is refused"), LOG_BURST);
    assert_int_equal(count_of(&before, "another place"), 1);
    assert_int_equal(count_of(&before, "heldBack"), 0);
    struct json_object *line = parse_line(&after);
    int64_t held = 0;
    assert_member(line, "msg", "an order is refused");
    assert_member(line, "level", "warn");
    assert_int_equal(json_get_int64(line, "heldBack", &held, NULL), STATUS_OK);
    assert_int_equal(held, 1000 - LOG_BURST);
    assert_int_equal(count_of(&next, "an order is refused"), 1);
    json_object_put(line);
    buf_fini(&before);
    buf_fini(&after);
    buf_fini(&next);
}

static void the_first_line_with_another_error_is_written_at_once(void **state) {
    (void)state;
    struct stderr_capture capture = stderr_take();

    for (int i = 0; i < 200; i++) {
        struct error error;
        error_set(&error, STATUS_UNAVAILABLE, i < 100 ? "the stream is full" : "it is sealed");
        log_warn("an order is refused", LOG_ERROR(&error));
    }

    struct buf written = stderr_give_back(&capture);
    assert_int_equal(count_of(&written, "the stream is full"), LOG_BURST);
    assert_int_equal(count_of(&written, "it is sealed"), 1);
    buf_fini(&written);
    log_tell_held(INT64_MAX);
}

static void levels_are_parsed_by_name(void **state) {
    (void)state;
    enum log_level level = LOG_LEVEL_INFO;

    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_false(log_level_parse("ERROR", &level));
    assert_false(log_level_parse("", &level));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_is_one_json_object_with_its_fields, begin),
        cmocka_unit_test_setup(an_error_says_its_text_status_and_sqlstate, begin),
        cmocka_unit_test_setup(lines_carry_the_ids_of_the_trace_they_belong_to, begin),
        cmocka_unit_test_setup(hostile_text_cannot_forge_a_line, begin),
        cmocka_unit_test_setup(less_than_the_least_level_is_not_written, begin),
        cmocka_unit_test_setup(lines_of_threads_do_not_mix, begin),
        cmocka_unit_test_setup(a_line_that_repeats_is_held_back_and_counted, begin),
        cmocka_unit_test_setup(the_first_line_with_another_error_is_written_at_once, begin),
        cmocka_unit_test_setup(levels_are_parsed_by_name, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
