/* Sessions by a PgBouncer in session mode, as docs/deploying.md allows them: they have what a
   session without it has.

   Covers: shared/pg/pg.c shared/pg/pg_lock.c tests/support/servers/pooler.c */
#include "shared/pg/pg.h"
#include "shared/pg/pg_lock.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/pooler.h"
#include "tests/support/servers/servers_fixture.h"

#define WAIT_MS 15000

static struct pooler *pooler;
static struct buf url;

static int setup(void **state) {
    schema_setup(state);
    pooler = pooler_start(servers);
    url = pooler_url(pooler, servers_role_url(servers, "om_orders"));
    return 0;
}

static int teardown(void **state) {
    buf_fini(&url);
    pooler_stop(&pooler);
    return servers_teardown(state);
}

static const struct pg_statement settings = {
    "test.settings",
    "SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('lock_timeout'),"
    " current_setting('idle_in_transaction_session_timeout'), current_setting('jit'),"
    " current_setting('synchronous_commit'), current_setting('row_security'),"
    " current_setting('search_path'), current_setting('application_name'),"
    " current_setting('client_encoding'))",
    0};

static void assert_settings(struct pg *pg) {
    struct error error = {0};
    struct pg_result *result = NULL;
    require_ok(pg_query(pg, &settings, NULL, &result, &error), &error);
    assert_slice_equal(pg_get_slice(result, 0, 0), "10s 5s 30s off on off orders, om test UTF8");
    pg_result_free(&result);
}

/* The pooler refused `options` at a session's beginning; told to ignore them, it lost the
 * time-outs.
 */
static void a_session_by_a_pooler_has_its_timeouts(void **state) {
    (void)state;
    struct error error = {0};
    struct pg *pg = pg_create(url.ptr, "test");
    require_ok(pg_connect(pg, &error), &error);
    assert_settings(pg);
    require_ok(pg_begin(pg, &error), &error);
    assert_settings(pg);
    require_ok(pg_commit(pg, &error), &error);
    pg_destroy(&pg);
}

/* What one session sets for itself is not the next one's, which gets its connection to the server.
 */
static void a_session_leaves_nothing_to_the_next(void **state) {
    (void)state;
    struct error error = {0};
    struct pg *pg = pg_create(url.ptr, "test");
    pg_set_on_connect(pg, "SET statement_timeout = '1s'; SET search_path = nowhere");
    require_ok(pg_connect(pg, &error), &error);
    assert_int_equal(pg_query(pg, &settings, NULL, NULL, &error), STATUS_OK);
    pg_destroy(&pg);
    pg = pg_create(url.ptr, "test");
    assert_settings(pg);
    pg_destroy(&pg);
}

static void a_statement_by_a_pooler_ends_in_time(void **state) {
    (void)state;
    static const struct pg_statement sleep = {"test.sleep", "SELECT pg_sleep(60)", 0};
    struct error error = {0};
    struct pg *pg = pg_create(url.ptr, "test");
    pg_set_on_connect(pg, "SET statement_timeout = '200ms'");
    assert_int_equal(pg_query(pg, &sleep, NULL, NULL, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.sqlstate, "57014");
    pg_destroy(&pg);
}

static bool take_lead(void *closure) {
    bool is_taken = false;
    int64_t session;
    return pg_lock_try(closure, "om.relay.orders", &is_taken, &session, NULL) == STATUS_OK &&
           is_taken;
}

/* The lock is the session's: whoever leads keeps out all others, and leaves it by going. */
static void one_relay_leads_and_the_next_follows_it(void **state) {
    (void)state;
    struct pg *first = pg_create(url.ptr, "first"), *next = pg_create(url.ptr, "next");
    assert_true(take_lead(first));
    assert_false(take_lead(next));
    pg_destroy(&first);
    assert_true(wait_until(take_lead, next, WAIT_MS));
    pg_destroy(&next);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_by_a_pooler_has_its_timeouts),
        cmocka_unit_test(a_session_leaves_nothing_to_the_next),
        cmocka_unit_test(a_statement_by_a_pooler_ends_in_time),
        cmocka_unit_test(one_relay_leads_and_the_next_follows_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
