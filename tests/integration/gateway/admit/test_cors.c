/* Pages of other sites in a browser: which may ask, and which may read the answer.

   Covers: gateway/admit/cors.c gateway/admit/admission.c */
#include "shared/base/memory.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/network/raw_http.h"

#include <unistd.h>

#define SHOP "https://shop.example"
#define ORDERS "/api/v1/orders"
#define FROM_SHOP "Origin: " SHOP
#define CROSS_SITE "Sec-Fetch-Site: cross-site"
#define ASKS_TO_POST "Access-Control-Request-Method: POST"

static struct http_response send_from(const char *method, const char *path, const char *body,
                                      const char *const *headers) {
    struct http_response response;
    char *url = gateway_url(path);
    http_send(
        fixture.http,
        &(struct http_request){.method = method, .url = url, .body = body, .headers = headers},
        &response);
    free(url);
    return response;
}

static struct http_response preflight(const char *origin, const char *path) {
    return send_from("OPTIONS", path, NULL, (const char *[]){origin, ASKS_TO_POST, NULL});
}

/* Frees the response. `origin` NULL: no page of another site may read it. */
static void assert_readable_by(const char *origin, struct http_response *response, long status) {
    struct slice told = http_header(response, "Access-Control-Allow-Origin");
    if (response->status != status || !slice_equal(told, slice_of(origin)))
        fail_msg("%ld for \"%.*s\": %s", response->status, SLICE_ARG(told), response->body.ptr);
    assert_int_equal(http_header(response, "Access-Control-Expose-Headers").len > 0,
                     origin != NULL);
    assert_int_equal(http_header(response, "Access-Control-Allow-Credentials").len, 0);
    http_response_fini(response);
}

static void let_shop_in(void) {
    gateway_restart((const char *[]){"OM_CORS_ORIGINS", "http://localhost:5173, " SHOP, NULL});
}

static void by_default_no_page_of_another_site_is_answered(void **state) {
    (void)state;
    gateway_restart(NULL);
    struct http_response asked = preflight(FROM_SHOP, ORDERS), read;
    assert_int_equal(http_header(&asked, "Vary").len, 0);
    assert_readable_by(NULL, &asked, 405);
    read = send_from("GET", "/health", NULL, (const char *[]){FROM_SHOP, NULL});
    assert_readable_by(NULL, &read, 200);
}

static void a_preflight_says_what_a_welcome_page_may_send(void **state) {
    (void)state;
    static const char *const wanted[] = {"Authorization", "Content-Type", "Idempotency-Key",
                                         "If-Match", "traceparent"};
    let_shop_in();
    struct http_response asked = preflight(FROM_SHOP, ORDERS);
    char *headers = mem_copy(http_header(&asked, "Access-Control-Allow-Headers"));
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_non_null(strstr(headers, wanted[i]));
    free(headers);
    assert_slice_equal(http_header(&asked, "Access-Control-Allow-Methods"), "POST, GET, HEAD");
    assert_slice_equal(http_header(&asked, "Access-Control-Max-Age"), "600");
    assert_slice_equal(http_header(&asked, "Vary"), "Origin");
    assert_int_equal(asked.body.len, 0);
    assert_readable_by(SHOP, &asked, 204);

    asked = preflight("Origin: https://evil.example", ORDERS);
    assert_slice_equal(http_header(&asked, "Vary"), "Origin");
    assert_readable_by(NULL, &asked, 405);
    asked = preflight(FROM_SHOP, "/nowhere");
    assert_readable_by(SHOP, &asked, 404);
    asked = send_from("OPTIONS", ORDERS, NULL, (const char *[]){FROM_SHOP, NULL});
    assert_readable_by(SHOP, &asked, 405);
}

static void a_welcome_page_places_orders_and_reads_every_answer(void **state) {
    (void)state;
    const char *const headers[] = {FROM_SHOP, CROSS_SITE, NULL};
    let_shop_in();
    struct http_response answer = send_from("POST", ORDERS, ORDER, headers);
    assert_readable_by(SHOP, &answer, 202);
    answer = send_from("POST", ORDERS, "{", headers);
    assert_readable_by(SHOP, &answer, 400);
    answer = send_from("POST", ORDERS, "{}", headers);
    assert_readable_by(SHOP, &answer, 422);
    answer = send_from("GET", "/nowhere", NULL, headers);
    assert_readable_by(SHOP, &answer, 404);
    answer =
        send_from("GET", ORDERS, NULL, (const char *[]){FROM_SHOP, "Host: evil.example", NULL});
    assert_readable_by(SHOP, &answer, 400);
}

static void a_page_that_is_not_welcome_changes_and_reads_nothing(void **state) {
    (void)state;
    let_shop_in();
    const char *const evil[] = {"Origin: https://evil.example", CROSS_SITE, NULL};
    const char *const both[] = {FROM_SHOP, "Origin: https://evil.example", NULL};
    struct http_response answer = send_from("POST", ORDERS, ORDER, evil);
    assert_readable_by(NULL, &answer, 403);
    answer = send_from("GET", "/health", NULL, evil);
    assert_readable_by(NULL, &answer, 200);
    answer = send_from("POST", ORDERS, ORDER, both);
    assert_readable_by(NULL, &answer, 403);
}

static void a_welcome_page_reads_an_event_stream(void **state) {
    (void)state;
    static const char request[] =
        "GET /api/v1/admin/events HTTP/1.1\r\nHost: localhost\r\n" FROM_SHOP "\r\n\r\n";
    let_shop_in();
    struct raw_connection *connection = raw_connect(fixture.port, false);
    char head[4096] = {0};
    size_t len = 0;
    assert_true(raw_send(connection, slice_of(request)));
    while (strstr(head, "\r\n\r\n") == NULL && raw_has_input(connection, 10000)) {
        ssize_t got = read(raw_fd(connection), head + len, sizeof(head) - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    assert_non_null(strstr(head, "text/event-stream"));
    assert_non_null(strstr(head, "Access-Control-Allow-Origin: " SHOP "\r\n"));
    raw_close(&connection);
}

/* Each header that the description tells of can be read by a page, but for what is about a page
   itself, or the browser's to act upon. */
static void what_the_description_tells_of_is_exposed(void **state) {
    (void)state;
    static const char mark[] = ": {$ref: '#/components/headers/";
    static const char *const kept[] = {"Content-Security-Policy", "Content-Encoding", "Vary"};
    struct buf text = read_file(OM_SOURCE_DIR "/docs/openapi.yaml");
    let_shop_in();
    struct http_response answer =
        send_from("GET", "/health", NULL, (const char *[]){FROM_SHOP, NULL});
    char *exposed = mem_copy(http_header(&answer, "Access-Control-Expose-Headers"));
    size_t count = 0;
    for (const char *at = strstr(text.ptr, mark); at != NULL; at = strstr(at + 1, mark), count++) {
        const char *start = at;
        while (start[-1] != ' ')
            start--;
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(at - start), start);
        if (strstr(exposed, name) == NULL && slice_index(slice_of(name), kept, 3) < 0)
            fail_msg("%s is not exposed", name);
    }
    assert_true(count > 100);
    free(exposed);
    buf_fini(&text);
    assert_readable_by(SHOP, &answer, 200);
}

static void with_tokens_any_page_may_be_welcome(void **state) {
    (void)state;
    jwt_fixture_set();
    gateway_restart((const char *[]){"OM_CORS_ORIGINS", "*", NULL});
    struct http_response answer = preflight(FROM_SHOP, ORDERS);
    assert_readable_by("*", &answer, 204);
    answer = send_from("POST", ORDERS, ORDER, (const char *[]){FROM_SHOP, CROSS_SITE, NULL});
    assert_readable_by("*", &answer, 401);
    answer = send_from("POST", ORDERS, ORDER,
                       (const char *[]){customer("C1"), FROM_SHOP, CROSS_SITE, NULL});
    assert_readable_by("*", &answer, 202);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_no_page_of_another_site_is_answered),
        cmocka_unit_test(a_preflight_says_what_a_welcome_page_may_send),
        cmocka_unit_test(a_welcome_page_places_orders_and_reads_every_answer),
        cmocka_unit_test(a_page_that_is_not_welcome_changes_and_reads_nothing),
        cmocka_unit_test(a_welcome_page_reads_an_event_stream),
        cmocka_unit_test(what_the_description_tells_of_is_exposed),
        cmocka_unit_test(with_tokens_any_page_may_be_welcome),
    };
    return cmocka_run_group_tests(tests, fixture_setup, jwt_fixture_teardown);
}
