#include "tests/support/gateway/gateway_fixture.h"

#include "tests/support/servers/program.h"

#include <hiredis/hiredis.h>

#define END_TIMEOUT_MS 10000

struct fixture fixture;

char *gateway_url(const char *path) {
    struct buf url = {0};
    buf_printf(&url, "http://127.0.0.1:%d%s", fixture.port, path);
    return url.ptr;
}

struct http_response post_with(struct http_client *http, const char *key, const char *body) {
    char header[320];
    snprintf(header, sizeof(header), "Idempotency-Key: \"%s\"", key == NULL ? "" : key);
    char *url = gateway_url("/api/v1/orders");
    struct http_response response;
    http_send(
        http,
        &(struct http_request){.method = "POST",
                               .url = url,
                               .body = body,
                               .headers = key == NULL ? NULL : (const char *[]){header, NULL}},
        &response);
    free(url);
    return response;
}

struct http_response post(const char *key, const char *body) {
    return post_with(fixture.http, key, body);
}

struct http_response get(const char *path) {
    char *url = gateway_url(path);
    struct http_response response;
    http_send(fixture.http, &(struct http_request){.url = url}, &response);
    free(url);
    return response;
}

void *post_and_wait(void *closure) {
    struct http_response *response = closure;
    struct http_client *http = http_client_create();
    *response = post_with(http, NULL, ORDER);
    http_client_destroy(&http);
    return NULL;
}

bool body_has(const struct http_response *response, const char *part) {
    return response->body.ptr != NULL && strstr(response->body.ptr, part) != NULL;
}

bool readiness_has(void *part) {
    struct http_response response = get("/readyz");
    bool has = body_has(&response, part);
    http_response_fini(&response);
    return has;
}

void assert_problem(struct http_response *response, long status, const char *type) {
    if (response->status != status || !body_has(response, type) ||
        !slice_is(http_header(response, "Content-Type"), "application/problem+json"))
        fail_msg("expected %ld %s, got %ld %s", status, type, response->status, response->body.ptr);
    http_response_fini(response);
}

bool one_is_in_flight(void *closure) {
    (void)closure;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    struct http_response response;
    http_get(url, &response);
    bool is = body_has(&response, "\nordermesh_http_in_flight_requests 1\n");
    http_response_fini(&response);
    return is;
}

static int64_t redis_ask(const char *format, va_list args) {
    redisContext *redis = redisConnect("127.0.0.1", servers_port(fixture.servers, SERVER_REDIS));
    assert_non_null(redis);
    redisReply *reply = redisvCommand(redis, format, args);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    int64_t number = reply->integer;
    freeReplyObject(reply);
    redisFree(redis);
    return number;
}

void redis_do(const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)redis_ask(format, args);
    va_end(args);
}

int64_t redis_number(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int64_t number = redis_ask(format, args);
    va_end(args);
    return number;
}

bool has_redis_written(void *closure) {
    (void)closure;
    return redis_number("EVAL %s 0", "return tonumber(redis.call('INFO', 'persistence')"
                                     ":match('aof_buffer_length:(%d+)'))") == 0;
}

uint64_t stored_messages(const char *subjects) {
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Stream.Info.SubjectsFilter = subjects;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "COMMANDS", &options, NULL), NATS_OK);
    const jsStreamStateSubjects *found = info->State.Subjects;
    uint64_t count = 0;
    for (int i = 0; found != NULL && i < found->Count; i++)
        count += found->List[i].Msgs;
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return count;
}

uint64_t stored_orders(void) {
    return stored_messages("commands.order.>");
}

void gateway_start(const char *const *rows) {
    struct environment environment = {0};
    environment_copy(&environment, &fixture.environment);
    for (; rows != NULL && rows[0] != NULL; rows += 2)
        environment_set(&environment, rows[0], rows[1]);
    fixture.gateway = program_start("gateway", &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &fixture.admin_port, 10000));
}

int gateway_terminate(void) {
    return program_end(&fixture.gateway, END_TIMEOUT_MS);
}

void assert_good_end(int exit_code) {
    if (exit_code != 0 && exit_code != 128 + SIGKILL)
        fail_msg("the gateway ended with %d", exit_code);
}

void gateway_restart(const char *const *rows) {
    int exit_code = gateway_terminate();
    gateway_start(rows);
    assert_good_end(exit_code);
}

static int set_up(unsigned which) {
    fixture.servers = servers_start(which);
    servers_provision(fixture.servers);
    fixture.port = free_port();
    servers_service_environment(fixture.servers, "gateway", NULL, &fixture.environment);
    fixture.admin_port = free_port();
    environment_set_int(&fixture.environment, "OM_HTTP_PORT", fixture.port);
    environment_set_int(&fixture.environment, "OM_ADMIN_PORT", fixture.admin_port);
    environment_set(&fixture.environment, "OM_HTTP_THREADS", "2");
    /* The fixture's own client keeps its connection. */
    environment_set(&fixture.environment, "OM_HTTP_LEAVE_MS", "0");
    environment_set_int(&fixture.environment, "OM_PUBLISH_TIMEOUT_MS", 500 * OM_TIME_FACTOR);
    environment_set_int(&fixture.environment, "OM_RPC_TIMEOUT_MS", 500 * OM_TIME_FACTOR);
    /* A machine that is busy for a moment is no Redis that is away. */
    environment_set(&fixture.environment, "OM_REDIS_TIMEOUT_MS", "1000");
    fixture.http = http_client_create();
    fixture.nats = servers_connect(fixture.servers);
    gateway_start(NULL);
    return 0;
}

int fixture_setup(void **state) {
    (void)state;
    return set_up(SERVERS_REDIS | SERVERS_NATS);
}

int fixture_setup_with_database(void **state) {
    (void)state;
    return set_up(SERVERS_ALL);
}

int fixture_setup_with_cluster(void **state) {
    (void)state;
    return set_up(SERVERS_REDIS | SERVERS_NATS | SERVERS_CLUSTER);
}

int fixture_teardown(void **state) {
    (void)state;
    int exit_code = gateway_terminate();
    nats_client_destroy(&fixture.nats);
    http_client_destroy(&fixture.http);
    environment_fini(&fixture.environment);
    servers_stop(&fixture.servers);
    nats_Close();
    assert_good_end(exit_code);
    return 0;
}
