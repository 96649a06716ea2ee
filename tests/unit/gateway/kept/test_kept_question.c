#include "gateway/kept/kept_question.h"

#include "tests/support/base/test.h"

#define FIRST "0192f0c1-0000-7bee-8f01-000000000001"
#define SECOND "0192f0c1-0000-7bee-8f01-000000000002"
#define THIRD "0192f0c1-0000-7bee-8f01-000000000003"

static struct kept_item item_of(enum event_type type, const char *order_id) {
    return (struct kept_item){.command = {.type = type, .order_id = slice_of(order_id)}};
}

static void a_cancel_and_its_order_are_told_apart(void **state) {
    (void)state;
    struct kept_item items[] = {item_of(EVENT_ORDER_SUBMIT, FIRST),
                                item_of(EVENT_ORDER_CANCEL, FIRST),
                                item_of(EVENT_ORDER_SUBMIT, SECOND)};
    struct buf question = {0};
    struct error error;
    kept_ask_missing(items, 3, &question);
    assert_string_equal(question.ptr,
                        "{\"submit\":[\"" FIRST "\",\"" SECOND "\"],\"cancel\":[\"" FIRST "\"]}");
    buf_fini(&question);

    assert_int_equal(
        kept_take_missing(SLICE_LITERAL("{\"submit\":[\"" SECOND "\"],\"cancel\":[\"" FIRST "\"]}"),
                          items, 3, &error),
        STATUS_OK);
    assert_int_equal(items[0].state, KEPT_KNOWN);
    assert_int_equal(items[1].state, KEPT_WAITING);
    assert_int_equal(items[2].state, KEPT_WAITING);
}

/* Else all would be let go. */
static void an_answer_that_does_not_tell_is_none(void **state) {
    (void)state;
    struct kept_item item = item_of(EVENT_ORDER_SUBMIT, FIRST);
    struct error error;
    assert_int_not_equal(kept_take_missing(SLICE_LITERAL("{\"submit\":[]}"), &item, 1, &error),
                         STATUS_OK);
    assert_int_not_equal(kept_take_missing(SLICE_LITERAL("{}"), &item, 1, &error), STATUS_OK);
    assert_int_not_equal(kept_take_missing(SLICE_LITERAL(""), &item, 1, &error), STATUS_OK);
    assert_int_not_equal(kept_take_fate(SLICE_LITERAL("{\"dead\":[]}"), &item, 1, &error),
                         STATUS_OK);
}

static void dead_letters_are_known_and_second_chances_waited_for(void **state) {
    (void)state;
    static const char *const ids[] = {FIRST, SECOND, THIRD};
    struct kept_item items[4];
    struct buf question = {0};
    struct error error;
    for (int i = 0; i < 4; i++) {
        items[i] = item_of(EVENT_ORDER_CANCEL, FIRST);
        items[i].state = i < 3 ? KEPT_LOST : KEPT_WAITING;
        if (i < 3)
            assert_true(uuid_parse(slice_of(ids[i]), &items[i].event.id));
    }
    kept_ask_fate(items, 4, &question);
    assert_string_equal(question.ptr,
                        "{\"ids\":[\"COMMANDS.order." FIRST "\",\"ORDERS.order." FIRST
                        "\",\"COMMANDS.order." SECOND "\",\"ORDERS.order." SECOND
                        "\",\"COMMANDS.order." THIRD "\",\"ORDERS.order." THIRD "\"]}");
    buf_fini(&question);

    assert_int_equal(kept_take_fate(SLICE_LITERAL("{\"dead\":[\"COMMANDS.order." FIRST
                                                  "\"],\"open\":[\"ORDERS.order." SECOND "\"]}"),
                                    items, 4, &error),
                     STATUS_OK);
    assert_int_equal(items[0].state, KEPT_KNOWN);
    assert_int_equal(items[1].state, KEPT_WAITING);
    assert_int_equal(items[2].state, KEPT_LOST);
    assert_int_equal(items[3].state, KEPT_WAITING);
}

static void the_last_sequence_is_that_of_commands(void **state) {
    (void)state;
    uint64_t last = 0;
    struct error error;
    static const char streams[] =
        "{\"streams\":[{\"config\":{\"name\":\"PAYMENTS\"},\"state\":{\"last_seq\":7}},"
        "{\"config\":{\"name\":\"COMMANDS\"},\"state\":{\"last_seq\":42}}]}";
    assert_int_equal(kept_take_last(slice_of(streams), &last, &error), STATUS_OK);
    assert_int_equal(last, 42);
    assert_int_equal(kept_take_last(SLICE_LITERAL("{\"streams\":null}"), &last, &error),
                     STATUS_NOT_FOUND);
    assert_int_equal(last, 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancel_and_its_order_are_told_apart),
        cmocka_unit_test(an_answer_that_does_not_tell_is_none),
        cmocka_unit_test(dead_letters_are_known_and_second_chances_waited_for),
        cmocka_unit_test(the_last_sequence_is_that_of_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
