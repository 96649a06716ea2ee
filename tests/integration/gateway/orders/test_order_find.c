/* Finding orders over HTTP by what few of them have: through the index that the analytics service
   keeps, and without it while that is away.

   Covers: gateway/orders/list_orders.c gateway/orders/order_query.c services/analytics/find.c
   services/order/read/list.c services/order/read/store_read.c */
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/gateway/order_fixture.h"
#include "tests/support/servers/program.h"

#include "shared/json/json.h"

static struct process *analytics;
static int analytics_port;

/* A hundred and twenty orders a second apart for one SKU, of two customers in turn, and as many of
   another tenant; every tenth FAILED. */
static const char made_orders[] =
    "CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS id, g, tenant, '2026-01-01T00:00:00Z'"
    " ::timestamptz + g * interval '1 second' AS at"
    " FROM generate_series(0, 119) g, unnest('{default,acme}'::text[]) tenant;"
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, reason, currency,"
    " total_minor, payment_method, correlation_id, traceparent, timeline, accepted_at,"
    " tracking_number)"
    " SELECT id, tenant, 'L' || g % 2, 'parallel', CASE WHEN g % 10 = 0 THEN 'FAILED' ELSE"
    "  'COMPLETED' END, CASE WHEN g % 10 = 0 THEN 'out_of_stock' END, 'USD', 1000 + g,"
    "  'pm_card_visa', '', '', '[]', at, 'OM' || tenant || g FROM made;"
    "INSERT INTO orders.order_items SELECT id, 1, 'MADE', 1, 1000 + g FROM made;"
    "INSERT INTO analytics.order_terms"
    " SELECT analytics.term_of(kind, tenant, value), (extract(epoch FROM at) * 1000000)::bigint, "
    "id,"
    "  1000 + g FROM made, LATERAL (VALUES ('s', 'MADE'),"
    "   ('a', 'USD' || analytics.amount_class(1000 + g)),"
    "   ('r', CASE WHEN g % 10 = 0 THEN 'out_of_stock' END)) AS told(kind, value)"
    " WHERE value IS NOT NULL;"
    "INSERT INTO analytics.order_terms"
    " SELECT analytics.term_of(kind, '', prefix || tenant || g), 0, id, 0"
    " FROM made, (VALUES ('t', 'OM'), ('p', 'ch_')) AS reference(kind, prefix);";

/* --- reading ---------------------------------------------------------------------------------- */

static int orders_in(const struct http_response *response, int64_t *sum) {
    struct json_object *root = NULL, *orders;
    assert_int_equal(json_parse(buf_slice(&response->body), &root, NULL), STATUS_OK);
    assert_int_equal(json_get_array(root, "orders", &orders, NULL), STATUS_OK);
    int count = (int)json_object_array_length(orders);
    for (int i = 0; i < count; i++) {
        int64_t total = 0;
        assert_int_equal(json_get_int64(json_object_array_get_idx(orders, (size_t)i), "totalMinor",
                                        &total, NULL),
                         STATUS_OK);
        *sum += total - 1000;
    }
    json_object_put(root);
    return count;
}

struct found {
    int pages, orders;
    int64_t sum; /* of the numbers of the made orders */
    bool is_marked;
};

/* Follows the links to the last page. */
static struct found find_as(const char *authorization, const char *query) {
    struct found found = {0};
    char path[2048];
    snprintf(path, sizeof(path), "/api/v1/orders?%s", query);
    for (struct slice link = {path, 1}; link.len > 0;) {
        struct http_response page = ask_as(authorization, "GET", path, NULL);
        if (page.status != 200)
            fail_msg("%s: %ld %s", path, page.status, page.body.ptr);
        found.orders += orders_in(&page, &found.sum);
        found.pages++;
        link = http_header(&page, "Link");
        if (link.len > 0)
            snprintf(path, sizeof(path), "%.*s",
                     (int)((const char *)memchr(link.ptr, '>', link.len) - link.ptr - 1),
                     link.ptr + 1);
        found.is_marked |= link.len > 0 && strstr(path, "cursor=~") != NULL;
        http_response_fini(&page);
    }
    return found;
}

static struct found find(const char *query) {
    return find_as(NULL, query);
}

/* --- with the index --------------------------------------------------------------------------- */

static void what_is_rare_is_found_page_by_page(void **state) {
    (void)state;
    const struct found all = find("sku=MADE&limit=50");
    assert_int_equal(all.orders, 120);
    assert_int_equal(all.pages, 3);
    assert_int_equal(all.sum, 119 * 120 / 2);
    assert_true(all.is_marked);
    assert_int_equal(find("sku=MADE&limit=50&sort=createdAt").sum, 119 * 120 / 2);
}

static void filters_count_together(void **state) {
    (void)state;
    static const struct {
        const char *query;
        int orders;
    } filters[] = {
        {"reason=out_of_stock&limit=5", 12},
        {"reason=out_of_stock&status=FAILED&sku=MADE", 12},
        {"reason=out_of_stock&status=CANCELLED", 0},
        {"reason=payment_declined&sku=MADE", 0},
        {"sku=MADE&currency=USD&minTotalMinor=1010&maxTotalMinor=1019", 10},
        {"sku=MADE&currency=EUR&minTotalMinor=1010", 0},
        {"sku=MADE&status=COMPLETED", 108},
        {"sku=MADE&from=2026-01-01T00:01:00Z&to=2026-01-01T00:01:10Z", 10},
        {"sku=MADE&status=PENDING", 0},
        {"sku=MADE&customerId=L0", 60},
        {"sku=MADE&customerId=L0&reason=out_of_stock", 12},
        {"sku=MADE&customerId=L2", 0},
        {"trackingNumber=OMdefault7", 1},
        {"trackingNumber=OMdefault7&sku=MADE&currency=USD&minTotalMinor=1007", 1},
        {"trackingNumber=OMdefault7&to=2026-01-01T00:00:05Z", 0},
        {"trackingNumber=OMdefault7&customerId=L0", 0},
        {"trackingNumber=OMacme7", 0},
        {"paymentId=ch_default7", 1},
        {"paymentId=ch_acme7", 0},
        {"paymentId=ch_default7&trackingNumber=OMdefault8", 0},
        {"currency=USD&minTotalMinor=1010&maxTotalMinor=1029&limit=7", 20},
        {"currency=USD&customerId=L1&minTotalMinor=1100", 10},
    };
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        int orders = find(filters[i].query).orders;
        if (orders != filters[i].orders)
            fail_msg("%s: %d", filters[i].query, orders);
    }
}

static bool is_found(void *query) {
    return find(query).orders == 1;
}

static void an_order_is_found_once_its_events_are_in_the_index(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE], query[80];
    place(path);
    assert_true(wait_until(is_found, "sku=SKU-123", 15000));
    assert_true(is_found("currency=USD&minTotalMinor=1100&maxTotalMinor=3000&sku=SKU-123"));
    assert_false(is_found("reason=cancelled_by_customer"));
    cancel(path);
    assert_true(wait_until(is_found, "reason=cancelled_by_customer", 15000));
    assert_true(is_found("reason=cancelled_by_customer&status=CANCELLED&sku=SKU-123"));
    snprintf(query, sizeof(query), "idPrefix=%.10s", path + strlen("/api/v1/orders/"));
    assert_true(is_found(query));
    snprintf(query, sizeof(query), "idPrefix=%.4s&reason=out_of_stock",
             path + strlen("/api/v1/orders/"));
    assert_false(is_found(query));
}

static void a_cursor_leads_on_in_its_own_find_only(void **state) {
    (void)state;
    struct http_response page = get("/api/v1/orders?sku=MADE&limit=10");
    struct json_object *root = NULL;
    struct slice cursor;
    char path[1200];
    assert_int_equal(json_parse(buf_slice(&page.body), &root, NULL), STATUS_OK);
    assert_int_equal(json_get_string(root, "nextCursor", &cursor, NULL), STATUS_OK);
    static const char *const others[] = {"sku=MADE2", "reason=out_of_stock", "limit=10",
                                         "sku=MADE&sort=createdAt", "sku=MADE&customerId=L1"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(path, sizeof(path), "/api/v1/orders?%s&cursor=%.*s", others[i], SLICE_ARG(cursor));
        struct http_response refused = get(path);
        assert_problem(&refused, 400, "invalid-query");
    }
    json_object_put(root);
    http_response_fini(&page);
}

static void what_cannot_be_asked_for_is_a_400(void **state) {
    (void)state;
    static const char *const queries[] = {
        "idPrefix=abc",
        "idPrefix=ghij",
        "idPrefix=ef0168a225",
        "sku=A%20B",
        "currency=usd",
        "currency=XXX",
        "minTotalMinor=5",
        "currency=USD&minTotalMinor=-5",
        "currency=USD&minTotalMinor=1.5",
        "currency=USD&maxTotalMinor=05",
        "currency=USD&minTotalMinor=6&maxTotalMinor=5",
        "trackingNumber=%00",
        "paymentId=%0A",
        "sku=MADE&cursor=~AAAA",
        "sku=MADE&cursor=~",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char path[100];
        snprintf(path, sizeof(path), "/api/v1/orders?%s", queries[i]);
        struct http_response refused = get(path);
        assert_problem(&refused, 400, "invalid-query");
    }
}

/* --- whose orders ----------------------------------------------------------------------------- */

static void a_customer_finds_its_own_and_an_administrator_its_tenants(void **state) {
    (void)state;
    jwt_fixture_set();
    gateway_restart(NULL);
    static const char *const queries[] = {"sku=MADE", "reason=out_of_stock",
                                          "trackingNumber=OMdefault7", "paymentId=ch_default7"};
    static const struct {
        const char *who, *scope, *tenant;
        int orders[4];
    } callers[] = {
        {"L1", "orders:read", "", {60, 0, 1, 1}},
        {"L0", "orders:read", "", {60, 12, 0, 0}},
        {"L9", "orders:read", "", {0, 0, 0, 0}},
        {"root", "admin", "", {120, 12, 1, 1}},
        {"root", "admin", ",\"tenant\":\"acme\"", {120, 12, 0, 0}},
        {"root", "admin", ",\"tenant\":\"other\"", {0, 0, 0, 0}},
        {"L1", "orders:read", ",\"tenant\":\"acme\"", {60, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++) {
        const char *authorization =
            authorize_with(key, callers[i].who, callers[i].scope, callers[i].tenant);
        for (int q = 0; q < 4; q++) {
            int orders = find_as(authorization, queries[q]).orders;
            if (orders != callers[i].orders[q])
                fail_msg("%s %s %s: %d", callers[i].who, callers[i].tenant, queries[q], orders);
        }
    }
    signing_key_destroy(&key);
    signing_key_destroy(&next_key);
}

/* --- without it ------------------------------------------------------------------------------- */

static void without_the_index_orders_are_found_by_a_walk(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_AUTH", "none", NULL});
    assert_int_equal(program_end(&analytics, 15000), 0);
    const struct found all = find("sku=MADE&limit=50");
    assert_int_equal(all.orders, 120);
    assert_false(all.is_marked);
    assert_int_equal(find("trackingNumber=OMdefault7").orders, 1);
    assert_int_equal(find("reason=out_of_stock").orders, 12);
    assert_int_equal(status_of("GET", "/api/v1/orders?paymentId=ch_default7", NULL), 503);
}

/* --- fixture ---------------------------------------------------------------------------------- */

static int setup(void **state) {
    struct environment environment = {0};
    order_fixture_setup(state);
    analytics_port = free_port();
    run_sql(made_orders);
    servers_service_environment(fixture.servers, "analytics", "om_analytics", &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", analytics_port);
    analytics = program_start("analytics", &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &analytics_port, 20000));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_rare_is_found_page_by_page),
        cmocka_unit_test(filters_count_together),
        cmocka_unit_test(an_order_is_found_once_its_events_are_in_the_index),
        cmocka_unit_test(a_cursor_leads_on_in_its_own_find_only),
        cmocka_unit_test(what_cannot_be_asked_for_is_a_400),
        cmocka_unit_test(a_customer_finds_its_own_and_an_administrator_its_tenants),
        cmocka_unit_test(without_the_index_orders_are_found_by_a_walk),
    };
    return cmocka_run_group_tests_name("order_find", tests, setup, order_fixture_teardown);
}
