/* The terms that an order is found by follow from what is known of it. */
#include "services/analytics/terms.h"
#include "tests/support/base/test.h"

#define START_US (INT64_C(1770000000) * 1000000)

static struct arena *arena;
static struct order_item items[] = {{.sku = {"A", 1}, .quantity = 1},
                                    {.sku = {"B", 1}, .quantity = 2},
                                    {.sku = {"A", 1}, .quantity = 3}};
static const struct order_snapshot order = {
    .tenant = {"t", 1},
    .currency = {"EUR", 3},
    .total_minor = 5000,
    .items = items,
    .item_count = 3,
};

static struct term_rows added, removed;

static bool has(const struct term_rows *rows, int64_t term, int64_t at_us) {
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i].term == term && rows->items[i].at_us == at_us)
            return true;
    return false;
}

static int64_t term(enum term_kind kind, const char *value) {
    return term_of(kind, order.tenant, slice_of(value));
}

static void change(const struct order_facts *before, const struct order_facts *after) {
    added = (struct term_rows){.arena = arena};
    removed = (struct term_rows){.arena = arena};
    terms_change(before, after, &added, &removed);
}

static struct order_facts created(void) {
    struct order_facts facts = {.order_id = {{1}}, .told.order = &order};
    facts.at_us[FACT_CREATED] = START_US;
    return facts;
}

static void a_plain_order_has_a_term_for_each_sku_and_one_for_its_amount(void **state) {
    (void)state;
    const struct order_facts facts = created();
    change(NULL, &facts);
    assert_int_equal(added.count, 3);
    assert_true(has(&added, term(TERM_SKU, "A"), START_US));
    assert_true(has(&added, term(TERM_SKU, "B"), START_US));
    assert_true(
        has(&added, term_of_amount(order.tenant, order.currency, amount_class_of(5000)), START_US));
    assert_int_equal(added.items[0].total_minor, 5000);
    assert_int_equal(removed.count, 0);
}

static void the_end_of_an_order_that_was_not_fulfilled_adds_it_and_its_reason(void **state) {
    (void)state;
    const struct order_facts before = created();
    struct order_facts after = before;
    after.at_us[FACT_FAILED] = START_US + 5;
    after.reason = SLICE_LITERAL("out_of_stock");
    change(&before, &after);
    assert_int_equal(added.count, 2);
    assert_true(has(&added, term(TERM_STATUS, "FAILED"), START_US));
    assert_true(has(&added, term(TERM_REASON, "out_of_stock"), START_US));
    assert_int_equal(removed.count, 0);
}

static void what_completes_an_order_adds_nothing(void **state) {
    (void)state;
    const struct order_facts before = created();
    struct order_facts after = before;
    after.at_us[FACT_COMPLETED] = START_US + 5;
    after.told.order = NULL; /* its event is not read for that */
    change(&before, &after);
    assert_int_equal(added.count + removed.count, 0);
}

/* Events of one stream may come again in another order. */
static void an_order_whose_end_is_known_first_moves_to_when_it_was_taken_in(void **state) {
    (void)state;
    struct order_facts before = {.order_id = {{1}}, .reason = SLICE_LITERAL("price_changed")};
    before.at_us[FACT_FAILED] = START_US + 9;
    struct order_facts failed = before;
    failed.told.order = &order;
    change(NULL, &failed);
    assert_true(has(&added, term(TERM_SKU, "A"), START_US + 9));
    assert_int_equal(added.count, 5);

    struct order_facts after = failed;
    after.at_us[FACT_CREATED] = START_US;
    change(&before, &after);
    assert_int_equal(added.count, 5);
    assert_int_equal(removed.count, 5);
    assert_true(has(&removed, term(TERM_REASON, "price_changed"), START_US + 9));
    assert_true(has(&added, term(TERM_REASON, "price_changed"), START_US));
}

static void parcels_and_payments_are_of_no_time_and_no_tenant(void **state) {
    (void)state;
    struct order_facts facts = {.order_id = {{1}}};
    facts.at_us[FACT_PAID] = START_US;
    facts.told.payment_id = SLICE_LITERAL("ch_1");
    change(NULL, &facts);
    assert_int_equal(added.count, 1);
    assert_true(has(&added, term_of(TERM_PAYMENT, slice_of(NULL), SLICE_LITERAL("ch_1")), 0));
}

static void an_order_in_parts_is_found_by_each_of_its_parcels(void **state) {
    (void)state;
    struct order_facts facts = {.order_id = {{1}}};
    struct event event = {.type = EVENT_SHIPPING_SHIPPED};
    assert_int_equal(json_tree_parse(SLICE_LITERAL("{\"trackingNumber\":\"T1\",\"shipments\":[{"
                                                   "\"trackingNumber\":\"T1\"},{"
                                                   "\"trackingNumber\":\"T2\"}]}"),
                                     arena, &event.data, NULL),
                     STATUS_OK);
    terms_read(&event, arena, &facts);
    change(NULL, &facts);
    assert_int_equal(added.count, 2);
    assert_true(has(&added, term_of(TERM_TRACKING, slice_of(NULL), SLICE_LITERAL("T1")), 0));
    assert_true(has(&added, term_of(TERM_TRACKING, slice_of(NULL), SLICE_LITERAL("T2")), 0));
}

static void terms_differ_by_kind_tenant_and_value(void **state) {
    (void)state;
    struct slice a = SLICE_LITERAL("a"), ab = SLICE_LITERAL("ab"), b = SLICE_LITERAL("b");
    assert_int_equal(term_of(TERM_SKU, a, b), term_of(TERM_SKU, a, b));
    assert_true(term_of(TERM_SKU, a, b) != term_of(TERM_REASON, a, b));
    assert_true(term_of(TERM_SKU, ab, slice_of(NULL)) != term_of(TERM_SKU, a, b));
    /* As the bench and operators make them by SQL; the table of an installation has these. */
    assert_int_equal(term_of(TERM_SKU, SLICE_LITERAL("default"), SLICE_LITERAL("TSHIRT-BLK-M")),
                     INT64_C(-7453417076833373590));
}

static int setup(void **state) {
    (void)state;
    arena = arena_create((size_t)64 * 1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_order_has_a_term_for_each_sku_and_one_for_its_amount),
        cmocka_unit_test(the_end_of_an_order_that_was_not_fulfilled_adds_it_and_its_reason),
        cmocka_unit_test(what_completes_an_order_adds_nothing),
        cmocka_unit_test(an_order_whose_end_is_known_first_moves_to_when_it_was_taken_in),
        cmocka_unit_test(parcels_and_payments_are_of_no_time_and_no_tenant),
        cmocka_unit_test(an_order_in_parts_is_found_by_each_of_its_parcels),
        cmocka_unit_test(terms_differ_by_kind_tenant_and_value),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
