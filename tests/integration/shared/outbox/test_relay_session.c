/* A relay whose session ends has lost its lock with it, though the next query connects anew: from
   then on it reads nothing, and moves no cursor, and neither does one whose cursor somebody else
   has moved.

   Covers: shared/outbox/relay.c shared/outbox/relay_feed.c shared/outbox/relay_pass.c */
#include "shared/outbox/relay_feed.h"
#include "shared/pg/pg_lock.h"
#include "tests/integration/shared/outbox/relay_fixture.h"
#include "tests/support/data/sample.h"

#include <libpq-fe.h>

#define SERIES "ordermesh_outbox_published_total"

/* --- reading ---------------------------------------------------------------------------------- */

/* A reading in the session that has the lock of `name`. */
struct reader {
    struct pg *pg;
    struct relay_cursor from;
    struct relay_ahead ahead;
    struct relay_reading reading;
};

static void reader_open(struct reader *reader, const char *name) {
    struct error error = {0};
    bool is_taken = false;
    *reader = (struct reader){.pg = pg_create(servers_role_url(servers, ROLE), "reader")};
    reader->reading =
        (struct relay_reading){.from = &reader->from, .ahead = &reader->ahead, .limit = 512};
    require_ok(pg_lock_try(reader->pg, name, &is_taken, &reader->reading.session, &error), &error);
    assert_true(is_taken);
}

static void reader_close(struct reader *reader) {
    relay_cursor_fini(&reader->from);
    pg_destroy(&reader->pg);
}

static void who_has_another_session_reads_nothing(void **state) {
    (void)state;
    struct error error = {0};
    struct relay_pass pass = {0};
    struct writer writer;
    struct reader reader;
    writer_open(&writer);
    write_committed(&writer, 1);
    reader_open(&reader, "reads");
    require_ok(relay_pass_read(reader.pg, &reader.reading, &pass, &error), &error);
    assert_true(pass.row_count > 0);
    relay_pass_fini(&pass);

    pg_disconnect(reader.pg);

    assert_int_equal(relay_pass_read(reader.pg, &reader.reading, &pass, &error),
                     STATUS_UNAVAILABLE);
    assert_contains(error.text, "the session that held the lock was lost");
    assert_int_equal(pass.row_count, 0);
    reader_close(&reader);
    writer_close(&writer);
}

/* Whether the feed only looked, since it knows of all that there is. */
static bool looks_only(struct relay_feed *feed, struct reader *reader) {
    struct error error = {0};
    struct relay_pass pass = {0};
    struct handover *none = NULL;
    require_ok(relay_feed_next(feed, &reader->reading, false, &none, &pass, &error), &error);
    bool has_read = pass.result != NULL;
    if (has_read) {
        relay_cursor_fini(&reader->from);
        reader->from = pass.after;
        pass.after = (struct relay_cursor){0};
        reader->reading.saved_xid = pass.saved_xid;
    }
    relay_pass_fini(&pass);
    return !has_read;
}

/* A relay that is idle only looks for more, and would not have noticed. */
static void who_has_another_session_does_not_find_that_all_is_quiet(void **state) {
    (void)state;
    struct error error = {0};
    struct relay_pass pass = {0};
    struct handover *none = NULL;
    struct writer writer;
    struct reader reader;
    writer_open(&writer);
    write_committed(&writer, 1);
    reader_open(&reader, "looks");
    struct relay_feed *feed = relay_feed_create(reader.pg, 0);
    int readings = 0;
    while (!looks_only(feed, &reader))
        assert_true(++readings < 20);

    pg_disconnect(reader.pg);

    assert_int_equal(relay_feed_next(feed, &reader.reading, false, &none, &pass, &error),
                     STATUS_UNAVAILABLE);
    relay_feed_destroy(&feed);
    reader_close(&reader);
    writer_close(&writer);
}

/* --- the cursor ------------------------------------------------------------------------------- */

static int64_t query_int(PGconn *conn, const char *sql) {
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    int64_t value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return value;
}

static const char saved_cursor[] = "SELECT next_xid FROM orders.outbox_cursor";
/* The relay waits for the broker: it asks something every 20 ms else. */
static const char is_waiting[] =
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'relay'"
    " AND state = 'idle' AND query LIKE '%FETCH FIRST%'"
    " AND state_change < clock_timestamp() - interval '300 ms'";
static const char end_session[] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                  " WHERE application_name = 'relay'";

static bool waits_for_broker(void *admin) {
    return query_int(admin, is_waiting) == 1;
}

/* Leaves a relay with rows that it has sent, to a broker that does not answer. */
static struct relay *start_relay_that_waits(struct writer *writer, PGconn *admin) {
    struct relay *relay = start_relay(512);
    write_committed(writer, 5);
    assert_true(are_published(5, WAIT_MS));
    servers_pause(servers, SERVER_NATS);
    write_committed(writer, 3);
    assert_true(wait_until(waits_for_broker, admin, WAIT_MS));
    return relay;
}

static bool takes_lead(void *next) {
    struct error error = {0};
    bool is_taken = false;
    int64_t session;
    require_ok(pg_lock_try(next, "om.relay.orders", &is_taken, &session, &error), &error);
    return is_taken;
}

static bool knows_who_leads(void *relay) {
    char holder[RELAY_HOLDER_SIZE];
    relay_holder(relay, holder);
    return holder[0] != '\0';
}

static void who_lost_the_lock_moves_no_cursor(void **state) {
    (void)state;
    struct writer writer;
    PGconn *admin = PQconnectdb(servers_postgres_url(servers));
    struct pg *next = pg_create(servers_role_url(servers, ROLE), "next");
    writer_open(&writer);
    struct relay *relay = start_relay_that_waits(&writer, admin);
    int64_t before = query_int(admin, saved_cursor);
    assert_int_equal(query_int(admin, end_session), 1);
    assert_true(wait_until(takes_lead, next, WAIT_MS));

    servers_resume(servers, SERVER_NATS);

    assert_true(wait_until(knows_who_leads, relay, WAIT_MS));
    assert_int_equal(query_int(admin, saved_cursor), before);
    pg_destroy(&next);
    assert_published(&writer.committed);
    stop_relay(&relay);
    assert_true(query_int(admin, saved_cursor) > before);
    writer_close(&writer);
    PQfinish(admin);
}

static bool has_published_more(void *count) {
    return sample_value(SERIES) >= *(const int64_t *)count;
}

/* As `omctl outbox redrive` does: what it asks for would be forgotten. */
static void a_cursor_that_is_moved_while_a_pass_is_under_way_stays_moved(void **state) {
    (void)state;
    struct writer writer;
    PGconn *admin = PQconnectdb(servers_postgres_url(servers));
    writer_open(&writer);
    struct relay *relay = start_relay_that_waits(&writer, admin);
    int64_t all = sample_value(SERIES) + 8;
    (void)query_int(admin, "UPDATE orders.outbox_cursor SET next_xid ="
                           " (SELECT xid FROM orders.outbox ORDER BY id DESC OFFSET 7 LIMIT 1)"
                           " RETURNING 1");

    servers_resume(servers, SERVER_NATS);

    assert_true(wait_until(has_published_more, &all, WAIT_MS));
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
    PQfinish(admin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_lost_the_lock_moves_no_cursor, each_setup),
        cmocka_unit_test_setup(a_cursor_that_is_moved_while_a_pass_is_under_way_stays_moved,
                               each_setup),
        /* What these write, no relay publishes. */
        cmocka_unit_test_setup(who_has_another_session_reads_nothing, each_setup),
        cmocka_unit_test_setup(who_has_another_session_does_not_find_that_all_is_quiet, each_setup),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
