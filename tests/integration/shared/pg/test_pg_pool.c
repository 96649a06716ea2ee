/* Connections that threads take turns with.

   Covers: shared/pg/pg_pool.c */
#include "shared/base/clock.h"
#include "shared/pg/pg_pool.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#define IDLE_MS 200

static struct pg_pool *pool;

static int open_pool(void **state) {
    (void)state;
    pool = pg_pool_create(servers_postgres_url(servers), "pooled", 3, IDLE_MS);
    return 0;
}

static int close_pool(void **state) {
    (void)state;
    pg_pool_destroy(&pool);
    return 0;
}

static int64_t ask(struct pg *pg, const struct pg_statement *statement) {
    struct error error = {0};
    struct pg_result *result = NULL;
    require_ok(pg_query(pg, statement, NULL, &result, &error), &error);
    int64_t number = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return number;
}

static int64_t process_of(struct pg *pg) {
    static const struct pg_statement statement = {"test.process", "SELECT pg_backend_pid()::bigint",
                                                  0};
    return ask(pg, &statement);
}

static bool has_sessions(void *closure) {
    static const struct pg_statement statement = {
        "test.sessions", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'",
        0};
    struct pg *admin = pg_create(servers_postgres_url(servers), "admin");
    bool has = ask(admin, &statement) == *(const int64_t *)closure;
    pg_destroy(&admin);
    return has;
}

static void the_last_given_back_is_taken_first(void **state) {
    (void)state;
    struct pg *one = pg_pool_take(pool), *other = pg_pool_take(pool);
    int64_t process = process_of(one);
    assert_int_not_equal(process, process_of(other));
    pg_pool_give(pool, other);
    pg_pool_give(pool, one);
    one = pg_pool_take(pool);
    assert_int_equal(process_of(one), process);
    pg_pool_give(pool, one);
}

static void what_nobody_has_wanted_for_a_while_is_closed(void **state) {
    (void)state;
    int64_t all = 3, left = 1;
    struct pg *taken[3];
    for (int i = 0; i < 3; i++) {
        taken[i] = pg_pool_take(pool);
        (void)process_of(taken[i]);
    }
    for (int i = 0; i < 3; i++)
        pg_pool_give(pool, taken[i]);
    assert_true(has_sessions(&all));
    clock_sleep_ms(2 * IDLE_MS);
    for (int i = 0; i < 4; i++)
        pg_pool_give(pool, pg_pool_take(pool));
    assert_true(wait_until(has_sessions, &left, 5000));
}

static void a_transaction_is_left_to_nobody(void **state) {
    (void)state;
    static const struct pg_statement make = {"test.make", "CREATE TABLE pooled (x int)", 0};
    static const struct pg_statement look = {
        "test.look", "SELECT count(*) FROM pg_class WHERE relname = 'pooled'", 0};
    struct error error = {0};
    struct pg *pg = pg_pool_take(pool);
    require_ok(pg_begin(pg, &error), &error);
    require_ok(pg_query(pg, &make, NULL, NULL, &error), &error);
    pg_pool_give(pool, pg);
    pg = pg_pool_take(pool);
    assert_int_equal(ask(pg, &look), 0);
    pg_pool_give(pool, pg);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_given_back_is_taken_first, open_pool, close_pool),
        cmocka_unit_test_setup_teardown(what_nobody_has_wanted_for_a_while_is_closed, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(a_transaction_is_left_to_nobody, open_pool, close_pool),
    };
    return cmocka_run_group_tests(tests, postgres_setup, servers_teardown);
}
