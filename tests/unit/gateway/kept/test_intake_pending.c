#include "gateway/kept/intake_pending.h"

#include "tests/support/base/test.h"

#define CONSUMER(name, waiting, unsettled)                                                         \
    "{\"name\":\"" name "\",\"num_pending\":" waiting ",\"num_ack_pending\":" unsettled            \
    ",\"ack_floor\":{\"consumer_seq\":3,\"stream_seq\":40}}"
#define ANSWER(consumers) "{\"total\":2,\"consumers\":[" consumers "]}"

static void commands_are_pending_until_all_are_delivered_and_acknowledged(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        bool is_pending;
    } cases[] = {
        {ANSWER(CONSUMER("payment", "7", "1") "," CONSUMER("order", "0", "0")), false},
        {ANSWER(CONSUMER("order", "1", "0")), true},
        {ANSWER(CONSUMER("order", "0", "1")), true},
        {ANSWER(CONSUMER("payment", "0", "0")), true},
        {"{\"error\":{\"code\":404},\"consumers\":null}", true},
        {"", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(intake_is_pending(slice_of(cases[i].answer)), cases[i].is_pending);
}

static void a_sequence_is_passed_once_all_up_to_it_is_settled(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        uint64_t sequence;
        bool has_passed;
    } cases[] = {
        {ANSWER(CONSUMER("order", "7", "1")), 40, true},
        {ANSWER(CONSUMER("order", "7", "1")), 41, false},
        {ANSWER(CONSUMER("order", "1", "0")), 41, false},
        {ANSWER(CONSUMER("order", "0", "1")), 41, false},
        {ANSWER(CONSUMER("order", "0", "0")), 41, true}, /* what is behind is no command */
        {ANSWER(CONSUMER("payment", "0", "0")), 1, false},
        {"{\"error\":{\"code\":404},\"consumers\":null}", 1, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(intake_has_passed(slice_of(cases[i].answer), cases[i].sequence),
                         cases[i].has_passed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_is_passed_once_all_up_to_it_is_settled),
        cmocka_unit_test(commands_are_pending_until_all_are_delivered_and_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
