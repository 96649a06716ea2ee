/* Which dead letters a filter means, as all its users write it. */
#include "shared/contract/dlq_filter.h"
#include "tests/support/base/test.h"

static const char *const others[] = {"limit", NULL};

/* The filter of `text` written again; what is wrong with it otherwise. */
static struct buf read_and_write(const char *text) {
    struct json_object *root = NULL;
    struct dlq_filter filter = {0};
    struct error error;
    struct buf out = {0};
    struct json_writer w = json_writer(&out);
    assert_int_equal(json_parse(slice_of(text), &root, &error), STATUS_OK);
    if (dlq_filter_read(root, others, &filter, &error) == STATUS_OK) {
        json_begin_object(&w);
        dlq_filter_write(&filter, &w);
        json_end_object(&w);
    } else {
        buf_append_text(&out, error.text);
    }
    json_object_put(root);
    return out;
}

static void assert_reads(const char *text, const char *expected) {
    struct buf out = read_and_write(text);
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
}

static void members_come_back_in_one_order(void **state) {
    (void)state;
    assert_reads("{\"to\":\"2026-01-02T00:00:00Z\",\"limit\":5,\"stream\":\"ORDERS\","
                 "\"reason\":\"no_report\",\"status\":\"any\","
                 "\"orderId\":\"EF0168A2-25ac-85ab-b2e6-7f3075139440\"}",
                 "{\"stream\":\"ORDERS\",\"reason\":\"no_report\","
                 "\"orderId\":\"EF0168A2-25ac-85ab-b2e6-7f3075139440\",\"status\":\"any\","
                 "\"to\":\"2026-01-02T00:00:00Z\"}");
    assert_reads("{}", "{}");
}

static void what_is_wrong_is_said_by_member(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"{\"colour\":\"red\"}", "colour: not known here"},
        {"{\"stream\":1}", "stream: not a text"},
        {"{\"stream\":\"\"}", "stream: not a text of 1 to 200 bytes"},
        {"{\"code\":\"a\\nb\"}", "code: not a text of 1 to 200 bytes"},
        {"{\"reason\":\"luck\"}", "reason: not one of rejected, max_deliveries, no_report"},
        {"{\"orderId\":\"ef0168a2\"}", "orderId: not the whole id of an order"},
        {"{\"status\":\"DEAD\"}",
         "status: not one of dead, replaying, replayed, resolved, discarded, any"},
        {"{\"from\":\"today\"}", "from: not a time such as 2026-01-31T12:00:00Z"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_reads(wrong[i][0], wrong[i][1]);
}

static void times_are_read_with_their_offset(void **state) {
    (void)state;
    struct dlq_filter filter = {0};
    struct error error;
    assert_int_equal(dlq_filter_set(&filter, DLQ_FILTER_FROM,
                                    SLICE_LITERAL("1970-01-01T01:00:01+01:00"), &error),
                     STATUS_OK);
    assert_int_equal(filter.from_us, 1000000);
}

static void an_id_is_three_tokens_of_plain_letters(void **state) {
    (void)state;
    static const char *const good[] = {
        "ORDERS.order.seq-17", "ORDERS.inventory-failed.0198c7aa-0000-7000-8000-000000000000"};
    static const char *const bad[] = {"", "jobs", "ORDERS.order", "a.b.c d", "a.b.%2e", "a.b.c/d"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(dlq_id_is_valid(slice_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dlq_id_is_valid(slice_of(bad[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_back_in_one_order),
        cmocka_unit_test(what_is_wrong_is_said_by_member),
        cmocka_unit_test(times_are_read_with_their_offset),
        cmocka_unit_test(an_id_is_three_tokens_of_plain_letters),
    };
    return cmocka_run_group_tests_name("dlq_filter", tests, NULL, NULL);
}
