#include "shared/contract/order_snapshot.h"

#include "tests/support/base/test.h"

static const char priced[] =
    "{\"orderId\":\"0192f0c1-dead-7bee-8f01-0123456789ab\",\"tenant\":\"default\","
    "\"customerId\":\"C100\",\"currency\":\"USD\",\"flow\":\"payment-first\","
    "\"paymentMethod\":\"pm_card_visa\",\"totalMinor\":5997,"
    "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":1999},"
    "{\"sku\":\"B\",\"quantity\":2,\"unitPriceMinor\":1999}],\"sealed\":\"v1.x.y\"}";

static const char unpriced[] =
    "{\"orderId\":\"0192f0c1-dead-7bee-8f01-0123456789ab\",\"tenant\":\"default\","
    "\"customerId\":\"C100\",\"currency\":\"USD\",\"flow\":\"inventory-first\","
    "\"paymentMethod\":\"pm_card_visa\",\"items\":[{\"sku\":\"A\",\"quantity\":1}]}";

static const char on_shipment[] =
    "{\"orderId\":\"0192f0c1-dead-7bee-8f01-0123456789ab\",\"tenant\":\"default\","
    "\"customerId\":\"C100\",\"currency\":\"USD\",\"flow\":\"parallel\","
    "\"capture\":\"on_shipment\",\"paymentMethod\":\"pm_card_visa\","
    "\"items\":[{\"sku\":\"A\",\"quantity\":1}]}";

struct parsed {
    const struct json_value *root;
    struct arena *arena;
    struct order_snapshot snapshot;
    enum status status;
    struct error error;
};

static struct parsed parse(const char *text) {
    struct parsed parsed = {.arena = arena_create(1024)};
    assert_int_equal(json_tree_parse(slice_of(text), parsed.arena, &parsed.root, NULL), STATUS_OK);
    parsed.status =
        order_snapshot_parse(parsed.root, parsed.arena, &parsed.snapshot, &parsed.error);
    return parsed;
}

static void parsed_fini(struct parsed *parsed) {
    arena_destroy(&parsed->arena);
}

static void a_priced_order_is_read_whole(void **state) {
    (void)state;

    struct parsed parsed = parse(priced);

    const struct order_snapshot *order = &parsed.snapshot;
    assert_int_equal(parsed.status, STATUS_OK);
    assert_int_equal(order->order_id.bytes[15], 0xab);
    assert_slice_equal(order->tenant, "default");
    assert_slice_equal(order->customer_id, "C100");
    assert_slice_equal(order->currency, "USD");
    assert_int_equal(order->flow, FLOW_PAYMENT_FIRST);
    assert_slice_equal(order->payment_method, "pm_card_visa");
    assert_int_equal(order->total_minor, 5997);
    assert_int_equal(order->item_count, 2);
    assert_slice_equal(order->items[1].sku, "B");
    assert_int_equal(order->items[1].quantity, 2);
    assert_int_equal(order->items[1].unit_price_minor, 1999);
    assert_slice_equal(order->sealed, "v1.x.y");
    parsed_fini(&parsed);
}

static void what_is_missing_before_pricing_reads_as_minus_one(void **state) {
    (void)state;

    struct parsed parsed = parse(unpriced);

    assert_int_equal(parsed.status, STATUS_OK);
    assert_int_equal(parsed.snapshot.total_minor, -1);
    assert_int_equal(parsed.snapshot.items[0].unit_price_minor, -1);
    assert_slice_equal(parsed.snapshot.sealed, "");
    parsed_fini(&parsed);
}

static void what_was_read_is_written_alike(void **state) {
    (void)state;
    static const char *const texts[] = {priced, unpriced, on_shipment};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct parsed parsed = parse(texts[i]);
        struct buf out = {0};
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        order_snapshot_write(&parsed.snapshot, &w);
        json_end_object(&w);
        assert_string_equal(out.ptr, texts[i]);
        buf_fini(&out);
        parsed_fini(&parsed);
    }
}

/* The member is not written then. */
static void an_order_that_does_not_say_is_paid_at_once(void **state) {
    (void)state;
    struct parsed silent = parse(priced), later = parse(on_shipment);
    assert_int_equal(silent.snapshot.capture, CAPTURE_AUTOMATIC);
    assert_int_equal(later.snapshot.capture, CAPTURE_ON_SHIPMENT);
    parsed_fini(&silent);
    parsed_fini(&later);
}

static void every_flow_is_parsed_from_its_name(void **state) {
    (void)state;
    enum order_flow flow = FLOW_INVENTORY_FIRST;

    assert_true(order_flow_parse(slice_of("inventory-first"), &flow));
    assert_int_equal(flow, FLOW_INVENTORY_FIRST);
    assert_true(order_flow_parse(slice_of(order_flow_name(FLOW_PARALLEL)), &flow));
    assert_int_equal(flow, FLOW_PARALLEL);
    assert_false(order_flow_parse(slice_of("Parallel"), &flow));
}

static void each_wrong_member_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *part, *replacement;
    } cases[] = {
        {"0192f0c1-dead", "0192f0c1"},
        {"\"orderId\"", "\"id\""},
        {"\"tenant\":\"default\"", "\"tenant\":\"\""},
        {"\"customerId\"", "\"customer\""},
        {"\"C100\"", "100"},
        {"\"USD\"", "\"usd\""},
        {"\"USD\"", "\"USDX\""},
        {"payment-first", "backwards"},
        {"\"flow\"", "\"capture\":\"never\",\"flow\""},
        {"\"flow\"", "\"capture\":1,\"flow\""},
        {"\"flow\":\"payment-first\",", ""},
        {"\"paymentMethod\":\"pm_card_visa\",", ""},
        {"5997", "-1"},
        {"5997", "9007199254740992"},
        {"5997", "5997.0"},
        {"5997", "\"5997\""},
        {"\"sku\":\"A\"", "\"sku\":\"\""},
        {"\"quantity\":1", "\"quantity\":0"},
        {"\"quantity\":1", "\"quantity\":1000001"},
        {"\"quantity\":1", "\"quantity\":\"1\""},
        {"\"quantity\":1,", ""},
        {"\"unitPriceMinor\":1999}", "\"unitPriceMinor\":-1}"},
        {"\"items\":[", "\"items\":[7,"},
        {"\"items\":[", "\"goods\":["},
        {"\"sealed\":\"v1.x.y\"", "\"sealed\":7"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = {0};
        const char *at = strstr(priced, cases[i].part);
        assert_non_null(at);
        buf_append(&text, priced, (size_t)(at - priced));
        buf_append_text(&text, cases[i].replacement);
        buf_append_text(&text, at + strlen(cases[i].part));
        struct parsed parsed = parse(text.ptr);
        if (parsed.status != STATUS_INVALID)
            print_error("%s\n", text.ptr);
        assert_int_equal(parsed.status, STATUS_INVALID);
        parsed_fini(&parsed);
        buf_fini(&text);
    }
}

static struct buf order_of(int item_count) {
    struct buf text = {0};
    buf_append(&text, unpriced, (size_t)(strchr(unpriced, '[') + 1 - unpriced));
    for (int i = 0; i < item_count; i++)
        buf_printf(&text, "%s{\"sku\":\"A%d\",\"quantity\":1}", i > 0 ? "," : "", i);
    buf_append_text(&text, "]}");
    return text;
}

static void the_number_of_items_is_limited(void **state) {
    (void)state;
    struct buf none = order_of(0), most = order_of(ORDER_MAX_ITEMS);
    struct buf too_many = order_of(ORDER_MAX_ITEMS + 1);

    struct parsed of_none = parse(none.ptr), of_most = parse(most.ptr);
    struct parsed of_too_many = parse(too_many.ptr);

    assert_int_equal(of_none.status, STATUS_INVALID);
    assert_int_equal(of_most.status, STATUS_OK);
    assert_int_equal(of_too_many.status, STATUS_INVALID);
    parsed_fini(&of_none);
    parsed_fini(&of_most);
    parsed_fini(&of_too_many);
    buf_fini(&none);
    buf_fini(&most);
    buf_fini(&too_many);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_priced_order_is_read_whole),
        cmocka_unit_test(what_is_missing_before_pricing_reads_as_minus_one),
        cmocka_unit_test(what_was_read_is_written_alike),
        cmocka_unit_test(an_order_that_does_not_say_is_paid_at_once),
        cmocka_unit_test(every_flow_is_parsed_from_its_name),
        cmocka_unit_test(each_wrong_member_is_refused),
        cmocka_unit_test(the_number_of_items_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
