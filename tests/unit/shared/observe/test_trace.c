#include "shared/observe/trace.h"

#include "tests/support/base/test.h"

static const char example[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void a_traceparent_is_read_and_written_alike(void **state) {
    (void)state;
    struct trace trace;
    char text[TRACEPARENT_SIZE];

    assert_true(trace_parse(slice_of(example), &trace));
    trace_format(&trace, text);

    assert_string_equal(text, example);
    assert_int_equal(trace.flags, 1);
}

static void the_trace_id_alone_is_for_logs(void **state) {
    (void)state;
    struct trace trace;
    char text[33];
    assert_true(trace_parse(slice_of(example), &trace));

    trace_format_id(&trace, text);

    assert_string_equal(text, "4bf92f3577b34da6a3ce929d0e0e4736");
}

static void a_new_trace_is_sampled_and_unlike_any_other(void **state) {
    (void)state;

    struct trace a = trace_start(), b = trace_start();

    assert_int_equal(a.flags, 1);
    assert_memory_not_equal(a.trace_id, b.trace_id, sizeof(a.trace_id));
    assert_memory_not_equal(a.span_id, b.span_id, sizeof(a.span_id));
}

static void a_child_keeps_the_trace_and_has_its_own_span(void **state) {
    (void)state;
    struct trace parent = trace_start();
    parent.flags = 0;

    struct trace child = trace_child(&parent);

    assert_memory_equal(child.trace_id, parent.trace_id, sizeof(child.trace_id));
    assert_memory_not_equal(child.span_id, parent.span_id, sizeof(child.span_id));
    assert_int_equal(child.flags, 0);
}

static void a_later_version_may_say_more(void **state) {
    (void)state;
    struct trace trace;

    assert_true(
        trace_parse(slice_of("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &trace));
    assert_true(trace_parse(
        slice_of("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"), &trace));
}

static void malformed_traceparents_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
    };
    struct trace trace;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(trace_parse(slice_of(texts[i]), &trace));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_traceparent_is_read_and_written_alike),
        cmocka_unit_test(the_trace_id_alone_is_for_logs),
        cmocka_unit_test(a_new_trace_is_sampled_and_unlike_any_other),
        cmocka_unit_test(a_child_keeps_the_trace_and_has_its_own_span),
        cmocka_unit_test(a_later_version_may_say_more),
        cmocka_unit_test(malformed_traceparents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
