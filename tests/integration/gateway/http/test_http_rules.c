/* The rights of callers, the use of keys, and paths that are elsewhere, over raw sockets, plain and
   TLS.

   Covers: gateway/admit/ gateway/orders/idempotency.c gateway/other_paths.c */
#include "shared/base/memory.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/gateway/order_stand_in.h"
#include "tests/support/gateway/tls_fixture.h"
#include "tests/support/network/raw_http.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ORDERS "POST /api/v1/orders"

/* --- requests --------------------------------------------------------------------------------- */

/* `start` is method and target, `lines` are headers with a CR LF each. Free *answer. */
static void send_to(bool is_tls, const char *start, const char *lines, const char *body,
                    struct raw_answer *answer) {
    struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
    struct buf request = {0};
    buf_printf(&request, "%s HTTP/1.1\r\nHost: gateway.example\r\n%s", start, lines);
    if (body != NULL)
        buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(body));
    buf_printf(&request, "\r\n%s", body == NULL ? "" : body);
    assert_true(raw_send(connection, buf_slice(&request)));
    raw_read_answer(connection, answer);
    buf_fini(&request);
    raw_close(&connection);
}

static void assert_answer(const char *what, bool is_tls, const char *start, const char *lines,
                          const char *body, int status, const char *part) {
    struct raw_answer answer;
    send_to(is_tls, start, lines, body, &answer);
    if (answer.status != status || strstr(answer.body.ptr, part) == NULL)
        fail_msg("%s%s: expected %d %s, got %d %s", what, is_tls ? " over TLS" : "", status, part,
                 answer.status, answer.body.ptr);
    if (status == 401 && strstr(answer.head.ptr, "\r\nWWW-Authenticate: Bearer ") == NULL)
        fail_msg("%s: no challenge", what);
    if (status == 429 && strstr(answer.head.ptr, "\r\nRetry-After: ") == NULL)
        fail_msg("%s: no Retry-After", what);
    raw_answer_fini(&answer);
}

/* --- tokens ----------------------------------------------------------------------------------- */

#define GOOD_HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"
#define CLAIMS(iss, aud, times)                                                                    \
    "{\"iss\":\"" iss "\",\"aud\":\"" aud "\",\"sub\":\"C1\",\"scope\":\"orders:write\"" times "}"
#define FOREVER ",\"exp\":4000000000"
#define GOOD_CLAIMS CLAIMS("https://id.example", "ordermesh", FOREVER)
#define TIMED(times) CLAIMS("https://id.example", "ordermesh", times)

static const struct {
    const char *what, *header, *claims;
} bad_tokens[] = {
    {"algorithm none", "{\"alg\":\"none\"}", GOOD_CLAIMS},
    {"algorithm NoNe", "{\"alg\":\"NoNe\"}", GOOD_CLAIMS},
    {"algorithm HS512", "{\"alg\":\"HS512\"}", GOOD_CLAIMS},
    {"algorithm hs256", "{\"alg\":\"hs256\"}", GOOD_CLAIMS},
    {"algorithm HS256", "{\"alg\":\"HS256\"}", GOOD_CLAIMS},
    {"no algorithm", "{\"typ\":\"JWT\"}", GOOD_CLAIMS},
    {"crit", "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", GOOD_CLAIMS},
    {"another type", "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}", GOOD_CLAIMS},
    {"expired", GOOD_HEADER, TIMED(",\"exp\":1000000000")},
    {"not yet valid", GOOD_HEADER, TIMED(FOREVER ",\"nbf\":3999999999")},
    {"exp is a text", GOOD_HEADER, TIMED(",\"exp\":\"4000000000\"")},
    {"exp is a float", GOOD_HEADER, TIMED(",\"exp\":4000000000.5")},
    {"no exp", GOOD_HEADER, TIMED("")},
    {"exp twice", GOOD_HEADER, TIMED(FOREVER FOREVER)},
    {"another issuer", GOOD_HEADER, CLAIMS("https://id.other", "ordermesh", FOREVER)},
    {"another audience", GOOD_HEADER, CLAIMS("https://id.example", "shop", FOREVER)},
    {"no object", GOOD_HEADER, "[]"},
};

static void each_bad_token_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad_tokens); i++)
        for (int is_tls = 0; is_tls < 2; is_tls++) {
            struct buf line = {0};
            char *token = token_sign(key, bad_tokens[i].header, bad_tokens[i].claims);
            buf_printf(&line, "Authorization: Bearer %s\r\n", token);
            assert_answer(bad_tokens[i].what, is_tls, ORDERS, line.ptr, ORDER, 401, "unauthorized");
            free(token);
            buf_fini(&line);
        }
}

/* Authorization headers that are wrong around a good token. */
static const struct {
    const char *what, *before, *behind;
    int status;
    const char *problem;
} bad_lines[] = {
    {"no token", "X-Token: ", "", 401, "unauthorized"},
    {"a fourth part", "Authorization: Bearer ", ".e30", 401, "unauthorized"},
    {"a dot behind it", "Authorization: Bearer ", ".", 401, "unauthorized"},
    {"more signature", "Authorization: Bearer ", "AAAA", 401, "unauthorized"},
    {"another scheme", "Authorization: Token ", "", 401, "unauthorized"},
    {"twice", "Authorization: Bearer x\r\nAuthorization: Bearer ", "", 400, "malformed-request"},
};

static void assert_token_refused(const char *what, const char *token) {
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct buf line = {0};
        buf_printf(&line, "Authorization: Bearer %s\r\n", token);
        assert_answer(what, is_tls, ORDERS, line.ptr, ORDER, 401, "unauthorized");
        buf_fini(&line);
    }
}

static void each_bad_authorization_is_refused(void **state) {
    (void)state;
    char *token = token_sign(key, GOOD_HEADER, GOOD_CLAIMS);
    for (size_t i = 0; i < COUNT(bad_lines); i++)
        for (int is_tls = 0; is_tls < 2; is_tls++) {
            struct buf lines = {0};
            buf_printf(&lines, "%s%s%s\r\n", bad_lines[i].before, token, bad_lines[i].behind);
            assert_answer(bad_lines[i].what, is_tls, ORDERS, lines.ptr, ORDER, bad_lines[i].status,
                          bad_lines[i].problem);
            buf_fini(&lines);
        }
    char *signature = strrchr(token, '.') + 1;
    signature[0] = signature[0] == 'A' ? 'B' : 'A';
    assert_token_refused("a bad signature", token);
    signature[0] = '\0';
    assert_token_refused("an empty signature", token);
    signature[-1] = '\0';
    assert_token_refused("no signature", token);
    free(token);

    struct buf huge = {0};
    buf_printf(&huge, "%08192d", 0);
    assert_token_refused("8 KB", huge.ptr);
    buf_fini(&huge);
}

/* --- what a good token allows ----------------------------------------------------------------- */

/* `authorization` as jwt_fixture.h makes it, without a line's end. */
static void assert_answer_to(const char *authorization, const char *start, const char *more,
                             const char *body, int status, const char *part) {
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct buf lines = {0};
        buf_printf(&lines, "%s\r\n%s", authorization, more);
        assert_answer(start, is_tls, start, lines.ptr, body, status, part);
        buf_fini(&lines);
    }
}

static void nobody_reaches_beyond_their_scope_or_their_orders(void **state) {
    (void)state;
    static const char product[] = "{\"name\":\"x\",\"priceMinor\":1,\"currency\":\"USD\"}";
    struct micro *micro = order_stand_in_start();
    struct http_response placed = ask_as(customer("C1"), "POST", "/api/v1/orders", ORDER_OF("C1"));
    struct buf reading = {0}, cancelling = {0};
    struct slice path = http_header(&placed, "Location");
    assert_int_equal(placed.status, 202);
    buf_printf(&reading, "GET %.*s", SLICE_ARG(path));
    buf_printf(&cancelling, "POST %.*s/cancel", SLICE_ARG(path));

    assert_answer_to(customer("C1"), reading.ptr, "", NULL, 200, "PENDING");
    assert_answer_to(customer("C2"), reading.ptr, "", NULL, 404, "not-found");
    assert_answer_to(customer("C2"), cancelling.ptr, "", NULL, 404, "not-found");
    assert_answer_to(customer("C1"), "GET /api/v1/admin/dlq", "", NULL, 403, "insufficient-scope");
    assert_answer_to(customer("C1"), "PUT /api/v1/products/X", "", product, 403,
                     "insufficient-scope");
    assert_answer_to(customer("C1"), ORDERS, "", ORDER_OF("C2"), 403, "forbidden");
    http_response_fini(&placed);
    buf_fini(&reading);
    buf_fini(&cancelling);
    micro_destroy(&micro);
}

static void a_flood_is_told_to_wait(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_RATE_WRITE", "2/1h", NULL});
    assert_answer_to(customer("F1"), ORDERS, "", ORDER_OF("F1"), 202, "orderId"); /* two */
    assert_answer_to(customer("F1"), ORDERS, "", ORDER_OF("F1"), 429, "rate-limited");
    gateway_restart(NULL);
}

/* No tenant's name and subject run into another's: a:b of c is not a of b:c. */
static void quotas_of_tenants_with_colons_are_apart(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_RATE_WRITE", "1/1h", NULL});
    static const struct {
        const char *subject, *tenant;
        long status;
    } rows[] = {{"c", ",\"tenant\":\"a:b\"", 202},
                {"b:c", ",\"tenant\":\"a\"", 202},
                {"c", ",\"tenant\":\"a:b\"", 429}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_response response =
            ask_as(authorize_with(key, rows[i].subject, "admin orders:write", rows[i].tenant),
                   "POST", "/api/v1/orders", ORDER);
        assert_int_equal(response.status, rows[i].status);
        http_response_fini(&response);
    }
    gateway_restart(NULL);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void a_key_stands_for_one_request_of_its_tenant(void **state) {
    (void)state;
    const char *elsewhere = authorize_with(key, "C1", "orders:write", ",\"tenant\":\"acme\"");
    char *own = mem_copy(slice_of(customer("C1"))), *other = mem_copy(slice_of(elsewhere));
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_answer first, again, apart;
        struct buf lines = {0}, others = {0};
        buf_printf(&lines, "%s\r\nIdempotency-Key: \"raw-%d\"\r\n", own, is_tls);
        buf_printf(&others, "%s\r\nIdempotency-Key: \"raw-%d\"\r\n", other, is_tls);
        send_to(is_tls, ORDERS, lines.ptr, ORDER, &first);
        send_to(!is_tls, ORDERS, lines.ptr, ORDER, &again);
        send_to(is_tls, ORDERS, others.ptr, ORDER, &apart);

        assert_int_equal(first.status, 202);
        assert_int_equal(again.status, 202);
        assert_int_equal(apart.status, 202);
        assert_string_equal(again.body.ptr, first.body.ptr);
        assert_string_not_equal(apart.body.ptr, first.body.ptr);
        assert_non_null(strstr(again.head.ptr, "\r\nIdempotent-Replayed: true\r\n"));
        assert_answer("another body", is_tls, ORDERS, lines.ptr,
                      "{\"customerId\":\"C1\",\"currency\":\"USD\",\"items\":[{\"sku\":\"S\","
                      "\"quantity\":2}],\"paymentMethod\":\"pm_card_visa\"}",
                      422, "idempotency-key-reused");
        raw_answer_fini(&first);
        raw_answer_fini(&again);
        raw_answer_fini(&apart);
        buf_fini(&lines);
        buf_fini(&others);
    }
    free(own);
    free(other);
}

/* The broker stands still, so the first request is under way until it goes on. */
static void a_key_that_is_under_way_is_not_taken_twice(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_PUBLISH_TIMEOUT_MS", "20000", NULL});
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *first = raw_connect(port_of(is_tls), is_tls);
        struct buf lines = {0}, request = {0};
        struct raw_answer late;
        buf_printf(&lines, "%s\r\nIdempotency-Key: \"under-way-%d\"\r\n", customer("C1"), is_tls);
        buf_printf(&request,
                   ORDERS " HTTP/1.1\r\nHost: a\r\n%sContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                   lines.ptr, strlen(ORDER), ORDER);
        servers_pause(fixture.servers, SERVER_NATS);
        assert_true(raw_send(first, buf_slice(&request)));
        assert_true(wait_until(one_is_in_flight, NULL, 10000));
        assert_answer("a second one", is_tls, ORDERS, lines.ptr, ORDER, 409,
                      "idempotency-key-in-flight");
        servers_resume(fixture.servers, SERVER_NATS);

        assert_int_equal(raw_read_answer(first, &late), 202);
        raw_answer_fini(&late);
        raw_close(&first);
        buf_fini(&lines);
        buf_fini(&request);
    }
    gateway_restart(NULL);
}

static void a_required_key_is_asked_for(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_IDEMPOTENCY_REQUIRED", "true", NULL});
    assert_answer_to(customer("C1"), ORDERS, "", ORDER, 400, "missing-idempotency-key");
    assert_answer_to(customer("C1"), ORDERS, "Idempotency-Key: needed\r\n", ORDER, 202, "orderId");
    gateway_restart(NULL);
}

static void who_asks_elsewhere_is_sent_to_where_it_is(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        assert_answer("no version", is_tls, "POST /orders?a=b", "", ORDER, 404,
                      "It is at /api/v1/orders.");
        assert_answer("metrics", is_tls, "GET /metrics", "", NULL, 404, "OM_ADMIN_PORT");
        assert_answer("nowhere", is_tls, "GET /nowhere", "", NULL, 404, "\"status\":404}");
    }
}

static int setup(void **state) {
    tls_fixture_setup(state);
    jwt_fixture_set();
    gateway_restart(NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_token_is_refused),
        cmocka_unit_test(each_bad_authorization_is_refused),
        cmocka_unit_test(nobody_reaches_beyond_their_scope_or_their_orders),
        cmocka_unit_test(a_flood_is_told_to_wait),
        cmocka_unit_test(quotas_of_tenants_with_colons_are_apart),
        cmocka_unit_test(a_key_stands_for_one_request_of_its_tenant),
        cmocka_unit_test(a_key_that_is_under_way_is_not_taken_twice),
        cmocka_unit_test(a_required_key_is_asked_for),
        cmocka_unit_test(who_asks_elsewhere_is_sent_to_where_it_is),
    };
    return cmocka_run_group_tests(tests, setup, jwt_fixture_teardown);
}
