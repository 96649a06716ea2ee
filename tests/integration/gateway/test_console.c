/* The gateway's part of the console: its files, and the mesh as it describes itself. Also the files
   that describe the API.

   Covers: gateway/admin/admin_mesh.c gateway/pages/ */
#include "shared/base/memory.h"
#include "tests/support/gateway/gateway_fixture.h"

#include <dirent.h>
#include <zlib.h>

/* --- the files -------------------------------------------------------------------------------- */

static struct http_response get_if_new(const char *path, struct slice tag) {
    char header[64];
    char *url = gateway_url(path);
    struct http_response response;
    snprintf(header, sizeof(header), "If-None-Match: %.*s", SLICE_ARG(tag));
    http_send(fixture.http,
              &(struct http_request){.url = url, .headers = (const char *[]){header, NULL}},
              &response);
    free(url);
    return response;
}

static const char *type_of(const char *name) {
    const char *end = strrchr(name, '.');
    return strcmp(end, ".html") == 0   ? "text/html; charset=utf-8"
           : strcmp(end, ".css") == 0  ? "text/css; charset=utf-8"
           : strcmp(end, ".svg") == 0  ? "image/svg+xml"
           : strcmp(end, ".yaml") == 0 ? "application/yaml"
           : strcmp(end, ".json") == 0 ? "application/schema+json"
                                       : "text/javascript; charset=utf-8";
}

/* `name` is the file's, from the source folder. */
static struct buf source_file(const char *name) {
    char path[512], part[4096];
    struct buf content = {0};
    snprintf(path, sizeof(path), OM_SOURCE_DIR "/%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t len; (len = fread(part, 1, sizeof(part), file)) > 0;)
        buf_append(&content, part, len);
    fclose(file);
    return content;
}

static struct http_response send_gzip(const char *method, const char *path, struct slice tag) {
    char header[64];
    char *url = gateway_url(path);
    struct http_response response;
    snprintf(header, sizeof(header), "If-None-Match: %.*s", SLICE_ARG(tag));
    http_send(
        fixture.http,
        &(struct http_request){.method = method,
                               .url = url,
                               .headers = (const char *[]){"Accept-Encoding: gzip", header, NULL}},
        &response);
    free(url);
    return response;
}

/* By Python's own reader of gzip, and the curl command. */
static void assert_read_by_others(const char *path, const char *name) {
    static const char *const commands[] = {
        "curl -sS --compressed '%s' | cmp - " OM_SOURCE_DIR "/%s",
        "python3 -c 'import sys, gzip, urllib.request as r\n"
        "answer = r.urlopen(r.Request(sys.argv[1], headers={\"Accept-Encoding\": \"gzip\"}))\n"
        "assert answer.headers[\"Content-Encoding\"] == \"gzip\"\n"
        "assert gzip.decompress(answer.read()) == open(sys.argv[2], \"rb\").read()'"
        " '%s' " OM_SOURCE_DIR "/%s",
    };
    char *url = gateway_url(path), command[1024];
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        snprintf(command, sizeof(command), commands[i], url, name);
        if (system(command) != 0)
            fail_msg("%s", command);
    }
    free(url);
}

static void assert_unpacks_to(struct slice packed, struct slice content) {
    char *plain = malloc(content.len + 1);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.ptr,
                       .avail_in = (uInt)packed.len,
                       .next_out = (Bytef *)plain,
                       .avail_out = (uInt)content.len + 1};
    assert_int_equal(inflateInit2(&stream, 16 + 15), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_true(slice_equal((struct slice){plain, stream.total_out}, content));
    inflateEnd(&stream);
    free(plain);
}

static int64_t content_length(const struct http_response *response) {
    uint64_t length;
    assert_true(slice_parse_uint(http_header(response, "Content-Length"), INT64_MAX, &length));
    return (int64_t)length;
}

/* What fits into a packet comes as it is, and anything else packed, with another tag than
 * `plain`'s.
 */
static void assert_served_packed(const char *path, const struct http_response *plain) {
    struct http_response response = send_gzip("GET", path, SLICE_LITERAL("\"other\""));
    assert_int_equal(response.status, 200);
    assert_int_equal(content_length(&response), response.body.len);
    if (plain->body.len < 1400) {
        assert_int_equal(http_header(&response, "Vary").len, 0);
        assert_true(slice_equal(buf_slice(&response.body), buf_slice(&plain->body)));
    } else {
        assert_slice_equal(http_header(&response, "Content-Encoding"), "gzip");
        assert_slice_equal(http_header(&response, "Vary"), "Accept-Encoding");
        assert_slice_equal(http_header(plain, "Vary"), "Accept-Encoding");
        assert_true(response.body.len < plain->body.len);
        assert_unpacks_to(buf_slice(&response.body), buf_slice(&plain->body));
        assert_false(slice_equal(http_header(&response, "ETag"), http_header(plain, "ETag")));
        struct http_response other = send_gzip("GET", path, http_header(plain, "ETag"));
        assert_int_equal(other.status, 200);
        http_response_fini(&other);
    }
    struct http_response head = send_gzip("HEAD", path, SLICE_LITERAL("\"other\""));
    assert_int_equal(content_length(&head), response.body.len);
    assert_int_equal(head.body.len, 0);
    static const char *const same[] = {"ETag", "Vary", "Content-Encoding"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_true(slice_equal(http_header(&head, same[i]), http_header(&response, same[i])));
    http_response_fini(&head);
    struct http_response again = send_gzip("GET", path, http_header(&response, "ETag"));
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body.len, 0);
    assert_true(slice_equal(http_header(&again, "ETag"), http_header(&response, "ETag")));
    assert_true(slice_equal(http_header(&again, "Vary"), http_header(&response, "Vary")));
    http_response_fini(&again);
    http_response_fini(&response);
}

static void assert_served(const char *path, const char *name) {
    struct buf content = source_file(name);
    struct http_response response = get(path);
    if (response.status != 200 || !slice_equal(buf_slice(&response.body), buf_slice(&content)))
        fail_msg("%s: %ld", path, response.status);
    assert_true(slice_is(http_header(&response, "Content-Type"), type_of(name)));
    assert_true(slice_is(http_header(&response, "X-Content-Type-Options"), "nosniff"));
    assert_true(slice_is(http_header(&response, "Cache-Control"), "no-cache"));
    char *policy = mem_copy(http_header(&response, "Content-Security-Policy"));
    assert_ptr_equal(strstr(policy, "default-src 'none'"), policy);
    assert_null(strstr(policy, "unsafe"));
    free(policy);
    struct http_response again = get_if_new(path, http_header(&response, "ETag"));
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body.len, 0);
    http_response_fini(&again);
    assert_served_packed(path, &response);
    http_response_fini(&response);
    buf_fini(&content);
}

static int is_file(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Each file of gateway/pages/<folder>/ as /<folder>/<file>. */
static void assert_folder_served(const char *folder) {
    struct dirent **entries;
    char directory[300];
    snprintf(directory, sizeof(directory), OM_SOURCE_DIR "/gateway/pages/%s", folder);
    int count = scandir(directory, &entries, is_file, alphasort);
    assert_true(count > 3);
    for (int i = 0; i < count; i++) {
        char path[300], name[300];
        snprintf(path, sizeof(path), "/%s/%s", folder, entries[i]->d_name);
        snprintf(name, sizeof(name), "gateway/pages/%s/%s", folder, entries[i]->d_name);
        assert_served(path, name);
        free(entries[i]);
    }
    free(entries);
}

static void every_file_of_the_console_is_served_as_it_is(void **state) {
    (void)state;
    assert_folder_served("console");
    assert_served("/console/", "gateway/pages/console/index.html");
}

static void the_description_of_the_api_and_its_page_are_served_as_they_are(void **state) {
    (void)state;
    assert_folder_served("docs");
    assert_served("/docs", "gateway/pages/docs/index.html");
    assert_served("/openapi.yaml", "docs/openapi.yaml");
    assert_read_by_others("/openapi.yaml", "docs/openapi.yaml");
    assert_read_by_others("/console/main.js", "gateway/pages/console/main.js");
}

/* Whoever has an event finds its schema under what its `dataschema` says. */
static void every_schema_is_served_under_its_id_and_listed(void **state) {
    (void)state;
    struct dirent **entries;
    struct http_response index = get("/schemas");
    assert_int_equal(index.status, 200);
    int count = scandir(OM_SOURCE_DIR "/nats/schemas", &entries, is_file, alphasort);
    assert_true(count > 20);
    for (int i = 0; i < count; i++) {
        char path[300], name[300], listed[320];
        struct slice rest = slice_of(entries[i]->d_name);
        const char *version = entries[i]->d_name + rest.len - strlen(".v1.json");
        assert_int_equal(strncmp(version, ".v", 2), 0);
        rest.len = (size_t)(version - rest.ptr);
        snprintf(path, sizeof(path), "/schemas/urn:ordermesh:schema:%.*s:%c", SLICE_ARG(rest),
                 version[2]);
        snprintf(name, sizeof(name), "nats/schemas/%s", entries[i]->d_name);
        assert_served(path, name);
        snprintf(listed, sizeof(listed), "\"href\":\"%s\"", path);
        assert_non_null(strstr(index.body.ptr, listed));
        free(entries[i]);
    }
    free(entries);
    http_response_fini(&index);
    struct http_response missing = get("/schemas/urn:ordermesh:schema:order.created:2");
    assert_problem(&missing, 404, "/problems/not-found");
}

static void the_console_is_found_without_its_slash(void **state) {
    (void)state;
    struct http_response response = get("/console");
    assert_int_equal(response.status, 308);
    assert_true(slice_is(http_header(&response, "Location"), "/console/"));
    http_response_fini(&response);
}

static void there_is_nothing_else_in_the_console(void **state) {
    (void)state;
    struct http_response response = get("/console/console.c");
    assert_problem(&response, 404, "/problems/not-found");
    response = get("/console/..%2fmain.c");
    assert_problem(&response, 404, "/problems/not-found");
}

/* --- the mesh --------------------------------------------------------------------------------- */

/* A process of somebody else's, which answers as services do. */
static void on_protocol(natsConnection *connection, natsSubscription *subscription,
                        natsMsg *request, void *closure) {
    (void)subscription;
    natsConnection_PublishString(connection, natsMsg_GetReply(request), closure);
    natsMsg_Destroy(request);
}

static natsSubscription *answer_with(const char *subject, const char *answer) {
    natsSubscription *subscription = NULL;
    natsConnection *connection = nats_client_fast(fixture.nats);
    assert_int_equal(natsConnection_Subscribe(&subscription, connection, subject, on_protocol,
                                              (void *)(uintptr_t)answer),
                     NATS_OK);
    assert_int_equal(natsConnection_FlushTimeout(connection, 5000), NATS_OK);
    return subscription;
}

static void whoever_answers_for_a_service_is_shown(void **state) {
    (void)state;
    natsSubscription *info = answer_with(
        "$SRV.INFO", "{\"name\":\"weather\",\"id\":\"w1\",\"description\":\"Looks outside\"}");
    natsSubscription *stats =
        answer_with("$SRV.STATS", "{\"name\":\"weather\",\"id\":\"w1\",\"version\":\"2.0.0\","
                                  "\"started\":\"2026-01-02T03:04:05Z\",\"endpoints\":[]}");
    struct http_response response = get("/api/v1/admin/mesh");
    if (response.status != 200 ||
        !body_has(&response, "{\"name\":\"weather\",\"id\":\"w1\",\"version\":\"2.0.0\","
                             "\"description\":\"Looks outside\""))
        fail_msg("%ld %s", response.status, response.body.ptr);
    http_response_fini(&response);
    natsSubscription_Destroy(info);
    natsSubscription_Destroy(stats);
}

static void what_nobody_has_taken_yet_is_a_consumers_lag(void **state) {
    (void)state;
    jsCtx *js = NULL;
    jsPubAck *ack = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(js_Publish(&ack, js, "shipping.evt.shipped", "{}", 2, NULL, NULL),
                         NATS_OK);
        jsPubAck_Destroy(ack);
    }
    struct http_response response = get("/api/v1/admin/mesh");
    if (!body_has(&response, "{\"stream\":\"SHIPPING\",\"name\":\"order\","
                             "\"filter\":\"shipping.evt.>\",\"pending\":3,\"ackPending\":0,"))
        fail_msg("%ld %s", response.status, response.body.ptr);
    assert_true(
        body_has(&response, "{\"name\":\"SHIPPING\",\"from\":[\"shipping\"],\"messages\":3,"));
    http_response_fini(&response);
    jsCtx_Destroy(js);
}

static bool mesh_is_unavailable(void *closure) {
    (void)closure;
    struct http_response response = get("/api/v1/admin/mesh");
    bool is_unavailable = response.status == 503;
    http_response_fini(&response);
    return is_unavailable;
}

static bool mesh_is_back(void *closure) {
    (void)closure;
    struct http_response response = get("/api/v1/admin/mesh");
    bool is_back = response.status == 200;
    http_response_fini(&response);
    return is_back;
}

static void without_the_broker_the_mesh_is_unavailable(void **state) {
    (void)state;
    servers_kill(fixture.servers, SERVER_NATS);
    assert_true(wait_until(mesh_is_unavailable, NULL, 10000));
    servers_restart(fixture.servers, SERVER_NATS);
    assert_true(wait_until(mesh_is_back, NULL, 20000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_the_console_is_served_as_it_is),
        cmocka_unit_test(the_description_of_the_api_and_its_page_are_served_as_they_are),
        cmocka_unit_test(every_schema_is_served_under_its_id_and_listed),
        cmocka_unit_test(the_console_is_found_without_its_slash),
        cmocka_unit_test(there_is_nothing_else_in_the_console),
        cmocka_unit_test(whoever_answers_for_a_service_is_shown),
        cmocka_unit_test(what_nobody_has_taken_yet_is_a_consumers_lag),
        cmocka_unit_test(without_the_broker_the_mesh_is_unavailable),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
