/* The checkpoints of an outbox's cursor on a real PostgreSQL: which are kept, which one a stream
   that lost something is published again from, and who may do that.

   Covers: shared/outbox/checkpoint.c */
#include "shared/base/clock.h"
#include "shared/outbox/checkpoint.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <libpq-fe.h>

#define HOUR_US INT64_C(3600000000)

static PGconn *admin;
static struct pg *pg;

static int64_t query_int(const char *sql) {
    PGresult *result = PQexec(admin, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(admin));
    int64_t value = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return value;
}

static void execute(const char *sql) {
    (void)query_int(sql);
}

static int64_t count_of(const char *stream) {
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM outbox_checkpoints WHERE stream = '%s'",
             stream);
    return query_int(sql);
}

/* With number 7 as its event's id, or none. */
static void put(const char *stream, int64_t sequence, const char *age, bool has_event, int floor) {
    char sql[400];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO outbox_checkpoints (stream, taken_at, sequence, event_id, floor,"
        " next_xid, holes) VALUES ('%s', now() - interval '%s', %lld, %s, %d, '%lld', '{3,4}')",
        stream, age, (long long)sequence,
        has_event ? "'00000000-0000-7000-8000-000000000007'" : "NULL", floor,
        (long long)sequence * 10);
    execute(sql);
}

static int empty(void **state) {
    (void)state;
    execute("DELETE FROM outbox_checkpoints;"
            "UPDATE outbox_cursor SET next_xid = '1000', holes = '{}', acknowledged = '',"
            " repeats_until = '0', repeat_generation = 0");
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void a_checkpoint_says_where_the_cursor_and_the_stream_stood(void **state) {
    (void)state;
    struct error error = {0};
    struct stream_mark mark = {.stream = "S", .sequence = 42, .floor = 40, .has_event = true};
    uint64_t holes[] = {5, 6};
    const struct relay_cursor cursor = {.next_xid = 77, .holes = holes, .hole_count = 2};
    mark.event_id.bytes[15] = 9;
    require_ok(checkpoint_write(pg, &mark, &cursor, &error), &error);
    assert_int_equal(
        query_int("SELECT count(*) FROM outbox_checkpoints WHERE stream = 'S'"
                  " AND sequence = 42 AND floor = 40 AND next_xid = '77' AND holes = '{5,6}'"
                  " AND event_id = '00000000-0000-0000-0000-000000000009'"
                  " AND taken_at > now() - interval '1 min'"),
        1);
    mark.has_event = false;
    require_ok(checkpoint_write(pg, &mark, &cursor, &error), &error);
    assert_int_equal(query_int("SELECT count(*) FROM outbox_checkpoints WHERE event_id IS NULL"),
                     1);
}

/* Outboxes have the rows of as many days. */
static void checkpoints_of_eight_days_are_kept(void **state) {
    (void)state;
    struct error error = {0};
    const struct stream_mark mark = {.stream = "S", .sequence = 42};
    put("S", 1, "8 d 1 min", true, 0);
    put("S", 2, "7 d 23 h", true, 0);
    put("T", 3, "9 d", true, 0);
    require_ok(checkpoint_write(pg, &mark, &(struct relay_cursor){.next_xid = 1}, &error), &error);
    assert_int_equal(query_int("SELECT min(sequence) FROM outbox_checkpoints WHERE stream = 'S'"),
                     2);
    assert_int_equal(count_of("S"), 2);
    assert_int_equal(count_of("T"), 1);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void floors_rise_to_what_the_checkpoints_know(void **state) {
    (void)state;
    struct error error = {0};
    struct stream_marks marks = {0};
    struct stream_mark *low = stream_marks_add(&marks, "S");
    put("S", 9, "2 h", true, 7);
    put("S", 8, "3 h", true, 6);
    put("T", 9, "1 h", true, 7);
    put("UNKNOWN", 9, "1 h", true, 7);
    stream_marks_add(&marks, "T")->floor = 8;
    require_ok(checkpoint_read_floors(pg, &marks, &error), &error);
    assert_int_equal(low->floor, 7);
    assert_int_equal(stream_marks_find(&marks, "T")->floor, 8);
    assert_int_equal(marks.count, 2);
    int64_t age_us = clock_monotonic_us() - low->checkpointed_us;
    assert_in_range(age_us, 2 * HOUR_US, 2 * HOUR_US + 60 * INT64_C(1000000));
}

static void the_newest_up_to_a_sequence_come_first(void **state) {
    (void)state;
    struct error error = {0};
    struct pg_result *rows = NULL;
    put("S", 10, "3 h", true, 0);
    put("S", 20, "2 h", false, 0);
    put("S", 21, "1 h", true, 0);
    put("T", 20, "1 h", true, 0);
    require_ok(checkpoint_list(pg, "S", 20, &rows, &error), &error);
    assert_int_equal(pg_rows(rows), 2);
    assert_int_equal(pg_get_int64(rows, 0, CHECKPOINT_SEQUENCE), 20);
    assert_true(pg_is_null(rows, 0, CHECKPOINT_EVENT_ID));
    assert_int_equal(pg_get_int64(rows, 1, CHECKPOINT_SEQUENCE), 10);
    pg_result_free(&rows);
}

static bool was_young(uint64_t first_sequence, int64_t max_age_us, const struct stream_mark *mark) {
    struct error error = {0};
    const struct stream_facts facts = {.first_sequence = first_sequence, .max_age_us = max_age_us};
    bool is = false;
    require_ok(checkpoint_was_young(pg, mark, &facts, &is, &error), &error);
    return is;
}

/* It takes half of the age that a stream keeps its messages to expire. */
static void what_is_gone_was_young_where_it_was_stored_lately(void **state) {
    (void)state;
    const struct stream_mark mark = {.stream = "S"};
    assert_false(was_young(100, 0, &mark)); /* nobody knows */
    put("T", 50, "1 h", true, 0);
    assert_false(was_young(100, 0, &mark));
    put("S", 50, "2 h", true, 0);
    assert_true(was_young(100, 0, &mark));
    assert_true(was_young(51, 0, &mark));
    assert_false(was_young(50, 0, &mark));
    assert_true(was_young(100, 4 * HOUR_US + HOUR_US / 10, &mark));
    assert_false(was_young(100, 4 * HOUR_US - HOUR_US / 10, &mark));
    /* the mark knows of a later one */
    const struct stream_mark later = {
        .stream = "S", .sequence = 60, .has_event = true, .acked_us = clock_now_us() - HOUR_US};
    assert_true(was_young(100, 4 * HOUR_US - HOUR_US / 10, &later));
    assert_false(was_young(100, 2 * HOUR_US - HOUR_US / 10, &later));
    /* since then the stream has begun anew */
    put("S", 50, "1 h", false, 0);
    assert_false(was_young(100, 0, &mark));
    put("S", 51, "1 min", true, 0);
    assert_true(was_young(100, 0, &mark));
}

/* --- going back ------------------------------------------------------------------------------- */

static struct stream_marks marks;
static struct rewind rewinding;
static char since[CHECKPOINT_TIME_SIZE];

static int64_t own_session(void) {
    static const struct pg_statement own = {"test.own", "SELECT pg_backend_pid()", 0};
    struct error error = {0};
    struct pg_result *result = NULL;
    require_ok(pg_query(pg, &own, NULL, &result, &error), &error);
    int64_t session = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return session;
}

/* Of a stream that ends at 25 and was acknowledged up to 30: checkpoints at 10, 20 and 30, the
   cursors of which are ten times as far. */
static struct stream_mark *lose(uint64_t floor) {
    marks = (struct stream_marks){0};
    struct stream_mark *mark = stream_marks_add(&marks, "S");
    mark->sequence = 30;
    mark->floor = floor;
    put("S", 10, "3 h", true, 1);
    put("S", 20, "2 h", true, 2);
    put("S", 30, "1 h", true, 3);
    put("T", 5, "4 h", true, 0);
    rewinding = (struct rewind){
        .schema = "orders",
        .marks = &marks,
        .mark = mark,
        .last_sequence = 25,
        .survivor = slice_of(""),
        .saved_next_xid = 1000,
        .session = own_session(),
    };
    return mark;
}

static void go_back(void) {
    struct error error = {0};
    require_ok(checkpoint_rewind(pg, &rewinding, since, &error), &error);
    assert_true(strlen(since) > 10);
}

static int64_t cursor(void) {
    return query_int("SELECT next_xid::text FROM outbox_cursor");
}

static void the_cursor_goes_back_to_what_nobody_waits_for_anything_below(void **state) {
    (void)state;
    static const struct {
        uint64_t floor;
        int64_t history_s, cursor;
    } cases[] = {{20, 0, 200}, {29, 0, 200},    {30, 0, 300},    {19, 0, 100},
                 {9, 0, 100},  {20, 3500, 200}, {20, 3700, 100}, {30, 3700, 200}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty(NULL);
        struct stream_mark *mark = lose(cases[i].floor);
        rewinding.history_s = cases[i].history_s;
        go_back();
        assert_int_equal(cursor(), cases[i].cursor);
        assert_int_equal(query_int("SELECT count(*) FROM outbox_cursor WHERE holes = '{3,4}'"
                                   " AND acknowledged <> '' AND repeats_until = '0'"
                                   " AND repeat_generation = 0"),
                         1);
        /* nothing of the stream is as it was */
        assert_int_equal(mark->sequence, 25);
        assert_int_equal(mark->floor, 0);
        assert_false(mark->has_event);
        assert_int_equal(count_of("S"), 1);
        assert_int_equal(count_of("T"), 1);
        assert_int_equal(query_int("SELECT sequence FROM outbox_checkpoints WHERE stream = 'S'"
                                   " AND event_id IS NULL AND floor = 0"),
                         25);
    }
}

static void a_checkpoint_that_holds_is_gone_back_to_and_those_before_it_stay(void **state) {
    (void)state;
    struct error error = {0};
    struct pg_result *rows = NULL;
    struct stream_mark *mark = lose(10);
    mark->floor = 22;
    require_ok(checkpoint_list(pg, "S", 25, &rows, &error), &error);
    rewinding.survivor = pg_get_slice(rows, 0, CHECKPOINT_TAKEN_AT);
    rewinding.history_s = 24 * 3600;
    go_back();
    pg_result_free(&rows);
    assert_int_equal(cursor(), 200);
    assert_int_equal(mark->sequence, 20);
    assert_true(mark->has_event);
    assert_int_equal(mark->event_id.bytes[15], 7);
    assert_int_equal(mark->floor, 20); /* no higher than the stream is known */
    assert_int_equal(count_of("S"), 2);
    assert_int_equal(count_of("T"), 1);
    assert_int_equal(query_int("SELECT max(sequence) FROM outbox_checkpoints"), 20);
}

/* The stream may know the events under their ids, so they go by others. */
static void after_a_purge_rows_until_now_get_ids_of_another_generation(void **state) {
    (void)state;
    struct stream_mark *mark = lose(12);
    rewinding.is_purged = true;
    go_back();
    assert_int_equal(query_int("SELECT repeat_generation FROM outbox_cursor"
                               " WHERE repeats_until > '0'"
                               " AND repeats_until <= pg_snapshot_xmax(pg_current_snapshot())"),
                     1);
    assert_int_equal(cursor(), 100);
    assert_int_equal(mark->floor, 12); /* consumers were done with that all the same */
}

static void assert_stays(void) {
    struct error error = {0};
    assert_int_equal(checkpoint_rewind(pg, &rewinding, since, &error), STATUS_CONFLICT);
    assert_int_equal(cursor(), 1000);
    assert_int_equal(count_of("S"), 3);
    assert_int_equal(rewinding.mark->sequence, 30);
}

static void only_who_leads_and_knows_the_cursor_takes_it_back(void **state) {
    (void)state;
    lose(20);
    rewinding.session++;
    assert_stays();
    rewinding.session--;
    rewinding.saved_next_xid++;
    assert_stays();
    rewinding.saved_next_xid--;
    go_back();
    assert_int_equal(cursor(), 200);
}

static void without_a_checkpoint_there_is_no_way_back(void **state) {
    (void)state;
    struct error error = {0};
    lose(20);
    execute("DELETE FROM outbox_checkpoints WHERE stream = 'S'");
    assert_int_equal(checkpoint_rewind(pg, &rewinding, since, &error), STATUS_NOT_FOUND);
    assert_int_equal(cursor(), 1000);
    require_ok(pg_begin(pg, &error), &error);
    pg_rollback(pg);
}

/* Nothing is read of an answer that did not come. */
static void what_the_database_refuses_is_passed_on(void **state) {
    (void)state;
    struct error error = {0};
    struct pg_result *rows = NULL;
    struct stream_mark *mark = lose(20);
    const struct stream_facts facts = {.first_sequence = 10};
    bool is_young = true;
    execute("ALTER TABLE outbox_checkpoints RENAME TO away");
    assert_int_not_equal(checkpoint_write(pg, mark, &(struct relay_cursor){0}, &error), STATUS_OK);
    assert_int_not_equal(checkpoint_read_floors(pg, &marks, &error), STATUS_OK);
    assert_int_not_equal(checkpoint_list(pg, "S", 5, &rows, &error), STATUS_OK);
    assert_int_not_equal(checkpoint_was_young(pg, mark, &facts, &is_young, &error), STATUS_OK);
    assert_int_not_equal(checkpoint_rewind(pg, &rewinding, since, &error), STATUS_OK);
    execute("ALTER TABLE away RENAME TO outbox_checkpoints");
    assert_true(is_young);
    assert_int_equal(cursor(), 1000);
    assert_int_equal(mark->sequence, 30);
}

static int setup(void **state) {
    schema_setup(state);
    admin = PQconnectdb(servers_postgres_url(servers));
    execute("SET search_path = orders");
    pg = pg_create(servers_role_url(servers, "om_orders"), "checkpoints");
    return 0;
}

static int teardown(void **state) {
    PQfinish(admin);
    pg_destroy(&pg);
    return servers_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup(name, empty)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_checkpoint_says_where_the_cursor_and_the_stream_stood),
        TEST(checkpoints_of_eight_days_are_kept),
        TEST(floors_rise_to_what_the_checkpoints_know),
        TEST(the_newest_up_to_a_sequence_come_first),
        TEST(what_is_gone_was_young_where_it_was_stored_lately),
        TEST(the_cursor_goes_back_to_what_nobody_waits_for_anything_below),
        TEST(a_checkpoint_that_holds_is_gone_back_to_and_those_before_it_stay),
        TEST(after_a_purge_rows_until_now_get_ids_of_another_generation),
        TEST(only_who_leads_and_knows_the_cursor_takes_it_back),
        TEST(without_a_checkpoint_there_is_no_way_back),
        TEST(what_the_database_refuses_is_passed_on),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, setup, teardown);
}
