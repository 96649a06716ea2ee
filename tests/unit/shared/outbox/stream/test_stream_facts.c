#include "shared/outbox/stream/stream_facts.h"

#include "tests/support/base/test.h"

#define STREAM(config, state)                                                                      \
    SLICE_LITERAL("{\"config\":{\"name\":\"ORDERS\"," config "},"                                  \
                  "\"created\":\"2026-11-30T06:00:00.123456789Z\",\"state\":{" state "}}")
#define SOME                                                                                       \
    "\"messages\":5,\"bytes\":3000,\"first_seq\":3,\"first_ts\":\"2026-11-30T06:00:01Z\","         \
    "\"last_seq\":9,\"num_deleted\":2"
#define NONE                                                                                       \
    "\"messages\":0,\"bytes\":0,\"first_seq\":10,\"first_ts\":\"0001-01-01T00:00:00Z\","           \
    "\"last_seq\":9"

static struct stream_facts parsed(struct slice reply) {
    struct stream_facts facts = {0};
    struct error error = {0};
    require_ok(stream_facts_parse(reply, &facts, &error), &error);
    return facts;
}

static void a_stream_is_read(void **state) {
    (void)state;
    struct stream_facts facts = parsed(STREAM("\"max_age\":604800000000000,\"max_msgs\":-1", SOME));
    assert_string_equal(facts.created, "2026-11-30T06:00:00.123456789Z");
    assert_int_equal(facts.first_sequence, 3);
    assert_int_equal(facts.last_sequence, 9);
    assert_int_equal(facts.messages, 5);
    assert_int_equal(facts.deleted, 2);
    assert_int_equal(facts.first_us, INT64_C(1796018401000000));
    assert_int_equal(facts.max_age_us, INT64_C(604800) * 1000000);
    assert_false(facts.is_full);
}

static void an_empty_one_has_no_first_message(void **state) {
    (void)state;
    struct stream_facts facts = parsed(STREAM("\"max_age\":0", NONE));
    assert_int_equal(facts.first_sequence, 10);
    assert_int_equal(facts.first_us, 0);
    assert_int_equal(facts.max_age_us, 0);
}

static void one_that_makes_room_for_what_comes_is_full(void **state) {
    (void)state;
    assert_true(parsed(STREAM("\"max_msgs\":5", SOME)).is_full);
    assert_false(parsed(STREAM("\"max_msgs\":6", SOME)).is_full);
    assert_true(parsed(STREAM("\"max_bytes\":1000000", SOME)).is_full);
    assert_false(parsed(STREAM("\"max_bytes\":9000000", SOME)).is_full);
    assert_true(parsed(STREAM("\"max_msgs_per_subject\":1", SOME)).is_full);
    assert_false(parsed(STREAM("\"max_bytes\":1000000,\"discard\":\"new\"", SOME)).is_full);
    assert_true(parsed(STREAM("\"max_bytes\":1000000,\"discard\":\"old\"", SOME)).is_full);
}

static void a_stream_that_is_missing_is_not_found(void **state) {
    (void)state;
    struct stream_facts facts;
    struct error error;
    assert_int_equal(stream_facts_parse(SLICE_LITERAL("{\"error\":{\"code\":404,\"err_code\":10059,"
                                                      "\"description\":\"stream not found\"}}"),
                                        &facts, &error),
                     STATUS_NOT_FOUND);
    assert_int_not_equal(stream_facts_parse(SLICE_LITERAL("{}"), &facts, &error), STATUS_OK);
}

/* --- consumers --- */

#define LIST(total, consumers) SLICE_LITERAL("{\"total\":" total ",\"consumers\":[" consumers "]}")
#define CONSUMER(config, pending, unsettled, floor)                                                \
    "{\"config\":{" config "},\"num_pending\":" pending ",\"num_ack_pending\":" unsettled          \
    ",\"ack_floor\":{\"consumer_seq\":1,\"stream_seq\":" floor "}}"
#define DURABLE "\"durable_name\":\"x\",\"ack_policy\":\"explicit\""

static uint64_t floor_of(struct slice reply) {
    struct error error = {0};
    uint64_t floor = 999;
    require_ok(stream_floor_parse(reply, 100, &floor, &error), &error);
    return floor;
}

static void the_floor_is_that_of_the_slowest(void **state) {
    (void)state;
    assert_int_equal(floor_of(LIST("2", CONSUMER(DURABLE, "3", "0", "40") "," CONSUMER(DURABLE, "0",
                                                                                       "1", "30"))),
                     30);
    assert_int_equal(floor_of(LIST("1", CONSUMER(DURABLE, "3", "0", "140"))), 100);
}

/* Its filter leaves out what came since. */
static void one_that_has_nothing_left_is_done_with_all(void **state) {
    (void)state;
    assert_int_equal(floor_of(LIST("1", CONSUMER(DURABLE, "0", "0", "3"))), 100);
}

static void those_who_only_watch_are_not_waited_for(void **state) {
    (void)state;
    assert_int_equal(floor_of(LIST("2", CONSUMER("\"ack_policy\":\"none\"", "9", "0",
                                                 "0") "," CONSUMER(DURABLE, "0", "0", "3"))),
                     100);
    assert_int_equal(floor_of(LIST("1", CONSUMER("\"ack_policy\":\"explicit\"", "9", "0", "0"))),
                     0);
}

static void without_all_of_them_nothing_is_known(void **state) {
    (void)state;
    assert_int_equal(floor_of(LIST("0", "")), 0);
    assert_int_equal(floor_of(LIST("2", CONSUMER(DURABLE, "0", "0", "3"))), 0);
}

static void the_furthest_consumer_says_how_far_the_stream_was(void **state) {
    (void)state;
    uint64_t sequence = 0;
    struct error error = {0};
    require_ok(stream_delivered_parse(
                   SLICE_LITERAL("{\"total\":2,\"consumers\":["
                                 "{\"delivered\":{\"consumer_seq\":9,\"stream_seq\":70}},"
                                 "{\"delivered\":{\"consumer_seq\":3,\"stream_seq\":12}}]}"),
                   &sequence, &error),
               &error);
    assert_int_equal(sequence, 70);
    require_ok(
        stream_delivered_parse(SLICE_LITERAL("{\"total\":0,\"consumers\":[]}"), &sequence, &error),
        &error);
    assert_int_equal(sequence, 0);
    assert_int_not_equal(stream_delivered_parse(SLICE_LITERAL("{}"), &sequence, &error), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_read),
        cmocka_unit_test(an_empty_one_has_no_first_message),
        cmocka_unit_test(one_that_makes_room_for_what_comes_is_full),
        cmocka_unit_test(a_stream_that_is_missing_is_not_found),
        cmocka_unit_test(the_floor_is_that_of_the_slowest),
        cmocka_unit_test(one_that_has_nothing_left_is_done_with_all),
        cmocka_unit_test(those_who_only_watch_are_not_waited_for),
        cmocka_unit_test(without_all_of_them_nothing_is_known),
        cmocka_unit_test(the_furthest_consumer_says_how_far_the_stream_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
