/* A stream that stores nothing: health is what the last publish said, and heals by itself.

   Covers: gateway/orders/publish_health.c gateway/orders/publish.c gateway/health.c */
#include "tests/support/gateway/gateway_fixture.h"

#define NOTICE_MS 12000

static bool health_has(void *part) {
    struct http_response response = get("/health");
    bool has = body_has(&response, part);
    http_response_fini(&response);
    return has;
}

static bool is_well(void *closure) {
    struct http_response response = get("/health");
    (void)closure;
    bool is = response.status == 200 && body_has(&response, "\"status\":\"ok\"");
    http_response_fini(&response);
    return is;
}

static long status_of(const char *path) {
    struct http_response response = get(path);
    long status = response.status;
    http_response_fini(&response);
    return status;
}

static long post_order(void) {
    struct http_response response = post(NULL, ORDER);
    long status = response.status;
    http_response_fini(&response);
    return status;
}

static bool is_accepted(void *closure) {
    (void)closure;
    return post_order() == 202;
}

static void change_stream(void (*change)(jsStreamConfig *config)) {
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "COMMANDS", NULL, NULL), NATS_OK);
    change(info->Config);
    assert_int_equal(js_UpdateStream(NULL, js, info->Config, NULL, NULL), NATS_OK);
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
}

static void delete_stream(void) {
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_DeleteStream(js, "COMMANDS", NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
}

static void limit(jsStreamConfig *config) {
    config->MaxBytes = 1;
}
static void unlimit(jsStreamConfig *config) {
    config->MaxBytes = -1;
}
static void narrow(jsStreamConfig *config) {
    config->MaxMsgSize = 100;
}
static void narrow_for_large_ones(jsStreamConfig *config) {
    config->MaxMsgSize = 2000;
}
static void widen(jsStreamConfig *config) {
    config->MaxMsgSize = -1;
}
static void seal(jsStreamConfig *config) {
    config->Sealed = true;
}

static void assert_said(const char *part) {
    if (!wait_until(health_has, (void *)(uintptr_t)part, NOTICE_MS))
        fail_msg("/health never said %s", part);
    assert_int_equal(status_of("/health"), 503);
    assert_int_equal(status_of("/readyz"), 200); /* it still answers questions */
    assert_true(health_has("\"orders\":\"refused\""));
    char url[64];
    struct http_response metrics;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    http_get(url, &metrics);
    assert_true(body_has(&metrics, "\nordermesh_orders_refused 1\n"));
    http_response_fini(&metrics);
}

/* 59 of 60 orders were 503, while /health was fine. */
static void a_full_stream_is_said_and_heals_without_anybody_posting(void **state) {
    (void)state;
    assert_int_equal(post_order(), 202);
    change_stream(limit);
    long refused = post_order();
    assert_said("the stream COMMANDS refuses: maximum bytes exceeded (10077)");
    change_stream(unlimit);

    assert_int_equal(refused, 503);
    assert_true(wait_until(is_well, NULL, NOTICE_MS));
    assert_int_equal(post_order(), 202);
}

static void a_sealed_stream_is_said_even_if_nobody_posts(void **state) {
    (void)state;
    change_stream(seal);
    assert_said("the stream COMMANDS refuses: invalid operation on sealed stream (10109)");
    delete_stream();
    assert_said("the stream COMMANDS is missing, or has no leader");
    servers_provision(fixture.servers);

    assert_true(wait_until(is_well, NULL, NOTICE_MS));
    assert_int_equal(post_order(), 202);
}

/* Whoever asked waited in vain, and health was fine. */
static void a_question_that_nats_does_not_let_pass_is_said(void **state) {
    (void)state;
    servers_deny(fixture.servers, "gateway", "mesh.>");
    clock_sleep_ms(1000); /* the server reads its file again */
    assert_int_equal(status_of("/api/v1/orders/01936b2a-0000-7000-8000-000000000001"), 503);
    assert_true(wait_until(
        health_has,
        (void *)(uintptr_t) "broker: limited: NATS does not let this user publish to mesh.",
        NOTICE_MS));
    assert_true(health_has("\"broker\":\"limited\""));
    assert_true(health_has("\"status\":\"degraded\""));
    assert_int_equal(status_of("/health"), 200);

    servers_deny(fixture.servers, "gateway", NULL);
    assert_true(wait_until(is_well, NULL, 2 * NOTICE_MS));
}

/* The small probe was stored: all was well again, for an instant, after each refusal. */
static void assert_refused_until_it_is_widened(void (*change)(jsStreamConfig *config),
                                               const char *order) {
    natsSubscription *probes = NULL;
    natsMsg *probe = NULL;
    assert_int_equal(
        natsConnection_SubscribeSync(&probes, nats_client_fast(fixture.nats), "commands.probe"),
        NATS_OK);
    change_stream(change);
    struct http_response refused = post(NULL, order);
    assert_problem(&refused, 503, "unavailable");
    for (int i = 0; i < 4; i++) { /* the last is sent when all before are answered */
        assert_int_equal(natsSubscription_NextMsg(&probe, probes, NOTICE_MS), NATS_OK);
        natsMsg_Destroy(probe);
    }
    natsSubscription_Destroy(probes);
    assert_said("the stream COMMANDS refuses: message size exceeds maximum allowed (10054)");
    change_stream(widen);
    assert_true(wait_until(is_well, NULL, NOTICE_MS));
}

static void a_size_that_is_refused_is_not_healed_by_a_smaller_probe(void **state) {
    (void)state;
    struct buf large = {0};
    buf_printf(&large, "{\"customerId\":\"C1\",\"email\":\"c@example.com\","
                       "\"currency\":\"USD\",\"paymentMethod\":\"pm_card_visa\",\"items\":[");
    for (int i = 0; i < 50; i++)
        buf_printf(&large, "%s{\"sku\":\"SKU-%040d\",\"quantity\":1}", i > 0 ? "," : "", i);
    buf_printf(&large, "]}");
    assert_refused_until_it_is_widened(narrow, ORDER);
    assert_refused_until_it_is_widened(narrow_for_large_ones, large.ptr);
    buf_fini(&large);
    assert_int_equal(post_order(), 202);
}

/* A server that was stopped left /health fine for 22 s. */
static void a_silent_broker_is_said(void **state) {
    (void)state;
    servers_pause(fixture.servers, SERVER_NATS);
    long silent = post_order();
    bool is_said = health_has("the stream COMMANDS does not acknowledge");
    servers_resume(fixture.servers, SERVER_NATS);

    assert_int_equal(silent, 503);
    assert_true(is_said);
    assert_true(wait_until(is_well, NULL, NOTICE_MS));
}

static void a_silent_broker_is_said_even_if_nobody_posts(void **state) {
    (void)state;
    servers_pause(fixture.servers, SERVER_NATS);
    bool is_said = wait_until(health_has, "the stream COMMANDS does not acknowledge", NOTICE_MS);
    servers_resume(fixture.servers, SERVER_NATS);

    assert_true(is_said);
    assert_true(wait_until(is_well, NULL, NOTICE_MS));
}

static bool is_refused(void *closure) {
    (void)closure;
    return post_order() == 503;
}

/* The probe, which may be published, said a second later that all was well. */
static void a_right_that_is_missing_is_said_with_what_gives_it_back(void **state) {
    (void)state;
    natsSubscription *probes = NULL;
    natsMsg *probe = NULL;
    gateway_restart((const char *[]){"OM_PUBLISH_TIMEOUT_MS", "500", NULL});
    assert_int_equal(
        natsConnection_SubscribeSync(&probes, nats_client_fast(fixture.nats), "commands.probe"),
        NATS_OK);
    servers_deny(fixture.servers, "gateway", "commands.order.submit");
    bool is_denied = wait_until(is_refused, NULL, NOTICE_MS);
    for (int i = 0; i < 2; i++) { /* the last is sent when the one before is answered */
        assert_int_equal(natsSubscription_NextMsg(&probe, probes, NOTICE_MS), NATS_OK);
        natsMsg_Destroy(probe);
    }
    natsSubscription_Destroy(probes);
    assert_said("the stream COMMANDS does not acknowledge: ");
    assert_said("NATS does not let this user publish all that it has to: give it its rights again "
                "(`omctl nats-users`)");
    servers_deny(fixture.servers, "gateway", NULL);

    assert_true(is_denied);
    assert_true(wait_until(is_accepted, NULL, NOTICE_MS));
    assert_true(wait_until(is_well, NULL, 2 * NOTICE_MS));
    gateway_restart(NULL);
}

/* The last try had a time of its own: an order waited for one and a half times as long. */
static void an_order_waits_no_longer_than_it_is_told_to(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_PUBLISH_TIMEOUT_MS", "6000", NULL});
    servers_pause(fixture.servers, SERVER_NATS);
    int64_t started_us = clock_monotonic_us();
    struct http_response silent = post(NULL, ORDER);
    int64_t took_us = clock_monotonic_us() - started_us;
    servers_resume(fixture.servers, SERVER_NATS);
    gateway_restart(NULL);

    assert_problem(&silent, 503, "not-confirmed");
    assert_in_range(took_us, 5900000, 8900000); /* the loop counts in milliseconds */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_stream_is_said_and_heals_without_anybody_posting),
        cmocka_unit_test(a_sealed_stream_is_said_even_if_nobody_posts),
        cmocka_unit_test(a_question_that_nats_does_not_let_pass_is_said),
        cmocka_unit_test(a_size_that_is_refused_is_not_healed_by_a_smaller_probe),
        cmocka_unit_test(a_silent_broker_is_said),
        cmocka_unit_test(a_silent_broker_is_said_even_if_nobody_posts),
        cmocka_unit_test(a_right_that_is_missing_is_said_with_what_gives_it_back),
        cmocka_unit_test(an_order_waits_no_longer_than_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
