/* The admin port: what a supervisor and Prometheus are answered.

   Covers: shared/observe/metrics.c shared/service/admin.c */
#include "shared/base/version.h"
#include "shared/observe/metrics.h"
#include "shared/service/admin.h"
#include "shared/service/runtime.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"

#include <stdatomic.h>

METRIC_HISTOGRAM(turn_seconds, "ordermesh_test_turn_seconds", "", "Of this test.");

static char port_path[] = "/tmp/om-port-XXXXXX";
static struct admin *admin;
static atomic_bool is_ready;
static long port;

static void tell_readiness(void *closure, struct readiness *readiness) {
    readiness->ready = atomic_load((atomic_bool *)closure);
    snprintf(readiness->reason, sizeof(readiness->reason), "%s",
             readiness->ready ? "" : "the \"broker\" is away");
}

static int start(void **state) {
    (void)state;
    struct error error = {0};
    int fd = mkstemp(port_path);
    assert_true(fd >= 0);
    close(fd);
    const struct config config = {.admin_address = "127.0.0.1", .admin_port_file = port_path};
    assert_int_equal(admin_start(&config, tell_readiness, &is_ready, &admin, &error), STATUS_OK);
    struct buf written = read_file(port_path);
    port = strtol(written.ptr, NULL, 10);
    buf_fini(&written);
    return 0;
}

static int stop(void **state) {
    (void)state;
    admin_stop(&admin);
    return unlink(port_path);
}

static void assert_answer(const char *path, long expected_status, const char *expected_part) {
    char url[80];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%ld%s", port, path);
    assert_int_equal(http_get(url, &response), expected_status);
    assert_contains(response.body.ptr, expected_part);
    http_response_fini(&response);
}

static void the_port_taken_is_in_the_file(void **state) {
    (void)state;
    assert_in_range(port, 1, 65535);
    assert_answer("/healthz", 200, "{\"status\":\"ok\"}");
}

static void readiness_says_why_not(void **state) {
    (void)state;
    atomic_store(&is_ready, false);
    assert_answer("/readyz", 503, "\"ready\":false");
    assert_answer("/readyz", 503, "\"reason\":\"the \\\"broker\\\" is away\"");
    assert_answer("/metrics", 200, "\nordermesh_ready 0\n");

    atomic_store(&is_ready, true);
    char ready[64];
    snprintf(ready, sizeof(ready), "{\"ready\":true,\"version\":\"%s\"}", ordermesh_version);
    assert_answer("/readyz", 200, ready);
    assert_answer("/metrics", 200, "\nordermesh_ready 1\n");
}

static void metrics_are_in_prometheus_text(void **state) {
    (void)state;
    char url[80];
    struct http_response response;
    metric_observe(&turn_seconds, 0, 0.002);
    snprintf(url, sizeof(url), "http://127.0.0.1:%ld/metrics", port);
    assert_int_equal(http_get(url, &response), 200);

    assert_slice_equal(http_header(&response, "Content-Type"),
                       "text/plain; version=0.0.4; charset=utf-8");
    assert_contains(response.body.ptr, "# TYPE ordermesh_ready gauge\n");
    assert_contains(response.body.ptr, "ordermesh_test_turn_seconds_bucket{le=\"+Inf\"} 1\n");
    http_response_fini(&response);
}

static void other_paths_are_not_found(void **state) {
    (void)state;
    assert_answer("/elsewhere", 404, "");
}

static void an_open_connection_does_not_keep_it_from_stopping(void **state) {
    (void)state;
    char url[80];
    struct http_response response;
    struct http_client *kept = http_client_create();
    snprintf(url, sizeof(url), "http://127.0.0.1:%ld/healthz", port);
    assert_int_equal(http_send(kept, &(struct http_request){.url = url}, &response), 200);
    http_response_fini(&response);

    admin_stop(&admin);

    assert_null(admin);
    assert_int_equal(http_get(url, &response), 0);
    http_response_fini(&response);
    http_client_destroy(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_port_taken_is_in_the_file),
        cmocka_unit_test(readiness_says_why_not),
        cmocka_unit_test(metrics_are_in_prometheus_text),
        cmocka_unit_test(other_paths_are_not_found),
        cmocka_unit_test(an_open_connection_does_not_keep_it_from_stopping),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
