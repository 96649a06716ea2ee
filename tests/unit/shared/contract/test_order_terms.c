#include "shared/contract/order_terms.h"

#include "tests/support/base/test.h"

static void every_status_is_parsed_from_its_name(void **state) {
    (void)state;

    for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
        enum order_status parsed = ORDER_STATUS_COUNT;
        assert_true(order_status_parse(slice_of(order_status_name((enum order_status)i)), &parsed));
        assert_int_equal(parsed, i);
    }
}

static void every_reason_is_parsed_from_its_name(void **state) {
    (void)state;

    for (int i = 0; i < ORDER_REASON_COUNT; i++) {
        enum order_reason parsed = ORDER_REASON_COUNT;
        assert_true(order_reason_parse(slice_of(order_reason_name((enum order_reason)i)), &parsed));
        assert_int_equal(parsed, i);
    }
}

static void other_words_are_refused(void **state) {
    (void)state;
    enum order_status status;
    enum order_reason reason;

    assert_false(order_status_parse(slice_of("pending"), &status));
    assert_false(order_status_parse(slice_of(""), &status));
    assert_false(order_reason_parse(slice_of("OUT_OF_STOCK"), &reason));
    assert_false(order_reason_parse(slice_of("bad_luck"), &reason));
}

static void an_order_ends_completed_failed_or_cancelled(void **state) {
    (void)state;

    assert_false(order_status_is_final(ORDER_PENDING));
    assert_false(order_status_is_final(ORDER_CONFIRMED));
    assert_true(order_status_is_final(ORDER_COMPLETED));
    assert_true(order_status_is_final(ORDER_FAILED));
    assert_true(order_status_is_final(ORDER_CANCELLED));
}

static void the_database_checks_for_the_same_statuses(void **state) {
    (void)state;
    struct buf sql = read_file(OM_SOURCE_DIR "/sql/0002_orders.sql"), expected = {0};

    buf_append_text(&expected, "CHECK (status IN (");
    for (int i = 0; i < ORDER_STATUS_COUNT; i++)
        buf_printf(&expected, "%s'%s'", i > 0 ? ", " : "", order_status_name((enum order_status)i));
    buf_append_text(&expected, "))");

    assert_contains(sql.ptr, expected.ptr);
    buf_fini(&sql);
    buf_fini(&expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_is_parsed_from_its_name),
        cmocka_unit_test(every_reason_is_parsed_from_its_name),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(an_order_ends_completed_failed_or_cancelled),
        cmocka_unit_test(the_database_checks_for_the_same_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
