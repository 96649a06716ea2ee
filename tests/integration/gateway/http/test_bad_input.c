/*
 * Bad input over real sockets, plain and TLS: each line of bad_input_table.h is answered as it
 * says, as a problem document that tells nothing of the inside, and a good request afterwards
 * succeeds.
 *
 * Covers: gateway/http/ gateway/orders/order_request.c shared/base/percent.c
 * gateway/reply/problem.c gateway/routes.c
 */
#include "shared/json/json.h"
#include "shared/json/json_check.h"
#include "tests/integration/gateway/http/bad_input_table.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/tls_fixture.h"
#include "tests/support/network/raw_http.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static uint64_t accepted; /* good orders so far */

/* --- judging an answer ------------------------------------------------------------------------ */

static void assert_no_internals(const char *what, const char *body) {
    static const char *const inside[] = {".c:",  ".h:",   "0x",     "h2o", "json-c", "nats",
                                         "NATS", "redis", "Redis",  "sql", "errno",  "Stream",
                                         "/tmp", "/usr",  "assert", "NULL"};
    for (size_t i = 0; i < COUNT(inside); i++)
        if (strstr(body, inside[i]) != NULL)
            fail_msg("%s: the answer says %s: %s", what, inside[i], body);
}

static void assert_is_problem(const char *what, const struct raw_answer *answer, int status,
                              const char *problem) {
    char type[96];
    snprintf(type, sizeof(type), "{\"type\":\"/problems/%s\",", problem);
    if (answer->status != status || strncmp(answer->body.ptr, type, strlen(type)) != 0 ||
        strstr(answer->head.ptr, "\r\nContent-Type: application/problem+json\r\n") == NULL ||
        json_check(buf_slice(&answer->body), NULL) != STATUS_OK)
        fail_msg("%s: expected %d %s, got %s%s", what, status, problem,
                 answer->head.ptr != NULL ? answer->head.ptr : "(nothing)", answer->body.ptr);
    assert_no_internals(what, answer->body.ptr);
    if (status == 405)
        assert_non_null(strstr(answer->head.ptr, "\r\nAllow: "));
    if (status == 503)
        assert_non_null(strstr(answer->head.ptr, "\r\nRetry-After: "));
}

static void place_good_order(const char *what, struct raw_connection *connection) {
    static const char body[] = GOOD_BODY;
    struct buf request = {0};
    struct raw_answer answer;
    buf_printf(&request, POST "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    if (!raw_send(connection, buf_slice(&request)) || raw_read_answer(connection, &answer) != 202)
        fail_msg("%s: a good order afterwards was not accepted", what);
    accepted++;
    raw_answer_fini(&answer);
    buf_fini(&request);
}

/* Over TLS the gateway waits a moment for the client to close: these are looked at together. */
static struct {
    const char *what;
    struct raw_connection *connection;
} ending[128];
static size_t ending_count;

/* Takes the connection. */
static void assert_ends(const char *what, bool is_tls, const struct raw_answer *answer,
                        struct raw_connection *connection) {
    if (strstr(answer->head.ptr, "\r\nConnection: close\r\n") == NULL ||
        (!is_tls && !raw_is_closed_within(connection, 5000)))
        fail_msg("%s: the connection stays open", what);
    if (is_tls && ending_count < COUNT(ending)) {
        ending[ending_count].what = what;
        ending[ending_count++].connection = connection;
    } else {
        raw_close(&connection);
    }
}

/* Sends the bytes on a connection of their own. `is_last`: the gateway must close it; otherwise a
   good order goes over the same one. */
static void assert_refused(const char *what, struct slice bytes, int status, const char *problem,
                           bool is_last) {
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        struct raw_answer answer;
        assert_true(raw_send(connection, bytes));
        raw_read_answer(connection, &answer);
        assert_is_problem(what, &answer, status, problem);
        if (is_last) {
            assert_ends(what, is_tls, &answer, connection);
            connection = raw_connect(port_of(is_tls), is_tls);
        }
        place_good_order(what, connection);
        raw_answer_fini(&answer);
        raw_close(&connection);
    }
}

/* --- the table -------------------------------------------------------------------------------- */

static void each_bad_body_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad_bodies); i++) {
        const struct bad_body *bad = &bad_bodies[i];
        struct buf request = {0}, blame = {0};
        struct raw_connection *connection = raw_connect(fixture.port, false);
        struct raw_answer answer;
        buf_printf(&request, POST "Content-Length: %zu\r\n\r\n", bad->body.len);
        buf_append_slice(&request, bad->body);
        assert_refused(bad->what, buf_slice(&request), bad->field == NULL ? 400 : 422,
                       bad->field == NULL ? "invalid-json" : "invalid-order", false);

        assert_true(raw_send(connection, buf_slice(&request)));
        raw_read_answer(connection, &answer);
        buf_printf(&blame, "{\"field\":\"%s\",", bad->field == NULL ? "" : bad->field);
        if (bad->field != NULL && strstr(answer.body.ptr, blame.ptr) == NULL)
            fail_msg("%s: nothing about %s in %s", bad->what, bad->field, answer.body.ptr);
        raw_answer_fini(&answer);
        raw_close(&connection);
        buf_fini(&request);
        buf_fini(&blame);
    }
}

/* A null was told "JSON: continue". */
static void a_body_that_is_no_object_or_is_cut_short_is_told_so(void **state) {
    (void)state;
    static const struct {
        const char *body, *detail;
    } rows[] = {{"null", "JSON: must be an object"},
                {"12", "JSON: must be an object"},
                {"[]", "JSON: must be an object"},
                {"", "JSON: ends too early at byte 0"},
                {"{\"customerId\":\"C1", "JSON: ends too early at byte 17"},
                {"{\"items\":[", "JSON: ends too early at byte 10"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_response response = post(NULL, rows[i].body);
        char detail[64];
        snprintf(detail, sizeof(detail), "\"detail\":\"%s\"", rows[i].detail);
        if (!body_has(&response, detail))
            fail_msg("%s: %s", rows[i].body, response.body.ptr);
        assert_problem(&response, 400, "invalid-json");
    }
}

static void each_bad_header_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad_headers); i++) {
        const struct bad_headers *bad = &bad_headers[i];
        struct buf request = {0};
        buf_printf(&request, "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n%s%s", bad->lines,
                   bad->has_own_type ? "" : "Content-Type: application/json\r\n");
        buf_printf(&request, "Content-Length: %zu\r\n\r\n%s", strlen(GOOD_BODY), GOOD_BODY);
        assert_refused(bad->what, buf_slice(&request), bad->status, bad->problem, false);
        buf_fini(&request);
    }
}

static void each_bad_target_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad_targets); i++) {
        const struct bad_target *bad = &bad_targets[i];
        struct buf request = {0};
        buf_printf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", bad->target);
        assert_refused(bad->target, buf_slice(&request), bad->status, bad->problem, false);
        buf_fini(&request);
    }
}

static void each_bad_id_is_nobodys(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(id_places); i++)
        for (size_t id = 0; id < COUNT(bad_ids); id++) {
            struct buf request = {0}, what = {0};
            const char *body = id_places[i].has_body ? "{}" : "";
            buf_printf(&what, "%s%s%s", id_places[i].before, bad_ids[id], id_places[i].behind);
            buf_printf(&request,
                       "%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
                       what.ptr, id_places[i].has_body ? "Content-Type: application/json\r\n" : "",
                       strlen(body), body);
            assert_refused(what.ptr, buf_slice(&request), 404, "not-found", false);
            buf_fini(&request);
            buf_fini(&what);
        }
}

static void each_bad_request_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad_requests); i++) {
        const struct bad_request *bad = &bad_requests[i];
        assert_refused(bad->what, bad->bytes, bad->status, bad->problem, bad->is_last);
    }
}

static void sizes_beyond_the_limits_are_refused(void **state) {
    (void)state;
    enum { BODY_MAX = 256 * 1024, CHUNK = 1024 };
    struct buf target = {0}, header = {0}, many = {0}, endless = {0}, body = {0};
    buf_printf(&target, "GET /%0*d HTTP/1.1\r\nHost: localhost\r\n\r\n", 2048, 0);
    buf_printf(&endless, "GET /%0*d", 4096, 0);
    buf_printf(&header, GET "Host: localhost\r\nX: %0*d\r\n\r\n", 16384, 0);
    buf_append_text(&many, GET "Host: localhost\r\n");
    for (int i = 0; i < 100; i++)
        buf_append_text(&many, "X:\r\n");
    buf_append_text(&many, "\r\n");
    buf_append_text(&body, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int sent = 0; sent <= BODY_MAX; sent += CHUNK)
        buf_printf(&body, "400\r\n%0*d\r\n", CHUNK, 0);

    assert_refused("a target of 2049 bytes", buf_slice(&target), 414, "uri-too-long", true);
    assert_refused("a target without end", buf_slice(&endless), 414, "uri-too-long", true);
    assert_refused("16 KB of headers", buf_slice(&header), 431, "headers-too-large", true);
    assert_refused("101 headers", buf_slice(&many), 431, "headers-too-large", true);
    assert_refused("too long a body, in chunks", buf_slice(&body), 413, "body-too-large", true);
    buf_fini(&target);
    buf_fini(&endless);
    buf_fini(&header);
    buf_fini(&many);
    buf_fini(&body);
}

static void what_is_no_http_at_all_is_refused(void **state) {
    (void)state;
    struct raw_connection *connection = raw_connect(fixture.port, false);
    struct raw_answer answer;
    assert_true(raw_send(connection, SLICE_LITERAL("\x16\x03\x01\x00\xa5\x01\x00")));
    raw_read_answer(connection, &answer);

    assert_is_problem("TLS on the plain port", &answer, 400, "malformed-request");
    raw_answer_fini(&answer);
    raw_close(&connection);

    assert_null(raw_connect_tls(fixture.port, NULL, 0));
}

static void what_was_refused_ends_over_tls_too(void **state) {
    (void)state;
    assert_true(ending_count > 20);
    for (size_t i = 0; i < ending_count; i++) {
        if (!raw_is_closed_within(ending[i].connection, 5000))
            fail_msg("%s: the connection stays open", ending[i].what);
        raw_close(&ending[i].connection);
    }
}

/* Of all that was refused nothing may have reached the stream. Runs last. */
static void only_good_orders_were_published(void **state) {
    (void)state;
    assert_true(accepted > 300);
    assert_int_equal(stored_orders(), accepted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_body_is_refused),
        cmocka_unit_test(a_body_that_is_no_object_or_is_cut_short_is_told_so),
        cmocka_unit_test(each_bad_header_is_refused),
        cmocka_unit_test(each_bad_target_is_refused),
        cmocka_unit_test(each_bad_id_is_nobodys),
        cmocka_unit_test(each_bad_request_is_refused),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused),
        cmocka_unit_test(what_is_no_http_at_all_is_refused),
        cmocka_unit_test(what_was_refused_ends_over_tls_too),
        cmocka_unit_test(only_good_orders_were_published),
    };
    return cmocka_run_group_tests(tests, tls_fixture_setup, fixture_teardown);
}
