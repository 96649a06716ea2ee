/* Rows that are handed over to the relay of their own process, between a real PostgreSQL and a real
   NATS: published without being read, each once, and never before what was committed before them.

   Covers: shared/outbox/ */
#include "shared/base/clock.h"
#include "tests/integration/shared/outbox/relay_fixture.h"
#include "tests/support/data/sample.h"

#include <pthread.h>

#define SERIES "ordermesh_outbox_handed_over_total"

static struct relay *relay;

static void open_own(struct writer *writer) {
    writer_open(writer);
    writer->relay = relay;
}

static bool has_handed_over(void *closure) {
    struct writer *writer = closure;
    int64_t before = sample_value(SERIES);
    write_committed(writer, 1);
    return are_published(id_count(&writer->committed), WAIT_MS) && sample_value(SERIES) > before;
}

/* The relay knows of all rows until now, so that it publishes from memory. */
static void warm_up(struct writer *writer) {
    assert_true(wait_until(has_handed_over, writer, WAIT_MS));
}

static struct relay *start_relay_that_polls(int64_t poll_ms) {
    struct error error = {0};
    struct relay *started = relay_create(&(struct relay_options){
        .nats = nats,
        .database_url = servers_role_url(servers, ROLE),
        .schema = "orders",
        .batch_max = 512,
        .poll_ms = poll_ms,
    });
    require_ok(relay_start(started, &error), &error);
    return started;
}

/* --- from memory ------------------------------------------------------------------------------ */

/* Rows that are gone before anybody could read them. */
static void write_unreadable(struct writer *writer, int count) {
    static const struct pg_statement take_out = {
        "test.take_out", "DELETE FROM outbox WHERE xid = pg_current_xact_id()", 0};
    struct error error = {0};
    write_open(writer, count, &writer->committed);
    require_ok(pg_query(writer->pg, &take_out, NULL, NULL, &error), &error);
    commit(writer);
}

static void what_is_handed_over_is_published_without_being_read(void **state) {
    (void)state;
    struct writer writer;
    relay = start_relay(512);
    open_own(&writer);
    warm_up(&writer);
    write_unreadable(&writer, 3);
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

/* Three of four rows of a busy service were read back, with those that somebody else had to read.
   No poll comes between a commit and its handing over. */
static void what_is_handed_over_is_not_read_when_others_are(void **state) {
    (void)state;
    struct writer own, other;
    relay = start_relay_that_polls(1000);
    open_own(&own);
    writer_open(&other);
    warm_up(&own);
    for (int i = 0; i < 5; i++) {
        write_open(&other, 2, &own.committed);
        commit(&other);
        write_unreadable(&own, 3);
    }
    assert_true(are_published(id_count(&own.committed), WAIT_MS));
    assert_true(id_lists_equal(&published, &own.committed));
    stop_relay(&relay);
    writer_close(&own);
    writer_close(&other);
}

/* Readings end at the limit, and what is handed over lies behind. */
static void what_is_handed_over_waits_for_what_is_read_before_it(void **state) {
    (void)state;
    struct writer own, other;
    relay = start_relay(4);
    open_own(&own);
    writer_open(&other);
    warm_up(&own);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 50; j++) {
            write_open(&other, 1, &own.committed);
            commit(&other);
        }
        write_committed(&own, 2);
    }
    assert_true(are_published(id_count(&own.committed), WAIT_MS));
    assert_true(id_lists_equal(&published, &own.committed));
    stop_relay(&relay);
    writer_close(&own);
    writer_close(&other);
}

static void what_was_published_from_memory_is_below_the_cursor_when_the_relay_ends(void **state) {
    (void)state;
    struct writer writer;
    relay = start_relay(512);
    open_own(&writer);
    warm_up(&writer);
    for (int i = 0; i < 50; i++)
        write_committed(&writer, 3);
    assert_true(are_published(id_count(&writer.committed), WAIT_MS));
    assert_true(id_lists_equal(&published, &writer.committed));
    stop_relay(&relay);
    int64_t acknowledged = sample_value("ordermesh_outbox_published_total");

    relay = start_relay(512);
    writer.relay = NULL;
    write_committed(&writer, 1);
    assert_published(&writer.committed);
    stop_relay(&relay);
    assert_int_equal(sample_value("ordermesh_outbox_published_total"), acknowledged + 1);
    writer_close(&writer);
}

/* --- the order of what is committed ----------------------------------------------------------- */

/* No poll helps here: the row of another is read since the ids say that it is missing. */
static void what_others_committed_before_is_published_first(void **state) {
    (void)state;
    struct writer own, other;
    relay = start_relay_that_polls(1000);
    open_own(&own);
    writer_open(&other);
    warm_up(&own);
    for (int i = 0; i < 5; i++) {
        write_open(&other, 2, &own.committed);
        commit(&other);
        write_committed(&own, 1);
    }
    assert_true(are_published(id_count(&own.committed), WAIT_MS));
    assert_true(id_lists_equal(&published, &own.committed));
    stop_relay(&relay);
    writer_close(&own);
    writer_close(&other);
}

/* Writers take turns, so that each one's events could be for what the other had committed. */
static void events_of_two_that_take_turns_stay_in_their_order(void **state) {
    (void)state;
    struct writer own, other, undecided;
    struct id_list forgotten = {0};
    unsigned seed = 11;
    relay = start_relay(512);
    open_own(&own);
    open_own(&undecided);
    writer_open(&other);
    warm_up(&own);
    for (int i = 0; i < 400; i++) {
        int dice = rand_r(&seed) % 10;
        if (dice == 0) {
            write_open(&undecided, 1 + rand_r(&seed) % 3, &forgotten);
            pg_rollback(undecided.pg);
        }
        struct writer *writer = dice < 8 ? &own : &other;
        write_open(writer, 1 + rand_r(&seed) % 3, &own.committed);
        commit(writer);
    }
    assert_true(are_published(id_count(&own.committed), WAIT_MS));
    assert_true(id_lists_equal(&published, &own.committed));
    stop_relay(&relay);
    buf_fini(&forgotten.bytes);
    writer_close(&own);
    writer_close(&other);
    writer_close(&undecided);
}

/* While it is quiet the relay only asks whether there is another id. */
static void what_others_commit_while_it_is_quiet_is_found(void **state) {
    (void)state;
    struct writer own, other;
    relay = start_relay(512);
    open_own(&own);
    writer_open(&other);
    warm_up(&own);
    for (int i = 0; i < 5; i++) {
        clock_sleep_ms(100);
        write_open(&other, 1, &own.committed);
        commit(&other);
        assert_true(are_published(id_count(&own.committed), 2000));
    }
    assert_published(&own.committed);
    stop_relay(&relay);
    writer_close(&own);
    writer_close(&other);
}

static bool has_published_more(void *count) {
    return sample_value("ordermesh_outbox_published_total") >= *(const int64_t *)count;
}

static void a_cursor_that_is_moved_while_it_is_quiet_is_followed(void **state) {
    (void)state;
    static const struct pg_statement move_back = {
        "test.move_back",
        "UPDATE outbox_cursor SET next_xid = (SELECT xid FROM outbox ORDER BY id DESC LIMIT 1)", 0};
    struct error error = {0};
    struct writer writer;
    relay = start_relay(512);
    open_own(&writer);
    warm_up(&writer);
    for (int i = 0; i < 3; i++) {
        clock_sleep_ms(100);
        int64_t more = sample_value("ordermesh_outbox_published_total") + 1;
        require_ok(pg_query(writer.pg, &move_back, NULL, NULL, &error), &error);
        assert_true(wait_until(has_published_more, &more, 2000));
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

static void a_transaction_with_lower_ids_that_ends_later_is_published_then(void **state) {
    (void)state;
    struct writer late, early;
    relay = start_relay(512);
    open_own(&early);
    open_own(&late);
    warm_up(&early);
    write_open(&late, 2, &late.committed);
    write_committed(&early, 3);
    assert_true(are_published(id_count(&early.committed), WAIT_MS));
    assert_true(id_lists_equal(&published, &early.committed));
    commit(&late);
    for (size_t i = 0; i < id_count(&late.committed); i++)
        id_add(&early.committed, id_at(&late.committed, i));
    assert_published(&early.committed);
    stop_relay(&relay);
    writer_close(&early);
    writer_close(&late);
}

/* An id that is missing for good must not let all be read for ever. */
static void after_a_rollback_it_goes_on_from_memory(void **state) {
    (void)state;
    struct writer writer;
    struct id_list forgotten = {0};
    relay = start_relay(512);
    open_own(&writer);
    for (int i = 0; i < 3; i++) {
        warm_up(&writer);
        write_open(&writer, 2, &forgotten);
        pg_rollback(writer.pg);
    }
    warm_up(&writer);
    assert_published(&writer.committed);
    stop_relay(&relay);
    buf_fini(&forgotten.bytes);
    writer_close(&writer);
}

/* --- more than memory takes, and who does not lead -------------------------------------------- */

static void a_transaction_that_is_too_large_to_be_handed_over_is_read(void **state) {
    (void)state;
    struct writer writer;
    relay = start_relay(512);
    open_own(&writer);
    warm_up(&writer);
    write_committed(&writer, 2000);
    write_committed(&writer, 1);
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

static void what_is_handed_over_to_one_that_stands_by_is_published_by_the_leader(void **state) {
    (void)state;
    struct writer writer;
    struct relay *leader = start_relay(512);
    assert_true(wait_until(is_ready, leader, WAIT_MS));
    relay = start_relay(512);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    open_own(&writer);
    for (int i = 0; i < 20; i++)
        write_committed(&writer, 2);
    assert_true(are_published(40, WAIT_MS));
    assert_true(id_lists_equal(&published, &writer.committed));
    stop_relay(&leader); /* now the other leads */
    warm_up(&writer);
    assert_published(&writer.committed);
    stop_relay(&relay);
    writer_close(&writer);
}

#define WATCHED_MS 3000
#define ASKED_MOST 100 /* a standby looks each 500 ms, and a leader here each second */

/* Of all sessions, which tell of theirs each second. */
static int64_t transactions(struct pg *pg) {
    static const struct pg_statement count = {
        "test.transactions",
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()", 0};
    struct error error = {0};
    struct pg_result *rows = NULL;
    require_ok(pg_query(pg, &count, NULL, &rows, &error), &error);
    int64_t transactions = pg_get_int64(rows, 0, 0);
    pg_result_free(&rows);
    return transactions;
}

/* It asked for the lock thousands of times a second from its process' first commit on. */
static void one_that_stands_by_rests_though_its_process_commits(void **state) {
    (void)state;
    struct writer writer;
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    struct relay *leader = start_relay_that_polls(1000);
    assert_true(wait_until(is_ready, leader, WAIT_MS));
    relay = start_relay_that_polls(1000);
    assert_true(wait_until(is_ready, relay, WAIT_MS));
    open_own(&writer);
    write_committed(&writer, 2);
    assert_true(are_published(2, WAIT_MS));

    clock_sleep_ms(1500); /* what came before is told */
    int64_t before = transactions(admin);
    clock_sleep_ms(WATCHED_MS);
    assert_in_range(transactions(admin) - before, 1, ASKED_MOST);
    stop_relay(&leader);
    stop_relay(&relay);
    pg_destroy(&admin);
    writer_close(&writer);
}

static void a_session_that_is_terminated_loses_and_repeats_nothing(void **state) {
    (void)state;
    static const struct pg_statement terminate = {
        "test.terminate",
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'relay'",
        0};
    struct error error = {0};
    struct writer writer;
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    relay = start_relay(512);
    open_own(&writer);
    for (int i = 0; i < 5; i++) {
        warm_up(&writer);
        write_committed(&writer, 2);
        require_ok(pg_query(admin, &terminate, NULL, NULL, &error), &error);
        write_committed(&writer, 2);
    }
    assert_published(&writer.committed);
    stop_relay(&relay);
    pg_destroy(&admin);
    writer_close(&writer);
}

/* --- under load ------------------------------------------------------------------------------- */

#define WRITERS 4
#define TRANSACTIONS 150

struct load {
    pthread_t thread;
    unsigned seed;
    struct writer writer;
};

/* Some are rolled back, some committed only after others have come and gone. */
static void *write_load(void *closure) {
    struct load *load = closure;
    for (int i = 0; i < TRANSACTIONS; i++) {
        struct id_list ids = {0};
        int dice = rand_r(&load->seed) % 10;
        write_open(&load->writer, 1 + rand_r(&load->seed) % 4, &ids);
        if (dice == 1)
            clock_sleep_ms(rand_r(&load->seed) % 60);
        if (dice == 2) {
            pg_rollback(load->writer.pg);
        } else {
            commit(&load->writer);
            buf_append(&load->writer.committed.bytes, ids.bytes.ptr, ids.bytes.len);
        }
        buf_fini(&ids.bytes);
    }
    return NULL;
}

/* One of the writers is of another process. */
static void a_broker_killed_under_load_loses_and_repeats_nothing(void **state) {
    (void)state;
    struct load loads[WRITERS];
    struct id_list committed = {0};
    relay = start_relay(64);
    for (unsigned i = 0; i < WRITERS; i++) {
        loads[i] = (struct load){.seed = i + 1};
        open_own(&loads[i].writer);
        if (i == 0)
            loads[i].writer.relay = NULL;
        assert_int_equal(pthread_create(&loads[i].thread, NULL, write_load, &loads[i]), 0);
    }
    for (size_t turn = 1; turn <= 2; turn++) {
        assert_true(are_published(turn * 150, WAIT_MS));
        servers_kill(servers, SERVER_NATS);
        servers_restart(servers, SERVER_NATS);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(loads[i].thread, NULL);
        buf_append(&committed.bytes, loads[i].writer.committed.bytes.ptr,
                   loads[i].writer.committed.bytes.len);
        writer_close(&loads[i].writer);
    }
    assert_published(&committed);
    stop_relay(&relay);
    buf_fini(&committed.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_handed_over_is_published_without_being_read, each_setup),
        cmocka_unit_test_setup(what_is_handed_over_is_not_read_when_others_are, each_setup),
        cmocka_unit_test_setup(what_is_handed_over_waits_for_what_is_read_before_it, each_setup),
        cmocka_unit_test_setup(
            what_was_published_from_memory_is_below_the_cursor_when_the_relay_ends, each_setup),
        cmocka_unit_test_setup(what_others_committed_before_is_published_first, each_setup),
        cmocka_unit_test_setup(events_of_two_that_take_turns_stay_in_their_order, each_setup),
        cmocka_unit_test_setup(what_others_commit_while_it_is_quiet_is_found, each_setup),
        cmocka_unit_test_setup(a_cursor_that_is_moved_while_it_is_quiet_is_followed, each_setup),
        cmocka_unit_test_setup(a_transaction_with_lower_ids_that_ends_later_is_published_then,
                               each_setup),
        cmocka_unit_test_setup(after_a_rollback_it_goes_on_from_memory, each_setup),
        cmocka_unit_test_setup(a_transaction_that_is_too_large_to_be_handed_over_is_read,
                               each_setup),
        cmocka_unit_test_setup(what_is_handed_over_to_one_that_stands_by_is_published_by_the_leader,
                               each_setup),
        cmocka_unit_test_setup(one_that_stands_by_rests_though_its_process_commits, each_setup),
        cmocka_unit_test_setup(a_session_that_is_terminated_loses_and_repeats_nothing, each_setup),
        cmocka_unit_test_setup(a_broker_killed_under_load_loses_and_repeats_nothing, each_setup),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
