#include "services/dlq/collect/consumer_facts.h"
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

static enum status parse(const char *reply, struct consumer_facts *facts) {
    struct error error;
    *facts = (struct consumer_facts){0};
    return consumer_facts_parse(slice_of(reply), arena, facts, &error);
}

#define ANSWER(config)                                                                             \
    "{\"created\":\"2026-01-02T03:04:05.678901Z\",\"config\":{" config "},"                        \
    "\"delivered\":{\"consumer_seq\":9,\"stream_seq\":7},"                                         \
    "\"ack_floor\":{\"consumer_seq\":6,\"stream_seq\":5}}"

static void consumer_is_what_the_server_says_of_it(void **state) {
    (void)state;
    struct consumer_facts facts;
    assert_int_equal(parse(ANSWER("\"max_deliver\":4,\"ack_wait\":30000000000,"
                                  "\"filter_subject\":\"orders.>\""),
                           &facts),
                     STATUS_OK);
    assert_true(facts.exists);
    assert_int_equal(facts.max_deliver, 4);
    assert_int_equal(facts.delivered, 7);
    assert_int_equal(facts.settled, 5);
    assert_int_equal(facts.created_us, 1767323045678901);
    assert_int_equal(facts.filter_count, 1);
}

static void consumer_without_a_limit_has_none(void **state) {
    (void)state;
    struct consumer_facts facts;
    assert_int_equal(parse(ANSWER(""), &facts), STATUS_OK);
    assert_int_equal(facts.max_deliver, -1);
    assert_int_equal(facts.filter_count, 0);
}

static void missing_consumer_is_told_from_a_server_that_cannot_say(void **state) {
    (void)state;
    struct consumer_facts facts;
    assert_int_equal(parse("{\"error\":{\"code\":404,\"err_code\":10014}}", &facts), STATUS_OK);
    assert_false(facts.exists);
    assert_int_equal(parse("{\"error\":{\"code\":404,\"err_code\":10059}}", &facts), STATUS_OK);
    assert_false(facts.exists);
    assert_int_equal(parse("{\"error\":{\"code\":503,\"err_code\":10008}}", &facts),
                     STATUS_UNAVAILABLE);
}

static void subject_must_pass_one_of_the_filters(void **state) {
    (void)state;
    struct consumer_facts facts;
    assert_int_equal(
        parse(ANSWER("\"filter_subjects\":[\"orders.cmd.>\",\"orders.evt.created\"]"), &facts),
        STATUS_OK);
    assert_true(consumer_facts_take_subject(&facts, SLICE_LITERAL("orders.cmd.submit")));
    assert_true(consumer_facts_take_subject(&facts, SLICE_LITERAL("orders.evt.created")));
    assert_false(consumer_facts_take_subject(&facts, SLICE_LITERAL("orders.evt.failed")));
    assert_int_equal(parse(ANSWER(""), &facts), STATUS_OK);
    assert_true(consumer_facts_take_subject(&facts, SLICE_LITERAL("anything")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumer_is_what_the_server_says_of_it),
        cmocka_unit_test(consumer_without_a_limit_has_none),
        cmocka_unit_test(missing_consumer_is_told_from_a_server_that_cannot_say),
        cmocka_unit_test(subject_must_pass_one_of_the_filters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
