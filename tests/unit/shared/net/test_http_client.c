#include "shared/net/http_client.h"

#include "shared/base/clock.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"
#include "tests/support/network/certificate.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

/* A server that reads each request and gives every connection the same bytes, or none for ever. */
struct canned_server {
    const char *bytes; /* NULL: silence */
    int listener, port;
    pthread_t thread;
    struct buf seen; /* the last request */
};

static void *serve(void *arg) {
    struct canned_server *server = arg;
    for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;) {
        char request[2000];
        ssize_t len = recv(fd, request, sizeof(request), 0);
        buf_clear(&server->seen);
        if (len > 0)
            buf_append(&server->seen, request, (size_t)len);
        if (server->bytes == NULL)
            clock_sleep_ms(400);
        else
            (void)!send(fd, server->bytes, strlen(server->bytes), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void start(struct canned_server *server, const char *bytes) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *server = (struct canned_server){.bytes = bytes};
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct canned_server *server) {
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static enum httpc_result call(int port, struct httpc_call *asked) {
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", port);
    struct httpc *httpc = httpc_create(NULL);
    asked->url = url;
    httpc_perform(httpc, asked, 1);
    httpc_destroy(&httpc);
    return asked->result;
}

#define OK_BYTES "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind:  good \r\n\r\nhi"

static void a_request_goes_out_as_asked_and_its_answer_comes_back(void **state) {
    (void)state;
    struct canned_server server;
    start(&server, OK_BYTES);
    const char *const headers[] = {"X-Key: k", "Content-Type: text/plain", NULL};
    struct httpc_call asked = {
        .method = "PUT", .headers = headers, .body = SLICE_LITERAL("body"), .timeout_ms = 5000};
    assert_int_equal(call(server.port, &asked), HTTPC_ANSWERED);
    assert_int_equal(asked.status, 200);
    assert_slice_equal(buf_slice(&asked.answer), "hi");
    assert_slice_equal(httpc_header(&asked, "x-kind"), "good");
    assert_slice_equal(httpc_header(&asked, "x-kin"), "");
    stop(&server);
    assert_contains(server.seen.ptr, "PUT /x HTTP/1.1\r\n");
    assert_contains(server.seen.ptr, "X-Key: k\r\n");
    assert_contains(server.seen.ptr, "\r\n\r\nbody");
    buf_fini(&server.seen);
    httpc_call_fini(&asked);
}

static void nobody_there_means_that_nothing_was_sent(void **state) {
    (void)state;
    struct httpc_call asked = {.timeout_ms = 5000};
    assert_int_equal(call(free_port(), &asked), HTTPC_UNSENT);
    assert_int_equal(asked.status, 0);
    assert_true(asked.error[0] != '\0');
    httpc_call_fini(&asked);
}

static void an_answer_that_does_not_come_or_breaks_off_is_lost(void **state) {
    (void)state;
    const char *const answers[] = {NULL, "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"};
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct canned_server server;
        struct httpc_call asked = {.body = SLICE_LITERAL("body"), .timeout_ms = 150};
        start(&server, answers[i]);
        assert_int_equal(call(server.port, &asked), HTTPC_LOST);
        stop(&server);
        buf_fini(&server.seen);
        httpc_call_fini(&asked);
    }
}

static void other_schemes_are_not_followed(void **state) {
    (void)state;
    struct httpc *httpc = httpc_create(NULL);
    struct httpc_call calls[] = {{.url = "file:///etc/passwd"}, {.url = "::"}};
    httpc_perform(httpc, calls, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(calls[i].result, HTTPC_UNSENT);
        httpc_call_fini(&calls[i]);
    }
    httpc_destroy(&httpc);
}

static void more_calls_than_may_run_at_once_all_get_their_answers(void **state) {
    (void)state;
    enum { CALLS = 20 };
    struct canned_server server;
    struct httpc_call calls[CALLS] = {0};
    char url[64];
    struct httpc *httpc = httpc_create(&(struct httpc_options){.parallel_max = 3});
    start(&server, OK_BYTES);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", server.port);
    for (int i = 0; i < CALLS; i++)
        calls[i] = (struct httpc_call){.url = url, .timeout_ms = 5000};
    httpc_perform(httpc, calls, CALLS);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(calls[i].result, HTTPC_ANSWERED);
        httpc_call_fini(&calls[i]);
    }
    stop(&server);
    buf_fini(&server.seen);
    httpc_destroy(&httpc);
}

/* --- a guarded client --- */

static enum httpc_result call_guarded(const char *host, int port, enum address_reach most,
                                      char error[HTTPC_ERROR_SIZE]) {
    char url[80];
    snprintf(url, sizeof(url), "http://%s:%d/x", host, port);
    struct httpc *httpc =
        httpc_create(&(struct httpc_options){.is_guarded = true, .reach_most = most});
    struct httpc_call asked = {.url = url, .timeout_ms = 5000};
    httpc_perform(httpc, &asked, 1);
    snprintf(error, HTTPC_ERROR_SIZE, "%s", asked.error);
    httpc_call_fini(&asked);
    httpc_destroy(&httpc);
    return asked.result;
}

/* A name is judged by the address that it is resolved to. */
static void a_guarded_client_connects_to_no_address_beyond_its_reach(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"};
    char error[HTTPC_ERROR_SIZE];
    struct canned_server server;
    start(&server, OK_BYTES);
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* is not asked */
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        assert_int_equal(call_guarded(hosts[i], server.port, REACH_PUBLIC, error), HTTPC_UNSENT);
        assert_contains(error, "not public");
    }
    assert_int_equal(server.seen.len, 0);
    assert_int_equal(call_guarded("localhost", server.port, REACH_LOOPBACK, error), HTTPC_ANSWERED);
    unsetenv("http_proxy");
    stop(&server);
    buf_fini(&server.seen);
}

static void an_answer_may_be_dropped(void **state) {
    (void)state;
    struct canned_server server;
    char url[64];
    start(&server, OK_BYTES);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", server.port);
    struct httpc *httpc = httpc_create(&(struct httpc_options){.drops_answer = true});
    struct httpc_call asked = {.url = url, .timeout_ms = 5000};
    httpc_perform(httpc, &asked, 1);
    assert_int_equal(asked.status, 200);
    assert_slice_equal(httpc_header(&asked, "x-kind"), "good");
    assert_int_equal(asked.answer.len, 0);
    httpc_call_fini(&asked);
    httpc_destroy(&httpc);
    stop(&server);
    buf_fini(&server.seen);
}

/* --- a flight --- */

static void a_silent_server_holds_no_other_call_of_a_flight(void **state) {
    (void)state;
    struct canned_server silent, well;
    char urls[2][64];
    start(&silent, NULL);
    start(&well, OK_BYTES);
    snprintf(urls[0], sizeof(urls[0]), "http://127.0.0.1:%d/x", silent.port);
    snprintf(urls[1], sizeof(urls[1]), "http://127.0.0.1:%d/x", well.port);
    struct httpc *httpc = httpc_create(NULL);
    struct httpc_flight *flight = httpc_flight_create(httpc);
    struct httpc_call held = {.url = urls[0], .timeout_ms = 300}, calls[3] = {0};

    httpc_flight_begin(flight, &held);
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct httpc_call){.url = urls[1], .timeout_ms = 5000};
        httpc_flight_begin(flight, &calls[i]);
    }

    for (int i = 0; i < 3; i++) {
        struct httpc_call *ended = httpc_flight_await(flight, 5000);
        assert_non_null(ended);
        assert_ptr_not_equal(ended, &held);
        assert_int_equal(ended->result, HTTPC_ANSWERED);
        httpc_call_fini(ended);
    }
    assert_null(httpc_flight_await(flight, 10));
    assert_ptr_equal(httpc_flight_await(flight, 5000), &held);
    assert_int_equal(held.result, HTTPC_LOST);
    httpc_call_fini(&held);
    httpc_flight_begin(flight, &held); /* broken off */
    httpc_flight_destroy(&flight);
    httpc_call_fini(&held);
    httpc_destroy(&httpc);
    stop(&silent);
    stop(&well);
    buf_fini(&silent.seen);
    buf_fini(&well.seen);
}

static int64_t retry_after_ms(const char *head) {
    struct httpc_call answered = {0};
    buf_append_text(&answered.head, head);
    int64_t ms = httpc_retry_after_ms(&answered);
    httpc_call_fini(&answered);
    return ms;
}

static void retry_after_is_seconds_or_a_date(void **state) {
    (void)state;
    assert_int_equal(retry_after_ms("HTTP/1.1 503 No\r\n\r\n"), -1);
    assert_int_equal(retry_after_ms("HTTP/1.1 503 No\r\nretry-after: 7\r\n\r\n"), 7000);
    assert_int_equal(retry_after_ms("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"), 0);
    assert_int_equal(retry_after_ms("Retry-After: -1\r\n"), -1);
    assert_int_equal(retry_after_ms("Retry-After: soon\r\n"), -1);
}

/* --- TLS --- */

static bool accepts(void *port) {
    return port_accepts(*(int *)port);
}

/* Asks an HTTPS server whose certificate signs itself. */
static void call_with_ca(int port, const char *ca_file, struct httpc_call *asked) {
    char url[64];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    struct httpc *httpc = httpc_create(&(struct httpc_options){.ca_file = ca_file});
    asked->url = url;
    httpc_perform(httpc, asked, 1);
    httpc_destroy(&httpc);
}

static void only_a_server_that_a_known_authority_vouches_for_gets_a_request(void **state) {
    (void)state;
    char dir[] = "/tmp/om-https-XXXXXX", certificate[64], key[64], port_text[16];
    struct httpc_call trusted = {0}, strange = {0};
    assert_non_null(mkdtemp(dir));
    certificate_create(dir);
    snprintf(certificate, sizeof(certificate), "%s/server.pem", dir);
    snprintf(key, sizeof(key), "%s/server.key", dir);
    int port = free_port();
    snprintf(port_text, sizeof(port_text), "%d", port);
    struct process *server = process_start(&(struct process_options){
        .argv = (const char *[]){"openssl", "s_server", "-accept", port_text, "-cert", certificate,
                                 "-key", key, "-www", "-quiet", NULL}});
    assert_true(wait_until(accepts, &port, 10000));
    call_with_ca(port, certificate, &trusted);
    call_with_ca(port, NULL, &strange);
    process_destroy(&server);
    const struct process_options cleanup = {.argv = (const char *[]){"rm", "-r", dir, NULL}};
    assert_int_equal(process_run(&cleanup, 5000), 0);
    assert_int_equal(trusted.result, HTTPC_ANSWERED);
    assert_int_equal(trusted.status, 200);
    assert_int_equal(strange.result, HTTPC_UNSENT);
    httpc_call_fini(&trusted);
    httpc_call_fini(&strange);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_out_as_asked_and_its_answer_comes_back),
        cmocka_unit_test(nobody_there_means_that_nothing_was_sent),
        cmocka_unit_test(an_answer_that_does_not_come_or_breaks_off_is_lost),
        cmocka_unit_test(other_schemes_are_not_followed),
        cmocka_unit_test(more_calls_than_may_run_at_once_all_get_their_answers),
        cmocka_unit_test(a_guarded_client_connects_to_no_address_beyond_its_reach),
        cmocka_unit_test(an_answer_may_be_dropped),
        cmocka_unit_test(a_silent_server_holds_no_other_call_of_a_flight),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(only_a_server_that_a_known_authority_vouches_for_gets_a_request),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
