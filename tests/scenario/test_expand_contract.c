/* A column gives way to another over three versions, as docs/deploying.md says, under load: expand
   while the old version runs, replace its processes one by one, and contract when all of them are
   gone.

   What is old and what is new of it are statements of this test; the processes are those of a
   version between, which use neither column and have their statements prepared throughout.

   Covers: omctl/install/migrate.c shared/pg/pg.c */
#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/scenario.h"
#include "tests/support/servers/server_kinds.h"

#define READY_MS 20000
#define LEAVES_MS 10000
#define DIRECTORY "/expand-contract"

/* Tables that every order writes, of one service each. */
static const char *const tables[] = {"orders.orders", "inventory.stock", "payments.payments",
                                     "shipping.shipments", "notifications.notifications"};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static void run(const char *const *argv) {
    assert_int_equal(process_run(&(struct process_options){.argv = argv}, 60000), 0);
}

/* A folder of migrations that begins with ours; free with buf_fini(). */
static struct buf copy_migrations(struct scenario *scenario) {
    struct buf folder = {0};
    buf_printf(&folder, "%s" DIRECTORY, servers_dir(mesh_servers(scenario->mesh)));
    run((const char *[]){"cp", "-r", OM_SOURCE_DIR "/sql", folder.ptr, NULL});
    return folder;
}

/* A later version's migrations, one a table, and its way to the database. */
static void migrate(struct scenario *scenario, const struct buf *folder, int number,
                    const char *change) {
    struct servers *servers = mesh_servers(scenario->mesh);
    for (size_t i = 0; i < TABLES; i++) {
        struct buf path = {0};
        buf_printf(&path, "%s/%04d_step.sql", folder->ptr, number + (int)i);
        FILE *file = fopen(path.ptr, "w");
        assert_non_null(file);
        fprintf(file, "ALTER TABLE %s %s;\n", tables[i], change);
        fclose(file);
        buf_fini(&path);
    }
    servers_run_omctl(servers, (const char *[]){"migrate", "--dir", folder->ptr, NULL});
    servers_run_omctl(servers, (const char *[]){"migrate", "--check", "--dir", folder->ptr, NULL});
}

/* A statement of another version's code. */
static enum status run_code(struct scenario *scenario, const char *sql, struct error *error) {
    struct pg *pg = pg_create(mesh_database_url(scenario->mesh), "another version");
    enum status status = pg_script(pg, sql, error);
    pg_destroy(&pg);
    return status;
}

static const char old_code[] =
    "UPDATE orders.orders SET old_note = 'of an old process'"
    " WHERE id = (SELECT id FROM orders.orders ORDER BY accepted_at DESC LIMIT 1)";
static const char new_code[] =
    "UPDATE orders.orders SET new_note = 'of a new process'"
    " WHERE id = (SELECT id FROM orders.orders ORDER BY accepted_at DESC LIMIT 1)";
static const char carry_over[] =
    "UPDATE orders.orders SET new_note = old_note WHERE new_note = '' AND old_note <> ''";

/* Each process in turn, with the old version's code and the new one's beside it. */
static void replace_processes(struct scenario *scenario, struct workload *workload) {
    struct error error = {0};
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        assert_true(workload_await_accepted(workload, workload_accepted(workload) + 30, 20000));
        assert_int_equal(mesh_terminate(scenario->mesh, (enum mesh_part)part, LEAVES_MS), 0);
        require_ok(run_code(scenario, old_code, &error), &error);
        mesh_launch(scenario->mesh, (enum mesh_part)part, NULL);
        assert_true(mesh_await_ready(scenario->mesh, READY_MS));
        require_ok(run_code(scenario, new_code, &error), &error);
    }
}

static void a_column_gives_way_to_another_without_a_lost_order(void **state) {
    struct scenario *scenario = *state;
    struct error error = {0};
    struct buf folder = copy_migrations(scenario);
    migrate(scenario, &folder, 9100, "ADD COLUMN old_note text NOT NULL DEFAULT ''");
    struct workload *workload = scenario_start_load(scenario, "100");
    assert_true(workload_await_accepted(workload, 200, 20000));

    migrate(scenario, &folder, 9200, "ADD COLUMN new_note text NOT NULL DEFAULT ''");
    replace_processes(scenario, workload);
    require_ok(run_code(scenario, carry_over, &error), &error);
    int64_t notes =
        scenario_sql(scenario, "SELECT count(*) FROM orders.orders WHERE new_note <> ''", NULL);
    assert_true(notes > 1);
    migrate(scenario, &folder, 9300, "DROP COLUMN old_note");

    assert_true(workload_await_accepted(workload, workload_accepted(workload) + 200, 20000));
    require_ok(run_code(scenario, new_code, &error), &error);
    assert_true(scenario_sql(scenario, "SELECT count(*) FROM orders.orders WHERE new_note <> ''",
                             NULL) >= notes);
    assert_int_not_equal(run_code(scenario, old_code, &error),
                         STATUS_OK); /* why all must be gone */
    assert_contains(error.text, "old_note");
    for (int part = 0; part < MESH_PART_COUNT; part++)
        assert_int_equal(mesh_deaths(scenario->mesh, (enum mesh_part)part), 0);
    scenario_end_load(scenario, &workload);
    buf_fini(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_gives_way_to_another_without_a_lost_order),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}
