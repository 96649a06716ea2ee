#include "services/dlq/watch/backlog.h"

#include "tests/support/base/test.h"

static struct arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

#define CONSUMER(config, rest)                                                                     \
    "{\"stream_name\":\"ORDERS\",\"name\":\"order\",\"created\":\"2026-01-02T03:04:05Z\","         \
    "\"config\":{" config "},\"delivered\":{\"consumer_seq\":9,\"stream_seq\":9},"                 \
    "\"ack_floor\":{\"consumer_seq\":3,\"stream_seq\":7}," rest "}"
#define OURS "\"durable_name\":\"order\",\"ack_policy\":\"explicit\""
#define LIST(name, items) SLICE_LITERAL("{\"total\":1,\"" name "\":[" items "]}")

static struct backlog_list *consumers(struct slice reply) {
    struct backlog_list *list = arena_alloc(arena, sizeof(*list));
    struct error error = {0};
    require_ok(backlog_parse_consumers(reply, arena, list, &error), &error);
    return list;
}

static void a_stream_has_its_size_and_its_limit(void **state) {
    (void)state;
    struct stream_list *streams = arena_alloc(arena, sizeof(*streams));
    struct error error = {0};
    require_ok(
        backlog_parse_streams(LIST("streams", "{\"config\":{\"name\":\"ORDERS\",\"max_bytes\":100},"
                                              "\"state\":{\"bytes\":70}},"
                                              "{\"config\":{\"name\":\"OPEN\",\"max_bytes\":-1},"
                                              "\"state\":{\"bytes\":5}}"),
                              arena, streams, &error),
        &error);
    assert_int_equal(streams->count, 2);
    assert_string_equal(streams->items[0].name, "ORDERS");
    assert_int_equal(streams->items[0].bytes, 70);
    assert_int_equal(streams->items[0].limit, 100);
    assert_int_equal(streams->items[1].limit, 0);
}

static void a_consumer_is_behind_with_what_waits_and_with_what_is_in_hand(void **state) {
    (void)state;
    struct backlog_list *list = consumers(LIST(
        "consumers",
        CONSUMER(OURS, "\"num_pending\":1,\"num_ack_pending\":0") "," CONSUMER(
            OURS, "\"num_pending\":0,\"num_ack_pending\":1") "," CONSUMER(OURS,
                                                                          "\"num_pending\":0,\"num_"
                                                                          "ack_pending\":0")));
    assert_int_equal(list->count, 3);
    assert_slice_equal(list->items[0].stream, "ORDERS");
    assert_slice_equal(list->items[0].consumer, "order");
    assert_int_equal(list->items[0].settled, 7);
    assert_true(list->items[0].is_behind && list->items[1].is_behind);
    assert_false(list->items[2].is_behind);
}

static void it_reads_what_its_filters_say_or_all(void **state) {
    (void)state;
    struct backlog_list *list = consumers(LIST(
        "consumers",
        CONSUMER(OURS ",\"filter_subject\":\"orders.cmd.>\"", "\"num_pending\":1") "," CONSUMER(
            OURS ",\"filter_subjects\":[\"a\",\"b\"]",
            "\"num_pending\":1") "," CONSUMER(OURS, "\"num_pending\":1")));
    assert_int_equal(list->items[0].filter_count, 1);
    assert_slice_equal(list->items[0].filters[0], "orders.cmd.>");
    assert_int_equal(list->items[1].filter_count, 2);
    assert_slice_equal(list->items[1].filters[1], "b");
    assert_int_equal(list->items[2].filter_count, 0);
}

static void a_pause_is_seen_while_it_lasts(void **state) {
    (void)state;
    struct backlog_list *list =
        consumers(LIST("consumers", CONSUMER(OURS, "\"paused\":true") "," CONSUMER(
                                        OURS, "\"paused\":false,\"pause_remaining\":0")));
    assert_true(list->items[0].is_paused);
    assert_false(list->items[1].is_paused);
}

static void who_only_looks_in_is_passed_over(void **state) {
    (void)state;
    struct backlog_list *list = consumers(
        LIST("consumers",
             CONSUMER("\"ack_policy\":\"explicit\"", "\"num_pending\":9") "," CONSUMER(
                 "\"durable_name\":\"view\",\"ack_policy\":\"none\"", "\"num_pending\":9")));
    assert_int_equal(list->count, 0);
    list = consumers(SLICE_LITERAL("{\"error\":{\"code\":404,\"err_code\":10059}}"));
    assert_int_equal(list->count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_its_size_and_its_limit),
        cmocka_unit_test(a_consumer_is_behind_with_what_waits_and_with_what_is_in_hand),
        cmocka_unit_test(it_reads_what_its_filters_say_or_all),
        cmocka_unit_test(a_pause_is_seen_while_it_lasts),
        cmocka_unit_test(who_only_looks_in_is_passed_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
