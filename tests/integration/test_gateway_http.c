/* Bad input over real sockets: each is answered as it should be, and the gateway goes on. */
#include "tests/integration/gateway_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define POST_HEAD "POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

static int connect_to_gateway(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fixture.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 15};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Sends the bytes, says that no more come, and reads until the gateway closes. */
static struct buf converse(const char *bytes, size_t len) {
    struct buf answer = {0};
    int fd = connect_to_gateway();
    char part[4096];
    buf_append_text(&answer, "");
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    shutdown(fd, SHUT_WR);
    for (ssize_t got; (got = recv(fd, part, sizeof(part), 0)) > 0;)
        buf_append(&answer, part, (size_t)got);
    close(fd);
    return answer;
}

static void assert_answer(const char *request, const char *status, const char *part) {
    struct buf answer = converse(request, strlen(request));
    char line[64];
    snprintf(line, sizeof(line), "HTTP/1.1 %s ", status);
    if (strncmp(answer.ptr, line, strlen(line)) != 0 || strstr(answer.ptr, part) == NULL)
        fail_msg("%.100s: expected %s with %s, got %s", request, status, part, answer.ptr);
    buf_fini(&answer);
}

static void assert_body(const char *body, const char *status, const char *part) {
    struct buf request = {0};
    buf_printf(&request, POST_HEAD "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
               strlen(body), body);
    assert_answer(request.ptr, status, part);
    buf_fini(&request);
}

static void ambiguous_framing_is_refused_and_the_connection_closed(void **state) {
    (void)state;
    static const char *const requests[] = {
        POST_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST_HEAD "Content-Length: +2\r\n\r\n{}",
        POST_HEAD "Content-Length: 2, 2\r\n\r\n{}",
        POST_HEAD "Content-Length: 18446744073709551616\r\n\r\n{}",
        POST_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST_HEAD "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        "POST /api/v1/orders HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_answer(requests[i], "400", "Connection: close");
        assert_answer(requests[i], "400", "urn:ordermesh:problem:malformed-request");
    }
}

static void what_is_not_http_1_is_a_bad_request(void **state) {
    (void)state;
    assert_answer("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "Connection: close");
    assert_answer("GET /health HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "400", "close");
    assert_answer("GET /health HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\n"
                  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
                  "200", "\"version\"");
}

static void methods_and_paths_are_matched_as_sent(void **state) {
    (void)state;
    static const char close_it[] = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    static const struct {
        const char *line, *status, *part;
    } cases[] = {
        {"DELETE /api/v1/orders", "405", "Allow: POST\r\n"},
        {"PUT /health", "405", "Allow: GET, HEAD\r\n"},
        {"CONNECT a:1", "405", "Allow: "},
        {"GET /api/v1/orders/../orders", "404", "not-found"},
        {"GET /api/v1/orders/%2e%2e", "404", "not-found"},
        {"GET /api/v1/orders/*", "404", "not-found"},
        {"GET /api/v1/orders/>", "404", "not-found"},
        {"GET /api/v1/orders/a%20b", "404", "not-found"},
        {"GET /api/v1/orders/a%0d%0ab", "404", "not-found"},
        {"GET /api/v1/orders/.", "404", "not-found"},
        {"GET /api/v1/orders/%27%20OR%201=1--", "404", "not-found"},
        {"GET /nowhere", "404", "not-found"},
        {"HEAD /healthz", "200", "Content-Length: 15\r\n"},
        {"GET /healthz?x=1", "200", "{\"status\":\"ok\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf request = {0};
        buf_printf(&request, "%s%s", cases[i].line, close_it);
        assert_answer(request.ptr, cases[i].status, cases[i].part);
        buf_fini(&request);
    }
}

static void sizes_beyond_the_limits_are_refused(void **state) {
    (void)state;
    enum { BODY = 256 * 1024 };
    struct buf large = {0}, target = {0}, header = {0};
    buf_printf(&large, POST_HEAD "Content-Length: %d\r\n\r\n", BODY + 1);
    buf_printf(&target, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", 3000, 0);
    buf_printf(&header, "GET /health HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n", 20000, 0);

    assert_answer(large.ptr, "413", "body-too-large");
    assert_answer(target.ptr, "414", "uri-too-long");
    assert_answer(header.ptr, "431", "headers-too-large");

    buf_clear(&large);
    buf_append_text(&large, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n");
    for (int sent = 0; sent <= BODY; sent += 1024)
        buf_printf(&large, "400\r\n%01024d\r\n", 0);
    assert_answer(large.ptr, "413", "body-too-large");
    buf_fini(&large);
    buf_fini(&target);
    buf_fini(&header);
}

static void the_body_must_come_once_as_plain_json(void **state) {
    (void)state;
    static const char rest[] = "Connection: close\r\nContent-Length: 2\r\n\r\n{}";
    static const char *const heads[] = {
        "POST /api/v1/orders HTTP/1.1\r\nHost: a\r\n",
        "POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n",
        POST_HEAD "Content-Type: application/json\r\n",
        POST_HEAD "Content-Encoding: gzip\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct buf request = {0};
        buf_printf(&request, "%s%s", heads[i], rest);
        assert_answer(request.ptr, "415", "unsupported-media-type");
        buf_fini(&request);
    }
}

static void bodies_are_judged_as_json_and_then_as_orders(void **state) {
    (void)state;
    assert_body("", "400", "invalid-json");
    assert_body("{\"a\":1,\"a\":2}", "400", "invalid-json");
    assert_body("[]", "400", "invalid-json");
    assert_body("{} {}", "400", "invalid-json");
    assert_body("{}", "422", "{\"field\":\"customerId\",\"message\":\"is required\"}");
    assert_body("{\"status\":1}", "422", "{\"field\":\"status\"");
}

static void malformed_keys_are_refused(void **state) {
    (void)state;
    static const char *const keys[] = {
        "Idempotency-Key:\r\n", "Idempotency-Key: \"\"\r\n", "Idempotency-Key: a b\r\n",
        "Idempotency-Key: a\r\nIdempotency-Key: a\r\n", "Idempotency-Key: \"a\r\n"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct buf request = {0};
        buf_printf(&request, POST_HEAD "%sConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                   keys[i], strlen(ORDER), ORDER);
        assert_answer(request.ptr, "400", "invalid-idempotency-key");
        buf_fini(&request);
    }
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    static const char requests[] = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
                                   "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
                                   "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct buf answer = converse(requests, sizeof(requests) - 1);
    const char *first = strstr(answer.ptr, "\"version\"");
    const char *second = strstr(answer.ptr, "not-found");
    const char *third = strstr(answer.ptr, "{\"status\":\"ok\"}");

    assert_true(first != NULL && second != NULL && third != NULL);
    assert_true(first < second && second < third);
    buf_fini(&answer);
}

static void a_client_that_leaves_early_harms_nobody(void **state) {
    (void)state;
    struct buf request = {0};
    buf_printf(&request, POST_HEAD "Content-Length: %zu\r\n\r\n%s", strlen(ORDER), ORDER);
    for (int i = 0; i < 200; i++) {
        int fd = connect_to_gateway();
        const struct linger at_once = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        assert_int_equal(send(fd, request.ptr, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
        close(fd);
    }
    struct http_response after = post(NULL, ORDER);

    assert_int_equal(after.status, 202);
    http_response_fini(&after);
    buf_fini(&request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ambiguous_framing_is_refused_and_the_connection_closed),
        cmocka_unit_test(what_is_not_http_1_is_a_bad_request),
        cmocka_unit_test(methods_and_paths_are_matched_as_sent),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused),
        cmocka_unit_test(the_body_must_come_once_as_plain_json),
        cmocka_unit_test(bodies_are_judged_as_json_and_then_as_orders),
        cmocka_unit_test(malformed_keys_are_refused),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_client_that_leaves_early_harms_nobody),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
