/* The running analytics service on real streams: its rebuild, its answers over HTTP, and audits of
   what it read.

   Covers: gateway/admin/analytics.c omctl/streams/audit.c omctl/streams/rebuild.c
   omctl/streams/stream_reader.c services/analytics/endpoint.c services/analytics/report.c */
#include "omctl/streams/audit.h"
#include "omctl/streams/rebuild.h"
#include "omctl/streams/stream_reader.h"
#include "services/analytics/handler.h"
#include "shared/base/clock.h"
#include "shared/nats/consumer_progress.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"
#include "tests/support/servers/program.h"
#include "tests/support/world/projection.h"

#include <pthread.h>
#include <signal.h>

#define WAIT_MS 30000

static struct servers *servers;
static struct projection projection;
static struct nats_client *nats;
static struct process *service, *gateway;
static int http_port;
static struct order_events events; /* all that was published */
static FILE *progress;
static const char *const streams[PROJECTION_STREAMS] = {"ORDERS", "INVENTORY", "PAYMENTS",
                                                        "SHIPPING", "NOTIFICATIONS"};
static uint64_t stream_ends[PROJECTION_STREAMS]; /* sequences published last */

static struct process *start(const char *name, const char *role, const char *failpoint);

/* --- publishing --- */

static void note_end(const char *stream, natsMsg *reply) {
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    struct error error;
    struct pub_ack ack;
    if (pub_ack_parse(text, &ack, &error) != STATUS_OK || ack.error_code != 0)
        fixture_fail("not stored: %.*s", SLICE_ARG(text));
    for (size_t i = 0; i < PROJECTION_STREAMS; i++) {
        if (strcmp(streams[i], stream) == 0)
            stream_ends[i] = ack.sequence;
    }
}

static void publish_as(const struct made_event *event, const struct uuid *message_id) {
    const struct event_info *info = event_info(event->type);
    char id[UUID_TEXT_SIZE];
    struct error error;
    natsMsg *message = NULL, *reply = NULL;
    uuid_format(message_id, id);
    if (nats_event_message(&message, info->subject, NULL, buf_slice(&event->payload), id,
                           info->stream, "", &error) != STATUS_OK ||
        natsConnection_RequestMsg(&reply, nats_client_fast(nats), message, 5000) != NATS_OK)
        fixture_fail("cannot publish %s", info->subject);
    note_end(info->stream, reply);
    natsMsg_Destroy(message);
    natsMsg_Destroy(reply);
}

static void publish(const struct made_event *event) {
    publish_as(event, &event->id);
}

/* From the event with the index given on, slowly enough for several rebuilds. */
static void *publish_rest(void *closure) {
    for (size_t i = *(const size_t *)closure; i < events.count; i++) {
        publish(&events.items[i]);
        clock_sleep_ms(1);
    }
    return NULL;
}

/* Each event of a life made up tells one fact. */
static bool has_applied_all(void *closure) {
    const size_t *count = closure;
    return (size_t)projection_query(&projection,
                                    "SELECT count(*) FROM analytics.order_facts f,"
                                    " jsonb_each_text(to_jsonb(f)) fact(name, value)"
                                    " WHERE name LIKE '%\\_us' AND value <> '0'") == *count;
}

static void await_applied(size_t count) {
    assert_true(wait_until(has_applied_all, &count, WAIT_MS));
}

/* --- rebuilding --- */

static struct rebuild_result rebuild(void) {
    struct rebuild_result result;
    struct error error;
    if (rebuild_analytics(nats, servers_postgres_url(servers), progress, &result, &error) !=
        STATUS_OK)
        fail_msg("%s: %s", status_name(error.status), error.text);
    return result;
}

static void assert_digest(const char *expected) {
    char *digest = projection_digest(&projection);
    assert_string_equal(digest, expected);
    free(digest);
}

static void a_rebuild_without_events_is_empty(void **state) {
    (void)state;
    assert_int_equal(rebuild().events, 0);
    assert_int_equal(projection_query(&projection, "SELECT count(*) FROM analytics.counts"), 0);
}

static void a_rebuild_while_events_come_mends_what_was_wrong(void **state) {
    (void)state;
    pthread_t publisher;
    order_events_add(&events, 600, clock_now_us());
    order_events_shuffle(&events, 7);
    size_t half = events.count / 2;
    for (size_t i = 0; i < half; i++)
        publish(&events.items[i]);
    await_applied(half);
    projection_execute(&projection, "UPDATE analytics.counts SET value = value * 3");
    projection_execute(&projection, "DELETE FROM analytics.order_facts WHERE paid_us <> 0");

    assert_int_equal(pthread_create(&publisher, NULL, publish_rest, &half), 0);
    int64_t rebuilt = 0;
    size_t rebuilds = 0;
    while (rebuilt < (int64_t)events.count) {
        rebuilt = rebuild().events;
        rebuilds++;
    }
    pthread_join(publisher, NULL);
    assert_true(rebuilds > 1); /* so at least one ran while events came */
    await_applied(events.count);

    char *live = projection_digest(&projection);
    assert_int_equal(rebuild().events, events.count);
    assert_digest(live);
    free(live);
}

/* The counts that the service makes of the same events without any rebuild. */
static void the_rebuilt_tables_are_what_the_events_come_to(void **state) {
    (void)state;
    char *rebuilt = projection_digest(&projection);
    process_signal(service, SIGSTOP);
    projection_clear(&projection);
    projection_drive(&projection, &events, 0, events.count, 500);
    process_signal(service, SIGCONT);
    assert_digest(rebuilt);
    free(rebuilt);
}

static void what_is_older_than_the_streams_is_kept(void **state) {
    (void)state;
    struct order_events old = {0};
    order_events_add(&old, 15, clock_now_us() - INT64_C(30) * 86400 * 1000000);
    projection_drive(&projection, &old, 0, old.count, 500);
    char *before = projection_digest(&projection);
    assert_int_equal(rebuild().kept, 15);
    assert_digest(before);
    free(before);
    order_events_fini(&old);
}

static void an_event_that_cannot_be_read_is_skipped(void **state) {
    (void)state;
    char *before = projection_digest(&projection);
    struct made_event broken = {.type = EVENT_PAYMENT_SUCCEEDED, .id = uuid_v7()};
    buf_append_text(&broken.payload, "{\"specversion\":\"1.0\"}");
    publish(&broken);
    assert_int_equal(rebuild().skipped, 1);
    assert_digest(before);
    buf_fini(&broken.payload);
    free(before);
}

static void only_one_rebuild_runs_at_a_time(void **state) {
    (void)state;
    struct rebuild_result result;
    struct error error;
    free(projection_query_text(
        &projection, "SELECT pg_advisory_lock(hashtextextended('om.rebuild.analytics', 0))"));
    assert_int_equal(
        rebuild_analytics(nats, servers_postgres_url(servers), progress, &result, &error),
        STATUS_CONFLICT);
    free(projection_query_text(
        &projection, "SELECT pg_advisory_unlock(hashtextextended('om.rebuild.analytics', 0))"));
}

/* --- answers over HTTP --- */

static long get(const char *path, struct http_response *response) {
    char url[300];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", http_port, path);
    return http_get(url, response);
}

static bool is_gateway_up(void *closure) {
    (void)closure;
    struct http_response response;
    bool is_up = get("/healthz", &response) == 200;
    http_response_fini(&response);
    return is_up;
}

/* All of today and tomorrow: what was made up may lie some minutes ahead. */
static void get_days(const char *resource, struct http_response *response) {
    char path[200], to[RFC3339_SIZE];
    clock_format(clock_now_us() + INT64_C(86400) * 1000000, to);
    snprintf(path, sizeof(path), "/api/v1/analytics/%s?granularity=day&to=%s", resource, to);
    assert_int_equal(get(path, response), 200);
}

static void the_gateway_serves_dashboard_and_metrics(void **state) {
    (void)state;
    struct http_response response;
    assert_true(wait_until(is_gateway_up, NULL, WAIT_MS));
    get_days("dashboard", &response);
    assert_contains(response.body.ptr, "\"granularity\":\"day\",\"orders\":{\"total\":600,");
    assert_contains(response.body.ptr, "\"funnel\":{\"created\":600,");
    http_response_fini(&response);
    get_days("metrics", &response);
    assert_contains(response.body.ptr, "\"confirmation\":{\"count\":240,");
    http_response_fini(&response);
}

static void a_wrong_query_is_a_400(void **state) {
    (void)state;
    static const char *const wrong[] = {"?granularity=week", "?from=x", "?to=", "?limit=5"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct http_response response;
        char path[100];
        snprintf(path, sizeof(path), "/api/v1/analytics/metrics%s", wrong[i]);
        assert_int_equal(get(path, &response), 400);
        assert_contains(response.body.ptr, "/problems/invalid-query");
        http_response_fini(&response);
    }
}

/* --- the audit --- */

static void an_audit_shows_each_event_of_the_order_behind_its_cause(void **state) {
    (void)state;
    struct audit audit = {0};
    struct error error;
    struct uuid id = events.items[0].order_id;
    size_t count = 0;
    for (size_t i = 0; i < events.count; i++)
        count += uuid_compare(&events.items[i].order_id, &id) == 0;
    if (audit_read(nats, &id, 0, progress, &audit, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    assert_int_equal(audit.count, count);
    for (size_t i = 0; i < audit.count; i++)
        assert_int_equal(audit.entries[i].depth, (int)i);
    audit_fini(&audit);
}

static void an_audit_since_later_finds_nothing(void **state) {
    (void)state;
    struct audit audit = {0};
    struct error error;
    int64_t since_us = clock_now_us() + INT64_C(3600) * 1000000;
    assert_int_equal(
        audit_read(nats, &events.items[0].order_id, since_us, progress, &audit, &error), STATUS_OK);
    assert_int_equal(audit.count, 0);
}

static void the_tool_prints_what_people_or_programs_read(void **state) {
    (void)state;
    struct environment environment = {0};
    struct buf log = {0};
    char id[UUID_TEXT_SIZE];
    uuid_format(&events.items[0].order_id, id);
    servers_environment(servers, NULL, &environment);
    buf_printf(&log, "%s/omctl-audit.log", servers_dir(servers));
    static const char *const expected[][2] = {{NULL, "0.000 ms  ORDERS/"},
                                              {"--json", "\"event\":{\"specversion\":\"1.0\""}};
    for (size_t i = 0; i < 2; i++) {
        const char *argv[] = {
            OM_BINARY_DIR "/bin/omctl", "audit", id, "--since=1h", expected[i][0], NULL};
        assert_int_equal(process_run(&(struct process_options){.argv = argv,
                                                               .environment = &environment,
                                                               .log_path = log.ptr},
                                     WAIT_MS),
                         0);
        struct buf output = read_file(log.ptr);
        assert_contains(output.ptr, expected[i][1]);
        buf_fini(&output);
    }
    environment_fini(&environment);
    buf_fini(&log);
}

/* --- what comes again --- */

static bool has_acknowledged_all(void *closure) {
    (void)closure;
    for (size_t i = 0; i < PROJECTION_STREAMS; i++) {
        struct error error;
        struct consumer_progress come;
        if (consumer_progress_read(nats, streams[i], "analytics", &come, &error) != STATUS_OK ||
            come.floor < stream_ends[i])
            return false;
    }
    return true;
}

/* The process dies between its effect and the acknowledgement, twice, while all events come again
   in another order: as when an outbox is sent again. */
static void what_comes_again_over_kills_changes_nothing(void **state) {
    (void)state;
    char *before = projection_digest(&projection);
    int exit_code = 0;
    assert_int_equal(program_end(&service, WAIT_MS), 0);
    order_events_shuffle(&events, 11);
    for (size_t i = 0; i < events.count; i++) {
        struct uuid message_id = uuid_v7();
        publish_as(&events.items[i], &message_id);
    }
    for (int kills = 0; kills < 2; kills++) {
        service = start("analytics", "om_analytics", "consumer.after_commit:2");
        assert_true(process_wait(service, WAIT_MS, &exit_code));
        assert_int_equal(exit_code, 128 + SIGKILL);
        process_destroy(&service);
    }
    service = start("analytics", "om_analytics", NULL);
    assert_true(wait_until(has_acknowledged_all, NULL, WAIT_MS));
    assert_digest(before);
    free(before);
}

/* Its server is away for a moment in the middle of a stream. */
static void an_interrupted_reader_misses_nothing(void **state) {
    (void)state;
    struct stream_reader *reader = NULL;
    struct stream_message message;
    struct error error;
    uint64_t last = 0;
    enum status status =
        stream_reader_create(nats, "ORDERS", &(struct stream_position){0}, &reader, &error);
    assert_int_equal(status, STATUS_OK);
    int64_t total = stream_reader_remaining(reader);
    assert_true(total > 1000);
    for (int64_t i = 0; i < total; i++) {
        if (i == 990)
            servers_restart(servers, SERVER_NATS);
        status = stream_reader_next(reader, &message, &error);
        if (status != STATUS_OK)
            fail_msg("%s", error.text);
        assert_int_equal(message.sequence, last + 1);
        last = message.sequence;
    }
    assert_int_equal(stream_reader_next(reader, &message, &error), STATUS_CLOSED);
    stream_reader_destroy(&reader);
}

static void a_stream_that_is_not_there_is_said_so(void **state) {
    (void)state;
    struct stream_reader *reader = NULL;
    struct error error;
    assert_int_equal(
        stream_reader_create(nats, "NOWHERE", &(struct stream_position){0}, &reader, &error),
        STATUS_NOT_FOUND);
    assert_contains(error.text, "NOWHERE");
}

/* --- fixture --- */

static struct process *start(const char *name, const char *role, const char *failpoint) {
    struct environment environment = {0};
    struct buf log = {0};
    servers_service_environment(servers, name, role, &environment);
    environment_set_int(&environment, "OM_HTTP_PORT", http_port);
    if (failpoint != NULL)
        environment_set(&environment, "OM_FAILPOINT", failpoint);
    buf_printf(&log, "%s/%s.log", servers_dir(servers), name);
    struct process *process = program_start(name, &environment, log.ptr);
    environment_fini(&environment);
    buf_fini(&log);
    return process;
}

static int setup(void **state) {
    (void)state;
    servers = servers_start(SERVERS_ALL);
    servers_migrate(servers);
    servers_provision(servers);
    projection_open(&projection, servers, &analytics_handler);
    nats = servers_connect(servers);
    progress = fopen("/dev/null", "w");
    http_port = free_port();
    service = start("analytics", "om_analytics", NULL);
    gateway = start("gateway", NULL, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(program_end(&gateway, WAIT_MS), 0);
    assert_int_equal(program_end(&service, WAIT_MS), 0);
    fclose(progress);
    order_events_fini(&events);
    nats_client_destroy(&nats);
    projection_close(&projection);
    servers_stop(&servers);
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rebuild_without_events_is_empty),
        cmocka_unit_test(a_rebuild_while_events_come_mends_what_was_wrong),
        cmocka_unit_test(the_rebuilt_tables_are_what_the_events_come_to),
        cmocka_unit_test(what_is_older_than_the_streams_is_kept),
        cmocka_unit_test(an_event_that_cannot_be_read_is_skipped),
        cmocka_unit_test(only_one_rebuild_runs_at_a_time),
        cmocka_unit_test(the_gateway_serves_dashboard_and_metrics),
        cmocka_unit_test(a_wrong_query_is_a_400),
        cmocka_unit_test(an_audit_shows_each_event_of_the_order_behind_its_cause),
        cmocka_unit_test(an_audit_since_later_finds_nothing),
        cmocka_unit_test(the_tool_prints_what_people_or_programs_read),
        cmocka_unit_test(a_stream_that_is_not_there_is_said_so),
        cmocka_unit_test(what_comes_again_over_kills_changes_nothing),
        cmocka_unit_test(an_interrupted_reader_misses_nothing),
    };
    return cmocka_run_group_tests_name("analytics_live", tests, setup, teardown);
}
