/* Which orders are asked for, and where pages of them begin. */
#include "shared/contract/order_snapshot.h"
#include "shared/query/order_filter.h"
#include "tests/support/base/test.h"

static struct json_object *question;

static enum status parse(const char *text, struct order_filter *filter) {
    struct error error;
    json_object_put(question);
    question = NULL;
    assert_int_equal(json_parse(slice_of(text), &question, &error), STATUS_OK);
    *filter = (struct order_filter){0};
    return order_filter_read(question, filter, &error);
}

static void what_is_not_asked_for_filters_by_nothing(void **state) {
    (void)state;
    struct order_filter filter;
    assert_int_equal(parse("{\"tenant\":\"t\"}", &filter), STATUS_OK);
    assert_slice_equal(filter.tenant, "t");
    assert_int_equal(filter.sku.len, 0);
    assert_int_equal(filter.limit, 50);
    assert_false(filter.is_oldest_first);
    assert_false(order_filter_has_amount(&filter));
    assert_int_equal(filter.most_minor, ORDER_MAX_MINOR);
}

static void all_that_is_asked_for_is_read(void **state) {
    (void)state;
    struct order_filter filter;
    assert_int_equal(
        parse("{\"tenant\":\"t\",\"sku\":\"S\",\"currency\":\"EUR\",\"minTotalMinor\":5,"
              "\"maxTotalMinor\":7,\"trackingNumber\":\"T\",\"paymentId\":\"P\","
              "\"idPrefix\":\"ef01\",\"reason\":\"r\",\"status\":\"FAILED\","
              "\"sort\":\"createdAt\",\"limit\":200}",
              &filter),
        STATUS_OK);
    assert_slice_equal(filter.sku, "S");
    assert_slice_equal(filter.currency, "EUR");
    assert_slice_equal(filter.tracking_number, "T");
    assert_slice_equal(filter.payment_id, "P");
    assert_slice_equal(filter.id_prefix, "ef01");
    assert_int_equal(filter.least_minor, 5);
    assert_int_equal(filter.most_minor, 7);
    assert_true(order_filter_has_amount(&filter));
    assert_true(filter.is_oldest_first);
    assert_int_equal(filter.limit, ORDER_PAGE_MOST);
}

static void what_cannot_be_is_invalid(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "{}",
        "{\"tenant\":\"t\",\"sku\":5}",
        "{\"tenant\":\"t\",\"limit\":0}",
        "{\"tenant\":\"t\",\"limit\":201}",
        "{\"tenant\":\"t\",\"minTotalMinor\":-1}",
        "{\"tenant\":\"t\",\"maxTotalMinor\":\"7\"}",
        "{\"tenant\":\"t\",\"idPrefix\":\"ef0\"}",
        "{\"tenant\":\"t\",\"from\":\"noon\"}",
        "{\"tenant\":\"t\",\"sort\":\"up\"}",
    };
    struct order_filter filter;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (parse(wrong[i], &filter) != STATUS_INVALID)
            fail_msg("%s", wrong[i]);
}

static void an_id_begins_as_it_is_written(void **state) {
    (void)state;
    struct uuid least, most;
    char text[UUID_TEXT_SIZE];
    assert_true(order_id_prefix_parse(SLICE_LITERAL("EF0168a2-25"), &least, &most));
    uuid_format(&least, text);
    assert_string_equal(text, "ef0168a2-2500-0000-0000-000000000000");
    uuid_format(&most, text);
    assert_string_equal(text, "ef0168a2-25ff-ffff-ffff-ffffffffffff");
    assert_true(order_id_prefix_parse(SLICE_LITERAL("ef0168a2-25ac-85ab-b2e6-7f3075139440"), &least,
                                      &most));
    assert_int_equal(uuid_compare(&least, &most), 0);
    static const char *const wrong[] = {"",
                                        "ef0",
                                        "ef0168a225",
                                        "ef0168a2_",
                                        "xyzw",
                                        "-ef01",
                                        "ef0168a2-25ac-85ab-b2e6-7f30751394400"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(order_id_prefix_parse(slice_of(wrong[i]), &least, &most));
}

static void a_walk_begins_within_the_time_and_behind_the_page_before(void **state) {
    (void)state;
    struct order_filter filter = {
        .from_us = 100, .to_us = 200, .after = {.at_us = 500, .id = {{7}}}};
    assert_int_equal(order_filter_begin(&filter).at_us, 200);
    filter.after.at_us = 150;
    assert_int_equal(order_filter_begin(&filter).at_us, 150);
    assert_int_equal(order_filter_begin(&filter).id.bytes[0], 7);
    filter.is_oldest_first = true;
    assert_int_equal(order_filter_begin(&filter).at_us, 150);
    filter.after.at_us = 50;
    assert_int_equal(order_filter_begin(&filter).at_us, 99);
}

static void a_cursor_leads_on_in_its_own_listing_only(void **state) {
    (void)state;
    const struct order_place end = {.at_us = 12345, .id = {{1, 2, 3}}};
    struct order_filter filter, other;
    struct buf scope = {0}, other_scope = {0}, page = {0}, next = {0};
    struct error error;
    assert_int_equal(parse("{\"tenant\":\"t\",\"sku\":\"S\"}", &filter), STATUS_OK);
    order_filter_scope(&filter, "orders", &scope);
    struct json_writer w = json_writer(&page);
    json_begin_object(&w);
    order_filter_put_next(&w, buf_slice(&scope), &end);
    json_end_object(&w);
    struct slice cursor = {page.ptr + sizeof("{\"nextCursor\":\"") - 1,
                           page.len - sizeof("{\"nextCursor\":\"\"}") + 1};
    buf_printf(&next, "{\"tenant\":\"t\",\"sku\":\"S\",\"cursor\":\"%.*s\"}", SLICE_ARG(cursor));
    assert_int_equal(parse(next.ptr, &filter), STATUS_OK);
    assert_int_equal(order_filter_open(question, buf_slice(&scope), &filter, &error), STATUS_OK);
    assert_int_equal(filter.after.at_us, 12345);
    assert_memory_equal(&filter.after.id, &end.id, sizeof(end.id));

    other = filter;
    other.sku = SLICE_LITERAL("T");
    order_filter_scope(&other, "orders", &other_scope);
    assert_int_equal(order_filter_open(question, buf_slice(&other_scope), &other, &error),
                     STATUS_INVALID);
    buf_clear(&other_scope);
    order_filter_scope(&filter, "found", &other_scope);
    assert_int_equal(order_filter_open(question, buf_slice(&other_scope), &other, &error),
                     STATUS_INVALID);
    buf_fini(&scope);
    buf_fini(&other_scope);
    buf_fini(&page);
    buf_fini(&next);
}

static int teardown(void **state) {
    (void)state;
    json_object_put(question);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_asked_for_filters_by_nothing),
        cmocka_unit_test(all_that_is_asked_for_is_read),
        cmocka_unit_test(what_cannot_be_is_invalid),
        cmocka_unit_test(an_id_begins_as_it_is_written),
        cmocka_unit_test(a_walk_begins_within_the_time_and_behind_the_page_before),
        cmocka_unit_test(a_cursor_leads_on_in_its_own_listing_only),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
