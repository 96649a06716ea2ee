/* Statements, values and errors over one connection to a real PostgreSQL. What happens when the
   connection or the server goes is in test_pg_faults.c.

   Covers: shared/pg/ */
#include "shared/base/memory.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/network/certificate.h"
#include "tests/support/servers/servers_fixture.h"

#include <sys/stat.h>
#include <time.h>

#define MEBIBYTE ((size_t)1 << 20)

static struct pg *pg;

static const struct pg_statement insert_item = {
    "test.insert_item", "INSERT INTO items (id, note) VALUES ($1::int8, $2::text)", 2};
static const struct pg_statement count_items = {"test.count_items", "SELECT count(*) FROM items",
                                                0};

static void queue_item(int64_t id, const char *note) {
    struct error error = {0};
    const struct pg_param params[] = {pg_int64(id), pg_text(slice_of(note))};
    require_ok(pg_queue(pg, &insert_item, params, &error), &error);
}

static int64_t item_count(void) {
    struct error error = {0};
    struct pg_result *result = NULL;
    require_ok(pg_query(pg, &count_items, NULL, &result, &error), &error);
    int64_t count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return count;
}

static void begin(void) {
    struct error error = {0};
    require_ok(pg_begin(pg, &error), &error);
}

static void commit(void) {
    struct error error = {0};
    require_ok(pg_commit(pg, &error), &error);
}

/* --- the pipeline --- */

static void what_is_queued_is_seen_by_the_query_behind_it(void **state) {
    (void)state;
    begin();
    queue_item(1, "one");
    queue_item(2, "two");
    assert_int_equal(item_count(), 2);
    queue_item(3, "three");
    commit();
    assert_int_equal(item_count(), 3);
}

static void a_rolled_back_transaction_leaves_nothing(void **state) {
    (void)state;
    begin();
    queue_item(1, "sent");
    assert_int_equal(item_count(), 1);
    queue_item(2, "not even sent");
    pg_rollback(pg);
    assert_int_equal(item_count(), 0);
}

static void a_transaction_left_open_is_rolled_back_by_the_next(void **state) {
    (void)state;
    begin();
    queue_item(1, "left");
    begin();
    queue_item(2, "kept");
    commit();
    assert_int_equal(item_count(), 1);
}

static void statements_outside_a_transaction_commit_together(void **state) {
    (void)state;
    struct error error = {0};
    queue_item(1, "one");
    queue_item(1, "the same key");
    assert_int_equal(pg_query(pg, &count_items, NULL, NULL, &error), STATUS_DATA);
    assert_int_equal(item_count(), 0);
    queue_item(1, "one");
    assert_int_equal(item_count(), 1);
}

static void the_first_error_of_a_transaction_is_the_one_reported(void **state) {
    (void)state;
    static const struct pg_statement wrong = {"test.wrong", "SELECT 1 / ($1::int8 - 1)", 1};
    const struct pg_param one[] = {pg_int64(1)};
    struct error error = {0};
    begin();
    queue_item(1, "one");
    queue_item(1, "the same key");
    require_ok(pg_queue(pg, &wrong, one, &error), &error);
    queue_item(2, "skipped");
    assert_int_equal(pg_commit(pg, &error), STATUS_DATA);
    assert_string_equal(error.sqlstate, "23505");

    /* And it stays the one, whatever is tried next. */
    error = (struct error){0};
    assert_int_equal(pg_queue(pg, &wrong, one, &error), STATUS_DATA);
    assert_string_equal(error.sqlstate, "23505");
    error = (struct error){0};
    assert_int_equal(pg_commit(pg, &error), STATUS_DATA);
    assert_string_equal(error.sqlstate, "23505");

    pg_rollback(pg);
    begin();
    queue_item(2, "two");
    commit();
    assert_int_equal(item_count(), 1);
}

static void an_error_at_commit_is_reported_and_leaves_nothing(void **state) {
    (void)state;
    struct error error = {0};
    require_ok(pg_script(pg,
                         "CREATE TABLE parents (id int8 PRIMARY KEY);"
                         "ALTER TABLE items ADD FOREIGN KEY (id) REFERENCES parents"
                         "  DEFERRABLE INITIALLY DEFERRED",
                         &error),
               &error);
    begin();
    queue_item(1, "no such parent");
    assert_int_equal(pg_commit(pg, &error), STATUS_DATA);
    assert_string_equal(error.sqlstate, "23503");
    pg_rollback(pg);
    assert_int_equal(item_count(), 0);
}

/* It was filled in by the rollback, when whoever had asked might be gone. */
static void a_result_is_there_as_soon_as_a_call_behind_it_has_failed(void **state) {
    (void)state;
    struct error error = {0};
    struct pg_result *result = NULL;
    const struct pg_param cut[] = {pg_int64(1), pg_text((struct slice){"a\0b", 3})};
    begin();
    require_ok(pg_queue_into(pg, &count_items, NULL, &result, &error), &error);
    assert_int_equal(pg_queue(pg, &insert_item, cut, &error), STATUS_DATA);
    assert_non_null(result);
    assert_int_equal(pg_get_int64(result, 0, 0), 0);
    pg_result_free(&result);
    pg_rollback(pg);
    assert_null(result);
    assert_int_equal(item_count(), 0);
}

/* A statement counted as prepared while the server had skipped it could never be used again. */
static void a_statement_that_could_not_be_prepared_is_prepared_again(void **state) {
    (void)state;
    static const struct pg_statement early = {"test.early", "SELECT 'later'::mood", 0};
    static const struct pg_statement behind = {"test.behind", "SELECT count(*) FROM items", 0};
    struct error error = {0};
    require_ok(pg_script(pg, "CREATE TYPE mood AS ENUM ('early')", &error), &error);
    begin();
    require_ok(pg_queue(pg, &early, NULL, &error), &error);
    assert_int_equal(pg_query(pg, &behind, NULL, NULL, &error), STATUS_DATA);
    assert_string_equal(error.sqlstate, "22P02");
    pg_rollback(pg);
    require_ok(pg_script(pg, "ALTER TYPE mood ADD VALUE 'later'", &error), &error);
    require_ok(pg_query(pg, &early, NULL, NULL, &error), &error);
    require_ok(pg_query(pg, &behind, NULL, NULL, &error), &error);
}

static void a_statement_is_prepared_once(void **state) {
    (void)state;
    static const struct pg_statement prepared = {
        "test.prepared",
        "SELECT count(*), max(generic_plans + custom_plans) FROM pg_prepared_statements "
        "WHERE name = 'test.insert_item'",
        0};
    struct error error = {0};
    struct pg_result *result = NULL;
    begin();
    for (int64_t id = 1; id <= 20; id++)
        queue_item(id, "");
    commit();
    require_ok(pg_query(pg, &prepared, NULL, &result, &error), &error);
    assert_int_equal(pg_get_int64(result, 0, 0), 1);
    assert_int_equal(pg_get_int64(result, 0, 1), 20);
    pg_result_free(&result);
}

/* Each result is as large as its parameter, so both directions fill up at the same time: whoever
   only writes, or only reads, waits for ever. */
static void large_parameters_and_results_do_not_block_each_other(void **state) {
    (void)state;
    static const struct pg_statement echo = {"test.echo", "SELECT $1::bytea", 1};
    struct error error = {0};
    struct pg_result *result = NULL;
    char *bytes = mem_alloc(MEBIBYTE);
    memset(bytes, 'x', MEBIBYTE);
    const struct pg_param params[] = {pg_bytes((struct slice){bytes, MEBIBYTE})};
    begin();
    for (int i = 0; i < 32; i++)
        require_ok(pg_queue(pg, &echo, params, &error), &error);
    require_ok(pg_query(pg, &echo, params, &result, &error), &error);
    commit();
    struct slice got = pg_get_slice(result, 0, 0);
    assert_int_equal(got.len, MEBIBYTE);
    assert_memory_equal(got.ptr, bytes, MEBIBYTE);
    pg_result_free(&result);
    free(bytes);
}

static void a_script_runs_all_its_statements_or_says_what_failed(void **state) {
    (void)state;
    struct error error = {0};
    require_ok(pg_script(pg, "INSERT INTO items VALUES (1, 'a'); INSERT INTO items VALUES (2, 'b')",
                         &error),
               &error);
    assert_int_equal(item_count(), 2);
    assert_int_equal(pg_script(pg, "INSERT INTO items VALUES (3, 'c'); SELECT nonsense", &error),
                     STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "42703");
    assert_int_equal(item_count(), 2);
}

/* --- values --- */

static void values_come_back_as_they_went(void **state) {
    (void)state;
    static const struct pg_statement all = {
        "test.all",
        "SELECT $1::int8, $1::int8::int4, $1::int8::int2, $2::text, $3::bytea, $4::uuid, $5::text, "
        "$6::text::jsonb::text, true, false, '2026-01-02 03:04:05.678901Z'::timestamptz, "
        "'18446744073709551615'::xid8, $7::timestamptz",
        7};
    struct error error = {0};
    struct pg_result *result = NULL;
    struct uuid id = uuid_v7();
    const struct pg_param params[] = {
        pg_int64(-2),
        pg_text((struct slice){"Zürich and what is behind it", strlen("Zürich")}),
        pg_bytes((struct slice){"\0\x01\xff", 3}),
        pg_uuid(&id),
        pg_null(),
        pg_text(SLICE_LITERAL("{\"a\":1}")),
        pg_text(SLICE_LITERAL("1999-12-31T23:59:59Z")),
    };
    require_ok(pg_query(pg, &all, params, &result, &error), &error);
    assert_int_equal(pg_rows(result), 1);
    for (int column = 0; column < 3; column++)
        assert_int_equal(pg_get_int64(result, 0, column), -2);
    assert_slice_equal(pg_get_slice(result, 0, 3), "Zürich");
    assert_int_equal(pg_get_slice(result, 0, 4).len, 3);
    assert_memory_equal(pg_get_slice(result, 0, 4).ptr, "\0\x01\xff", 3);
    struct uuid got = pg_get_uuid(result, 0, 5);
    assert_int_equal(uuid_compare(&got, &id), 0);
    assert_true(pg_is_null(result, 0, 6));
    assert_false(pg_is_null(result, 0, 3));
    assert_slice_equal(pg_get_slice(result, 0, 7), "{\"a\": 1}");
    assert_true(pg_get_bool(result, 0, 8));
    assert_false(pg_get_bool(result, 0, 9));
    assert_int_equal(pg_get_time_us(result, 0, 10), INT64_C(1767323045678901));
    assert_int_equal((uint64_t)pg_get_int64(result, 0, 11), UINT64_MAX);
    assert_int_equal(pg_get_time_us(result, 0, 12), INT64_C(946684799000000));
    pg_result_free(&result);
    assert_null(result);
}

static void an_empty_text_is_not_null(void **state) {
    (void)state;
    static const struct pg_statement texts = {"test.texts", "SELECT $1::text, $2::bytea, $3::text",
                                              3};
    struct error error = {0};
    struct pg_result *result = NULL;
    const struct pg_param params[] = {pg_text((struct slice){NULL, 0}),
                                      pg_bytes((struct slice){NULL, 0}), pg_null()};
    require_ok(pg_query(pg, &texts, params, &result, &error), &error);
    assert_false(pg_is_null(result, 0, 0));
    assert_false(pg_is_null(result, 0, 1));
    assert_true(pg_is_null(result, 0, 2));
    assert_int_equal(pg_get_slice(result, 0, 0).len, 0);
    pg_result_free(&result);
}

/* libpq would cut it there without a word. */
static void a_nul_in_a_text_is_refused(void **state) {
    (void)state;
    struct error error = {0};
    const struct pg_param params[] = {pg_int64(1), pg_text((struct slice){"a\0b", 3})};
    begin();
    assert_int_equal(pg_queue(pg, &insert_item, params, &error), STATUS_DATA);
    assert_int_equal(pg_commit(pg, &error), STATUS_DATA);
    pg_rollback(pg);
    assert_int_equal(item_count(), 0);
}

static const struct pg_statement describe_arrays = {
    "test.describe_arrays",
    "SELECT array_to_json($1::uuid[])::text, array_to_json($2::int8[])::text, "
    "array_to_json($3::text[])::text, array_to_json($4::bytea[])::text, "
    "cardinality($1::uuid[]) + cardinality($2::int8[]) + cardinality($3::text[])",
    4};

struct arrays {
    struct pg_array uuids, numbers, texts, blobs;
};

static void arrays_init(struct arrays *arrays) {
    pg_array_init(&arrays->uuids, PG_ARRAY_UUID);
    pg_array_init(&arrays->numbers, PG_ARRAY_INT64);
    pg_array_init(&arrays->texts, PG_ARRAY_TEXT);
    pg_array_init(&arrays->blobs, PG_ARRAY_BYTES);
}

static void arrays_fini(struct arrays *arrays) {
    pg_array_fini(&arrays->uuids);
    pg_array_fini(&arrays->numbers);
    pg_array_fini(&arrays->texts);
    pg_array_fini(&arrays->blobs);
}

static void assert_arrays_are(struct arrays *arrays, const char *const expected[4],
                              int64_t elements) {
    struct error error = {0};
    struct pg_result *result = NULL;
    const struct pg_param params[] = {pg_array(&arrays->uuids), pg_array(&arrays->numbers),
                                      pg_array(&arrays->texts), pg_array(&arrays->blobs)};
    require_ok(pg_query(pg, &describe_arrays, params, &result, &error), &error);
    for (int column = 0; column < 4; column++)
        assert_slice_equal(pg_get_slice(result, 0, column), expected[column]);
    assert_int_equal(pg_get_int64(result, 0, 4), elements);
    pg_result_free(&result);
}

static void arrays_carry_values_and_nulls(void **state) {
    (void)state;
    struct uuid id;
    struct arrays arrays;
    const char *const expected[] = {"[\"01890a5d-ac96-774b-bcce-b302099a8057\",null]",
                                    "[-1,9223372036854775807]", "[\"a\",\"\",null,\"{,\\\"}\"]",
                                    "[\"\\\\x00ff\",\"\\\\x\"]"};
    assert_true(uuid_parse(SLICE_LITERAL("01890a5d-ac96-774b-bcce-b302099a8057"), &id));
    arrays_init(&arrays);
    pg_array_add_uuid(&arrays.uuids, &id);
    pg_array_add_null(&arrays.uuids);
    pg_array_add_int64(&arrays.numbers, -1);
    pg_array_add_int64(&arrays.numbers, INT64_MAX);
    pg_array_add_slice(&arrays.texts, SLICE_LITERAL("a"));
    pg_array_add_slice(&arrays.texts, (struct slice){NULL, 0});
    pg_array_add_null(&arrays.texts);
    pg_array_add_optional(&arrays.texts, SLICE_LITERAL("{,\"}"));
    pg_array_add_slice(&arrays.blobs, (struct slice){"\0\xff", 2});
    pg_array_add_slice(&arrays.blobs, SLICE_LITERAL(""));
    assert_arrays_are(&arrays, expected, 8);
    arrays_fini(&arrays);
}

static void arrays_may_be_empty_and_used_again(void **state) {
    (void)state;
    struct arrays arrays;
    arrays_init(&arrays);
    assert_arrays_are(&arrays, (const char *const[]){"[]", "[]", "[]", "[]"}, 0);
    pg_array_add_optional(&arrays.texts, SLICE_LITERAL(""));
    pg_array_add_int64(&arrays.numbers, 7);
    assert_arrays_are(&arrays, (const char *const[]){"[]", "[7]", "[null]", "[]"}, 2);
    pg_array_clear(&arrays.texts);
    pg_array_add_slice(&arrays.texts, SLICE_LITERAL("b"));
    assert_arrays_are(&arrays, (const char *const[]){"[]", "[7]", "[\"b\"]", "[]"}, 2);
    arrays_fini(&arrays);
}

/* --- errors --- */

static void errors_are_classified_by_their_sqlstate(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        enum status status;
    } cases[] = {
        {"22003", STATUS_DATA},          {"22P02", STATUS_DATA},
        {"23505", STATUS_DATA},          {"23514", STATUS_DATA},
        {"P0001", STATUS_DATA},          {"40001", STATUS_SERIALIZATION},
        {"40P01", STATUS_SERIALIZATION}, {"55P03", STATUS_UNAVAILABLE},
        {"08006", STATUS_UNAVAILABLE},   {"53100", STATUS_UNAVAILABLE},
        {"53300", STATUS_UNAVAILABLE},   {"57014", STATUS_UNAVAILABLE},
        {"57P01", STATUS_UNAVAILABLE},   {"40002", STATUS_UNAVAILABLE},
        {"42601", STATUS_UNAVAILABLE},   {"42501", STATUS_UNAVAILABLE},
        {"XX000", STATUS_UNAVAILABLE},   {"25006", STATUS_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sql[128];
        struct error error = {0};
        snprintf(sql, sizeof(sql), "DO $$ BEGIN RAISE 'made up' USING ERRCODE = '%s'; END $$",
                 cases[i].sqlstate);
        enum status status = pg_script(pg, sql, &error);
        if (status != cases[i].status)
            fail_msg("%s is %s", cases[i].sqlstate, status_name(status));
        assert_int_equal(error.status, status);
        assert_string_equal(error.sqlstate, cases[i].sqlstate);
    }
    assert_int_equal(item_count(), 0);
}

static void a_refused_value_is_not_in_the_error(void **state) {
    (void)state;
    static const struct pg_statement number = {"test.number", "SELECT $1::text::int8", 1};
    struct error error = {0};
    const struct pg_param params[] = {pg_text(SLICE_LITERAL("jane@example.com"))};
    assert_int_equal(pg_query(pg, &number, params, NULL, &error), STATUS_DATA);
    assert_string_equal(error.sqlstate, "22P02");
    assert_null(strstr(error.text, "jane"));
    assert_contains(error.text, "test.number");
}

static void a_lock_not_granted_in_time_is_unavailable_and_keeps_the_session(void **state) {
    (void)state;
    static const struct pg_statement lock_row = {
        "test.lock_row", "SELECT FROM items WHERE id = $1::int8 FOR UPDATE", 1};
    static const struct pg_statement short_wait = {"test.short_wait", "SET LOCAL lock_timeout = 50",
                                                   0};
    const struct pg_param first[] = {pg_int64(1)};
    struct error error = {0};
    struct pg *other = pg_create(servers_postgres_url(servers), "other");
    queue_item(1, "");
    assert_int_equal(item_count(), 1);
    begin();
    require_ok(pg_query(pg, &lock_row, first, NULL, &error), &error);
    require_ok(pg_begin(other, &error), &error);
    require_ok(pg_queue(other, &short_wait, NULL, &error), &error);
    assert_int_equal(pg_query(other, &lock_row, first, NULL, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "55P03");
    assert_true(pg_is_connected(other));
    pg_destroy(&other);
    pg_rollback(pg);
}

/* Where they were merely missing, an order failed of an unknown SKU; and a commit that the database
   was set to keep in memory only was gone after a crash, when its events were out. */
static void a_session_sees_no_table_in_part_and_commits_to_the_disk(void **state) {
    (void)state;
    static const struct pg_statement how = {"test.how", "SHOW synchronous_commit", 0};
    struct error error = {0};
    struct pg_result *result = NULL;
    struct buf url = {0};
    require_ok(pg_script(pg,
                         "CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON items TO "
                         "reader; ALTER ROLE reader SET synchronous_commit = off",
                         &error),
               &error);
    buf_printf(&url, "postgresql://reader:reader%s", strchr(servers_postgres_url(servers), '@'));
    struct pg *reader = pg_create(url.ptr, "reader");
    buf_fini(&url);
    require_ok(pg_query(reader, &how, NULL, &result, &error), &error);
    assert_true(slice_is(pg_get_slice(result, 0, 0), "on"));
    pg_result_free(&result);
    require_ok(pg_query(reader, &count_items, NULL, NULL, &error), &error);

    require_ok(pg_script(pg, "ALTER TABLE items ENABLE ROW LEVEL SECURITY", &error), &error);
    assert_int_equal(pg_query(reader, &count_items, NULL, NULL, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "42501");
    pg_destroy(&reader);
}

/* --- TLS --- */

static void own_as(const char *path, const char *of) {
    struct stat owner;
    assert_int_equal(stat(of, &owner), 0);
    assert_int_equal(chown(path, owner.st_uid, owner.st_gid), 0);
}

/* The server has one for itself, of two days, from the next session on. */
static void give_server_a_certificate(void) {
    char data[512], pem[600], key[600];
    struct error error = {0};
    snprintf(data, sizeof(data), "%s/postgres/data", servers_dir(servers));
    snprintf(pem, sizeof(pem), "%s/server.pem", data);
    snprintf(key, sizeof(key), "%s/server.key", data);
    certificate_create(data);
    own_as(pem, data);
    own_as(key, data);
    require_ok(pg_script(pg, "ALTER SYSTEM SET ssl_cert_file = 'server.pem'", &error), &error);
    require_ok(pg_script(pg, "ALTER SYSTEM SET ssl_key_file = 'server.key'", &error), &error);
    require_ok(pg_script(pg, "ALTER SYSTEM SET ssl = on", &error), &error);
    require_ok(pg_script(pg, "SELECT pg_reload_conf()", &error), &error);
}

static bool takes_tls(void *closure) {
    char url[512];
    struct error error = {0};
    struct pg *session;
    (void)closure;
    snprintf(url, sizeof(url), "%s?sslmode=require", servers_postgres_url(servers));
    session = pg_create(url, "tls");
    bool is_connected = pg_connect(session, &error) == STATUS_OK;
    pg_destroy(&session);
    return is_connected;
}

/* -1: it is not shown. */
static long long shown_end(void) {
    static const char name[] = "ordermesh_db_certificate_end_seconds{certificate=\"database\"} ";
    struct buf text = {0};
    metrics_render(&text);
    const char *at = strstr(text.ptr, name);
    long long end_s = at != NULL ? strtoll(at + sizeof(name) - 1, NULL, 10) : -1;
    buf_fini(&text);
    return end_s;
}

static void the_end_of_the_servers_certificate_is_a_metric(void **state) {
    (void)state;
    assert_int_equal(shown_end(), -1);
    give_server_a_certificate();
    assert_true(wait_until(takes_tls, NULL, 10000));
    long long left_s = shown_end() - time(NULL);
    if (left_s < 2 * 86400 - 600 || left_s > 2 * 86400)
        fail_msg("%lld s are left", left_s);
}

/* --- the program --- */

static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    pg = pg_create(servers_postgres_url(servers), "test");
    require_ok(pg_script(pg,
                         "DROP TABLE IF EXISTS items, parents CASCADE; DROP TYPE IF EXISTS mood;"
                         "CREATE TABLE items (id int8 PRIMARY KEY, note text)",
                         &error),
               &error);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    pg_destroy(&pg);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_queued_is_seen_by_the_query_behind_it),
        TEST(a_rolled_back_transaction_leaves_nothing),
        TEST(a_transaction_left_open_is_rolled_back_by_the_next),
        TEST(statements_outside_a_transaction_commit_together),
        TEST(the_first_error_of_a_transaction_is_the_one_reported),
        TEST(an_error_at_commit_is_reported_and_leaves_nothing),
        TEST(a_result_is_there_as_soon_as_a_call_behind_it_has_failed),
        TEST(a_statement_that_could_not_be_prepared_is_prepared_again),
        TEST(a_statement_is_prepared_once),
        TEST(large_parameters_and_results_do_not_block_each_other),
        TEST(a_script_runs_all_its_statements_or_says_what_failed),
        TEST(values_come_back_as_they_went),
        TEST(an_empty_text_is_not_null),
        TEST(a_nul_in_a_text_is_refused),
        TEST(arrays_carry_values_and_nulls),
        TEST(arrays_may_be_empty_and_used_again),
        TEST(errors_are_classified_by_their_sqlstate),
        TEST(a_refused_value_is_not_in_the_error),
        TEST(a_lock_not_granted_in_time_is_unavailable_and_keeps_the_session),
        TEST(a_session_sees_no_table_in_part_and_commits_to_the_disk),
        TEST(the_end_of_the_servers_certificate_is_a_metric),
    };
    return cmocka_run_group_tests(tests, postgres_setup, servers_teardown);
}
