/* The gateway between a client, Redis and JetStream: what is promised, and under which faults.

   Covers: gateway/lane/ gateway/link/ gateway/orders/cancel_order.c gateway/orders/get_order.c
   gateway/orders/idempotency.c gateway/orders/order_marker.c gateway/orders/post_order.c
   gateway/orders/publish.c gateway/reply/accepted.c gateway/reply/answer.c gateway/server.c */
#include "gateway/orders/idempotency.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/service/micro.h"
#include "shared/service/service.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/servers/program.h"

#include <pthread.h>

/* --- looking behind the gateway --------------------------------------------------------------- */

static jsCtx *jetstream(void) {
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    return js;
}

/* The last command stored under a subject, whole. */
static char *last_command(const char *subject) {
    jsCtx *js = jetstream();
    natsMsg *message = NULL;
    assert_int_equal(js_GetLastMsg(&message, js, "COMMANDS", subject, NULL, NULL), NATS_OK);
    char *text =
        mem_copy((struct slice){natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)});
    natsMsg_Destroy(message);
    jsCtx_Destroy(js);
    return text;
}

static struct slice order_id(const struct http_response *response) {
    static const char member[] = "\"orderId\":\"";
    const char *at = strstr(response->body.ptr, member);
    assert_non_null(at);
    return (struct slice){at + sizeof(member) - 1, UUID_TEXT_LEN};
}

static void assert_accepted(struct http_response *response) {
    if (response->status != 202)
        fail_msg("expected 202, got %ld %s", response->status, response->body.ptr);
    http_response_fini(response);
}

static bool is_accepted_at_last(void *key) {
    struct http_response response = post(key, ORDER);
    long status = response.status;
    http_response_fini(&response);
    return status == 202;
}

/* --- the promise ------------------------------------------------------------------------------ */

static void an_accepted_order_is_in_the_stream_with_its_contact_sealed(void **state) {
    (void)state;
    uint64_t before = stored_orders();
    struct http_response response = post("plain", ORDER);
    char *command = last_command("commands.order.submit");

    assert_int_equal(response.status, 202);
    assert_int_equal(stored_orders(), before + 1);
    char id[UUID_TEXT_SIZE], location[64];
    snprintf(id, sizeof(id), "%.*s", SLICE_ARG(order_id(&response)));
    snprintf(location, sizeof(location), "/api/v1/orders/%s", id);
    assert_true(slice_is(http_header(&response, "Location"), location));
    assert_true(slice_is(http_header(&response, "Retry-After"), "1"));
    assert_true(body_has(&response,
                         "\"status\":\"PENDING\",\"message\":\"We have your order and are about to "
                         "start on it.\",\"links\":{\"self\":\"/api/v1/orders/"));

    assert_non_null(strstr(command, id));
    assert_non_null(strstr(command, "\"sealed\":\"v1."));
    assert_non_null(strstr(command, "\"idempotencyKeyHash\":\""));
    assert_null(strstr(command, "example.com"));
    free(command);
    http_response_fini(&response);
}

static void an_order_without_a_key_is_new_each_time(void **state) {
    (void)state;
    struct http_response one = post(NULL, ORDER), other = post(NULL, ORDER);

    assert_false(slice_equal(order_id(&one), order_id(&other)));
    assert_accepted(&one);
    assert_accepted(&other);
}

static void the_callers_trace_goes_on_in_the_event(void **state) {
    (void)state;
    char *url = gateway_url("/api/v1/orders");
    struct http_response response;
    http_send(
        fixture.http,
        &(struct http_request){
            .method = "POST",
            .url = url,
            .body = ORDER,
            .headers =
                (const char *[]){
                    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL}},
        &response);
    char *command = last_command("commands.order.submit");

    assert_non_null(strstr(command, "\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-"));
    assert_null(strstr(command, "b7ad6b7169203331"));
    assert_accepted(&response);
    free(command);
    free(url);
}

/* --- idempotency ------------------------------------------------------------------------------ */

static void the_same_request_again_gets_the_same_answer(void **state) {
    (void)state;
    struct http_response first = post("again", ORDER);
    uint64_t stored = stored_orders();
    struct http_response second = post("again", ORDER);

    assert_string_equal(first.body.ptr, second.body.ptr);
    assert_int_equal(http_header(&first, "Idempotent-Replayed").len, 0);
    assert_true(slice_is(http_header(&second, "Idempotent-Replayed"), "true"));
    assert_int_equal(stored_orders(), stored);
    assert_accepted(&first);
    assert_accepted(&second);
}

static void another_body_under_a_used_key_is_refused(void **state) {
    (void)state;
    struct http_response first = post("mismatch", ORDER);
    struct http_response other = post("mismatch", ORDER_OF("C2"));

    assert_accepted(&first);
    assert_problem(&other, 422, "idempotency-key-reused");
}

static void a_replay_survives_the_gateways_restart(void **state) {
    (void)state;
    struct http_response first = post("restart", ORDER);
    gateway_restart(NULL);
    struct http_response second = post("restart", ORDER);

    assert_string_equal(first.body.ptr, second.body.ptr);
    assert_true(slice_is(http_header(&second, "Idempotent-Replayed"), "true"));
    assert_accepted(&first);
    assert_accepted(&second);
}

enum { CROWD = 50 };

static void *post_in_crowd(void *closure) {
    struct http_response *response = closure;
    struct http_client *http = http_client_create();
    *response = post_with(http, "crowd", ORDER);
    http_client_destroy(&http);
    return NULL;
}

static void fifty_at_once_under_one_key_are_one_order(void **state) {
    (void)state;
    struct http_response responses[CROWD];
    pthread_t threads[CROWD];
    uint64_t before = stored_orders();
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_in_crowd, &responses[i]), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);

    int accepted = 0;
    for (int i = 0; i < CROWD; i++) {
        if (responses[i].status == 202) {
            accepted++;
            http_response_fini(&responses[i]);
        } else {
            assert_true(slice_is(http_header(&responses[i], "Retry-After"), "1"));
            assert_problem(&responses[i], 409, "idempotency-key-in-flight");
        }
    }
    assert_true(accepted >= 1);
    assert_int_equal(stored_orders(), before + 1);
}

/* Of ORDER, as the gateway makes it. */
static struct claim claim_of_order(const char *key) {
    static const char canonical[] =
        "{\"customerId\":\"C1\",\"currency\":\"USD\",\"paymentMethod\":\"pm_card_visa\","
        "\"email\":\"c@example.com\",\"items\":[{\"sku\":\"SKU-123\",\"quantity\":1}]}";
    return claim_of(SLICE_LITERAL("default"), slice_of(key), slice_of(canonical));
}

/* Writes the record of a request that began and whose lease ends in `lease_ms`. */
static void leave_in_flight(const char *key, int64_t lease_ms) {
    struct buf record = {0};
    struct claim claim = claim_of_order(key);
    claim_write_in_flight(&claim, clock_now_us() / 1000 + lease_ms, &record);
    redis_do("SET idem:default:%s %s EX 60", claim.key_hash, record.ptr);
    buf_fini(&record);
}

static void a_dead_requests_key_is_taken_over_when_its_lease_ends(void **state) {
    (void)state;
    leave_in_flight("lease", 4000);
    struct http_response early = post("lease", ORDER);
    leave_in_flight("lease", -1);
    struct http_response late = post("lease", ORDER);

    assert_problem(&early, 409, "idempotency-key-in-flight");
    assert_int_equal(http_header(&late, "Idempotent-Replayed").len, 0);
    assert_accepted(&late);
}

static bool lives_for_a_day(void *key) {
    int64_t life_s = redis_number("TTL idem:default:%s", claim_of_order(key).key_hash);
    return life_s > 86000 && life_s <= 86400;
}

static void a_key_that_is_done_lives_for_a_day(void **state) {
    (void)state;
    leave_in_flight("life", -1); /* for a minute */
    struct http_response done = post("life", ORDER);
    assert_accepted(&done);
    assert_true(wait_until(lives_for_a_day, (void *)(uintptr_t) "life", 5000));
}

/* The 202 did not wait for Redis: 53 of 1,200 repeats found the key in flight. */
static void a_repeat_through_another_gateway_is_a_replay(void **state) {
    (void)state;
    struct environment environment = {0};
    int first_port = fixture.port, other_port = free_port(), admin_port = free_port();
    environment_copy(&environment, &fixture.environment);
    environment_set_int(&environment, "OM_HTTP_PORT", other_port);
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    struct process *other = program_start("gateway", &environment, NULL);
    struct http_client *http = http_client_create();
    bool is_ready = wait_until(program_is_ready, &admin_port, 10000);
    int replays = 0, wanted = 500;
    for (int i = 0; i < wanted && is_ready; i++) {
        char name[32];
        snprintf(name, sizeof(name), "repeat-%d", i);
        struct http_response one = post(name, ORDER);
        fixture.port = other_port;
        struct http_response repeat = post_with(http, name, ORDER);
        fixture.port = first_port;
        replays += slice_is(http_header(&repeat, "Idempotent-Replayed"), "true");
        assert_accepted(&one);
        http_response_fini(&repeat);
    }
    http_client_destroy(&http);
    environment_fini(&environment);
    assert_int_equal(program_end(&other, 10000), 0);
    assert_int_equal(replays, wanted);
}

static void a_required_key_is_asked_for(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_IDEMPOTENCY_REQUIRED", "true", NULL});
    struct http_response without = post(NULL, ORDER), with = post("required", ORDER);
    gateway_restart(NULL);

    assert_problem(&without, 400, "missing-idempotency-key");
    assert_accepted(&with);
}

static void a_page_of_another_site_places_no_order(void **state) {
    (void)state;
    static const struct {
        const char *header;
        long status;
    } cases[] = {{"Host: evil.example", 400},          {"Origin: https://evil.example", 403},
                 {"Sec-Fetch-Site: cross-site", 403},  {"Sec-Fetch-Site: same-site", 403},
                 {"Sec-Fetch-Site: same-origin", 202}, {"Sec-Fetch-Site: none", 202}};
    char *url = gateway_url("/api/v1/orders");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_response response;
        http_send(fixture.http,
                  &(struct http_request){.method = "POST",
                                         .url = url,
                                         .body = ORDER,
                                         .headers = (const char *[]){cases[i].header, NULL}},
                  &response);
        assert_int_equal(response.status, cases[i].status);
        http_response_fini(&response);
    }
    free(url);
}

/* --- without Redis ---------------------------------------------------------------------------- */

static void a_flushed_redis_makes_no_second_order(void **state) {
    (void)state;
    struct http_response first = post("flushed", ORDER);
    uint64_t stored = stored_orders();
    redis_do("FLUSHALL");
    struct http_response second = post("flushed", ORDER);

    assert_string_equal(first.body.ptr, second.body.ptr);
    assert_int_equal(stored_orders(), stored);
    assert_accepted(&first);
    assert_accepted(&second);
}

/* A quota that was filled by a clock ahead stayed full for its whole window. */
static void a_quota_filled_in_the_future_is_empty(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_RATE_WRITE", "1/1h", NULL});
    struct http_response first = post(NULL, ORDER), refused = post(NULL, ORDER);
    redis_do("SET rate:write:address:127.0.0.1 %lld", (long long)clock_now_us() + 86400000000);
    struct http_response again = post(NULL, ORDER);
    assert_int_equal(first.status, 202);
    assert_int_equal(refused.status, 429);
    assert_int_equal(again.status, 202);
    http_response_fini(&first);
    http_response_fini(&refused);
    http_response_fini(&again);
    gateway_restart(NULL);
}

/* Of three an hour, one is forgotten after twenty minutes. */
static void a_quota_that_is_empty_again_leaves_no_key(void **state) {
    (void)state;
    redis_do("DEL rate:write:address:127.0.0.1");
    gateway_restart((const char *[]){"OM_RATE_WRITE", "3/1h", NULL});
    for (int64_t taken = 1; taken <= 2; taken++) {
        struct http_response response = post(NULL, ORDER);
        assert_accepted(&response);
        int64_t life_s = redis_number("TTL rate:write:address:127.0.0.1");
        assert_in_range(life_s, taken * 1200 - 60, taken * 1200);
    }
    gateway_restart(NULL);
}

static void a_silent_redis_degrades_but_stops_no_orders(void **state) {
    (void)state;
    servers_pause(fixture.servers, SERVER_REDIS);
    struct http_response first = post("silent", ORDER);
    uint64_t stored = stored_orders();
    struct http_response second = post("silent", ORDER);
    bool says_degraded = readiness_has("idempotency: degraded");
    servers_resume(fixture.servers, SERVER_REDIS);

    assert_true(says_degraded);
    assert_true(slice_equal(order_id(&first), order_id(&second)));
    assert_int_equal(stored_orders(), stored);
    assert_accepted(&first);
    assert_accepted(&second);
    assert_true(wait_until(readiness_has, "{\"ready\":true}", 5000));
}

static void redis_is_found_again_after_its_restart(void **state) {
    (void)state;
    struct http_response before = post("redis-restart", ORDER);
    struct http_response stored = post("redis-restart", ORDER); /* a replay: Redis has it all */
    bool is_written = wait_until(has_redis_written, NULL, 5000);
    servers_kill(fixture.servers, SERVER_REDIS);
    struct http_response without = post("redis-away", ORDER);
    servers_restart(fixture.servers, SERVER_REDIS);
    bool is_back = wait_until(readiness_has, "{\"ready\":true}", 5000);
    struct http_response replay = post("redis-restart", ORDER);

    assert_true(is_written);
    assert_true(is_back);
    assert_true(slice_is(http_header(&replay, "Idempotent-Replayed"), "true"));
    assert_accepted(&before);
    assert_accepted(&stored);
    assert_accepted(&without);
    assert_accepted(&replay);
}

static void redis_may_be_named_instead_of_numbered(void **state) {
    (void)state;
    char url[64];
    snprintf(url, sizeof(url), "redis://localhost:%d", servers_port(fixture.servers, SERVER_REDIS));
    gateway_restart((const char *[]){"OM_REDIS_URL", url, NULL});
    bool is_found = wait_until(readiness_has, "{\"ready\":true}", 5000);
    gateway_restart(NULL);

    assert_true(is_found);
}

static void redis_is_logged_in_to_with_the_urls_user_and_password(void **state) {
    (void)state;
    char url[96];
    redis_do("ACL SETUSER gateway on >p@ss ~* +@all");
    snprintf(url, sizeof(url), "redis://gateway:p%%40ss@127.0.0.1:%d",
             servers_port(fixture.servers, SERVER_REDIS));
    gateway_restart((const char *[]){"OM_REDIS_URL", url, NULL});
    bool is_let_in = wait_until(readiness_has, "{\"ready\":true}", 5000);
    redis_do("ACL SETUSER gateway resetpass >other");
    gateway_restart((const char *[]){"OM_REDIS_URL", url, NULL});
    bool is_kept_out = readiness_has("idempotency: degraded");
    gateway_restart(NULL);

    assert_true(is_let_in);
    assert_true(is_kept_out);
}

/* Redis took the claim and then no writes: the end of a request that was answered is not there, and
   its repeat is not refused for that. */
static void a_claim_from_before_a_gap_holds_nobody_up(void **state) {
    (void)state;
    struct http_response first = post("gap", ORDER);
    leave_in_flight("gap", 4000);
    redis_do("SET order:gap 1 EX 60");
    struct http_response repeat = post("gap", ORDER);
    redis_do("DEL order:gap");

    assert_string_equal(first.body.ptr, repeat.body.ptr);
    assert_accepted(&first);
    assert_accepted(&repeat);
}

/* --- without the broker ----------------------------------------------------------------------- */

static void a_silent_broker_is_a_503_and_the_retry_goes_through(void **state) {
    (void)state;
    servers_pause(fixture.servers, SERVER_NATS);
    struct http_response silent = post("nats-silent", ORDER);
    servers_resume(fixture.servers, SERVER_NATS);

    assert_true(slice_is(http_header(&silent, "Retry-After"), "1"));
    assert_problem(&silent, 503, "not-confirmed");
    assert_true(wait_until(is_accepted_at_last, "nats-silent", 5000));
}

static void a_broker_that_is_away_is_a_503_at_once(void **state) {
    (void)state;
    servers_kill(fixture.servers, SERVER_NATS);
    assert_true(wait_until(readiness_has, "\"ready\":false", 5000));
    int64_t started_us = clock_monotonic_us();
    struct http_response away = post("nats-away", ORDER);
    int64_t took_us = clock_monotonic_us() - started_us;
    servers_restart(fixture.servers, SERVER_NATS);

    assert_problem(&away, 503, "unavailable");
    assert_true(took_us < 200000 * OM_TIME_FACTOR);
    assert_true(wait_until(is_accepted_at_last, "nats-away", 10000));
}

static void more_than_the_bound_in_flight_is_refused_at_once(void **state) {
    (void)state;
    gateway_restart(
        (const char *[]){"OM_HTTP_MAX_IN_FLIGHT", "1", "OM_PUBLISH_TIMEOUT_MS", "3000", NULL});
    struct http_response waiting;
    pthread_t thread;
    servers_pause(fixture.servers, SERVER_NATS);
    assert_int_equal(pthread_create(&thread, NULL, post_and_wait, &waiting), 0);
    bool is_waiting = wait_until(one_is_in_flight, NULL, 2000);
    struct http_response refused = post(NULL, ORDER);
    servers_resume(fixture.servers, SERVER_NATS);
    pthread_join(thread, NULL);
    gateway_restart(NULL);

    assert_true(is_waiting);
    assert_true(slice_is(http_header(&refused, "Retry-After"), "1"));
    assert_problem(&refused, 503, "overloaded");
    assert_accepted(&waiting);
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum status know_nothing(struct endpoint_call *call, struct error *error) {
    (void)call;
    return error_set(error, STATUS_NOT_FOUND, "no such order");
}

static enum status know_products(struct endpoint_call *call, struct error *error) {
    (void)error;
    buf_append_text(call->reply, "{\"products\":[]}");
    return STATUS_OK;
}

/* The gateway may still be on its way back to NATS after the test before. */
static bool products_are_there(void *unused) {
    (void)unused;
    struct http_response products = get("/api/v1/products");
    bool is_there = products.status == 200;
    http_response_fini(&products);
    return is_there;
}

/* Services that answer, but have not heard of any order yet. */
static struct micro *start_ignorant_services(void) {
    static const struct endpoint endpoints[] = {
        {"get", "mesh.order.get", know_nothing},
        {"status", "mesh.order.status", know_nothing},
        {"history", "mesh.order.history", know_nothing},
        {"products", "mesh.inventory.product.list", know_products},
    };
    static const struct service service = {.name = "test",
                                           .description = "knows no orders",
                                           .endpoints = endpoints,
                                           .endpoint_count = 4};
    struct micro *micro = NULL;
    struct error error;
    redis_do("DEL order:gap"); /* tests before took Redis away, and nobody reads the commands */
    assert_int_equal(
        micro_create(
            &(struct micro_options){.nats = fixture.nats, .service = &service, .version = "1.0.0"},
            &micro, &error),
        STATUS_OK);
    assert_true(wait_until(products_are_there, NULL, 10000));
    return micro;
}

static void an_order_nobody_has_written_yet_is_pending(void **state) {
    (void)state;
    struct micro *micro = start_ignorant_services();
    struct http_response placed = post("pending", ORDER);
    char path[96], status_path[128], expected[256];
    snprintf(path, sizeof(path), "/api/v1/orders/%.*s", SLICE_ARG(order_id(&placed)));
    snprintf(status_path, sizeof(status_path), "%s/status", path);
    snprintf(expected, sizeof(expected),
             "{\"orderId\":\"%.*s\",\"status\":\"PENDING\","
             "\"message\":\"We have your order and are about to start on it.\"",
             SLICE_ARG(order_id(&placed)));
    struct http_response order = get(path), status = get(status_path);
    struct http_response unknown = get("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab");
    struct http_response products = get("/api/v1/products");
    micro_destroy(&micro);

    assert_int_equal(order.status, 200);
    assert_true(body_has(&order, expected) && body_has(&order, "\"timeline\":[]"));
    assert_int_equal(status.status, 200);
    assert_true(body_has(&status, expected));
    assert_int_equal(products.status, 200);
    assert_string_equal(products.body.ptr, "{\"products\":[]}");
    assert_problem(&unknown, 404, "not-found");
    http_response_fini(&placed);
    http_response_fini(&order);
    http_response_fini(&status);
    http_response_fini(&products);
}

static struct http_response cancel(struct slice id) {
    char path[128];
    struct http_response response;
    snprintf(path, sizeof(path), "/api/v1/orders/%.*s/cancel", SLICE_ARG(id));
    char *url = gateway_url(path);
    http_send(fixture.http, &(struct http_request){.method = "POST", .url = url}, &response);
    free(url);
    return response;
}

static struct http_response get_order(struct slice id) {
    char path[96];
    snprintf(path, sizeof(path), "/api/v1/orders/%.*s", SLICE_ARG(id));
    return get(path);
}

static void purge_orders(void) {
    jsCtx *js = jetstream();
    assert_int_equal(js_PurgeStream(js, "COMMANDS", NULL, NULL), NATS_OK);
    jsCtx_Destroy(js);
}

static void an_order_nobody_has_written_yet_can_be_cancelled(void **state) {
    (void)state;
    char subject[64];
    struct micro *micro = start_ignorant_services();
    struct http_response placed = post("cancelled", ORDER);
    struct http_response cancelled = cancel(order_id(&placed));
    struct http_response unknown = cancel(SLICE_LITERAL("0192f0c1-dead-7bee-8f01-0123456789ab"));
    micro_destroy(&micro);

    char *command = last_command("commands.order.cancel"); /* none of the unknown one */
    snprintf(subject, sizeof(subject), "\"subject\":\"%.*s\"", SLICE_ARG(order_id(&placed)));
    assert_non_null(strstr(command, subject));
    assert_accepted(&cancelled);
    assert_problem(&unknown, 404, "not-found");
    http_response_fini(&placed);
    free(command);
}

/* Nobody could say whether it was accepted: it was a 404, also for a cancel. */
static void while_redis_cannot_say_no_order_is_called_unknown(void **state) {
    (void)state;
    struct micro *micro = start_ignorant_services();
    struct slice id = SLICE_LITERAL("0192f0c1-dead-7bee-8f01-0123456789ab");
    servers_pause(fixture.servers, SERVER_REDIS);
    struct http_response placed = post("unmarked", ORDER);
    struct http_response order = get("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab");
    struct http_response status = get("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab/status");
    struct http_response events = get("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab/events");
    struct http_response cancelled = cancel(id);
    servers_resume(fixture.servers, SERVER_REDIS);
    assert_true(wait_until(readiness_has, "{\"ready\":true}", 5000));
    /* Redis answers again, and lacks the marker of the order that was accepted meanwhile. */
    struct http_response unmarked = get_order(order_id(&placed));
    struct http_response cancelled_unmarked = cancel(order_id(&placed));
    purge_orders(); /* now the order service has read all that there is */
    struct http_response unknown = get("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab");
    micro_destroy(&micro);

    assert_true(slice_is(http_header(&order, "Retry-After"), "1"));
    assert_true(slice_is(http_header(&cancelled, "Retry-After"), "1"));
    assert_problem(&order, 503, "unavailable");
    assert_problem(&status, 503, "unavailable");
    assert_problem(&events, 503, "unavailable");
    assert_problem(&cancelled, 503, "unavailable");
    assert_problem(&unmarked, 503, "unavailable");
    assert_problem(&cancelled_unmarked, 503, "unavailable");
    assert_problem(&unknown, 404, "not-found");
    assert_accepted(&placed);
}

static void a_service_that_is_away_is_a_503(void **state) {
    (void)state;
    struct http_response order = get("/api/v1/orders/0192f0c1-dead-7bee-8f01-0123456789ab");
    struct http_response products = get("/api/v1/products?limit=7"); /* a page nobody has cached */

    assert_true(slice_is(http_header(&order, "Retry-After"), "1"));
    assert_problem(&order, 503, "unavailable");
    assert_problem(&products, 503, "unavailable");
}

/* --- crashes and the end ---------------------------------------------------------------------- */

static void a_crash_at_any_step_leaves_one_order_to_the_retry(void **state) {
    (void)state;
#ifdef OM_FAILPOINTS
    static const char *const steps[] = {"gateway.before_publish", "gateway.after_publish",
                                        "gateway.after_puback", "gateway.after_answer"};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        char failpoint[64];
        snprintf(failpoint, sizeof(failpoint), "%s:1", steps[i]);
        gateway_restart((const char *[]){"OM_FAILPOINT", failpoint, NULL});
        uint64_t before = stored_orders();
        struct http_response response = post(steps[i], ORDER);
        assert_true(process_wait(fixture.gateway, 5000, NULL));
        assert_true(lives_for_a_day((void *)(uintptr_t)steps[i]));
        gateway_restart(NULL);

        /* the lease of the dead request has to end first */
        assert_true(wait_until(is_accepted_at_last, (void *)(uintptr_t)steps[i], 8000));
        assert_int_equal(stored_orders(), before + 1);
        http_response_fini(&response);
    }
#else
    skip();
#endif
}

static void told_to_end_it_ends_in_good_order(void **state) {
    (void)state;
    struct http_response kept = post("end", ORDER); /* its connection stays open */
    int code = gateway_terminate();
    gateway_start(NULL);

    assert_int_equal(code, 0);
    assert_accepted(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_accepted_order_is_in_the_stream_with_its_contact_sealed),
        cmocka_unit_test(an_order_without_a_key_is_new_each_time),
        cmocka_unit_test(the_callers_trace_goes_on_in_the_event),
        cmocka_unit_test(the_same_request_again_gets_the_same_answer),
        cmocka_unit_test(another_body_under_a_used_key_is_refused),
        cmocka_unit_test(a_replay_survives_the_gateways_restart),
        cmocka_unit_test(fifty_at_once_under_one_key_are_one_order),
        cmocka_unit_test(a_dead_requests_key_is_taken_over_when_its_lease_ends),
        cmocka_unit_test(a_key_that_is_done_lives_for_a_day),
        cmocka_unit_test(a_repeat_through_another_gateway_is_a_replay),
        cmocka_unit_test(a_required_key_is_asked_for),
        cmocka_unit_test(a_page_of_another_site_places_no_order),
        cmocka_unit_test(a_flushed_redis_makes_no_second_order),
        cmocka_unit_test(a_quota_filled_in_the_future_is_empty),
        cmocka_unit_test(a_quota_that_is_empty_again_leaves_no_key),
        cmocka_unit_test(a_silent_redis_degrades_but_stops_no_orders),
        cmocka_unit_test(redis_is_found_again_after_its_restart),
        cmocka_unit_test(redis_may_be_named_instead_of_numbered),
        cmocka_unit_test(redis_is_logged_in_to_with_the_urls_user_and_password),
        cmocka_unit_test(a_claim_from_before_a_gap_holds_nobody_up),
        cmocka_unit_test(a_silent_broker_is_a_503_and_the_retry_goes_through),
        cmocka_unit_test(a_broker_that_is_away_is_a_503_at_once),
        cmocka_unit_test(more_than_the_bound_in_flight_is_refused_at_once),
        cmocka_unit_test(an_order_nobody_has_written_yet_is_pending),
        cmocka_unit_test(an_order_nobody_has_written_yet_can_be_cancelled),
        cmocka_unit_test(while_redis_cannot_say_no_order_is_called_unknown),
        cmocka_unit_test(a_service_that_is_away_is_a_503),
        cmocka_unit_test(a_crash_at_any_step_leaves_one_order_to_the_retry),
        cmocka_unit_test(told_to_end_it_ends_in_good_order),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
