/* Pieces of an order that are cancelled, and what is left of it. */
#include "shared/contract/lines_cancelled.h"
#include "tests/support/base/test.h"

static struct order_line lines[] = {{SLICE_LITERAL("A"), 500, 3, 1, 2},
                                    {SLICE_LITERAL("B"), 100, 2, 2, 0},
                                    {SLICE_LITERAL("C"), 700, 1, 0, 1}};
static const struct order_lines all = {lines, 3};

static void what_was_taken_is_written_and_read(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct lines_cancelled cut = {.id = uuid_v7(), .reason = SLICE_LITERAL("too many")}, read;
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    const struct json_value *data;
    struct error error;
    lines_cancelled_take(&cut, &all, arena);
    json_begin_object(&w);
    json_key(&w, LINES_CANCELLED_KEY);
    lines_cancelled_write(&cut, &w);
    json_end_object(&w);
    assert_int_equal(json_tree_parse(buf_slice(&text), arena, &data, &error), STATUS_OK);
    assert_int_equal(lines_cancelled_parse(data, arena, &read, &error), STATUS_OK);
    assert_int_equal(uuid_compare(&read.id, &cut.id), 0);
    assert_slice_equal(read.reason, "too many");
    assert_int_equal(read.amount_minor, 1700);
    assert_int_equal(read.item_count, 2);
    assert_slice_equal(read.items[1].sku, "C");
    assert_int_equal(read.items[0].quantity, 2);
    buf_fini(&text);
    arena_destroy(&arena);
}

static void what_is_no_cancellation_is_not_read(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{\"cancellation\":7}",
        "{\"cancellation\":{}}",
        "{\"cancellation\":{\"cancellationId\":\"x\",\"reason\":\"r\",\"amountMinor\":1,"
        "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":1}]}}",
        "{\"cancellation\":{\"cancellationId\":\"0193a1b2-e5f6-7081-8c9d-0e1f2a3b4c5d\","
        "\"reason\":\"r\",\"amountMinor\":-1,"
        "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":1}]}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arena *arena = arena_create(1024);
        struct lines_cancelled read;
        const struct json_value *data;
        struct error error;
        assert_int_equal(json_tree_parse(slice_of(bad[i]), arena, &data, &error), STATUS_OK);
        assert_int_equal(lines_cancelled_parse(data, arena, &read, &error), STATUS_INVALID);
        arena_destroy(&arena);
    }
    struct arena *arena = arena_create(1024);
    struct lines_cancelled read;
    const struct json_value *data;
    struct error error;
    assert_int_equal(json_tree_parse(SLICE_LITERAL("{}"), arena, &data, &error), STATUS_OK);
    assert_int_equal(lines_cancelled_parse(data, arena, &read, &error), STATUS_NOT_FOUND);
    arena_destroy(&arena);
}

static void what_is_left_has_its_own_total_and_fewer_parcels(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct order_item main_items[] = {{SLICE_LITERAL("A"), 2, -1}, {SLICE_LITERAL("B"), 2, -1}};
    struct order_item north_items[] = {{SLICE_LITERAL("A"), 1, -1}, {SLICE_LITERAL("C"), 1, -1}};
    struct order_allocation parcels[] = {{SLICE_LITERAL("main"), main_items, 2},
                                         {SLICE_LITERAL("north"), north_items, 2}};
    struct order_snapshot order = {
        .total_minor = 2400, .allocations = parcels, .allocation_count = 2};
    order_snapshot_leave(&order, &all, arena);
    order_snapshot_settle(&order, arena);
    assert_int_equal(order.item_count, 2);
    assert_int_equal(order.total_minor, 700);
    assert_int_equal(order.allocation_count, 1);
    assert_slice_equal(order.allocations[0].warehouse, "main");
    assert_int_equal(order.allocations[0].items[0].quantity, 1);
    assert_int_equal(order.allocations[0].items[1].quantity, 2);
    assert_int_equal(main_items[0].quantity, 2); /* somebody else's */
    order_snapshot_settle(&order, arena);
    assert_int_equal(order.allocations[0].items[0].quantity, 1);
    arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taken_is_written_and_read),
        cmocka_unit_test(what_is_no_cancellation_is_not_read),
        cmocka_unit_test(what_is_left_has_its_own_total_and_fewer_parcels),
    };
    return cmocka_run_group_tests_name("lines_cancelled", tests, NULL, NULL);
}
