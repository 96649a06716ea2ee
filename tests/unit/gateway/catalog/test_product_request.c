/* The members and parameters that requests about products may have. */
#include "gateway/catalog/change_catalog.h"
#include "gateway/catalog/product_request.h"
#include "tests/support/base/test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct arena *arena;

/* The faults of a body as "field: message\n"; "not JSON" when it is none. */
static struct buf product_faults(const char *body, struct product_request *request) {
    struct field_errors errors = {.arena = arena};
    struct buf faults = {0};
    buf_append_text(&faults, "");
    if (product_request_parse(slice_of(body), request, &errors, NULL) != STATUS_OK)
        buf_append_text(&faults, "not JSON");
    for (size_t i = 0; i < errors.count; i++)
        buf_printf(&faults, "%.*s: %s\n", SLICE_ARG(errors.entries[i].field),
                   errors.entries[i].message);
    return faults;
}

static struct buf adjustment_faults(const char *body, struct adjustment_request *request) {
    struct field_errors errors = {.arena = arena};
    struct buf faults = {0};
    buf_append_text(&faults, "");
    if (adjustment_request_parse(slice_of(body), request, &errors, NULL) != STATUS_OK)
        buf_append_text(&faults, "not JSON");
    for (size_t i = 0; i < errors.count; i++)
        buf_printf(&faults, "%.*s: %s\n", SLICE_ARG(errors.entries[i].field),
                   errors.entries[i].message);
    return faults;
}

static void a_product_is_read(void **state) {
    (void)state;
    struct product_request request = {0};
    struct buf faults = product_faults("{\"name\":\"Mug\",\"priceMinor\":1200,\"currency\":\"USD\","
                                       "\"active\":false,\"expectedVersion\":3}",
                                       &request);
    assert_string_equal(faults.ptr, "");
    assert_slice_equal(request.name, "Mug");
    assert_int_equal(request.price_minor, 1200);
    assert_slice_equal(request.currency, "USD");
    assert_true(request.has_active && !request.is_active);
    assert_int_equal(request.expected_version, 3);
    json_object_put(request.root);
    buf_fini(&faults);
}

static void what_a_product_need_not_say_stays_open(void **state) {
    (void)state;
    struct product_request request = {0};
    struct buf faults =
        product_faults("{\"name\":\"Mug\",\"priceMinor\":0,\"currency\":\"EUR\"}", &request);
    assert_string_equal(faults.ptr, "");
    assert_false(request.has_active);
    assert_int_equal(request.expected_version, -1);
    json_object_put(request.root);
    buf_fini(&faults);
}

/* As a shop's database or another API would name them. */
static void what_others_call_a_member_is_told_what_to_write(void **state) {
    (void)state;
    struct product_request request = {0};
    struct adjustment_request adjustment = {0};
    struct buf faults = product_faults(
        "{\"title\":\"Mug\",\"unitprice\":12.0,\"stock_qty\":5,\"sku\":\"M\"}", &request);
    assert_contains(faults.ptr, "title: is not a member of a product: write name\n");
    assert_contains(faults.ptr, "unitprice: is not a member of a product: write priceMinor, in ");
    assert_contains(faults.ptr, "stock_qty: is not a member of a product: send it to the product's "
                                "stock-adjustments, as delta\n");
    assert_contains(faults.ptr, "sku: is not a member of a product: leave it out");
    buf_fini(&faults);
    json_object_put(request.root);
    faults = adjustment_faults("{\"quantity\":5}", &adjustment);
    assert_contains(faults.ptr, "quantity: is not a member of a stock adjustment: write delta");
    json_object_put(adjustment.root);
    buf_fini(&faults);
}

static void a_price_that_no_card_is_charged_is_refused(void **state) {
    (void)state;
    struct product_request request = {0};
    struct buf faults =
        product_faults("{\"name\":\"Mug\",\"priceMinor\":1234,\"currency\":\"KWD\"}", &request);
    assert_contains(faults.ptr, "priceMinor: must end in 0");
    json_object_put(request.root);
    buf_fini(&faults);
    faults =
        product_faults("{\"name\":\"Mug\",\"priceMinor\":1230,\"currency\":\"KWD\"}", &request);
    assert_string_equal(faults.ptr, "");
    json_object_put(request.root);
    buf_fini(&faults);
}

static void every_fault_of_a_product_is_named(void **state) {
    (void)state;
    struct product_request request = {0};
    struct buf faults =
        product_faults("{\"name\":\"a\\nb\",\"priceMinor\":12.5,\"currency\":\"usd\",\"active\":1,"
                       "\"expectedVersion\":-1,\"colour\":\"red\"}",
                       &request);
    assert_contains(faults.ptr, "name: must be 1 to 200 bytes");
    assert_contains(faults.ptr, "priceMinor: must be an integer");
    assert_contains(faults.ptr, "currency: must be an active");
    assert_contains(faults.ptr, "active: must be true or false");
    assert_contains(faults.ptr, "expectedVersion: must be a version");
    assert_contains(faults.ptr, "colour: is not a member of a product");
    json_object_put(request.root);
    buf_fini(&faults);
    faults = product_faults("{}", &request);
    assert_string_equal(faults.ptr,
                        "name: is required\ncurrency: is required\npriceMinor: is required\n");
    json_object_put(request.root);
    buf_fini(&faults);
}

static void an_adjustment_is_read(void **state) {
    (void)state;
    struct adjustment_request request = {0};
    struct buf faults = adjustment_faults("{\"delta\":-3,\"reason\":\"broken\",\"adjustmentId\":"
                                          "\"0192f0c1-dead-7bee-8f01-0123456789ab\"}",
                                          &request);
    assert_string_equal(faults.ptr, "");
    assert_int_equal(request.delta, -3);
    assert_slice_equal(request.reason, "broken");
    assert_true(request.has_id);
    json_object_put(request.root);
    buf_fini(&faults);
}

static void an_adjustment_without_a_warehouse_is_of_main(void **state) {
    (void)state;
    static const struct {
        const char *body, *warehouse;
    } cases[] = {
        {"{\"delta\":1,\"reason\":\"r\"}", ""},
        {"{\"delta\":1,\"reason\":\"r\",\"warehouse\":\"main\"}", ""},
        {"{\"delta\":1,\"reason\":\"r\",\"warehouse\":\"north-2\"}", "north-2"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct adjustment_request request = {0};
        struct buf faults = adjustment_faults(cases[i].body, &request);
        assert_string_equal(faults.ptr, "");
        assert_slice_equal(request.warehouse, cases[i].warehouse);
        json_object_put(request.root);
        buf_fini(&faults);
    }
}

static void every_fault_of_an_adjustment_is_named(void **state) {
    (void)state;
    static const struct {
        const char *body, *fault;
    } cases[] = {
        {"[]", "not JSON"},
        {"{\"reason\":\"r\"}", "delta: is required\n"},
        {"{\"delta\":0,\"reason\":\"r\"}", "delta: must not be 0\n"},
        {"{\"delta\":1.0,\"reason\":\"r\"}", "delta: must be an integer"},
        {"{\"delta\":1000000000001,\"reason\":\"r\"}", "delta: must be an integer"},
        {"{\"delta\":1}", "reason: is required\n"},
        {"{\"delta\":1,\"reason\":\"\"}", "reason: must be"},
        {"{\"delta\":1,\"reason\":\"r\",\"adjustmentId\":\"x\"}", "adjustmentId: must be a UUID\n"},
        {"{\"delta\":1,\"reason\":\"r\",\"sku\":\"x\"}", "sku: is not a member"},
        {"{\"delta\":1,\"reason\":\"r\",\"warehouse\":\"A b\"}", "warehouse: must be 1 to 32"},
        {"{\"delta\":1,\"reason\":\"r\",\"warehouse\":7}", "warehouse: must be 1 to 32"},
        {"{\"delta\":1,\"reason\":\"r\",\"locationId\":\"x\"}", "locationId: is not a member of a"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct adjustment_request request = {0};
        struct buf faults = adjustment_faults(cases[i].body, &request);
        assert_contains(faults.ptr, cases[i].fault);
        json_object_put(request.root);
        buf_fini(&faults);
    }
}

static void a_page_has_a_limit_and_a_cursor(void **state) {
    (void)state;
    struct page_request page;
    struct error error;
    assert_int_equal(page_request_parse(slice_of(""), arena, &page, &error), STATUS_OK);
    assert_int_equal(page.limit, PAGE_LIMIT_DEFAULT);
    assert_int_equal(page.cursor.len, 0);
    assert_int_equal(
        page_request_parse(slice_of("cursor=%33141&limit=%3200"), arena, &page, &error), STATUS_OK);
    assert_int_equal(page.limit, 200);
    assert_slice_equal(page.cursor, "3141");
}

static void a_page_that_cannot_be_is_refused(void **state) {
    (void)state;
    static const char *const queries[] = {
        "limit=0",      "limit=201", "limit=",           "limit=-1",
        "limit=%00",    "limit=01",  "limit=1&limit=1",  "limit=99999999999999999999",
        "limit",        "cursor=",   "cursor=%2531",     "cursor=31&cursor=31",
        "cursor=31 41", "page=2",    "limit=1&&cursor=", "&",
    };
    for (size_t i = 0; i < COUNT(queries); i++) {
        struct page_request page;
        struct error error = {0};
        if (page_request_parse(slice_of(queries[i]), arena, &page, &error) == STATUS_OK)
            fail_msg("%s passed", queries[i]);
        assert_true(error.text[0] != '\0');
    }
}

static void a_sku_is_a_short_identifier(void **state) {
    (void)state;
    char longest[66];
    memset(longest, 'x', sizeof(longest));
    assert_true(sku_is_valid(slice_of("TSHIRT-BLK_M.1:2")));
    assert_true(sku_is_valid((struct slice){longest, 64}));
    assert_false(sku_is_valid((struct slice){longest, 65}));
    assert_false(sku_is_valid(slice_of("")));
    assert_false(sku_is_valid(slice_of("%2e")));
    assert_false(sku_is_valid(slice_of("a b")));
}

static void a_key_stands_for_one_adjustment_of_its_tenant(void **state) {
    (void)state;
    struct uuid id = adjustment_id_of_key(slice_of("a"), slice_of("k"));
    struct uuid same = adjustment_id_of_key(slice_of("a"), slice_of("k"));
    struct uuid other = adjustment_id_of_key(slice_of("b"), slice_of("k"));
    assert_int_equal(uuid_compare(&id, &same), 0);
    assert_int_not_equal(uuid_compare(&id, &other), 0);
}

static int setup(void **state) {
    (void)state;
    arena = arena_create(1024);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_read),
        cmocka_unit_test(what_a_product_need_not_say_stays_open),
        cmocka_unit_test(what_others_call_a_member_is_told_what_to_write),
        cmocka_unit_test(a_price_that_no_card_is_charged_is_refused),
        cmocka_unit_test(every_fault_of_a_product_is_named),
        cmocka_unit_test(an_adjustment_is_read),
        cmocka_unit_test(an_adjustment_without_a_warehouse_is_of_main),
        cmocka_unit_test(every_fault_of_an_adjustment_is_named),
        cmocka_unit_test(a_page_has_a_limit_and_a_cursor),
        cmocka_unit_test(a_page_that_cannot_be_is_refused),
        cmocka_unit_test(a_sku_is_a_short_identifier),
        cmocka_unit_test(a_key_stands_for_one_adjustment_of_its_tenant),
    };
    return cmocka_run_group_tests_name("product_request", tests, setup, teardown);
}
