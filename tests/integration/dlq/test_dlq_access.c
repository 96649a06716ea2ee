/* Dead letters as people reach them: over HTTP by the real gateway, and by omctl, with om-dlq and
   everything below it as it is.

   Covers: gateway/admin/admin_dlq.c omctl/dlq/ services/dlq/endpoint.c shared/nats/mesh_call.c */
#include "shared/base/memory.h"
#include "shared/nats/mesh_call.h"
#include "tests/support/base/test.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/world/dead_letters.h"

#include <sys/wait.h>

#define LIST "/api/v1/admin/dlq"
#define GRACE_MS 600000

static struct dead_letters world;
static struct process *service;

/* --- the fixture ------------------------------------------------------------------------------ */

static bool service_answers(void *unused) {
    (void)unused;
    struct json_object *reply = NULL;
    struct error error;
    bool answers = mesh_call(world.nats, "mesh.dlq.counts", SLICE_LITERAL("{}"), MESH_CALL_MS,
                             &reply, &error) == STATUS_OK;
    json_object_put(reply);
    return answers;
}

static int set_up(void **state) {
    fixture_setup_with_database(state);
    servers_migrate(fixture.servers);
    world.servers = fixture.servers;
    world.nats = fixture.nats;
    service = dead_letters_service(&world, GRACE_MS, NULL);
    assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
    return 0;
}

static int tear_down(void **state) {
    dead_letters_end(&service);
    return fixture_teardown(state);
}

/* `count` dead letters of a consumer of their own; *id is the entry's that failed last. */
static void make_dead(const char *consumer, int count, struct buf *id) {
    char event_id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, consumer);
    for (int i = 0; i < count; i++) {
        uint64_t sequence = dead_letters_publish(&world, event_id);
        dead_letters_reject(&world, event_id, sequence);
    }
    dead_letters_await_query(
        &world, "SELECT count(*) FROM dlq.entries WHERE consumer = $1 AND status = 'dead'", count);
    buf_clear(id);
    buf_printf(id, "ORDERS.%s.%s", consumer, event_id);
}

#define ORDER_ID "ef0168a2-25ac-85ab-b2e6-7f3075139440"

/* One that is about an order, beside others; *id becomes the entry's. */
static void make_dead_of_order(const char *consumer, struct buf *id) {
    char event_id[UUID_TEXT_SIZE];
    make_dead(consumer, 1, id);
    struct uuid uuid = uuid_v7();
    uuid_format(&uuid, event_id);
    uint64_t sequence = dead_letters_store(
        &world, dead_letters_message(event_id, SLICE_LITERAL("{\"subject\":\"" ORDER_ID "\"}")));
    dead_letters_reject(&world, event_id, sequence);
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.entries WHERE consumer = $1", 2);
    buf_clear(id);
    buf_printf(id, "ORDERS.%s.%s", consumer, event_id);
}

/* --- HTTP ------------------------------------------------------------------------------------- */

/* `path` behind LIST; `body` NULL is a GET. Free the response. */
static struct http_response call(const char *path, const char *body) {
    struct buf whole = {0};
    struct http_response response;
    buf_printf(&whole, LIST "%s", path);
    char *url = gateway_url(whole.ptr);
    http_send(
        fixture.http,
        &(struct http_request){.method = body == NULL ? "GET" : "POST", .url = url, .body = body},
        &response);
    free(url);
    buf_fini(&whole);
    return response;
}

/* The same with an id in the middle. */
static struct http_response call_entry(const char *before, const char *id, const char *behind,
                                       const char *body) {
    struct buf path = {0};
    buf_printf(&path, "%s%s%s", before, id, behind);
    struct http_response response = call(path.ptr, body);
    buf_fini(&path);
    return response;
}

static void assert_answer(struct http_response response, long status, const char *part) {
    if (response.status != status || !body_has(&response, part))
        fail_msg("expected %ld with %s, got %ld %s", status, part, response.status,
                 response.body.ptr);
    http_response_fini(&response);
}

static void assert_refused(struct http_response response, long status, const char *type) {
    assert_problem(&response, status, type);
}

static char *member_of(const struct http_response *response, const char *key) {
    struct json_object *root = NULL;
    struct slice text;
    struct error error;
    assert_int_equal(json_parse(buf_slice(&response->body), &root, &error), STATUS_OK);
    assert_int_equal(json_get_string(root, key, &text, &error), STATUS_OK);
    char *copy = mem_copy(text);
    json_object_put(root);
    return copy;
}

static void http_lists_shows_and_counts(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead("http-list", 3, &id);

    struct http_response page = call("?consumer=http-list&limit=2", NULL);
    assert_int_equal(page.status, 200);
    assert_contains(page.body.ptr, id.ptr);
    char *cursor = member_of(&page, "nextCursor");
    http_response_fini(&page);
    page = call_entry("?consumer=http-list&limit=2&cursor=", cursor, "", NULL);
    assert_int_equal(page.status, 200);
    assert_null(strstr(page.body.ptr, "nextCursor"));
    http_response_fini(&page);
    assert_refused(call_entry("?limit=2&cursor=", cursor, "", NULL), 400, "invalid-query");
    free(cursor);

    assert_answer(call_entry("/", id.ptr, "", NULL), 200, "\"body\":\"{\\\"poison\\\":1}\"");
    assert_answer(call("/counts", NULL), 200, "\"consumer\":\"http-list\",\"dead\":3");
    buf_fini(&id);
}

static void http_finds_those_of_an_order(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead_of_order("http-order", &id);
    struct http_response page = call("?consumer=http-order&orderId=" ORDER_ID, NULL);
    assert_int_equal(page.status, 200);
    assert_contains(page.body.ptr, id.ptr);
    assert_null(strstr(strstr(page.body.ptr, "\"id\":") + 1, "\"id\":"));
    http_response_fini(&page);
    assert_answer(call("?orderId=EF0168A2-25AC-85AB-B2E6-7F3075139440", NULL), 200, id.ptr);
    assert_answer(call("?orderId=00000000-25ac-85ab-b2e6-7f3075139440", NULL), 200,
                  "{\"entries\":[]}");
    assert_answer(call("/replay", "{\"orderId\":\"" ORDER_ID
                                  "\",\"consumer\":\"http-order\",\"dryRun\":true}"),
                  200, "{\"matching\":1}");
    buf_fini(&id);
}

static void http_refuses_what_is_wrong(void **state) {
    (void)state;
    static const char *const queries[] = {"?limit=0",    "?limit=x",     "?orderId=1",
                                          "?colour=red", "?reason=luck", "?from=now",
                                          "?stream=",    "?cursor=x",    "?limit=1&limit=2"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
        assert_refused(call(queries[i], NULL), 400, "invalid-query");
    assert_refused(call("/ORDERS.nobody.seq-1", NULL), 404, "not-found");
    assert_refused(call("/replay", NULL), 405, "method-not-allowed");
    assert_refused(call("/jobs/1", NULL), 404, "not-found");
    assert_refused(call("/jobs/01a1fbb2-0f2e-7ac1-b149-cf460c86d1dd", NULL), 404, "not-found");
    assert_refused(call("/ORDERS.nobody.seq-1/replay", "{}"), 404, "not-found");
    assert_refused(call("/x/discard", "{\"reason\":\"r\"}"), 404, "not-found");
    assert_refused(call("/ORDERS.nobody.seq-1/discard", "{}"), 422, "invalid-dlq-request");
    assert_refused(call("/replay", "{\"status\":\"any\"}"), 422, "invalid-dlq-request");
    assert_refused(call("/replay", "{"), 400, "invalid-json");
    assert_refused(call("/counts", "{}"), 405, "method-not-allowed");
}

static void http_replays_and_discards(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead("http-act", 1, &id);
    assert_answer(call_entry("/", id.ptr, "/replay", ""), 200, "\"status\":\"repl");
    assert_answer(call_entry("/", id.ptr, "/replay", "{}"), 200, "\"status\":\"repl");
    assert_refused(call_entry("/", id.ptr, "/discard", "{\"reason\":\"late\"}"), 409, "not-dead");

    make_dead("http-discard", 1, &id);
    assert_answer(call_entry("/", id.ptr, "/discard", "{\"reason\":\"a test\"}"), 200,
                  "\"status\":\"discarded\"");
    assert_answer(call_entry("/", id.ptr, "", NULL), 200, "\"event\":\"discard\"");
    buf_fini(&id);
}

static void http_replays_what_was_changed(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead("http-edit", 1, &id);
    assert_answer(call_entry("/", id.ptr, "/replay",
                             "{\"body\":\"{\\\"id\\\":\\\"another\\\"}\",\"reason\":\"r\"}"),
                  422, "\"field\":\"body\",\"message\":\"its id must stay ");
    assert_answer(call_entry("/", id.ptr, "/replay", "{\"headers\":{\"X-Note\":[\"a\"]}}"), 422,
                  "\"field\":\"reason\",\"message\":\"is required of what is changed\"");
    assert_answer(call_entry("/", id.ptr, "/replay",
                             "{\"headers\":{\"X-Note\":[\"a\"]},\"reason\":\"a test\"}"),
                  200, "\"status\":\"repl");
    assert_answer(call_entry("/", id.ptr, "", NULL), 200, "\"edits\":[{\"at\":\"");
    buf_fini(&id);
}

static void http_replays_many_in_a_job(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead("http-many", 4, &id);
    assert_answer(call("/replay", "{\"consumer\":\"http-many\",\"dryRun\":true}"), 200,
                  "{\"matching\":4}");
    struct http_response begun =
        call("/replay", "{\"consumer\":\"http-many\",\"ratePerSecond\":1}");
    assert_int_equal(begun.status, 202);
    char *job = member_of(&begun, "id");
    struct buf location = {0};
    buf_printf(&location, LIST "/jobs/%s", job);
    assert_slice_equal(http_header(&begun, "Location"), location.ptr);
    http_response_fini(&begun);

    assert_answer(call_entry("/jobs/", job, "", NULL), 200, "\"total\":4");
    assert_answer(call("/jobs", NULL), 200, job);
    assert_answer(call_entry("/jobs/", job, "/cancel", ""), 200, "\"state\":\"cancelled\"");
    assert_answer(call_entry("/jobs/", job, "/cancel", ""), 200, "\"state\":\"cancelled\"");
    buf_fini(&location);
    free(job);
    buf_fini(&id);
}

static void http_groups_and_replays_what_was_chosen(void **state) {
    (void)state;
    struct buf id = {0}, body = {0};
    make_dead("http-groups", 2, &id);
    assert_answer(call("/groups?consumer=http-groups", NULL), 200, "\"count\":2");
    assert_answer(call("/groups?consumer=nobody", NULL), 200, "{\"groups\":[]}");
    assert_refused(call("/groups?limit=1", NULL), 400, "invalid-query");
    buf_printf(&body, "{\"ids\":[\"%s\"],\"dryRun\":true}", id.ptr);
    assert_answer(call("/replay", body.ptr), 200, "{\"matching\":1}");
    buf_clear(&body);
    buf_printf(&body, "{\"ids\":[\"%s\"],\"consumer\":\"http-groups\"}", id.ptr);
    assert_refused(call("/replay", body.ptr), 422, "invalid-dlq-request");
    buf_clear(&body);
    buf_printf(&body, "{\"ids\":[\"%s\"]}", id.ptr);
    assert_answer(call("/replay", body.ptr), 202, "{\"status\":\"chosen\"}");
    dead_letters_await_query(
        &world,
        "SELECT count(*) FROM dlq.entries WHERE consumer = 'http-groups' AND status = 'replayed'",
        1);
    buf_fini(&body);
    buf_fini(&id);
}

/* --- omctl ------------------------------------------------------------------------------------ */

/* Its exit code; what it printed is appended. */
static int run(const char *arguments, struct buf *output) {
    struct buf command = {0};
    char chunk[4096];
    buf_printf(&command, "OM_NATS_URL=%s OM_NATS_USER=operator OM_NATS_PASSWORD_FILE=%s %s %s 2>&1",
               servers_nats_url(world.servers),
               servers_nats_password_file(world.servers, "operator"), OM_BINARY_DIR "/bin/omctl",
               arguments);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    buf_clear(output);
    for (size_t len; (len = fread(chunk, 1, sizeof(chunk), pipe)) > 0;)
        buf_append(output, chunk, len);
    buf_append_text(output, "");
    int status = pclose(pipe);
    buf_fini(&command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void assert_runs(const char *format, const char *id, int expected, const char *part) {
    struct buf arguments = {0}, output = {0};
    const char *hole = strchr(format, '@');
    buf_append(&arguments, format, hole == NULL ? strlen(format) : (size_t)(hole - format));
    if (hole != NULL)
        buf_printf(&arguments, "%s%s", id, hole + 1);
    int code = run(arguments.ptr, &output);
    if (code != expected || strstr(output.ptr, part) == NULL)
        fail_msg("omctl %s: expected %d with %s, got %d\n%s", arguments.ptr, expected, part, code,
                 output.ptr);
    buf_fini(&arguments);
    buf_fini(&output);
}

static void omctl_lists_shows_replays_and_discards(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead("ctl", 2, &id);
    assert_runs("dlq list --consumer ctl --from 1h", NULL, 0, id.ptr);
    assert_runs("dlq list --consumer=ctl --limit 1", NULL, 0, "--cursor ");
    assert_runs("dlq list --consumer ctl --json", NULL, 0, "{\"entries\":[{\"id\":\"ORDERS.ctl.");
    assert_runs("dlq list --consumer nobody", NULL, 0, "FAILED (UTC)");
    assert_runs("dlq show @", id.ptr, 0, "told to fail");
    assert_runs("dlq show @ --json", id.ptr, 0, "\"bodyBase64\":\"");
    assert_runs("dlq show ORDERS.nobody.seq-1", NULL, 1, "there is no such entry");
    assert_runs("dlq replay @", id.ptr, 0, id.ptr);
    assert_runs("dlq discard @ --reason late", id.ptr, 1, "not dead");
    assert_runs("dlq replay --all --consumer ctl --dry-run", NULL, 0, "1 would be replayed");
    assert_runs("dlq replay --all --consumer ctl --rate 50", NULL, 0, "1 of 1 replayed");
    assert_runs("dlq jobs", NULL, 0, "done");
    make_dead("ctl-discard", 1, &id);
    assert_runs("dlq discard @ --reason 'a test'", id.ptr, 0, "discarded");
    make_dead("ctl-discard", 2, &id);
    assert_runs("dlq discard --all --consumer ctl-discard --dry-run", NULL, 0,
                "2 would be discarded");
    assert_runs("dlq discard --all --consumer ctl-discard --reason rejected --because 'a test'",
                NULL, 0, "2 of 2 discarded");
    buf_fini(&id);
}

/* An editor that runs sed's `script` on the file. */
static void set_editor(const char *script) {
    struct buf editor = {0};
    buf_printf(&editor, "sed -i -e '%s'", script);
    assert_int_equal(setenv("VISUAL", editor.ptr, 1), 0);
    buf_fini(&editor);
}

static void omctl_edits_and_replays(void **state) {
    (void)state;
    struct buf id = {0}, script = {0};
    make_dead("ctl-edit", 1, &id);
    const char *event_id = strrchr(id.ptr, '.') + 1;

    set_editor("");
    assert_runs("dlq edit @ --reason r", id.ptr, 1, "nothing was changed, and nothing replayed");
    set_editor("3i no header");
    assert_runs("dlq edit @ --reason r", id.ptr, 1, "what you wrote is in /");
    set_editor("s/poison/cured/");
    assert_runs("dlq edit @ --reason r", id.ptr, 1, "body: its id must stay");
    assert_int_equal(setenv("VISUAL", "false", 1), 0);
    assert_runs("dlq edit @ --reason r", id.ptr, 1, "false failed: nothing was replayed");
    assert_runs("dlq list --consumer ctl-edit", NULL, 0, id.ptr);
    buf_printf(&script, "s/\"poison\": *1/\"id\":\"%s\"/; 3i X-Note: by hand", event_id);
    set_editor(script.ptr);
    assert_runs("dlq edit @ --reason \"it had no id\"", id.ptr, 0, "repl");
    assert_runs("dlq show @", id.ptr, 0, ": it had no id\n  X-Note: by hand\n\n{\"id\":");
    assert_runs("dlq show @", id.ptr, 0, "{\"poison\":1}");
    assert_runs("dlq edit @ --reason r", id.ptr, 1, "not dead");

    make_dead("ctl-edit-more", 1, &id);
    assert_runs("dlq edit @ --reason r --header \"A: 1\" --header \"A: 2\" --drop-header B", id.ptr,
                0, "repl");
    assert_runs("dlq show @", id.ptr, 0, "  A: 1\n  A: 2\n  no B\n");
    assert_runs("dlq edit @ --reason r --body /nowhere", id.ptr, 2, "/nowhere: ");
    buf_fini(&script);
    buf_fini(&id);
}

static void omctl_takes_an_order_for_its_filter(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead_of_order("ctl-order", &id);
    assert_runs("dlq list --consumer ctl-order --order " ORDER_ID, NULL, 0, id.ptr);
    assert_runs("dlq discard --all --consumer ctl-order --order " ORDER_ID " --dry-run", NULL, 0,
                "1 would be discarded");
    assert_runs("dlq list --order x", NULL, 2, "orderId: not the whole id of an order");
    buf_fini(&id);
}

static void the_audit_of_an_order_has_its_dead_letters(void **state) {
    (void)state;
    struct buf id = {0};
    make_dead_of_order("audited", &id);
    assert_runs("audit " ORDER_ID, NULL, 0, id.ptr);
    assert_runs("audit " ORDER_ID " --json", NULL, 0, "\"deadLetters\":[{\"id\":\"ORDERS.");
    buf_fini(&id);
}

static void omctl_refuses_what_is_wrong(void **state) {
    (void)state;
    static const char *const wrong[] = {"dlq list --colour red",
                                        "dlq list --limit 0",
                                        "dlq list --reason luck",
                                        "dlq list --from soon",
                                        "dlq show",
                                        "dlq discard X",
                                        "dlq discard X --because no",
                                        "dlq discard --all",
                                        "dlq discard --because no",
                                        "dlq replay",
                                        "dlq replay X --all",
                                        "dlq replay --all --rate 0",
                                        "dlq cancel",
                                        "dlq watch --for soon",
                                        "dlq replay X --rate 5",
                                        "dlq edit --reason r",
                                        "dlq edit X",
                                        "dlq edit X --reason r --header none",
                                        "dlq edit X --reason r --header Nats-Msg-Id:1",
                                        "dlq replay --all --status any"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_runs(wrong[i], NULL, 2, "usage: omctl dlq");
}

static void omctl_watches_and_cancels(void **state) {
    (void)state;
    struct buf id = {0}, output = {0};
    make_dead("ctl-watch", 3, &id);
    struct http_response begun =
        call("/replay", "{\"consumer\":\"ctl-watch\",\"ratePerSecond\":2}");
    char *job = member_of(&begun, "id");
    http_response_fini(&begun);
    assert_int_equal(run("dlq watch --for 1200ms", &output), 0);
    assert_contains(output.ptr, job);
    assert_runs("dlq cancel @", job, 0, job);
    assert_runs("dlq jobs @ --json", job, 0, job);
    free(job);
    buf_fini(&output);
    buf_fini(&id);
}

/* It was `not-dead`, which it is not. */
static void replay_that_is_refused_says_why(void **state) {
    (void)state;
    struct buf id = {0};
    natsMsg *reply = NULL;
    make_dead("refused", 1, &id);
    assert_int_equal(natsConnection_RequestString(&reply, nats_client_fast(world.nats),
                                                  "$JS.API.STREAM.PURGE.ORDERS_DLQ", "{}", 5000),
                     NATS_OK);
    natsMsg_Destroy(reply);
    struct http_response refused = call_entry("/", id.ptr, "/replay", "");
    assert_contains(refused.body.ptr, "it is no longer in ORDERS_DLQ: it was purged");
    assert_refused(refused, 409, "replay-refused");
    assert_runs("dlq replay @", id.ptr, 1, "it is no longer in ORDERS_DLQ: it was purged");
    buf_fini(&id);
}

/* Last: the service is ended. */
static void without_the_service_nothing_hangs(void **state) {
    (void)state;
    dead_letters_end(&service);
    assert_refused(call("", NULL), 503, "unavailable");
    assert_runs("dlq list", NULL, 1, "nobody serves mesh.dlq.list");
    service = dead_letters_service(&world, GRACE_MS, NULL);
    assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_lists_shows_and_counts),
        cmocka_unit_test(http_finds_those_of_an_order),
        cmocka_unit_test(http_refuses_what_is_wrong),
        cmocka_unit_test(http_replays_and_discards),
        cmocka_unit_test(http_replays_what_was_changed),
        cmocka_unit_test(http_replays_many_in_a_job),
        cmocka_unit_test(http_groups_and_replays_what_was_chosen),
        cmocka_unit_test(omctl_lists_shows_replays_and_discards),
        cmocka_unit_test(omctl_edits_and_replays),
        cmocka_unit_test(omctl_takes_an_order_for_its_filter),
        cmocka_unit_test(the_audit_of_an_order_has_its_dead_letters),
        cmocka_unit_test(omctl_refuses_what_is_wrong),
        cmocka_unit_test(omctl_watches_and_cancels),
        cmocka_unit_test(replay_that_is_refused_says_why),
        cmocka_unit_test(without_the_service_nothing_hangs),
    };
    return cmocka_run_group_tests_name("dlq_access", tests, set_up, tear_down);
}
