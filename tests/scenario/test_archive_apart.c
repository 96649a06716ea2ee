/* Where each service has a database of its own, orders leave all of them, also when omctl is killed
   between the commits of two.

   Covers: omctl/archive/archive_store.c tests/support/mesh/apart.c */
#include "omctl/archive/archive_tables.h"
#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/apart.h"
#include "tests/support/mesh/scenario.h"

#include <sys/stat.h>

#define OMCTL_MS 120000
#define KILLED (128 + 9)
#define ORDERS 6

static char dir[300], databases[300];
static struct buf output;

static int omctl(struct scenario *scenario, const char *failpoint, const char *const *arguments) {
    struct servers *servers = mesh_servers(scenario->mesh);
    const char *argv[16] = {OM_BINARY_DIR "/bin/omctl"};
    struct environment environment = {0};
    char log[300];
    for (int i = 0; arguments[i] != NULL; i++)
        argv[i + 1] = arguments[i];
    servers_environment(servers, NULL, &environment);
    environment_set(&environment, "OM_DATABASE_URL",
                    apart_owner_url(mesh_apart(scenario->mesh), "om_orders"));
    if (failpoint != NULL)
        environment_set(&environment, "OM_FAILPOINT", failpoint);
    snprintf(log, sizeof(log), "%s/archive.log", servers_dir(servers));
    (void)remove(log);
    int code = process_run(
        &(struct process_options){.argv = argv, .environment = &environment, .log_path = log},
        OMCTL_MS);
    environment_fini(&environment);
    buf_fini(&output);
    output = read_file(log);
    return code;
}

/* All but that of OM_DATABASE_URL. */
static void write_urls(struct scenario *scenario) {
    assert_int_equal(mkdir(databases, 0700), 0);
    for (size_t i = ARCHIVE_ORDERS + 1; i < ARCHIVE_PARTS; i++) {
        char path[400], role[64];
        snprintf(path, sizeof(path), "%s/%s", databases, archive_parts[i].schema);
        snprintf(role, sizeof(role), "om_%s", archive_parts[i].schema);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file, "%s\n", apart_owner_url(mesh_apart(scenario->mesh), role));
        assert_int_equal(fclose(file), 0);
    }
}

static void let_forty_days_pass(struct scenario *scenario) {
    struct error error = {0};
    struct pg *pg = pg_create(mesh_database_url(scenario->mesh), "test");
    require_ok(pg_script(pg,
                         "UPDATE orders.orders SET taken_at = taken_at - interval '40 days',"
                         "  updated_at = updated_at - interval '40 days';"
                         "UPDATE payments.payments SET updated_at = updated_at - interval '40 d';"
                         "UPDATE inventory.reservations SET updated_at = updated_at - interval '40 "
                         "d'",
                         &error),
               &error);
    pg_destroy(&pg);
}

static void orders_leave_all_databases(void **state) {
    struct scenario *scenario = *state;
    char key[32], id[64];
    for (int i = 0; i < ORDERS; i++) {
        snprintf(key, sizeof(key), "apart-%d", i);
        scenario_place(scenario, key, "TSHIRT-BLK-M", 1, "pm_card_visa", id);
        assert_true(
            clients_await_status(scenario->clients, id, "COMPLETED", SCENARIO_SETTLE_MS, NULL));
    }
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    let_forty_days_pass(scenario);
    const char *home = servers_dir(mesh_servers(scenario->mesh));
    snprintf(dir, sizeof(dir), "%s/archive", home);
    snprintf(databases, sizeof(databases), "%s/databases", home);

    const char *const archive[] = {"archive", "--before",    "35d",     "--out",
                                   dir,       "--databases", databases, NULL};
    const char *const audit[] = {"audit", "--archive", dir, "--databases", databases, NULL};
    assert_int_equal(omctl(scenario, NULL, archive), 1);
    assert_contains(output.ptr, "the database has no schema payments: --databases says where");
    write_urls(scenario);
    assert_int_equal(omctl(scenario, "archive.after_commit:2", archive), KILLED);
    if (omctl(scenario, NULL, archive) != 0 || omctl(scenario, NULL, audit) != 0)
        fail_msg("%s", output.ptr);
    assert_contains(output.ptr, "6 orders in 1 files");
    assert_int_equal(scenario_sql(scenario,
                                  "SELECT (SELECT count(*) FROM orders.orders)"
                                  " + (SELECT count(*) FROM payments.payments)"
                                  " + (SELECT count(*) FROM inventory.reservations)"
                                  " + (SELECT count(*) FROM shipping.shipments)"
                                  " + (SELECT count(*) FROM notifications.notifications)"
                                  " + (SELECT count(*) FROM loyalty.points)"
                                  " + (SELECT count(*) FROM analytics.order_facts)"
                                  " + (SELECT count(*) FROM analytics.order_terms)",
                                  NULL),
                     0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders_leave_all_databases)};
    int failed = cmocka_run_group_tests(tests, scenario_setup_apart, scenario_teardown);
    buf_fini(&output);
    return failed;
}
