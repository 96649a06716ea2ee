#include "services/order/life/timeline.h"

#include "tests/support/base/test.h"

static struct buf write_entry(enum event_type type, struct slice detail) {
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    json_begin_array(&w);
    timeline_add(&w, type, INT64_C(1770000000123456), detail);
    json_end_array(&w);
    return out;
}

static void an_entry_has_time_event_and_detail(void **state) {
    (void)state;
    struct buf out = write_entry(EVENT_PAYMENT_FAILED, SLICE_LITERAL("card_\"declined\""));
    assert_slice_equal(buf_slice(&out), "[{\"at\":\"2026-02-02T02:40:00.123456Z\",\"event\":"
                                        "\"PaymentFailed\",\"detail\":\"card_\\\"declined\\\"\"}]");
    buf_fini(&out);
}

static void an_entry_without_detail_has_no_such_member(void **state) {
    (void)state;
    struct buf out = write_entry(EVENT_ORDER_CREATED, (struct slice){0});
    assert_slice_equal(buf_slice(&out),
                       "[{\"at\":\"2026-02-02T02:40:00.123456Z\",\"event\":\"OrderCreated\"}]");
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_has_time_event_and_detail),
        cmocka_unit_test(an_entry_without_detail_has_no_such_member),
    };
    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
