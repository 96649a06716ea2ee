/* Every route of the gateway asked by every kind of caller: what each is answered is a table here,
   and a route without a row fails. With the order service and two tenants, each with an order; what
   the other services would answer does not matter, as they are not there.

   Covers: gateway/routes.c gateway/admit/auth.c gateway/admit/admission.c gateway/lane/caller.c */
#include "gateway/routes.h"
#include "shared/pg/pg_result.h"
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/gateway/order_fixture.h"

/* OM_TENANT is "default"; who is of "acme" is of another tenant. */
enum who {
    NOBODY,
    EXPIRED,
    STRANGER,  /* signed by another key */
    ELSEWHERE, /* a token for another audience */
    CUSTOMER,  /* whose order it is */
    NEIGHBOUR, /* another customer of the same tenant */
    PLATFORM,  /* the administrator of OM_TENANT */
    ACME_CUSTOMER,
    ACME_ADMIN,
    WHO_COUNT
};

/* The answer is the route's own, whatever it is: 200, 404, 422, or 503 for a service that is not
   there. */
#define IN 0

/* The order in a path is the customer's. */
static const struct row {
    const char *method, *pattern;
    /* nobody, expired, stranger, elsewhere | customer, neighbour, platform | acme's two */
    long answers[WHO_COUNT];
} rows[] = {
    {"POST", "/api/v1/orders", {401, 401, 401, 401, IN, IN, IN, IN, IN}},
    {"GET", "/api/v1/orders", {401, 401, 401, 401, 200, 200, 200, 200, 200}},
    {"GET", "/api/v1/orders/{id}", {401, 401, 401, 401, 200, 404, 200, 404, 404}},
    {"GET", "/api/v1/orders/{id}/status", {401, 401, 401, 401, 200, 404, 200, 404, 404}},
    {"GET", "/api/v1/orders/{id}/refunds", {401, 401, 401, 401, IN, 404, IN, 404, 404}},
    {"GET", "/api/v1/orders/{id}/events", {401, 401, 401, 401, 200, 404, 200, 404, 404}},
    {"POST", "/api/v1/orders/{id}/cancel", {401, 401, 401, 401, 202, 404, 202, 404, 404}},
    {"GET", "/api/v1/customers/{id}/personal-data", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"DELETE", "/api/v1/customers/{id}/personal-data", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"POST", "/api/v1/orders/{id}/returns", {401, 401, 401, 401, IN, IN, IN, IN, IN}},
    {"GET", "/api/v1/orders/{id}/returns", {401, 401, 401, 401, 200, 404, 200, 404, 404}},
    {"GET", "/api/v1/orders/{id}/returns/{id}", {401, 401, 401, 401, 404, 404, 404, 404, 404}},
    {"POST",
     "/api/v1/orders/{id}/returns/{id}/receive",
     {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"POST",
     "/api/v1/orders/{id}/returns/{id}/refuse",
     {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"POST", "/api/v1/webhooks", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"GET", "/api/v1/webhooks", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"GET", "/api/v1/webhooks/{id}", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"PATCH", "/api/v1/webhooks/{id}", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"DELETE", "/api/v1/webhooks/{id}", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"POST", "/api/v1/webhooks/{id}/ping", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"GET", "/api/v1/webhooks/{id}/deliveries", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"POST",
     "/api/v1/webhooks/{id}/deliveries/{id}/resend",
     {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"GET", "/api/v1/products", {401, 401, 401, 401, IN, IN, IN, IN, IN}},
    {"GET", "/api/v1/products/{id}", {401, 401, 401, 401, IN, IN, IN, IN, IN}},
    {"PUT", "/api/v1/products/{id}", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST",
     "/api/v1/products/{id}/stock-adjustments",
     {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/products/{id}/stock", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/warehouses", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/analytics/dashboard", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/analytics/metrics", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/events", {401, 401, 401, 401, 403, 403, 200, 403, 403}},
    {"GET", "/api/v1/admin/mesh", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/dlq", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/dlq/counts", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/dlq/groups", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/dlq/jobs", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/dlq/jobs/{id}", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST", "/api/v1/admin/dlq/jobs/{id}/cancel", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST", "/api/v1/admin/dlq/replay", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST", "/api/v1/admin/dlq/discard", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/dlq/{id}", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST", "/api/v1/admin/dlq/{id}/replay", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST", "/api/v1/admin/dlq/{id}/discard", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/orders/{id}/diagnosis", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"POST", "/api/v1/admin/orders/{id}/refunds", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"GET", "/api/v1/admin/orders/{id}/refunds", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"POST", "/api/v1/stripe/webhook", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/api/v1/admin/reports/orders", {401, 401, 401, 401, 403, 403, IN, 403, IN}},
    {"GET", "/api/v1/admin/reports/revenue", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/reports/refunds", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/api/v1/admin/reports/stock", {401, 401, 401, 401, 403, 403, IN, 403, 403}},
    {"GET", "/health", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/healthz", {200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET", "/readyz", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/console", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/console/", {200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET", "/console/{id}", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/problems", {200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET", "/problems/{id}", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/openapi.yaml", {200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET", "/schemas", {200, 200, 200, 200, 200, 200, 200, 200, 200}},
    {"GET", "/schemas/{id}", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/docs", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
    {"GET", "/docs/{id}", {IN, IN, IN, IN, IN, IN, IN, IN, IN}},
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static const char both[] = "orders:read orders:write";
static const char acme[] = ",\"tenant\":\"acme\"";

static const char *authorize(enum who who) {
    switch (who) {
    case EXPIRED:
        return authorize_until(clock_now_us() - INT64_C(3600000000), key, "C1", "admin", "");
    case STRANGER:
        return authorize_with(next_key, "C1", "admin", "");
    case ELSEWHERE:
        return authorize_for("somebody-else", "C1", "admin");
    case CUSTOMER:
        return customer("C1");
    case NEIGHBOUR:
        return customer("C2");
    case PLATFORM:
        return administrator();
    case ACME_CUSTOMER:
        return authorize_with(key, "C1", both, acme);
    case ACME_ADMIN:
        return authorize_with(key, "root", "admin", acme);
    case NOBODY:
    case WHO_COUNT:
        break;
    }
    return NULL;
}

static const char *const names[WHO_COUNT] = {"nobody",
                                             "with an expired token",
                                             "a stranger",
                                             "with a token for elsewhere",
                                             "the customer",
                                             "neighbour",
                                             "the platform's admin",
                                             "acme's customer",
                                             "acme's admin"};

/* Streams would not end, so GET is asked as HEAD. */
static long ask_route(const struct row *row, enum who who, const char *id) {
    struct buf path = {0};
    const char *hole = strstr(row->pattern, "{id}");
    bool is_read = strcmp(row->method, "GET") == 0;
    int before = hole == NULL ? (int)strlen(row->pattern) : (int)(hole - row->pattern);
    buf_printf(&path, "%.*s%s%s", before, row->pattern, hole == NULL ? "" : id,
               hole == NULL ? "" : hole + strlen("{id}"));
    struct http_response response =
        ask_as(authorize(who), is_read ? "HEAD" : row->method, path.ptr, is_read ? NULL : "{}");
    long status = response.status;
    http_response_fini(&response);
    buf_fini(&path);
    return status;
}

static bool is_as_wanted(long status, long wanted) {
    return wanted == IN ? status >= 200 && status != 401 && status != 403 : status == wanted;
}

/* An order of customer C1 in that tenant, which has ended, so that its stream ends. */
static void place_ended(const char *authorization, char id[UUID_TEXT_SIZE]) {
    char header[2048], path[ORDER_PATH_SIZE];
    struct buf cancel_path = {0};
    snprintf(header, sizeof(header), "%s", authorization);
    struct http_response placed = ask_as(header, "POST", "/api/v1/orders", ORDER);
    assert_int_equal(placed.status, 202);
    snprintf(path, sizeof(path), "%.*s", SLICE_ARG(http_header(&placed, "Location")));
    snprintf(id, UUID_TEXT_SIZE, "%s", path + strlen("/api/v1/orders/"));
    http_response_fini(&placed);
    buf_printf(&cancel_path, "%s/cancel", path);
    placed = ask_as(header, "POST", cancel_path.ptr, NULL);
    assert_int_equal(placed.status, 202);
    http_response_fini(&placed);
    buf_fini(&cancel_path);
}

static bool both_are_cancelled(void *closure) {
    static const struct pg_statement count = {
        "count", "SELECT count(*) FROM orders.orders WHERE status = 'CANCELLED'", 0};
    struct pg_result *result = NULL;
    struct error error;
    (void)closure;
    if (pg_query(pg, &count, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    bool is = pg_get_int64(result, 0, 0) == 2;
    pg_result_free(&result);
    return is;
}

static char ours[UUID_TEXT_SIZE], theirs[UUID_TEXT_SIZE];

static void every_route_has_a_row(void **state) {
    (void)state;
    assert_int_equal(route_count, ROW_COUNT);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_string_equal(routes[i].method, rows[i].method);
        assert_string_equal(routes[i].pattern, rows[i].pattern);
    }
}

static void each_caller_is_answered_as_the_table_says(void **state) {
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (int who = 0; who < WHO_COUNT; who++) {
            long status = ask_route(&rows[i], (enum who)who, ours);
            if (!is_as_wanted(status, rows[i].answers[who]))
                fail_msg("%s %s, %s: %ld", rows[i].method, rows[i].pattern, names[who], status);
        }
    }
}

/* The same the other way round: the platform's administrator has no place in another tenant. */
static void an_order_of_another_tenant_is_not_there(void **state) {
    (void)state;
    static const long answers[WHO_COUNT] = {[CUSTOMER] = 404,
                                            [NEIGHBOUR] = 404,
                                            [PLATFORM] = 404,
                                            [ACME_CUSTOMER] = 200,
                                            [ACME_ADMIN] = 200};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (int who = CUSTOMER; who < WHO_COUNT; who++) {
            long status, wanted = answers[who];
            if (strstr(rows[i].pattern, "v1/orders/{id}") == NULL)
                continue;
            /* What needs a body, and one of several returns, is refused for that before. */
            if (strstr(rows[i].pattern, "/returns") != NULL &&
                (strcmp(rows[i].method, "POST") == 0 ||
                 strstr(rows[i].pattern, "returns/") != NULL))
                continue;
            if (wanted == 200 && strcmp(rows[i].method, "POST") == 0)
                wanted = 202;
            if (wanted == 200 && strstr(rows[i].pattern, "refunds") != NULL)
                wanted = IN; /* no payment service runs here */
            status = ask_route(&rows[i], (enum who)who, theirs);
            if (!is_as_wanted(status, wanted))
                fail_msg("%s %s, %s: %ld", rows[i].method, rows[i].pattern, names[who], status);
        }
    }
}

static void a_list_has_the_orders_of_its_tenant_only(void **state) {
    (void)state;
    static const struct {
        enum who who;
        const char *has, *has_not;
    } lists[] = {
        {PLATFORM, ours, theirs}, {ACME_ADMIN, theirs, ours}, {ACME_CUSTOMER, theirs, ours}};
    char by_id[80];
    const char *const paths[] = {"/api/v1/orders", "/api/v1/orders?sku=SKU-123",
                                 "/api/v1/orders?reason=cancelled_by_customer"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (size_t path = 0; path < sizeof(paths) / sizeof(paths[0]); path++) {
            struct http_response list = ask_as(authorize(lists[i].who), "GET", paths[path], NULL);
            assert_int_equal(list.status, 200);
            assert_true(body_has(&list, lists[i].has));
            assert_false(body_has(&list, lists[i].has_not));
            http_response_fini(&list);
        }
        snprintf(by_id, sizeof(by_id), "/api/v1/orders?idPrefix=%.13s", lists[i].has_not);
        struct http_response none = ask_as(authorize(lists[i].who), "GET", by_id, NULL);
        assert_true(body_has(&none, "{\"orders\":[]}"));
        http_response_fini(&none);
    }
}

static void a_refusal_says_for_whom_it_is(void **state) {
    (void)state;
    struct http_response refused = ask_as(authorize(ACME_ADMIN), "GET", "/api/v1/admin/dlq", NULL);
    assert_true(body_has(&refused, "administrators of the platform's own"));
    assert_problem(&refused, 403, "forbidden");
}

static int setup(void **state) {
    order_fixture_setup(state);
    jwt_fixture_set();
    gateway_restart(NULL);
    place_ended(customer("C1"), ours);
    place_ended(authorize(ACME_CUSTOMER), theirs);
    assert_true(wait_until(both_are_cancelled, NULL, 10000));
    return 0;
}

static int teardown(void **state) {
    signing_key_destroy(&key);
    signing_key_destroy(&next_key);
    return order_fixture_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_has_a_row),
        cmocka_unit_test(each_caller_is_answered_as_the_table_says),
        cmocka_unit_test(an_order_of_another_tenant_is_not_there),
        cmocka_unit_test(a_list_has_the_orders_of_its_tenant_only),
        cmocka_unit_test(a_refusal_says_for_whom_it_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
