/* The rights and quotas of callers at the gateway.

   Covers: gateway/admit/ */
#include "gateway/routes.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/gateway/order_stand_in.h"

/* --- callers ---------------------------------------------------------------------------------- */

static struct http_response place_as(const char *authorization, const char *body) {
    return ask_as(authorization, "POST", "/api/v1/orders", body);
}

static void assert_status(struct http_response response, long status) {
    if (response.status != status)
        fail_msg("expected %ld, got %ld %s", status, response.status, response.body.ptr);
    http_response_fini(&response);
}

static void assert_refused(struct http_response response, long status, const char *type) {
    assert_problem(&response, status, type);
}

/* The order's path, or its status's and so on; free it. */
static char *path_of(const struct http_response *placed, const char *below) {
    struct buf path = {0};
    buf_printf(&path, "%.*s%s", SLICE_ARG(http_header(placed, "Location")), below);
    return path.ptr;
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void a_request_without_a_good_token_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *headers[3];
        long status;
        const char *type, *challenge;
    } rows[] = {
        {{NULL}, 401, "unauthorized", "Bearer realm=\"ordermesh\""},
        {{"Authorization: Basic Zm9vOmJhcg=="}, 401, "unauthorized", "realm=\"ordermesh\""},
        {{"Authorization: Bearer"}, 401, "unauthorized", "error=\"invalid_token\""},
        {{"Authorization: Bearer a.b.c"}, 401, "unauthorized", "error=\"invalid_token\""},
        {{"Authorization: Bearer eyJhbGciOiJub25lIn0.e30."}, 401, "unauthorized", "invalid_token"},
        {{"Authorization: Bearer x", "Authorization: Bearer x"},
         400,
         "malformed-request",
         "error=\"invalid_request\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_response response = ask("POST", "/api/v1/orders", ORDER, rows[i].headers);
        char challenge[256];
        snprintf(challenge, sizeof(challenge), "%.*s",
                 SLICE_ARG(http_header(&response, "WWW-Authenticate")));
        if (strstr(challenge, rows[i].challenge) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", rows[i].challenge, challenge);
        assert_problem(&response, rows[i].status, rows[i].type);
    }
    assert_refused(place_as(authorize_with(next_key, "C1", "admin", ""), ORDER), 401,
                   "unauthorized");
    assert_refused(ask("GET", "/api/v1/orders?access_token=x", NULL, NULL), 401, "unauthorized");
    assert_status(place_as(customer("C1"), ORDER), 202);
}

static void a_token_of_8_kib_is_refused(void **state) {
    (void)state;
    struct buf header = {0};
    buf_printf(&header, "Authorization: Bearer %08192d", 0);
    assert_refused(place_as(header.ptr, ORDER), 401, "unauthorized");
    buf_fini(&header);
}

/* `pattern` with an id in its hole; free it. */
static char *path_of_route(const struct route *route) {
    struct buf path = {0};
    const char *hole = strstr(route->pattern, "{id}");
    if (hole == NULL)
        buf_append_text(&path, route->pattern);
    else
        buf_printf(&path, "%.*s" UNKNOWN_ORDER "%s", (int)(hole - route->pattern), route->pattern,
                   hole + 4);
    return path.ptr;
}

static void every_route_asks_for_its_scope(void **state) {
    (void)state;
    const char *nobody = authorize_with(key, "C1", "profile orders", "");
    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        char *path = path_of_route(route);
        const char *body = strcmp(route->method, "GET") == 0 ? NULL : "{}";
        if (route->scope == SCOPE_PUBLIC) {
            struct http_response open = ask(route->method, path, body, NULL);
            if (open.status < 200 || open.status == 401 || open.status == 403)
                fail_msg("%s: %ld", path, open.status);
            http_response_fini(&open);
        } else {
            assert_refused(ask(route->method, path, body, NULL), 401, "unauthorized");
            struct http_response refused = ask_as(nobody, route->method, path, body);
            char scope[64];
            snprintf(scope, sizeof(scope), "scope=\"%s\"", scope_name(route->scope));
            assert_non_null(strstr(refused.headers.ptr, scope));
            assert_problem(&refused, 403, "insufficient-scope");
        }
        free(path);
    }
}

static void a_customer_is_no_administrator(void **state) {
    (void)state;
    static const char product[] = "{\"name\":\"x\",\"priceMinor\":1,\"currency\":\"USD\"}";
    assert_refused(ask_as(customer("C1"), "PUT", "/api/v1/products/X", product), 403,
                   "insufficient-scope");
    assert_refused(ask_as(customer("C1"), "GET", "/api/v1/admin/dlq", NULL), 403,
                   "insufficient-scope");
    assert_refused(ask_as(customer("C1"), "GET", "/api/v1/analytics/dashboard", NULL), 403,
                   "insufficient-scope");
    /* an administrator comes as far as the service that is not there */
    assert_status(ask_as(administrator(), "PUT", "/api/v1/products/X", product), 503);
}

static void both_keys_are_taken_while_they_are_changed(void **state) {
    (void)state;
    char path[256], next_path[256];
    jwt_key_path("jwt.pem", path);
    jwt_key_path("jwt-next.pem", next_path);
    gateway_restart(
        (const char *[]){"OM_JWT_KEY_FILE", next_path, "OM_JWT_OLD_KEY_FILE", path, NULL});
    assert_status(place_as(customer("C1"), ORDER), 202);
    assert_status(place_as(authorize_with(next_key, "C1", "orders:write", ""), ORDER), 202);
    gateway_restart((const char *[]){"OM_JWT_KEY_FILE", next_path, NULL});
    assert_refused(place_as(customer("C1"), ORDER), 401, "unauthorized");
    gateway_restart(NULL);
}

/* --- a customer's own ------------------------------------------------------------------------- */

static void a_customer_orders_for_nobody_else(void **state) {
    (void)state;
    assert_status(place_as(customer("C1"), ORDER_OF("C1")), 202);
    assert_refused(place_as(customer("C1"), ORDER_OF("C2")), 403, "forbidden");
    assert_status(place_as(administrator(), ORDER_OF("C2")), 202);
}

static void only_an_administrator_names_a_flow(void **state) {
    (void)state;
    static const char with_flow[] =
        "{\"customerId\":\"C1\",\"currency\":\"USD\",\"flow\":\"parallel\","
        "\"items\":[{\"sku\":\"SKU-123\",\"quantity\":1}],\"paymentMethod\":\"pm_card_visa\"}";
    assert_refused(place_as(customer("C1"), with_flow), 422, "invalid-order");
    assert_status(place_as(administrator(), with_flow), 202);
}

/* Such a token was good, and its customer could not order. */
static void a_subject_that_a_token_may_have_may_order(void **state) {
    (void)state;
    char longest[256], longer[66];
    memset(longest, 'x', 255);
    memset(longer, 'y', 65);
    longest[255] = longer[65] = '\0';
    const char *const subjects[] = {"auth0|507f1f77bcf86cd799439011",
                                    "user@example.com",
                                    longer,
                                    longest,
                                    "CN=Jane Doe,OU=a/b",
                                    "Zo\xc3\xab <b>&'*.> %2f\xe2\x80\x94"};
    struct micro *micro = order_stand_in_start();
    gateway_restart((const char *[]){"OM_RATE_WRITE", "1000/1m", NULL});
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        struct buf body = {0};
        buf_printf(&body,
                   "{\"customerId\":\"%s\",\"currency\":\"USD\",\"items\":[{\"sku\":\"SKU-123\","
                   "\"quantity\":1}],\"paymentMethod\":\"pm_card_visa\"}",
                   subjects[i]);
        struct http_response placed = place_as(customer(subjects[i]), body.ptr);
        assert_int_equal(placed.status, 202);
        char *path = path_of(&placed, "");
        assert_status(ask_as(customer(subjects[i]), "GET", path, NULL), 200);
        assert_string_equal(last_customer, subjects[i]);
        free(path);
        http_response_fini(&placed);
        buf_fini(&body);
    }
    micro_destroy(&micro);
    gateway_restart(NULL);
}

static void another_customers_order_is_not_there(void **state) {
    (void)state;
    static const struct {
        const char *method, *below;
        long status;
    } ways[] = {{"GET", "", 200}, {"GET", "/status", 200}, {"POST", "/cancel", 202}};
    struct micro *micro = order_stand_in_start();
    struct http_response placed = place_as(customer("C1"), ORDER_OF("C1"));
    assert_int_equal(placed.status, 202);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const char *method = ways[i].method;
        char *path = path_of(&placed, ways[i].below);
        assert_refused(ask_as(customer("C2"), method, path, NULL), 404, "not-found");
        assert_string_equal(last_customer, "C2");
        assert_refused(
            ask_as(authorize_with(key, "C1", "orders:read orders:write", ",\"tenant\":\"acme\""),
                   method, path, NULL),
            404, "not-found");
        assert_status(ask_as(customer("C1"), method, path, NULL), ways[i].status);
        assert_string_equal(last_customer, "C1");
        assert_status(ask_as(administrator(), method, path, NULL), ways[i].status);
        assert_string_equal(last_customer, "");
        free(path);
    }
    http_response_fini(&placed);
    micro_destroy(&micro);
}

/* --- idempotency ------------------------------------------------------------------------------ */

static struct http_response place_with_key(const char *authorization, const char *body) {
    return ask("POST", "/api/v1/orders", body,
               (const char *[]){authorization, "Idempotency-Key: shared", NULL});
}

static void everybody_has_keys_of_their_own(void **state) {
    (void)state;
    const char *in_acme = authorize_with(key, "C1", "orders:write", ",\"tenant\":\"acme\"");
    struct http_response one = place_with_key(customer("C1"), ORDER_OF("C1"));
    struct http_response other = place_with_key(customer("C2"), ORDER_OF("C2"));
    struct http_response elsewhere = place_with_key(in_acme, ORDER_OF("C1"));
    struct http_response again = place_with_key(customer("C1"), ORDER_OF("C1"));
    assert_int_equal(other.status, 202);
    assert_string_equal(again.body.ptr, one.body.ptr);
    assert_string_not_equal(elsewhere.body.ptr, one.body.ptr);
    assert_true(slice_is(http_header(&again, "Idempotent-Replayed"), "true"));
    assert_int_equal(http_header(&elsewhere, "Idempotent-Replayed").len, 0);
    http_response_fini(&one);
    http_response_fini(&other);
    http_response_fini(&elsewhere);
    http_response_fini(&again);
}

/* --- how often -------------------------------------------------------------------------------- */

static void a_customer_over_the_quota_waits_and_others_do_not(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_RATE_WRITE", "3/1h", NULL});
    for (int left = 2; left >= 0; left--) {
        char expected[64];
        snprintf(expected, sizeof(expected), "\"write\";r=%d;t=", left);
        struct http_response response = place_as(customer("R1"), ORDER_OF("R1"));
        assert_true(slice_is(http_header(&response, "RateLimit-Policy"), "\"write\";q=3;w=3600"));
        assert_non_null(strstr(response.headers.ptr, expected));
        assert_status(response, 202);
    }
    struct http_response refused = place_as(customer("R1"), ORDER_OF("R1"));
    long wait_s = strtol(http_header(&refused, "Retry-After").ptr, NULL, 10);
    assert_in_range(wait_s, 1100, 1200);
    assert_non_null(strstr(refused.headers.ptr, "\"write\";r=0;t="));
    assert_problem(&refused, 429, "rate-limited");
    assert_status(place_as(customer("R2"), ORDER_OF("R2")), 202);

    /* it is kept in Redis, for all gateways */
    gateway_restart((const char *[]){"OM_RATE_WRITE", "3/1h", NULL});
    assert_refused(place_as(customer("R1"), ORDER_OF("R1")), 429, "rate-limited");
    gateway_restart(NULL);
    assert_status(place_as(customer("R1"), ORDER_OF("R1")), 202);
}

static void tokens_cannot_be_tried_at_will(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_RATE_ADDRESS", "5/1h", NULL});
    for (int i = 0; i < 5; i++)
        assert_refused(ask_as("Authorization: Bearer a.b.c", "GET", "/api/v1/orders", NULL), 401,
                       "unauthorized");
    assert_refused(ask_as("Authorization: Bearer a.b.c", "GET", "/api/v1/orders", NULL), 429,
                   "rate-limited");
    assert_refused(place_as(customer("C1"), ORDER), 429, "rate-limited");
    /* probes are not counted */
    assert_status(ask("GET", "/healthz", NULL, NULL), 200);
    gateway_restart(NULL);
}

static struct http_response place_through(const char *forwarded) {
    return ask("POST", "/api/v1/orders", ORDER, (const char *[]){customer("C1"), forwarded, NULL});
}

static void addresses_behind_a_trusted_proxy_have_quotas_of_their_own(void **state) {
    (void)state;
    gateway_restart(
        (const char *[]){"OM_RATE_ADDRESS", "1/1h", "OM_TRUSTED_PROXIES", "127.0.0.0/8", NULL});
    assert_status(place_through("X-Forwarded-For: 203.0.113.1"), 202);
    assert_status(place_through("X-Forwarded-For: 203.0.113.2"), 202);
    assert_refused(place_through("X-Forwarded-For: 203.0.113.9, 203.0.113.1"), 429, "rate-limited");
    gateway_restart((const char *[]){"OM_RATE_ADDRESS", "1/1h", NULL});
    struct http_response first = place_through("X-Forwarded-For: 203.0.113.3");
    http_response_fini(&first); /* whatever the tests before have used of this address */
    assert_refused(place_through("X-Forwarded-For: 203.0.113.4"), 429, "rate-limited");
    gateway_restart(NULL);
}

static void without_redis_the_process_counts_by_itself(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_RATE_WRITE", "3/1h", NULL});
    servers_kill(fixture.servers, SERVER_REDIS);
    int accepted = 0, refused = 0;
    for (int i = 0; i < 8; i++) {
        struct http_response response = place_as(customer("L1"), ORDER_OF("L1"));
        accepted += response.status == 202;
        refused += response.status == 429;
        http_response_fini(&response);
    }
    servers_restart(fixture.servers, SERVER_REDIS);
    gateway_restart(NULL);
    assert_int_equal(accepted, 3);
    assert_int_equal(refused, 5);
}

/* --- streams ---------------------------------------------------------------------------------- */

static void a_stream_ends_with_its_token(void **state) {
    (void)state;
    gateway_restart(
        (const char *[]){"OM_EVENTS_HEARTBEAT_MS", "1000", "OM_JWT_LEEWAY_S", "0", NULL});
    int64_t started_us = clock_now_us();
    struct http_response watched =
        ask_as(authorize_until(started_us + 3000000, key, "root", "admin", ""), "GET",
               "/api/v1/admin/events", NULL);
    assert_int_equal(watched.status, 200);
    assert_in_range(clock_now_us() - started_us, 2000000, 7000000);
    http_response_fini(&watched);
    gateway_restart(NULL);
}

/* --- configuration ---------------------------------------------------------------------------- */

static int check_config(const char *const *rows) {
    struct environment environment = {0};
    environment_copy(&environment, &fixture.environment);
    for (; rows[0] != NULL; rows += 2)
        environment_set(&environment, rows[0], rows[1]);
    int code = process_run(
        &(struct process_options){
            .argv = (const char *[]){OM_BINARY_DIR "/bin/om-gateway", "--check-config", NULL},
            .environment = &environment,
            .log_path = "/dev/null"},
        10000);
    environment_fini(&environment);
    return code;
}

static void a_configuration_that_is_not_safe_is_refused(void **state) {
    (void)state;
    assert_int_equal(check_config((const char *[]){"OM_HTTP_ADDRESS", "0.0.0.0", NULL}), 0);
    static const char *const wrong[][5] = {
        {"OM_AUTH", "none", "OM_HTTP_ADDRESS", "0.0.0.0", NULL},
        {"OM_AUTH", "off", NULL},
        {"OM_JWT_ALG", "none", NULL},
        {"OM_JWT_ALG", "RS256", NULL}, /* the key is another one's */
        {"OM_JWT_KEY_FILE", "/nonexistent", NULL},
        {"OM_JWT_LEEWAY_S", "601", NULL},
        {"OM_RATE_READ", "100", NULL},
        {"OM_TRUSTED_PROXIES", "10.0.0.0/33", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (check_config(wrong[i]) != 2)
            fail_msg("%s=%s was taken", wrong[i][0], wrong[i][1]);
}

static int setup(void **state) {
    fixture_setup(state);
    jwt_fixture_set();
    gateway_restart(NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_without_a_good_token_is_refused),
        cmocka_unit_test(a_token_of_8_kib_is_refused),
        cmocka_unit_test(every_route_asks_for_its_scope),
        cmocka_unit_test(a_customer_is_no_administrator),
        cmocka_unit_test(both_keys_are_taken_while_they_are_changed),
        cmocka_unit_test(a_customer_orders_for_nobody_else),
        cmocka_unit_test(a_subject_that_a_token_may_have_may_order),
        cmocka_unit_test(only_an_administrator_names_a_flow),
        cmocka_unit_test(another_customers_order_is_not_there),
        cmocka_unit_test(everybody_has_keys_of_their_own),
        cmocka_unit_test(a_customer_over_the_quota_waits_and_others_do_not),
        cmocka_unit_test(tokens_cannot_be_tried_at_will),
        cmocka_unit_test(addresses_behind_a_trusted_proxy_have_quotas_of_their_own),
        cmocka_unit_test(without_redis_the_process_counts_by_itself),
        cmocka_unit_test(a_stream_ends_with_its_token),
        cmocka_unit_test(a_configuration_that_is_not_safe_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, jwt_fixture_teardown);
}
