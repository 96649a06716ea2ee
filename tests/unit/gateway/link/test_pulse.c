#include "gateway/link/pulse.h"
#include "tests/support/base/test.h"

static const struct uuid id = {{1}};

static void take(struct pulse *pulse, const char *update, struct buf *out) {
    pulse_take(pulse, &id, slice_of(update), 2, out);
}

static void a_second_counts_what_became_of_orders(void **state) {
    (void)state;
    struct pulse pulse = {0};
    struct buf out = {0};
    take(&pulse, "{\"status\":\"PENDING\",\"sequence\":1}", &out);
    take(&pulse, "{\"status\":\"FAILED\",\"was\":\"PENDING\",\"sequence\":1}", &out);
    take(&pulse, "{\"status\":\"CONFIRMED\",\"was\":\"PENDING\",\"sequence\":3}", &out);
    take(&pulse, "{\"status\":\"CONFIRMED\",\"sequence\":5}", &out);
    buf_clear(&out);
    pulse_end_second(&pulse, 0, &out);
    assert_string_equal(out.ptr, "event: second\ndata: {\"at\":\"1970-01-01T00:00:00.000000Z\","
                                 "\"updates\":4,\"shown\":2,\"accepted\":2,\"confirmed\":1,"
                                 "\"completed\":0,\"failed\":1,\"cancelled\":0}\n\n");
    buf_clear(&out);
    pulse_end_second(&pulse, 0, &out);
    assert_contains(out.ptr, "\"updates\":0,");
    buf_fini(&out);
}

static void updates_are_shown_up_to_the_sample(void **state) {
    (void)state;
    struct pulse pulse = {0};
    struct buf out = {0};
    assert_true(pulse_take(&pulse, &id, SLICE_LITERAL("{\"status\":\"PENDING\"}"), 1, &out));
    assert_string_equal(out.ptr, "event: order\ndata: {\"orderId\":\"01000000-0000-0000-0000-"
                                 "000000000000\",\"status\":\"PENDING\"}\n\n");
    size_t len = out.len;
    assert_false(pulse_take(&pulse, &id, SLICE_LITERAL("{\"status\":\"PENDING\"}"), 1, &out));
    assert_int_equal(out.len, len);
    buf_fini(&out);
}

static void what_is_no_update_counts_for_nothing(void **state) {
    (void)state;
    static const char *const others[] = {"", "[]", "{\"status\":", "\n\nevent: x"};
    struct pulse pulse = {0};
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(pulse_take(&pulse, &id, slice_of(others[i]), 1, &out));
    assert_int_equal(pulse.updates, 0);
    assert_int_equal(out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_counts_what_became_of_orders),
        cmocka_unit_test(updates_are_shown_up_to_the_sample),
        cmocka_unit_test(what_is_no_update_counts_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
