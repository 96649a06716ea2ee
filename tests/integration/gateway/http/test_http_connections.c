/* Connections as clients make them, good and bad ones, plain and TLS: their order, limits and time
   limits.

   Covers: gateway/http/ gateway/pages/problem_pages.c gateway/reply/answer.c gateway/health.c */
#include "gateway/reply/problem.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/tls_fixture.h"
#include "tests/support/network/raw_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST_HEAD                                                                                  \
    "POST /api/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

/* --- one after another ------------------------------------------------------------------------ */

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    struct buf requests = {0};
    buf_append_text(&requests, GET("/health"));
    buf_printf(&requests, POST_HEAD "Content-Length: %zu\r\n\r\n%s", strlen(ORDER), ORDER);
    buf_append_text(&requests, GET("/nowhere"));
    buf_printf(&requests, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
               strlen(ORDER), ORDER);
    buf_append_text(&requests, GET("/healthz"));
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        assert_true(raw_send(connection, buf_slice(&requests)));

        assert_next_answer(connection, 200, "\"version\"");
        assert_next_answer(connection, 202, "\"orderId\"");
        assert_next_answer(connection, 404, "not-found");
        assert_next_answer(connection, 202, "\"orderId\"");
        assert_next_answer(connection, 200, "{\"status\":\"ok\"}");
        raw_close(&connection);
    }
    buf_fini(&requests);
}

/* It gives way to other connections every few requests, and goes on by itself. */
static void a_long_pipeline_is_answered_to_its_end(void **state) {
    (void)state;
    enum { REQUESTS = 100 };
    struct buf requests = {0};
    struct raw_connection *connection = raw_connect(fixture.port, false);
    for (int i = 0; i < REQUESTS; i++)
        buf_append_text(&requests, i % 2 == 0 ? GET("/healthz") : GET("/nowhere"));
    assert_true(raw_send(connection, buf_slice(&requests)));

    for (int i = 0; i < REQUESTS; i++)
        assert_next_answer(connection, i % 2 == 0 ? 200 : 404, i % 2 == 0 ? "ok" : "not-found");
    raw_close(&connection);
    buf_fini(&requests);
}

static void a_request_may_arrive_byte_by_byte(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct buf request = {0};
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        buf_printf(&request, POST_HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
                   strlen(ORDER), ORDER);
        for (size_t i = 0; i < request.len; i++)
            assert_true(raw_send(connection, (struct slice){request.ptr + i, 1}));

        assert_next_answer(connection, 202, "\"orderId\"");
        raw_close(&connection);
        buf_fini(&request);
    }
}

/* RFC 9112 section 2.2: some clients send one behind a body. */
static void an_empty_line_before_a_request_is_ignored(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct buf requests = {0};
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        buf_append_text(&requests, "\r\n" GET("/healthz") "\r\n");
        buf_printf(&requests, POST_HEAD "Content-Length: %zu\r\n\r\n%s\r\n", strlen(ORDER), ORDER);
        buf_append_text(&requests, GET("/nowhere"));
        assert_true(raw_send(connection, buf_slice(&requests)));
        assert_next_answer(connection, 200, "{\"status\":\"ok\"}");
        assert_next_answer(connection, 202, "\"orderId\"");
        assert_next_answer(connection, 404, "not-found");

        for (size_t i = 0; i < requests.len; i++)
            assert_true(raw_send(connection, (struct slice){requests.ptr + i, 1}));
        assert_next_answer(connection, 200, "{\"status\":\"ok\"}");
        assert_next_answer(connection, 202, "\"orderId\"");
        assert_next_answer(connection, 404, "not-found");
        raw_close(&connection);
        buf_fini(&requests);
    }
}

static void who_asks_first_is_told_to_go_on(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct buf head = {0};
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        buf_printf(&head, POST_HEAD "Expect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
                   strlen(ORDER));
        assert_true(raw_send(connection, buf_slice(&head)));
        assert_next_answer(connection, 100, "");
        assert_true(raw_send(connection, slice_of(ORDER)));

        assert_next_answer(connection, 202, "\"orderId\"");
        raw_close(&connection);
        buf_fini(&head);
    }
}

static void an_upgrade_to_http_2_is_ignored(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        assert_true(raw_send(
            connection,
            SLICE_LITERAL("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, "
                          "HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
                          "\r\n" GET("/healthz"))));

        assert_next_answer(connection, 200, "\"version\"");
        assert_next_answer(connection, 200, "{\"status\":\"ok\"}");
        raw_close(&connection);
    }
}

static void a_later_minor_version_and_an_absolute_target_are_served(void **state) {
    (void)state;
    struct raw_connection *connection = raw_connect(fixture.port, false);
    assert_true(raw_send(connection, SLICE_LITERAL("GET http://localhost/healthz HTTP/1.2\r\nHost: "
                                                   "evil.example\r\n\r\n" GET("/health"))));

    assert_next_answer(connection, 200, "{\"status\":\"ok\"}");
    assert_next_answer(connection, 200, "\"version\"");
    raw_close(&connection);
}

static void http_1_0_ends_with_its_answer(void **state) {
    (void)state;
    struct raw_connection *connection = raw_connect(fixture.port, false);
    assert_true(raw_send(connection, SLICE_LITERAL("GET /healthz HTTP/1.0\r\n\r\n")));

    assert_next_answer(connection, 200, "{\"status\":\"ok\"}");
    assert_true(raw_is_closed_within(connection, 5000));
    raw_close(&connection);
}

/* A reset would take the answer along if it came before the client has read it. */
static void what_comes_behind_the_last_request_does_not_reset_the_answer(void **state) {
    (void)state;
    struct buf requests = {0};
    struct raw_connection *connection = raw_connect(fixture.port, false);
    buf_append_text(&requests,
                    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 100; i++)
        buf_append_text(&requests, GET("/healthz"));
    assert_true(raw_send(connection, buf_slice(&requests)));
    assert_next_answer(connection, 200, "ok");
    assert_true(raw_send(connection, SLICE_LITERAL(GET("/healthz"))));

    char rest[16];
    assert_int_equal(recv(raw_fd(connection), rest, sizeof(rest), 0), 0);
    assert_true(raw_send(connection, SLICE_LITERAL(GET("/healthz"))));
    raw_close(&connection);
    buf_fini(&requests);
}

static void a_head_request_gets_the_head_only(void **state) {
    (void)state;
    char *url = gateway_url("/healthz?x=1");
    struct http_response response;
    http_send(fixture.http, &(struct http_request){.method = "HEAD", .url = url}, &response);

    assert_int_equal(response.status, 200);
    assert_true(slice_is(http_header(&response, "Content-Length"), "15"));
    assert_int_equal(response.body.len, 0);
    http_response_fini(&response);
    free(url);
}

static void a_head_request_gets_no_body_whatever_is_wrong_with_it(void **state) {
    (void)state;
    struct raw_connection *connection = raw_connect(fixture.port, false);
    struct raw_answer answer;
    char byte;
    assert_true(raw_send(connection, SLICE_LITERAL("HEAD /healthz HTTP/1.1\r\n\r\n")));
    assert_false(raw_read_answer(connection, &answer) == 400); /* its body does not come */

    assert_non_null(strstr(answer.head.ptr, "HTTP/1.1 400 Bad Request\r\n"));
    assert_int_equal(recv(raw_fd(connection), &byte, 1, 0), 0);
    raw_answer_fini(&answer);
    raw_close(&connection);
}

static void every_type_of_problem_leads_to_a_page(void **state) {
    (void)state;
    struct http_response index = get("/problems");
    int pages = 0;
    for (const char *at = index.body.ptr; (at = strstr(at, "href=\"")) != NULL; pages++) {
        char path[128];
        at += strlen("href=\"");
        snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, "\""), at);
        struct http_response page = get(path);
        if (page.status != 200 || !body_has(&page, "What to do"))
            fail_msg("%s: %ld %s", path, page.status, page.body.ptr);
        http_response_fini(&page);
    }

    assert_int_equal(index.status, 200);
    assert_int_equal(pages, PROBLEM_COUNT);
    http_response_fini(&index);
}

/* --- clients that leave, wait, or do not read ------------------------------------------------- */

static void a_client_that_leaves_early_harms_nobody(void **state) {
    (void)state;
    struct buf request = {0};
    buf_printf(&request, POST_HEAD "Content-Length: %zu\r\n\r\n%s", strlen(ORDER), ORDER);
    for (int i = 0; i < 200; i++) {
        struct raw_connection *connection = raw_connect(fixture.port, false);
        const struct linger at_once = {.l_onoff = 1};
        setsockopt(raw_fd(connection), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        assert_true(raw_send(connection, buf_slice(&request)));
        raw_close(&connection);
    }
    struct http_response after = post(NULL, ORDER);

    assert_int_equal(after.status, 202);
    http_response_fini(&after);
    buf_fini(&request);
}

static void a_body_that_stops_short_is_no_request(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        assert_true(raw_send(connection, SLICE_LITERAL(POST_HEAD "Content-Length: 99\r\n\r\n{}")));
        shutdown(raw_fd(connection), SHUT_WR);

        assert_true(raw_is_closed_within(connection, 5000));
        raw_close(&connection);
    }
}

/* A client sends one of these, and then nothing. */
static const struct slice stalls[] = {
    SLICE_LITERAL(""),
    SLICE_LITERAL("GET /health HT"),
    SLICE_LITERAL("GET /health HTTP/1.1\r\nHost: localhost\r\n"),
    SLICE_LITERAL(POST_HEAD "Content-Length: 99\r\n\r\n{\"customerId\""),
    SLICE_LITERAL(POST_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
};

enum { STALLS = sizeof(stalls) / sizeof(stalls[0]) };

static void slow_senders_are_told_so_closed_and_disturb_nobody(void **state) {
    (void)state;
    enum { EACH = 20 };
    static struct raw_connection *slow[2][EACH][STALLS];
    gateway_restart((const char *[]){"OM_HTTP_REQUEST_TIMEOUT_MS", "1000", NULL});
    for (int is_tls = 0; is_tls < 2; is_tls++)
        for (int i = 0; i < EACH; i++)
            for (int stall = 0; stall < STALLS; stall++) {
                slow[is_tls][i][stall] = raw_connect(port_of(is_tls), is_tls);
                assert_true(raw_send(slow[is_tls][i][stall], stalls[stall]));
            }
    for (int i = 0; i < 50; i++)
        assert_served(i % 2 == 1);

    for (int is_tls = 0; is_tls < 2; is_tls++)
        for (int i = 0; i < EACH; i++)
            for (int stall = 0; stall < STALLS; stall++) {
                if (stalls[stall].len > 0)
                    assert_next_answer(slow[is_tls][i][stall], 408, "request-timeout");
                assert_true(raw_is_closed_within(slow[is_tls][i][stall], 5000));
                raw_close(&slow[is_tls][i][stall]);
            }
}

/* --- clients that send a byte now and then ---------------------------------------------------- */

/* What such a client sends at first, in one packet. */
static const struct slice trickles[] = {
    SLICE_LITERAL("G"),
    SLICE_LITERAL(POST_HEAD "X: "),
    SLICE_LITERAL(POST_HEAD "Content-Length: 9999\r\n\r\n{"),
    SLICE_LITERAL(POST_HEAD "Transfer-Encoding: chunked\r\n\r\n1000\r\n{"),
};

enum { TRICKLES = sizeof(trickles) / sizeof(trickles[0]), TRICKLE_MS = 50 };

/* TLS 1.2 sends no tickets: what can be read is an answer or the end. */
static struct raw_connection *connect_without_tickets(bool is_tls) {
    return is_tls ? raw_connect_tls(port_of(true), NULL, TLS1_2_VERSION)
                  : raw_connect(port_of(false), false);
}

/* Until it is answered; how long that took. */
static int64_t trickle_ms(struct raw_connection *connection, int64_t most_ms) {
    int64_t start_us = clock_monotonic_us(), spent_ms = 0;
    while (spent_ms < most_ms && !raw_has_input(connection, TRICKLE_MS)) {
        (void)raw_send(connection, SLICE_LITERAL("1"));
        spent_ms = (clock_monotonic_us() - start_us) / 1000;
    }
    return spent_ms;
}

/* Once each byte of a body gave its request more time when the first came with the head. */
static void a_request_that_trickles_ends_with_its_time(void **state) {
    (void)state;
    enum { TIMEOUT_MS = 500, MOST_MS = 2000 * OM_TIME_FACTOR };
    gateway_restart((const char *[]){"OM_HTTP_REQUEST_TIMEOUT_MS", "500", NULL});
    for (int i = 0; i < TRICKLES * 4; i++) {
        bool is_tls = i % 2 == 1, is_second = i / 2 % 2 == 1;
        struct raw_connection *slow = connect_without_tickets(is_tls);
        struct buf sent = {0};
        if (is_second)
            buf_append_text(&sent, GET("/healthz"));
        buf_append_slice(&sent, trickles[i / 4]);
        assert_true(raw_send(slow, buf_slice(&sent)));
        if (is_second)
            assert_next_answer(slow, 200, "ok");

        int64_t spent_ms = trickle_ms(slow, MOST_MS);
        if (spent_ms < TIMEOUT_MS * 3 / 4 || spent_ms >= MOST_MS)
            fail_msg("%s: after %lld ms", sent.ptr, (long long)spent_ms);
        assert_next_answer(slow, 408, "request-timeout");
        assert_true(raw_is_closed_within(slow, 5000));
        raw_close(&slow);
        buf_fini(&sent);
    }
    gateway_restart(NULL);
}

static void a_connection_may_rest_longer_than_a_request_may_take(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_HTTP_REQUEST_TIMEOUT_MS", "200", "OM_HTTP_IDLE_TIMEOUT_MS",
                                     "1500", NULL});
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *resting = raw_connect(port_of(is_tls), is_tls);
        struct raw_connection *halting = raw_connect(port_of(is_tls), is_tls);
        assert_true(raw_send(resting, SLICE_LITERAL(GET("/healthz"))));
        assert_next_answer(resting, 200, "ok");
        assert_true(raw_send(halting, SLICE_LITERAL(GET("/healthz") "GET /heal")));
        assert_next_answer(halting, 200, "ok");

        assert_next_answer(halting, 408, "request-timeout");
        assert_true(raw_send(resting, SLICE_LITERAL(GET("/healthz"))));
        assert_next_answer(resting, 200, "ok");
        assert_true(raw_is_closed_within(resting, 5000));
        raw_close(&resting);
        raw_close(&halting);
    }
    gateway_restart(NULL);
}

/* Nobody begins the TLS handshake. */
static void a_silent_client_of_https_is_closed(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_HTTP_REQUEST_TIMEOUT_MS", "200", NULL});
    struct raw_connection *silent = raw_connect(tls.port, false);

    assert_true(raw_is_closed_within(silent, 5000));
    raw_close(&silent);
    gateway_restart(NULL);
}

static bool is_reset(void *closure) {
    return send(raw_fd(closure), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 && errno != EAGAIN;
}

/* Asks on and on without reading, until nothing more fits between the two. */
static void a_client_that_does_not_read_is_closed(void **state) {
    (void)state;
    const struct timeval patience = {.tv_usec = 200000};
    gateway_restart((const char *[]){"OM_HTTP_SEND_TIMEOUT_MS", "300", NULL});
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        int fd = raw_fd(connection), small = 4096;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        while (raw_send(connection, SLICE_LITERAL(GET("/problems"))))
            continue;

        assert_true(wait_until(is_reset, connection, 10000));
        raw_close(&connection);
    }
    gateway_restart(NULL);
    assert_served(false);
}

/* --- too many --------------------------------------------------------------------------------- */

static bool is_served_now(void *closure) {
    struct raw_connection *connection = raw_connect(fixture.port, false);
    struct raw_answer answer;
    (void)closure;
    (void)raw_send(connection, SLICE_LITERAL(GET("/healthz")));
    bool is_served = raw_read_answer(connection, &answer) == 200;
    raw_answer_fini(&answer);
    raw_close(&connection);
    return is_served;
}

static void connections_over_the_cap_are_answered_503(void **state) {
    (void)state;
    enum { CAP = 8 };
    struct raw_connection *open[CAP];
    gateway_restart((const char *[]){"OM_HTTP_MAX_CONNECTIONS", "8", NULL});
    for (int i = 0; i < CAP; i++) {
        open[i] = raw_connect(fixture.port, false);
        assert_true(raw_send(open[i], SLICE_LITERAL(GET("/healthz"))));
        assert_next_answer(open[i], 200, "ok");
    }
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *surplus = raw_connect(port_of(is_tls), is_tls);
        struct raw_answer answer;
        (void)raw_send(surplus, SLICE_LITERAL(GET("/healthz")));
        raw_read_answer(surplus, &answer);
        assert_int_equal(answer.status, 503);
        assert_non_null(strstr(answer.head.ptr, "\r\nRetry-After: 1\r\n"));
        assert_non_null(strstr(answer.head.ptr, "\r\nConnection: close\r\n"));
        assert_non_null(strstr(answer.body.ptr, "\"/problems/overloaded\""));
        raw_answer_fini(&answer);
        raw_close(&surplus);
    }

    assert_true(raw_send(open[0], SLICE_LITERAL(GET("/healthz"))));
    assert_next_answer(open[0], 200, "ok");
    raw_close(&open[0]);
    assert_true(wait_until(is_served_now, NULL, 5000));
    for (int i = 1; i < CAP; i++)
        raw_close(&open[i]);
    gateway_restart(NULL);
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool is_refused(void *closure) {
    (void)closure;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)fixture.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool is_refused = connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0;
    close(fd);
    return is_refused;
}

/* Kept connections were closed as soon as nothing was under way, with requests just being sent. */
static void a_gateway_that_leaves_says_so_on_kept_connections(void **state) {
    (void)state;
    gateway_restart((const char *const[]){"OM_HTTP_LEAVE_MS", "10000", NULL});
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_answer answer;
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        assert_true(raw_send(connection, SLICE_LITERAL(GET("/healthz"))));
        assert_next_answer(connection, 200, "ok");
        process_signal(fixture.gateway, SIGTERM);
        assert_true(wait_until(is_refused, NULL, 10000));

        assert_true(raw_send(connection, SLICE_LITERAL(GET("/healthz"))));
        assert_int_equal(raw_read_answer(connection, &answer), 200);
        assert_non_null(strstr(answer.head.ptr, "Connection: close"));
        raw_answer_fini(&answer);
        assert_true(raw_is_closed_within(connection, 5000));
        raw_close(&connection);
        assert_int_equal(gateway_terminate(), 0);
        gateway_start((const char *const[]){"OM_HTTP_LEAVE_MS", "10000", NULL});
    }
    gateway_restart(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_long_pipeline_is_answered_to_its_end),
        cmocka_unit_test(a_request_may_arrive_byte_by_byte),
        cmocka_unit_test(an_empty_line_before_a_request_is_ignored),
        cmocka_unit_test(who_asks_first_is_told_to_go_on),
        cmocka_unit_test(an_upgrade_to_http_2_is_ignored),
        cmocka_unit_test(a_later_minor_version_and_an_absolute_target_are_served),
        cmocka_unit_test(http_1_0_ends_with_its_answer),
        cmocka_unit_test(what_comes_behind_the_last_request_does_not_reset_the_answer),
        cmocka_unit_test(a_head_request_gets_the_head_only),
        cmocka_unit_test(a_head_request_gets_no_body_whatever_is_wrong_with_it),
        cmocka_unit_test(every_type_of_problem_leads_to_a_page),
        cmocka_unit_test(a_client_that_leaves_early_harms_nobody),
        cmocka_unit_test(a_body_that_stops_short_is_no_request),
        cmocka_unit_test(slow_senders_are_told_so_closed_and_disturb_nobody),
        cmocka_unit_test(a_request_that_trickles_ends_with_its_time),
        cmocka_unit_test(a_connection_may_rest_longer_than_a_request_may_take),
        cmocka_unit_test(a_silent_client_of_https_is_closed),
        cmocka_unit_test(a_client_that_does_not_read_is_closed),
        cmocka_unit_test(connections_over_the_cap_are_answered_503),
        cmocka_unit_test(a_gateway_that_leaves_says_so_on_kept_connections),
    };
    return cmocka_run_group_tests(tests, tls_fixture_setup, fixture_teardown);
}
