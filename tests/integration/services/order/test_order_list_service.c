/* The order service's list as it is asked for by NATS, where nobody has looked at the question
   before: what it refuses, and for whom a page goes on.

   Covers: services/order/read/list.c */
#include "services/order/read/list.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

static void submit(void) {
    const struct world_order order = {
        .id = uuid_v7(),
        .sku = "SHIRT",
        .quantity = 2,
        .unit_price_minor = -1,
        .payment_method = "pm_card_visa",
    };
    struct buf payload = {0};
    world_write_submit(&payload, &order, clock_now_us());
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
}

static enum status ask(const char *request, struct buf *reply) {
    struct error error = {0};
    struct pg *pg = pg_create(servers_role_url(world.servers, "om_orders"), "reader");
    struct endpoint_call call = {.request = slice_of(request), .pg = pg, .reply = reply};
    enum status status = order_endpoint_list(&call, &error);
    pg_destroy(&pg);
    return status;
}

/* The cursor says where a list goes on, and so which orders there are. */
static void a_cursor_is_worth_nothing_to_another_tenant_or_customer(void **state) {
    (void)state;
    struct json_object *page = NULL;
    struct slice cursor;
    struct buf reply = {0};
    static const struct {
        const char *reader;
        enum status status;
    } readers[] = {{"\"tenant\":\"default\",\"customerId\":\"C100\"", STATUS_OK},
                   {"\"tenant\":\"other\",\"customerId\":\"C100\"", STATUS_INVALID},
                   {"\"tenant\":\"default\",\"customerId\":\"C2\"", STATUS_INVALID}};
    submit();
    submit();
    assert_int_equal(ask("{\"tenant\":\"default\",\"customerId\":\"C100\",\"limit\":1}", &reply),
                     STATUS_OK);
    assert_int_equal(json_parse(buf_slice(&reply), &page, NULL), STATUS_OK);
    assert_int_equal(json_get_string(page, "nextCursor", &cursor, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        struct buf request = {0}, answer = {0};
        buf_printf(&request, "{%s,\"cursor\":\"%.*s\"}", readers[i].reader, SLICE_ARG(cursor));
        assert_int_equal(ask(request.ptr, &answer), readers[i].status);
        buf_fini(&request);
        buf_fini(&answer);
    }
    json_object_put(page);
    buf_fini(&reply);
}

/* The gateway refuses these before; others may ask the service, too. */
static void a_list_that_cannot_be_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *members;
        enum status status;
    } lists[] = {
        {"", STATUS_INVALID},
        {"\"tenant\":\"t\"", STATUS_OK},
        {"\"tenant\":7", STATUS_INVALID},
        {"\"tenant\":\"t\",\"limit\":0", STATUS_INVALID},
        {"\"tenant\":\"t\",\"limit\":1", STATUS_OK},
        {"\"tenant\":\"t\",\"limit\":200", STATUS_OK},
        {"\"tenant\":\"t\",\"limit\":201", STATUS_INVALID},
        {"\"tenant\":\"t\",\"limit\":\"5\"", STATUS_INVALID},
        {"\"tenant\":\"t\",\"sort\":\"createdAt\"", STATUS_OK},
        {"\"tenant\":\"t\",\"sort\":\"-createdAt\"", STATUS_OK},
        {"\"tenant\":\"t\",\"sort\":\"updatedAt\"", STATUS_INVALID},
        {"\"tenant\":\"t\",\"from\":\"2026-01-01T00:00:00Z\"", STATUS_OK},
        {"\"tenant\":\"t\",\"from\":\"yesterday\"", STATUS_INVALID},
        {"\"tenant\":\"t\",\"to\":\"2026\"", STATUS_INVALID},
        {"\"tenant\":\"t\",\"cursor\":\"AAAA\"", STATUS_INVALID},
        {"\"tenant\":\"t\",\"ids\":[]", STATUS_OK},
        {"\"tenant\":\"t\",\"ids\":[\"1\"]", STATUS_INVALID},
        {"\"tenant\":\"t\",\"ids\":5", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char request[200];
        struct buf reply = {0};
        snprintf(request, sizeof(request), "{%s}", lists[i].members);
        if (ask(request, &reply) != lists[i].status)
            fail_msg("%s: not %s", request, status_name(lists[i].status));
        buf_fini(&reply);
    }
}

/* What orders are found by is in no index of their table: an order's row stays on its page, and in
   its place in each index, from its first moment to its last. */
static bool all_updates_stayed(void *closure) {
    (void)closure;
    return world_query_int(&world, "SELECT n_tup_upd FROM pg_stat_user_tables"
                                   " WHERE relid = 'orders.orders'::regclass") >= 3 * 10 &&
           world_query_int(&world, "SELECT n_tup_upd - n_tup_hot_upd FROM pg_stat_user_tables"
                                   " WHERE relid = 'orders.orders'::regclass") == 0;
}

static void an_order_is_updated_in_its_place(void **state) {
    (void)state;
    world_execute(&world, "DO $$ BEGIN"
                          " PERFORM pg_stat_reset_single_table_counters('orders.orders'::regclass);"
                          " END $$");
    for (int i = 0; i < 10; i++)
        submit();
    world_run(&world);
    assert_world("SELECT count(*) FROM orders.orders WHERE status = 'COMPLETED'", "10");
    assert_true(wait_until(all_updates_stayed, NULL, 20000));
}

/* Beside what a walk comes by, as the gateway asks for by a customer. */
static void a_filter_looks_at_items_amounts_and_parcels(void **state) {
    (void)state;
    static const struct {
        const char *members;
        bool is_found;
    } filters[] = {
        {"\"sku\":\"SHIRT\"", true},
        {"\"sku\":\"SHIR\"", false},
        {"\"currency\":\"USD\",\"minTotalMinor\":3998,\"maxTotalMinor\":3998", true},
        {"\"currency\":\"USD\",\"minTotalMinor\":3999", false},
        {"\"currency\":\"EUR\"", false},
        {"\"trackingNumber\":\"T-7\"", true},
        {"\"trackingNumber\":\"T-8\"", false},
        {"\"trackingNumber\":\"T-9\"", true}, /* of its second parcel */
    };
    submit();
    world_execute(&world, "UPDATE orders.orders SET tracking_number = 'T-7'");
    world_execute(&world,
                  "INSERT INTO orders.shipments SELECT id, 2, 'EAST', '[]', 'c', 'T-9', now()"
                  " FROM orders.orders");
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        char request[200];
        struct buf reply = {0};
        snprintf(request, sizeof(request), "{\"tenant\":\"default\",\"customerId\":\"C100\",%s}",
                 filters[i].members);
        assert_int_equal(ask(request, &reply), STATUS_OK);
        if ((strstr(reply.ptr, "orderId") != NULL) != filters[i].is_found)
            fail_msg("%s: %s", request, reply.ptr);
        buf_fini(&reply);
    }
}

static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "SHIRT", 1999, 1000);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_cursor_is_worth_nothing_to_another_tenant_or_customer),
        TEST(a_list_that_cannot_be_is_refused),
        TEST(an_order_is_updated_in_its_place),
        TEST(a_filter_looks_at_items_amounts_and_parcels),
    };
    return cmocka_run_group_tests_name("order_list_service", tests, world_setup, world_teardown);
}
