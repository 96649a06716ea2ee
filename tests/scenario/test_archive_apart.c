/* Where each service has a database of its own, orders leave all of them, also when omctl is killed
   between the commits of two.

   Covers: omctl/archive/archive_store.c tests/support/mesh/apart.c */
#include "omctl/archive/archive_tables.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/apart.h"
#include "tests/support/mesh/archive_fixture.h"

#include <sys/stat.h>

#define ORDERS 6

static char dir[300], databases[300];

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

static void assert_nothing_is_left(struct scenario *scenario) {
    static const char *const tables[] = {
        "orders.orders",         "payments.payments",           "inventory.reservations",
        "shipping.shipments",    "notifications.notifications", "loyalty.points",
        "analytics.order_facts", "analytics.order_terms",
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char sql[100];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        int64_t rows = scenario_sql(scenario, sql, NULL);
        if (rows != 0)
            fail_msg("%s has %lld rows", tables[i], (long long)rows);
    }
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
    archive_let_forty_days_pass(scenario);
    const char *home = servers_dir(mesh_servers(scenario->mesh));
    snprintf(dir, sizeof(dir), "%s/archive", home);
    snprintf(databases, sizeof(databases), "%s/databases", home);

    const char *const archive[] = {"archive", "--before",    "35d",     "--out",
                                   dir,       "--databases", databases, NULL};
    const char *const audit[] = {"audit", "--archive", dir, "--databases", databases, NULL};
    assert_int_equal(archive_omctl(scenario, NULL, archive), 1);
    assert_contains(archive_output(),
                    "the database has no schema payments: --databases says where");
    write_urls(scenario);
    assert_int_equal(archive_omctl(scenario, "archive.after_commit:2", archive), OMCTL_KILLED);
    if (archive_omctl(scenario, NULL, archive) != 0 || archive_omctl(scenario, NULL, audit) != 0)
        fail_msg("%s", archive_output());
    assert_contains(archive_output(), "6 orders in 1 files");
    assert_nothing_is_left(scenario);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders_leave_all_databases)};
    return cmocka_run_group_tests(tests, scenario_setup_apart, scenario_teardown);
}
