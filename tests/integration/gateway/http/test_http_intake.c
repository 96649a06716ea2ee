/* The gateway's intake, plain and TLS: a body is read only of a client that may send one, and all
   bodies together take no more memory than is allowed.

   Covers: gateway/http/ gateway/admit/admission.c */
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/gateway/tls_fixture.h"
#include "tests/support/network/raw_http.h"

#include <openssl/ssl.h>
#include <poll.h>

#define POST_TO(path)                                                                              \
    "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#define POST_HEAD POST_TO("/api/v1/orders")

/* --- who may send a body ---------------------------------------------------------------------- */

/* The heads of bodies that never come. */
static void assert_refused_at_the_head(const char *lines, int status, const char *problem) {
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
        struct raw_answer answer;
        struct buf head = {0};
        buf_printf(&head, "%s\r\n5\r\n{", lines);
        assert_true(raw_send(connection, buf_slice(&head)));
        raw_read_answer(connection, &answer);
        if (answer.status != status || strstr(answer.body.ptr, problem) == NULL ||
            strstr(answer.head.ptr, "\r\nConnection: close\r\n") == NULL)
            fail_msg("%s: got %d %s", lines, answer.status, answer.body.ptr);
        raw_answer_fini(&answer);
        buf_fini(&head);
        raw_close(&connection);
    }
}

static void a_body_that_will_be_refused_is_not_awaited(void **state) {
    (void)state;
    struct buf other = {0};
    buf_printf(&other, POST_TO("/api/v1/admin/dlq/replay") "%s\r\nContent-Length: 200000\r\n",
               customer("C1"));
    assert_refused_at_the_head(POST_HEAD "Content-Length: 200000\r\n", 401, "unauthorized");
    assert_refused_at_the_head(POST_HEAD "Transfer-Encoding: chunked\r\n", 401, "unauthorized");
    assert_refused_at_the_head(
        POST_HEAD "Authorization: Bearer a.b.c\r\nContent-Length: 200000\r\n", 401, "unauthorized");
    assert_refused_at_the_head(
        POST_HEAD "Authorization: Bearer a\r\nAuthorization: Bearer a\r\nContent-Length: 99\r\n",
        400, "malformed-request");
    assert_refused_at_the_head(other.ptr, 403, "insufficient-scope");
    assert_refused_at_the_head(POST_TO("/nowhere") "Content-Length: 200000\r\n", 404, "not-found");
    assert_refused_at_the_head(POST_TO("/healthz") "Content-Length: 200000\r\n", 405,
                               "method-not-allowed");
    buf_fini(&other);
}

static void who_may_not_send_a_body_is_not_told_to_go_on(void **state) {
    (void)state;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        struct raw_connection *stranger = raw_connect(port_of(is_tls), is_tls);
        struct raw_connection *known = raw_connect(port_of(is_tls), is_tls);
        struct buf head = {0};
        assert_true(
            raw_send(stranger,
                     SLICE_LITERAL(POST_HEAD "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")));
        assert_next_answer(stranger, 401, "unauthorized");
        buf_printf(&head, POST_HEAD "%s\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
                   customer("C1"), strlen(ORDER));
        assert_true(raw_send(known, buf_slice(&head)));
        assert_next_answer(known, 100, "");
        assert_true(raw_send(known, slice_of(ORDER)));
        assert_next_answer(known, 202, "\"orderId\"");
        buf_fini(&head);
        raw_close(&stranger);
        raw_close(&known);
    }
}

/* Whoever asks first gets the answer that is known by the head, and no 100. A body whose type is
   not named is one that was left out, to those that need none: only with it, all is known. */
static void a_body_that_cannot_help_is_not_asked_for(void **state) {
    (void)state;
#define EXPECT "Expect: 100-continue\r\nContent-Length: 9\r\n"
#define UNTYPED(method, path) method " " path " HTTP/1.1\r\nHost: localhost\r\n"
#define TYPED(method, path) UNTYPED(method, path) "Content-Type: application/json\r\n"
    static const struct {
        const char *head, *problem;
        int status;
    } rows[] = {
        {UNTYPED("POST", "/api/v1/orders") EXPECT, "unsupported-media-type", 415},
        {TYPED("POST", "/api/v1/orders") "Content-Encoding: gzip\r\n" EXPECT,
         "unsupported-media-type", 415},
        {UNTYPED("POST", "/api/v1/orders") "Content-Type: text/plain\r\n" EXPECT,
         "unsupported-media-type", 415},
        {TYPED("POST", "/api/v1/orders") "Idempotency-Key: \"\r\n" EXPECT,
         "invalid-idempotency-key", 400},
        {TYPED("POST", "/api/v1/orders") "Idempotency-Key: a\r\nIdempotency-Key: a\r\n" EXPECT,
         "invalid-idempotency-key", 400},
        {TYPED("POST", "/api/v1/orders") EXPECT, "missing-idempotency-key", 400},
        {UNTYPED("PUT", "/api/v1/products/SKU-123") EXPECT, "unsupported-media-type", 415},
        {UNTYPED("POST", "/api/v1/products/SKU-123/stock-adjustments") EXPECT,
         "unsupported-media-type", 415},
        {TYPED("POST", "/api/v1/orders") "Idempotency-Key: a\r\n" EXPECT, "", 100},
        {TYPED("PUT", "/api/v1/products/SKU-123") EXPECT, "", 100},
        {UNTYPED("POST", "/api/v1/admin/dlq/replay") EXPECT, "", 100},
    };
    gateway_restart((const char *const[]){"OM_IDEMPOTENCY_REQUIRED", "true", NULL});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct raw_connection *connection = raw_connect(port_of(false), false);
        struct buf head = {0};
        buf_printf(&head, "%s%s\r\n\r\n", rows[i].head, administrator());
        assert_true(raw_send(connection, buf_slice(&head)));
        assert_next_answer(connection, rows[i].status, rows[i].problem);
        raw_close(&connection);
        buf_fini(&head);
    }
    gateway_restart(NULL);
}

/* --- how much of all bodies ------------------------------------------------------------------- */

static long resident_kib(void) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(fixture.gateway));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        (void)sscanf(line, "VmRSS: %ld", &kib);
    fclose(file);
    return kib;
}

enum { SENDERS = 120, BODY_BYTES = 262000, BUDGET_BYTES = 4 * 1024 * 1024 };

/* Sends all but the end of a large order; the answer says whether the gateway waits for the rest.
 */
static struct raw_connection *send_most(bool is_tls, const char *authorization,
                                        struct slice filler) {
    /* TLS 1.2 sends no tickets: what can be read is an answer. */
    struct raw_connection *connection = is_tls
                                            ? raw_connect_tls(port_of(true), NULL, TLS1_2_VERSION)
                                            : raw_connect(port_of(false), false);
    struct buf head = {0};
    buf_printf(&head, POST_HEAD "%s\r\nContent-Length: %d\r\n\r\n", authorization,
               BODY_BYTES + 100);
    (void)(raw_send(connection, buf_slice(&head)) && raw_send(connection, filler));
    buf_fini(&head);
    return connection;
}

static long count_refused(void) {
    static const char counter[] =
        "ordermesh_http_requests_total{method=\"none\",route=\"none\",status=\"503\"} ";
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    http_get(url, &response);
    const char *at = strstr(response.body.ptr, counter);
    long count = at == NULL ? 0 : strtol(at + sizeof(counter) - 1, NULL, 10);
    http_response_fini(&response);
    return count;
}

static bool all_but_the_first_are_refused(void *unused) {
    (void)unused;
    return count_refused() >= SENDERS - BUDGET_BYTES / BODY_BYTES - 1;
}

/* One that has its answer. Which ones are refused depends on whose bytes come first. */
static struct raw_connection *find_answered(struct raw_connection *const *senders) {
    struct pollfd polled[SENDERS];
    for (int i = 0; i < SENDERS; i++)
        polled[i] = (struct pollfd){.fd = raw_fd(senders[i]), .events = POLLIN};
    assert_true(poll(polled, SENDERS, 10000) > 0);
    int i = 0;
    while (polled[i].revents == 0)
        i++;
    return senders[i];
}

/* A sanitizer's quarantine keeps memory that was freed, and that counts as held. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GROWN_MOST_KIB = 1024 * 1024 };
#else
enum { GROWN_MOST_KIB = 15 * 1024 };
#endif

/* 120 bodies of 256 KiB are 30 MiB. */
static void unfinished_bodies_take_no_more_memory_than_allowed(void **state) {
    (void)state;
    static struct raw_connection *senders[SENDERS];
    struct raw_answer refusal;
    struct buf filler = {0};
    buf_printf(&filler, "{\"customerId\":\"%0*d", BODY_BYTES - 15, 0);
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        gateway_restart((const char *[]){"OM_HTTP_MAX_INPUT_BYTES", "4194304",
                                         "OM_HTTP_REQUEST_TIMEOUT_MS", "60000", NULL});
        const char *authorization = customer("C1");
        long before_kib = resident_kib();
        for (int i = 0; i < SENDERS; i++)
            senders[i] = send_most(is_tls, authorization, buf_slice(&filler));
        long grown_kib = resident_kib() - before_kib;
        struct http_response small =
            ask("POST", "/api/v1/orders", ORDER, (const char *[]){authorization, NULL});

        assert_true(wait_until(all_but_the_first_are_refused, NULL, 10000));
        raw_read_answer(find_answered(senders), &refusal);
        assert_int_equal(refusal.status, 503);
        assert_non_null(strstr(refusal.head.ptr, "\r\nRetry-After: 1\r\n"));
        assert_non_null(strstr(refusal.body.ptr, "\"/problems/overloaded\""));
        raw_answer_fini(&refusal);
        print_message("%d bodies%s: %ld KiB resident more\n", SENDERS, is_tls ? " over TLS" : "",
                      grown_kib);
        if (grown_kib > GROWN_MOST_KIB)
            fail_msg("%ld KiB more than before", grown_kib);
        assert_int_equal(small.status, 202);
        http_response_fini(&small);
        for (int i = 0; i < SENDERS; i++)
            raw_close(&senders[i]);
    }
    gateway_restart(NULL);
    buf_fini(&filler);
}

/* Connections give their memory back, whether they were answered or left. */
static void the_memory_of_bodies_is_given_back(void **state) {
    (void)state;
    struct buf filler = {0};
    buf_printf(&filler, "{\"customerId\":\"%0*d", BODY_BYTES - 15, 0);
    gateway_restart((const char *[]){"OM_HTTP_MAX_INPUT_BYTES", "4194304", NULL});
    const char *authorization = customer("C1");
    for (int i = 0; i < 60; i++) {
        struct raw_connection *left = send_most(false, authorization, buf_slice(&filler));
        struct raw_connection *ended = send_most(i % 2 == 1, authorization, buf_slice(&filler));
        struct buf rest = {0};
        raw_close(&left);
        buf_printf(&rest, "%0*d\"}", 98, 0);
        assert_true(raw_send(ended, buf_slice(&rest)));
        assert_next_answer(ended, 422, "invalid-order");
        raw_close(&ended);
        buf_fini(&rest);
    }
    gateway_restart(NULL);
    buf_fini(&filler);
}

static void assert_order_is_answered_at_once(const char *authorization, const char *body,
                                             long status) {
    int64_t start_us = clock_monotonic_us();
    struct http_response response =
        ask("POST", "/api/v1/orders", body, (const char *[]){authorization, NULL});
    assert_int_equal(response.status, status);
    assert_in_range(clock_monotonic_us() - start_us, 0, 1000000 * OM_TIME_FACTOR);
    http_response_fini(&response);
}

/* Once their bytes kept them open, and what they held kept others out. */
static void clients_that_trickle_keep_nobody_out(void **state) {
    (void)state;
    enum { SLOW = 400, TRICKLE_US = 2500000 };
    static struct raw_connection *slow[SLOW];
    struct buf first = {0}, large = {0};
    gateway_restart((const char *[]){"OM_HTTP_MAX_INPUT_BYTES", "1048576",
                                     "OM_HTTP_REQUEST_TIMEOUT_MS", "1000", NULL});
    const char *authorization = customer("C1");
    buf_printf(&first, POST_HEAD "%s\r\nContent-Length: 200000\r\n\r\n%08000d", authorization, 0);
    buf_printf(&large, "{\"customerId\":\"%0100000d\"}", 0);
    for (int i = 0; i < SLOW; i++) {
        slow[i] = raw_connect(port_of(false), false);
        (void)raw_send(slow[i], buf_slice(&first));
    }
    for (int64_t start_us = clock_monotonic_us(); clock_monotonic_us() - start_us < TRICKLE_US;) {
        assert_order_is_answered_at_once(authorization, ORDER, 202);
        for (int i = 0; i < SLOW; i++)
            (void)raw_send(slow[i], SLICE_LITERAL("0"));
    }

    assert_order_is_answered_at_once(authorization, large.ptr, 422);
    for (int i = 0; i < SLOW; i++)
        raw_close(&slow[i]);
    gateway_restart(NULL);
    buf_fini(&first);
    buf_fini(&large);
}

/* A large order that nothing is wrong with. */
static void write_large(struct buf *body, size_t bytes) {
    buf_printf(body, "%s%*s", ORDER, (int)(bytes - strlen(ORDER)), "");
}

/* What 500 clients sent and did not end kept out every body that was not small. */
static void who_sends_a_part_and_waits_keeps_out_nobody_who_sends_all(void **state) {
    (void)state;
    enum { HOLDERS = 500, SENT_BYTES = 60000, ORDERS = 50, AGAIN = 10 };
    static struct raw_connection *holders[HOLDERS];
    struct buf filler = {0}, large = {0};
    gateway_restart((const char *[]){"OM_HTTP_MAX_INPUT_BYTES", "4194304",
                                     "OM_HTTP_REQUEST_TIMEOUT_MS", "60000", NULL});
    char authorization[2048];
    snprintf(authorization, sizeof(authorization), "%s", customer("C1"));
    buf_printf(&filler, "{\"customerId\":\"%0*d", SENT_BYTES - 15, 0);
    write_large(&large, 65536);
    for (int i = 0; i < HOLDERS; i++)
        holders[i] = send_most(false, authorization, buf_slice(&filler));
    for (int i = 0; i < ORDERS; i++) {
        assert_order_is_answered_at_once(authorization, large.ptr, 202);
        for (int j = 0; j < AGAIN; j++) {
            struct raw_connection **holder = &holders[(i * AGAIN + j) % HOLDERS];
            raw_close(holder);
            *holder = send_most(false, authorization, buf_slice(&filler));
        }
    }
    assert_in_range(count_refused(), HOLDERS - 2 * BUDGET_BYTES / SENT_BYTES, 2 * HOLDERS);
    for (int i = 0; i < HOLDERS; i++)
        raw_close(&holders[i]);
    gateway_restart(NULL);
    buf_fini(&filler);
    buf_fini(&large);
}

static int setup(void **state) {
    tls_fixture_setup(state);
    jwt_fixture_set();
    gateway_restart(NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_that_will_be_refused_is_not_awaited),
        cmocka_unit_test(who_may_not_send_a_body_is_not_told_to_go_on),
        cmocka_unit_test(a_body_that_cannot_help_is_not_asked_for),
        cmocka_unit_test(unfinished_bodies_take_no_more_memory_than_allowed),
        cmocka_unit_test(clients_that_trickle_keep_nobody_out),
        cmocka_unit_test(the_memory_of_bodies_is_given_back),
        cmocka_unit_test(who_sends_a_part_and_waits_keeps_out_nobody_who_sends_all),
    };
    return cmocka_run_group_tests(tests, setup, jwt_fixture_teardown);
}
