/* The database's trouble is not the events': it holds them, shows, and uses up no delivery. With a
   read-only database, as after a failover, every order under way was once a dead letter within
   seconds.

   Covers: shared/consume/consumer.c shared/consume/intake.c shared/pg/pg_sqlstate.c
   shared/pg/pg_result.c shared/base/hindrance.c */
#include "tests/integration/shared/consume/consumer_trouble_fixture.h"

#include <pwd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOVE_OUTBOX(where)                                                                         \
    "DO $$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid FROM pg_inherits"              \
    " WHERE inhparent = 'inventory.outbox'::regclass LOOP"                                         \
    " EXECUTE format('ALTER TABLE %s SET TABLESPACE " where "', part); END LOOP; END $$"
#define END_SESSIONS                                                                               \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'om_inventory'"

static char small_disk[256]; /* mounted there, if any */

/* --- tests ------------------------------------------------------------------------------------ */

static void a_read_only_database_holds_events_until_a_session_may_write(void **state) {
    (void)state;
    run("ALTER ROLE om_inventory SET default_transaction_read_only = on; " END_SESSIONS);

    meet_trouble("the database is read-only (25006)");

    run("ALTER ROLE om_inventory RESET default_transaction_read_only");
    assert_nothing_was_lost();
}

static void a_lock_that_is_not_granted_holds_events_and_never_counts(void **state) {
    (void)state;
    struct error error = {0};
    static const struct pg_statement lock = {
        "lock", "LOCK TABLE inventory.outbox IN ACCESS EXCLUSIVE MODE", 0};
    struct pg *locker = pg_create(servers_postgres_url(servers), "locker");
    assert_int_equal(pg_begin(locker, &error), STATUS_OK);
    assert_int_equal(pg_query(locker, &lock, NULL, NULL, &error), STATUS_OK);

    meet_trouble("55P03");

    pg_rollback(locker);
    pg_destroy(&locker);
    assert_nothing_was_lost();
}

static void a_right_that_is_missing_holds_events_until_it_is_granted(void **state) {
    (void)state;
    run("REVOKE INSERT ON inventory.outbox FROM om_inventory");

    meet_trouble("42501");

    run("GRANT INSERT ON inventory.outbox TO om_inventory");
    assert_nothing_was_lost();
}

static void another_password_holds_events_until_it_is_ours_again(void **state) {
    (void)state;
    run("CREATE TEMP TABLE was AS SELECT rolpassword FROM pg_authid WHERE rolname = 'om_inventory';"
        "ALTER ROLE om_inventory PASSWORD 'another'; " END_SESSIONS);

    meet_trouble("password authentication failed");

    run("DO $$ BEGIN EXECUTE format('ALTER ROLE om_inventory PASSWORD %L',"
        " (SELECT rolpassword FROM was)); END $$");
    assert_nothing_was_lost();
}

static void a_server_that_takes_no_more_sessions_holds_events_until_it_does(void **state) {
    (void)state;
    run("ALTER ROLE om_inventory CONNECTION LIMIT 0; " END_SESSIONS);

    meet_trouble("too many connections");

    run("ALTER ROLE om_inventory CONNECTION LIMIT -1");
    assert_nothing_was_lost();
}

/* Upkeep that failed, or a partition that somebody detached: no row of any event has a place. */
static void a_partition_that_is_missing_holds_events_until_it_is_there(void **state) {
    (void)state;
    run("CREATE TEMP TABLE part AS SELECT c.oid::regclass::text AS name,"
        " pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_class c JOIN pg_inherits ON"
        " inhrelid = c.oid WHERE inhparent = 'inventory.outbox'::regclass");
    run("DO $$ DECLARE p part; BEGIN FOR p IN SELECT * FROM part LOOP"
        " EXECUTE format('ALTER TABLE inventory.outbox DETACH PARTITION %s', p.name);"
        " END LOOP; END $$");

    meet_trouble("no partition of relation");

    run("DO $$ DECLARE p part; BEGIN FOR p IN SELECT * FROM part LOOP"
        " EXECUTE format('ALTER TABLE inventory.outbox ATTACH PARTITION %s %s', p.name, p.bound);"
        " END LOOP; END $$; DROP TABLE part");
    assert_nothing_was_lost();
}

static void a_sequence_that_has_ended_holds_events_until_it_goes_on(void **state) {
    (void)state;
    run("DO $$ BEGIN EXECUTE format('ALTER SEQUENCE inventory.outbox_id_seq MAXVALUE %s',"
        " (SELECT last_value FROM inventory.outbox_id_seq)); END $$");

    meet_trouble("(2200H)");

    run("ALTER SEQUENCE inventory.outbox_id_seq NO MAXVALUE");
    assert_nothing_was_lost();
}

/* Needs root, to mount a disk that is small. */
static void a_full_disk_holds_events_until_there_is_room(void **state) {
    (void)state;
    char sql[512];
    const struct passwd *owner = getpwnam("postgres");
    snprintf(small_disk, sizeof(small_disk), "%s/small", servers_dir(servers));
    if (owner == NULL || mkdir(small_disk, 0700) != 0 ||
        mount("none", small_disk, "tmpfs", 0, "size=1m") != 0 ||
        chown(small_disk, owner->pw_uid, owner->pw_gid) != 0)
        skip();
    snprintf(sql, sizeof(sql), "CREATE TABLESPACE small LOCATION '%s'", small_disk);
    run(sql);
    run("CREATE TABLE filler (text text) TABLESPACE small; ALTER TABLE filler ALTER text SET "
        "STORAGE"
        " PLAIN; TRUNCATE inventory.outbox");
    run(MOVE_OUTBOX("small"));
    run("DO $$ BEGIN LOOP INSERT INTO filler SELECT repeat('x', 4000); END LOOP;"
        " EXCEPTION WHEN disk_full THEN END $$");
    publish();

    meet_trouble("(53100)");

    run("DROP TABLE filler");
    assert_nothing_was_lost();
    run(MOVE_OUTBOX("pg_default"));
    run("DROP TABLESPACE small");
}

/* A dead letter would be an order that fails for our mistake, and nobody would look. */
static void a_bug_holds_events_and_says_so(void **state) {
    (void)state;
    atomic_store(&has_a_bug, true);

    meet_trouble("a bug");

    atomic_store(&has_a_bug, false);
    assert_nothing_was_lost();
}

/* --- the program ------------------------------------------------------------------------------ */

static int without_small_disk(void **state) {
    if (small_disk[0] != '\0')
        umount2(small_disk, MNT_DETACH);
    small_disk[0] = '\0';
    return trouble_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trouble_setup, without_small_disk)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_read_only_database_holds_events_until_a_session_may_write),
        TEST(a_lock_that_is_not_granted_holds_events_and_never_counts),
        TEST(a_right_that_is_missing_holds_events_until_it_is_granted),
        TEST(another_password_holds_events_until_it_is_ours_again),
        TEST(a_server_that_takes_no_more_sessions_holds_events_until_it_does),
        TEST(a_full_disk_holds_events_until_there_is_room),
        TEST(a_partition_that_is_missing_holds_events_until_it_is_there),
        TEST(a_sequence_that_has_ended_holds_events_until_it_goes_on),
        TEST(a_bug_holds_events_and_says_so),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
