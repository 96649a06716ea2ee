/* The day partitions of inboxes and outboxes on a real PostgreSQL: what falls into a default
   partition leaves it again, whatever zone the database was in, and no day waits for another.

   Covers: shared/outbox/partitions.c sql/0016_partitions.sql */
#include "shared/outbox/partitions.h"
#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

static PGconn *admin;
static struct pg *loyalty;

static int64_t query_int(const char *sql) {
    PGresult *result = PQexec(admin, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(admin));
    int64_t value = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return value;
}

static void execute(const char *sql) {
    (void)query_int(sql);
}

static int64_t keep(void) {
    struct error error = {0};
    int64_t failed = -1;
    require_ok(partitions_keep(loyalty, "loyalty", &failed, &error), &error);
    return failed;
}

static int64_t count_strays(void) {
    return query_int("SELECT (SELECT count(*) FROM loyalty.inbox_default)"
                     " + (SELECT count(*) FROM loyalty.outbox_default)");
}

static int64_t count_rows(void) {
    return query_int("SELECT (SELECT count(*) FROM loyalty.inbox)"
                     " + (SELECT count(*) FROM loyalty.outbox)");
}

/* No rows, no day partitions. */
static void empty(void) {
    execute("DELETE FROM loyalty.outbox; DELETE FROM loyalty.inbox;"
            "UPDATE loyalty.outbox_cursor SET next_xid = '0', holes = '{}';"
            "DO $$DECLARE part text; BEGIN FOR part IN SELECT format('%I.%I', schemaname,"
            " tablename) FROM pg_tables WHERE schemaname = 'loyalty' AND tablename ~"
            " '_[0-9]{8}$' LOOP EXECUTE 'DROP TABLE ' || part; END LOOP; END$$");
}

/* A row an hour in each table, from `from` to before `to` in days of UTC from today. */
static void write_hours(int from, int to) {
    char sql[800];
    snprintf(sql, sizeof(sql),
             "SET timezone = 'UTC';"
             "CREATE TEMP TABLE hours AS SELECT generate_series(current_date + %d,"
             "  current_date + %d - interval '1 hour', '1 hour') AS at;"
             "INSERT INTO loyalty.outbox (created_at, event_id, subject, traceparent, payload)"
             "  SELECT at, om.uuid_floor(at), 's', 't', '' FROM hours;"
             "INSERT INTO loyalty.inbox (event_id, consumer) SELECT om.uuid_floor(at), 'c'"
             "  FROM hours;"
             "DROP TABLE hours; RESET timezone",
             from, to);
    execute(sql);
}

/* The partitions that the versions before made, from yesterday to two days ahead. */
static void make_days_of(const char *zone) {
    char sql[1200];
    snprintf(sql, sizeof(sql),
             "SET timezone = '%s';"
             "DO $$DECLARE day date; BEGIN"
             " FOR day IN SELECT (now() AT TIME ZONE 'UTC')::date + i FROM generate_series(-1, 2) i"
             " LOOP"
             "  EXECUTE format('CREATE TABLE loyalty.outbox_%%s PARTITION OF loyalty.outbox"
             "   FOR VALUES FROM (%%L) TO (%%L)', to_char(day, 'YYYYMMDD'), day::timestamptz,"
             "   (day + 1)::timestamptz);"
             "  EXECUTE format('CREATE TABLE loyalty.inbox_%%s PARTITION OF loyalty.inbox"
             "   FOR VALUES FROM (%%L) TO (%%L)', to_char(day, 'YYYYMMDD'),"
             "   om.uuid_floor(day::timestamptz), om.uuid_floor((day + 1)::timestamptz));"
             " END LOOP; END$$; RESET timezone",
             zone);
    execute(sql);
}

/* Past the cursor, as what the relay has published is. */
static void publish_all(void) {
    execute("UPDATE loyalty.outbox_cursor SET holes = '{}', next_xid ="
            " pg_snapshot_xmax(pg_current_snapshot())");
}

static void a_row_of_a_day_to_come_moves_when_its_day_is_made(void **state) {
    (void)state;
    write_hours(4, 5);
    assert_int_equal(keep(), 0);
    assert_int_equal(count_strays(), 2 * 24);
    execute("DELETE FROM loyalty.outbox; DELETE FROM loyalty.inbox");
    execute("DO $$BEGIN EXECUTE format('DROP TABLE loyalty.inbox_%1$s, loyalty.outbox_%1$s',"
            " to_char((now() AT TIME ZONE 'UTC')::date + 3, 'YYYYMMDD')); END$$");
    write_hours(3, 4);
    assert_int_equal(count_strays(), 2 * 24);
    assert_int_equal(keep(), 0);
    assert_int_equal(count_strays(), 0);
    assert_int_equal(count_rows(), 2 * 24);
}

static void days_of_another_zone_are_completed_to_those_of_utc(void **state) {
    (void)state;
    static const char *const zones[] = {"Asia/Tokyo", "America/New_York", "Pacific/Kiritimati",
                                        "Asia/Kathmandu", "UTC"};
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        empty();
        make_days_of(zones[i]);
        write_hours(0, 4);
        assert_int_equal(keep(), 0);
        assert_int_equal(count_strays(), 0);
        assert_int_equal(count_rows(), 2 * 4 * 24);
    }
}

/* One day that could not be made ended the upkeep of all others. */
static void a_day_that_fails_is_named_and_blocks_no_other(void **state) {
    (void)state;
    write_hours(0, 4);
    execute("DO $$BEGIN EXECUTE format('CREATE TABLE loyalty.outbox_%s ()',"
            " to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')); END$$");
    struct stderr_capture capture = stderr_take();
    int64_t failed = keep();
    struct buf said = stderr_give_back(&capture);
    assert_int_equal(failed, 1);
    assert_contains(said.ptr, "already exists (42P07)");
    buf_fini(&said);
    assert_int_equal(query_int("SELECT count(*) FROM om.day_partitions('loyalty', 'outbox')"), 4);
    assert_int_equal(query_int("SELECT count(*) FROM om.day_partitions('loyalty', 'inbox')"), 5);
    assert_int_equal(count_strays(), 24);

    execute("DO $$BEGIN EXECUTE format('DROP TABLE loyalty.outbox_%s',"
            " to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')); END$$");
    assert_int_equal(keep(), 0);
    assert_int_equal(count_strays(), 0);
}

static void after_days_without_upkeep_every_row_finds_its_day(void **state) {
    (void)state;
    write_hours(-6, 1);
    assert_int_equal(count_strays(), 2 * 7 * 24);
    assert_int_equal(keep(), 0);
    assert_int_equal(count_strays(), 0);
    assert_int_equal(count_rows(), 2 * 7 * 24);
}

static void what_is_old_goes_but_not_what_is_still_to_be_published(void **state) {
    (void)state;
    make_days_of("UTC");
    execute("SET timezone = 'UTC';"
            "DO $$BEGIN EXECUTE format('CREATE TABLE loyalty.outbox_%s PARTITION OF loyalty.outbox"
            " FOR VALUES FROM (%L) TO (%L)', to_char(current_date - 10, 'YYYYMMDD'),"
            " current_date - 10, current_date - 9); END$$; RESET timezone");
    write_hours(-12, -9);
    assert_int_equal(keep(), 0);
    assert_int_equal(query_int("SELECT count(*) FROM loyalty.outbox"), 3 * 24);
    publish_all();
    assert_int_equal(keep(), 0);
    assert_int_equal(query_int("SELECT count(*) FROM loyalty.outbox"), 0);

    /* an old event id says nothing of when it came */
    assert_int_equal(query_int("SELECT count(*) FROM loyalty.inbox"), 3 * 24);
    execute("UPDATE loyalty.inbox SET taken_at = now() - interval '10 days'");
    assert_int_equal(keep(), 0);
    assert_int_equal(count_rows(), 0);
}

/* What the broker lost is published again from them. */
static void what_is_published_stays_for_eight_days(void **state) {
    (void)state;
    write_hours(-10, 1);
    publish_all();
    assert_int_equal(keep(), 0);
    assert_int_equal(keep(), 0);
    assert_int_equal(query_int("SELECT count(*) FROM loyalty.outbox"), 9 * 24);
    assert_int_equal(query_int("SELECT (now() AT TIME ZONE 'UTC')::date -"
                               " (min(created_at) AT TIME ZONE 'UTC')::date FROM loyalty.outbox"),
                     8);
}

static void another_service_may_not_keep_them(void **state) {
    (void)state;
    struct error error = {0};
    int64_t failed = -1;
    struct pg *orders = pg_create(servers_role_url(servers, "om_orders"), "test");
    assert_int_not_equal(partitions_keep(orders, "loyalty", &failed, &error), STATUS_OK);
    assert_contains(error.text, "may not maintain");
    pg_destroy(&orders);
}

/* --- days made under load --- */

enum { WRITERS = 2, DAYS = 40 };

struct writer {
    pthread_t thread;
    int number;
    int64_t rows;
    struct error error;
};

static atomic_bool stopping;

/* Writes around the midnights of the days that are being made. */
static void *write_midnights(void *arg) {
    static const struct pg_statement write = {
        "test_write",
        "WITH times AS (SELECT ((now() AT TIME ZONE 'UTC')::date + 5 + i)::timestamp"
        "    AT TIME ZONE 'UTC' + (random() - 0.5) * interval '1 second' AS at"
        "  FROM generate_series(0, 40) i),"
        " sent AS (INSERT INTO outbox (created_at, event_id, subject, traceparent, payload)"
        "  SELECT at, om.uuid_floor(at), 's', 't', '' FROM times)"
        " INSERT INTO inbox (event_id, consumer) SELECT om.uuid_floor(at),"
        "  gen_random_uuid()::text FROM times",
        0};
    struct writer *writer = arg;
    struct pg *pg = pg_create(servers_role_url(servers, "om_loyalty"), "writer");
    while (!atomic_load(&stopping)) {
        enum status status = pg_begin(pg, &writer->error);
        if (status == STATUS_OK)
            status = pg_queue(pg, &write, NULL, &writer->error);
        if (status == STATUS_OK)
            status = pg_commit(pg, &writer->error);
        if (status != STATUS_OK)
            break;
        writer->error = (struct error){0};
        writer->rows += 2 * (DAYS + 1);
    }
    pg_destroy(&pg);
    return NULL;
}

static void make_day(const char *parent, int day) {
    char sql[300];
    snprintf(sql, sizeof(sql),
             "SELECT (om.keep_partition('loyalty', '%s' || to_char((now() AT TIME ZONE 'UTC')::date"
             " + %d, '_YYYYMMDD'), date '2020-01-01') IS NULL)::int",
             parent, day);
    for (int i = 0; i < 100; i++) {
        if (query_int(sql) == 1)
            return;
    }
    fail_msg("day %d of %s cannot be made", day, parent);
}

static void a_day_is_made_while_rows_are_written_around_its_midnight(void **state) {
    (void)state;
    struct writer writers[WRITERS] = {0};
    atomic_store(&stopping, false);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_midnights, &writers[i]), 0);
    for (int day = 4; day <= 5 + DAYS; day++) {
        make_day("inbox", day);
        make_day("outbox", day);
    }
    atomic_store(&stopping, true);
    int64_t rows = 0;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_string_equal(writers[i].error.text, "");
        rows += writers[i].rows;
    }
    assert_true(rows > 0);
    assert_int_equal(count_strays(), 0);
    assert_int_equal(count_rows(), rows);
}

static int each_setup(void **state) {
    (void)state;
    empty();
    return 0;
}

static int setup(void **state) {
    schema_setup(state);
    admin = PQconnectdb(servers_postgres_url(servers));
    loyalty = pg_create(servers_role_url(servers, "om_loyalty"), "loyalty");
    return 0;
}

static int teardown(void **state) {
    PQfinish(admin);
    pg_destroy(&loyalty);
    return servers_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_row_of_a_day_to_come_moves_when_its_day_is_made),
        TEST(days_of_another_zone_are_completed_to_those_of_utc),
        TEST(a_day_that_fails_is_named_and_blocks_no_other),
        TEST(after_days_without_upkeep_every_row_finds_its_day),
        TEST(what_is_old_goes_but_not_what_is_still_to_be_published),
        TEST(what_is_published_stays_for_eight_days),
        TEST(another_service_may_not_keep_them),
        TEST(a_day_is_made_while_rows_are_written_around_its_midnight),
    };
    return cmocka_run_group_tests_name("partitions", tests, setup, teardown);
}
