/* Orders that are over go to files, while others flow and whenever omctl is killed: what is put
   back from the files afterwards is what there was, and all promises hold.

   Covers: omctl/archive/ omctl/audit_command.c sql/0043_archive.sql */
#include "omctl/archive/archive_file.h"
#include "omctl/archive/archive_tables.h"
#include "omctl/streams/jetstream.h"
#include "omctl/streams/stream_reader.h"
#include "shared/json/json.h"
#include "shared/nats/mesh_call.h"
#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/archive_fixture.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READY_MS 30000

static char dir[300]; /* of the test's archive */

/* --- omctl ------------------------------------------------------------------------------------ */

#define omctl(scenario, ...)                                                                       \
    archive_omctl((scenario), NULL, (const char *const[]){__VA_ARGS__, NULL})

static void assert_done(int code) {
    if (code != 0)
        fail_msg("omctl ended with %d: %s", code, archive_output());
}

static void new_archive(struct scenario *scenario, const char *name) {
    snprintf(dir, sizeof(dir), "%s/%s", servers_dir(mesh_servers(scenario->mesh)), name);
}

static int archive_at(struct scenario *scenario, const char *failpoint) {
    return archive_omctl(scenario, failpoint,
                         (const char *const[]){"archive", "--before", "35d", "--out", dir,
                                               "--batch", "50", "--rate", "2000", NULL});
}

static void archive(struct scenario *scenario) {
    assert_done(archive_at(scenario, NULL));
}

static void assert_audit_is_right(struct scenario *scenario) {
    assert_done(omctl(scenario, "audit", "--archive", dir));
}

/* --- the past --------------------------------------------------------------------------------- */

static int64_t orders_in_tables(struct scenario *scenario) {
    return scenario_sql(scenario, "SELECT count(*) FROM orders.orders", NULL);
}

static bool is_in_tables(struct scenario *scenario, const char *id) {
    return scenario_sql(scenario, "SELECT count(*) FROM orders.orders WHERE id = $1::uuid", id) ==
           1;
}

static void place_and_complete(struct scenario *scenario, const char *key, char *id) {
    scenario_place(scenario, key, "TSHIRT-BLK-M", 1, "pm_card_visa", id);
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", SCENARIO_SETTLE_MS, NULL));
}

/* --- putting back ----------------------------------------------------------------------------- */

static void put_file_back(struct scenario *scenario, int64_t number) {
    struct archive_header header;
    struct buf content = {0}, array = {0}, sql = {0};
    struct slice body;
    struct error error = {0};
    require_ok(archive_read(dir, number, false, &content, &header, &body, &error), &error);
    archive_array(body, &array);
    for (size_t i = 0; i < ARCHIVE_PARTS; i++)
        for (size_t j = 0; j < archive_parts[i].table_count; j++) {
            const char *table = archive_parts[i].tables[j].name;
            buf_printf(&sql,
                       "INSERT INTO %s SELECT t.* FROM jsonb_array_elements($file$%s$file$) e,"
                       " jsonb_populate_recordset(null::%s, e->'rows'->'%s') t;",
                       table, array.ptr, table, table);
        }
    archive_sql(scenario, sql.ptr);
    buf_fini(&content);
    buf_fini(&array);
    buf_fini(&sql);
}

/* A row that was left behind as well, or is in two files, is refused by its primary key; one that
   was lost is missed by the checker. */
static void put_all_back(struct scenario *scenario) {
    struct archive_list list;
    struct error error = {0};
    require_ok(archive_list_read(dir, false, &list, &error), &error);
    for (size_t i = 0; i < list.count; i++)
        put_file_back(scenario, list.numbers[i]);
    archive_list_fini(&list);
    archive_sql(scenario, "DELETE FROM orders.archives; DELETE FROM orders.archived_ids;"
                          "DELETE FROM analytics.archived_counts");
}

/* --- tests ------------------------------------------------------------------------------------ */

static void what_is_archived_under_load_is_neither_lost_nor_doubled(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = scenario_start_load(scenario, "150");
    assert_true(workload_await_accepted(workload, 600, READY_MS));
    scenario_end_load(scenario, &workload);
    archive_let_forty_days_pass(scenario);
    int64_t old = orders_in_tables(scenario);
    new_archive(scenario, "under-load");

    workload = scenario_start_load(scenario, "60");
    assert_true(workload_await_accepted(workload, 60, READY_MS));
    assert_done(omctl(scenario, "archive", "--before", "35d", "--dry-run"));
    char expected[100];
    snprintf(expected, sizeof(expected), "%lld orders would be archived", (long long)old);
    assert_contains(archive_output(), expected);
    archive(scenario);
    snprintf(expected, sizeof(expected), "%lld orders are archived", (long long)old);
    assert_contains(archive_output(), expected);
    uint64_t then = workload_accepted(workload);
    assert_true(workload_await_accepted(workload, then + 60, READY_MS));
    workload_stop(workload);
    assert_true(workload_await_end(workload, SCENARIO_LOAD_ENDS_MS));
    assert_int_equal(
        scenario_sql(scenario,
                     "SELECT count(*) FROM orders.orders WHERE taken_at < now() - interval '35 d'",
                     NULL),
        0);
    put_all_back(scenario);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(&workload);
}

static void the_audit_is_right_before_and_behind_and_finds_what_is_missing(void **state) {
    struct scenario *scenario = *state;
    new_archive(scenario, "audited");
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_audit_is_right(scenario);
    archive(scenario);
    assert_audit_is_right(scenario);
    assert_int_equal(scenario_sql(scenario,
                                  "SELECT count(*) FROM analytics.order_terms t WHERE NOT EXISTS"
                                  " (SELECT FROM analytics.order_facts f"
                                  "  WHERE f.order_id = t.order_id)",
                                  NULL),
                     0);

    char path[400], elsewhere[400];
    snprintf(path, sizeof(path), "%s/orders-%09d.ndjson", dir, 2);
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(omctl(scenario, "audit", "--archive", dir), 1);
    assert_contains(archive_output(), "orders-000000002.ndjson: No such file");

    struct buf content = read_file(elsewhere);
    content.ptr[content.len / 2] ^= 1;
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content.ptr, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
    buf_fini(&content);
    assert_int_equal(omctl(scenario, "audit", "--archive", dir), 1);
    assert_contains(archive_output(), "its content is not what its checksum says");

    assert_int_equal(rename(elsewhere, path), 0);
    assert_audit_is_right(scenario);
    put_all_back(scenario);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

static void a_killed_omctl_is_finished_by_the_next(void **state) {
    struct scenario *scenario = *state;
    static const char *const failpoints[] = {
        "archive.after_write:2",   "archive.after_pending:2", "archive.before_commit:2",
        "archive.after_commit:9",  "archive.after_commit:10", "archive.after_commit:13",
        "archive.after_commit:15", "archive.after_commit:16", "archive.before_settle:2",
    };
    for (size_t i = 0; i < sizeof(failpoints) / sizeof(failpoints[0]); i++) {
        int64_t before = orders_in_tables(scenario);
        new_archive(scenario, failpoints[i]);
        assert_int_equal(archive_at(scenario, failpoints[i]), OMCTL_KILLED);
        archive(scenario);
        assert_audit_is_right(scenario);
        put_all_back(scenario);
        assert_int_equal(orders_in_tables(scenario), before);
    }
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

static void what_is_open_is_left_and_counted(void **state) {
    struct scenario *scenario = *state;
    char returned[64], refunded[64], dead[64], told[64], parcel[64];
    place_and_complete(scenario, "left-return", returned);
    place_and_complete(scenario, "left-refund", refunded);
    place_and_complete(scenario, "left-dead", dead);
    place_and_complete(scenario, "left-notice", told);
    place_and_complete(scenario, "left-parcel", parcel);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    archive_let_forty_days_pass(scenario);
    mesh_kill(scenario->mesh, MESH_PAYMENT); /* it would make the refund */
    struct buf sql = {0};
    buf_printf(
        &sql,
        "INSERT INTO orders.returns (id, order_id, reason, items) VALUES"
        "  (gen_random_uuid(), '%s', 'too small', '[]');"
        "INSERT INTO payments.refunds (id, order_id, amount_minor, reason) VALUES"
        "  (gen_random_uuid(), '%s', 1, 'late');"
        "INSERT INTO dlq.entries (id, stream, consumer, event_id, order_id, subject,"
        "  stream_sequence, dlq_sequence, generation, status, reason, error, deliveries,"
        "  first_failed_at, failed_at) VALUES ('x', 'ORDERS', 'payment', 'e', '%s', 's', 1,"
        "  1, 1, 'discarded', 'rejected', 'e', 1, now(), now());"
        "INSERT INTO notifications.pending (order_id, kind, channel, event) VALUES"
        "  ('%s', 'shipped', 'sms', ''); UPDATE notifications.pending SET due_at = 'infinity';"
        "INSERT INTO shipping.in_parts (order_id, snapshot, cause_id, correlation_id,"
        "  traceparent, due_at) VALUES ('%s', '', gen_random_uuid(), '', '', 'infinity')",
        returned, refunded, dead, told, parcel);
    archive_sql(scenario, sql.ptr);
    buf_fini(&sql);
    new_archive(scenario, "left");
    archive(scenario);
    assert_contains(archive_output(), "1 are left: they have an open return");
    assert_contains(archive_output(), "1 are left: they have an open refund");
    assert_contains(archive_output(), "1 are left: they have a dead letter");
    assert_contains(archive_output(), "1 are left: they have notices to be sent");
    assert_contains(archive_output(), "1 are left: they have parcels to be sent");
    assert_true(is_in_tables(scenario, returned));
    assert_true(is_in_tables(scenario, refunded));
    assert_true(is_in_tables(scenario, dead));
    assert_true(is_in_tables(scenario, told));
    assert_true(is_in_tables(scenario, parcel));
    assert_int_equal(orders_in_tables(scenario), 5);
    archive_sql(scenario,
                "DELETE FROM orders.returns WHERE items = '[]';"
                "DELETE FROM payments.refunds WHERE reason = 'late'; DELETE FROM dlq.entries;"
                "DELETE FROM notifications.pending; DELETE FROM shipping.in_parts");
    mesh_launch(scenario->mesh, MESH_PAYMENT, NULL);
    put_all_back(scenario);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

/* As after a day, in Redis and in the table; the checker asks for the latter at the end. */
static void forget_keys(struct scenario *scenario) {
    redisContext *redis =
        redisConnect("127.0.0.1", servers_port(mesh_servers(scenario->mesh), SERVER_REDIS));
    redisReply *reply = redisCommand(redis, "FLUSHALL");
    assert_non_null(reply);
    freeReplyObject(reply);
    redisFree(redis);
    archive_sql(scenario, "CREATE TABLE public.forgotten AS SELECT * FROM orders.idempotency_keys;"
                          "DELETE FROM orders.idempotency_keys");
}

static void remember_keys(struct scenario *scenario) {
    archive_sql(scenario, "INSERT INTO orders.idempotency_keys SELECT * FROM public.forgotten"
                          " ON CONFLICT DO NOTHING; DROP TABLE public.forgotten");
}

/* The newest order's command comes again as behind the stream's window of duplicates, which the id
   of its message has still. */
static void send_command_again(struct scenario *scenario) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    jsCtx *js = NULL;
    natsMsg *message = NULL;
    jsErrCode code;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(nats), NULL), NATS_OK);
    assert_int_equal(js_GetLastMsg(&message, js, "COMMANDS", "commands.order.submit", NULL, &code),
                     NATS_OK);
    assert_int_equal(natsMsgHeader_Delete(message, "Nats-Msg-Id"), NATS_OK);
    assert_int_equal(js_PublishMsg(NULL, js, message, NULL, &code), NATS_OK);
    natsMsg_Destroy(message);
    jsCtx_Destroy(js);
    nats_client_destroy(&nats);
}

/* An importer that runs again over last year's orders must not send them again. */
static void a_repeated_key_orders_nothing_again(void **state) {
    struct scenario *scenario = *state;
    char id[64], again[64], next[64];
    place_and_complete(scenario, "repeated", id);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    archive_let_forty_days_pass(scenario);
    new_archive(scenario, "repeated");
    archive(scenario);
    assert_false(is_in_tables(scenario, id));
    forget_keys(scenario);

    scenario_place(scenario, "repeated", "TSHIRT-BLK-M", 1, "pm_card_visa", again);
    assert_string_equal(again, id);
    send_command_again(scenario);
    place_and_complete(scenario, "behind-it", next);
    assert_false(is_in_tables(scenario, id));
    assert_int_equal(
        scenario_sql(scenario, "SELECT count(*) FROM payments.payments WHERE order_id = $1::uuid",
                     id),
        0);

    assert_done(omctl(scenario, "audit", id, "--archive", dir));
    assert_contains(archive_output(), "OrderCompleted");
    assert_contains(archive_output(), "payments.payments");
    assert_done(omctl(scenario, "audit", id, "--archive", dir, "--json"));
    assert_contains(archive_output(), "\"archived\":{\"orderId\"");
    remember_keys(scenario);
    put_all_back(scenario);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

/* --- personal data ---------------------------------------------------------------------------- */

/* What mesh.notification.open is asked for by who may see it, made of the file alone. */
static void write_question(const char *id, struct buf *question) {
    struct json_object *root = NULL, *archived, *rows, *orders;
    struct slice sealed;
    struct error error = {0};
    const char *line = strstr(archive_output(), "{\"orderId\"");
    assert_non_null(line);
    require_ok(json_parse((struct slice){line, strcspn(line, "\n")}, &root, &error), &error);
    require_ok(json_get_object(root, "archived", &archived, &error), &error);
    require_ok(json_get_object(archived, "rows", &rows, &error), &error);
    require_ok(json_get_array(rows, "orders.orders", &orders, &error), &error);
    require_ok(json_get_string(json_object_array_get_idx(orders, 0), "sealed", &sealed, &error),
               &error);
    buf_printf(
        question,
        "{\"tenant\":\"default\",\"customerId\":\"C100\",\"orders\":[{\"orderId\":\"%s\","
        "\"status\":\"COMPLETED\",\"createdAt\":\"2026-01-31T12:00:00Z\",\"sealed\":\"%.*s\"}]}",
        id, SLICE_ARG(sealed));
    json_object_put(root);
}

static bool is_opened(struct scenario *scenario, const struct buf *question) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    struct json_object *answer = NULL;
    struct error error = {0};
    require_ok(mesh_call(nats, "mesh.notification.open", buf_slice(question), MESH_CALL_MS, &answer,
                         &error),
               &error);
    bool is_open = strstr(json_object_to_json_string(answer), "c100@example.com") != NULL;
    json_object_put(answer);
    nats_client_destroy(&nats);
    return is_open;
}

static void who_is_erased_is_unreadable_in_the_archive_too(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    struct buf question = {0};
    place_and_complete(scenario, "erased", id);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    archive_let_forty_days_pass(scenario);
    new_archive(scenario, "erased");
    archive(scenario);
    assert_done(omctl(scenario, "audit", id, "--archive", dir, "--json"));
    assert_null(strstr(archive_output(), "c100@example.com"));
    write_question(id, &question);
    assert_true(is_opened(scenario, &question));

    assert_done(omctl(scenario, "customer", "erase", "C100"));
    assert_false(is_opened(scenario, &question));
    buf_fini(&question);
    put_all_back(scenario);
}

/* --- the last: the streams are empty behind it -------------------------------------------------
 */

static void purge_streams(struct scenario *scenario) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    for (size_t i = 0; i < EVENT_STREAM_COUNT; i++) {
        struct json_object *reply = NULL;
        struct jetstream_refusal refused;
        struct error error = {0};
        char verb[64];
        snprintf(verb, sizeof(verb), "STREAM.PURGE.%s", event_streams[i]);
        require_ok(jetstream_call(nats, verb, NULL, &reply, &refused, &error), &error);
        assert_int_equal(refused.code, 0);
        json_object_put(reply);
    }
    nats_client_destroy(&nats);
}

/* As they are when they have forgotten what is archived. */
static void a_rebuild_of_the_counts_counts_what_is_archived(void **state) {
    struct scenario *scenario = *state;
    new_archive(scenario, "rebuilt");
    archive(scenario);
    purge_streams(scenario);
    assert_done(omctl(scenario, "rebuild", "analytics"));
    assert_audit_is_right(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_archived_under_load_is_neither_lost_nor_doubled),
        cmocka_unit_test(the_audit_is_right_before_and_behind_and_finds_what_is_missing),
        cmocka_unit_test(a_killed_omctl_is_finished_by_the_next),
        cmocka_unit_test(what_is_open_is_left_and_counted),
        cmocka_unit_test(a_repeated_key_orders_nothing_again),
        cmocka_unit_test(who_is_erased_is_unreadable_in_the_archive_too),
        cmocka_unit_test(a_rebuild_of_the_counts_counts_what_is_archived),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}
