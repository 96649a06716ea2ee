#include "services/webhooks/public_event.h"

#include "tests/support/base/test.h"

static const struct uuid id = {{1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};
#define ID "01020304-0506-7708-890a-0b0c0d0e0f10"

static void write_of(enum event_type type, const char *data, struct buf *body) {
    struct arena *arena = arena_create(4096);
    struct event event = {.type = type, .id = id, .time_us = INT64_C(1700000000123456)};
    struct error error;
    assert_int_equal(json_tree_parse(slice_of(data), arena, &event.data, &error), STATUS_OK);
    public_event_write(&event, body);
    arena_destroy(&arena);
}

static void what_tenants_may_know_is_told_and_nothing_else(void **state) {
    (void)state;
    struct buf body = {0};
    write_of(
        EVENT_ORDER_FAILED,
        "{\"orderId\":\"o\",\"tenant\":\"t\",\"customerId\":\"C1\",\"currency\":\"USD\","
        "\"flow\":\"parallel\",\"paymentMethod\":\"pm_x\",\"totalMinor\":5,\"sealed\":\"v1.x\","
        "\"items\":[{\"sku\":\"A\\\"\",\"quantity\":1,\"unitPriceMinor\":5,\"note\":\"n\"}],"
        "\"reason\":\"out_of_stock\",\"detail\":\"A\",\"later\":{\"orderId\":1}}",
        &body);
    assert_string_equal(
        body.ptr,
        "{\"id\":\"" ID
        "\",\"type\":\"order.failed\",\"timestamp\":\"2023-11-14T22:13:20.123456Z\","
        "\"data\":{\"orderId\":\"o\",\"customerId\":\"C1\",\"currency\":\"USD\",\"totalMinor\":5,"
        "\"items\":[{\"sku\":\"A\\\"\",\"quantity\":1,\"unitPriceMinor\":5}],"
        "\"reason\":\"out_of_stock\",\"detail\":\"A\"}}");
    buf_fini(&body);
}

static void a_ping_names_its_webhook(void **state) {
    (void)state;
    struct buf body = {0};
    public_event_write_ping(&id, &id, &body);
    assert_contains(body.ptr, "\"type\":\"webhook.ping\"");
    assert_contains(body.ptr, "\"data\":{\"webhookId\":\"" ID "\"}");
    buf_fini(&body);
}

static void the_public_names_can_be_chosen(void **state) {
    (void)state;
    static const char *const names[] = {
        "order.created",    "order.confirmed",         "order.completed",
        "order.failed",     "order.cancelled",         "shipping.shipped",
        "payment.refunded", "payment.action_required", "*"};
    static const char *const others[] = {"", "order.submit", "order.*", "webhook.ping",
                                         "payment.succeeded"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(public_event_is_choice(slice_of(names[i])));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(public_event_is_choice(slice_of(others[i])));
    assert_null(public_event_name(EVENT_ORDER_SUBMIT));
    assert_string_equal(public_event_name(EVENT_PAYMENT_REFUNDED), PUBLIC_EVENT_REFUNDED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tenants_may_know_is_told_and_nothing_else),
        cmocka_unit_test(a_ping_names_its_webhook),
        cmocka_unit_test(the_public_names_can_be_chosen),
    };
    return cmocka_run_group_tests_name("public_event", tests, NULL, NULL);
}
