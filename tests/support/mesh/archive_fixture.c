#include "tests/support/mesh/archive_fixture.h"

#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/apart.h"

#define OMCTL_MS 120000

static struct buf output;

void archive_sql(struct scenario *scenario, const char *sql) {
    struct error error = {0};
    struct pg *pg = pg_create(mesh_database_url(scenario->mesh), "test");
    require_ok(pg_script(pg, sql, &error), &error);
    pg_destroy(&pg);
}

/* --- the past --------------------------------------------------------------------------------- */

static bool is_idle(jsCtx *js, const char *stream) {
    jsConsumerInfo *info = NULL;
    jsErrCode code;
    bool is_so = js_GetConsumerInfo(&info, js, stream, "analytics", NULL, &code) == NATS_OK &&
                 info->NumPending == 0 && info->NumAckPending == 0;
    jsConsumerInfo_Destroy(info);
    return is_so;
}

/* Nobody is behind analytics, which is patient. */
static bool is_all_done(void *closure) {
    static const char *const streams[] = {"ORDERS", "INVENTORY", "PAYMENTS", "SHIPPING",
                                          "NOTIFICATIONS"};
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(closure), NULL), NATS_OK);
    bool is_so = true;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]) && is_so; i++)
        is_so = is_idle(js, streams[i]);
    jsCtx_Destroy(js);
    return is_so;
}

void archive_let_forty_days_pass(struct scenario *scenario) {
    struct nats_client *nats = servers_connect(mesh_servers(scenario->mesh));
    assert_true(wait_until(is_all_done, nats, SCENARIO_SETTLE_MS));
    nats_client_destroy(&nats);
    archive_sql(scenario,
                "UPDATE orders.orders SET taken_at = taken_at - interval '40 days',"
                "  accepted_at = accepted_at - interval '40 days',"
                "  updated_at = updated_at - interval '40 days'"
                "  WHERE taken_at > now() - interval '30 days';"
                "UPDATE payments.payments SET updated_at = updated_at - interval '40 days'"
                "  WHERE updated_at > now() - interval '30 days';"
                "UPDATE inventory.reservations SET updated_at = updated_at - interval '40 days'"
                "  WHERE updated_at > now() - interval '30 days'");
}

/* --- omctl ------------------------------------------------------------------------------------ */

int archive_omctl(struct scenario *scenario, const char *failpoint, const char *const *arguments) {
    struct servers *servers = mesh_servers(scenario->mesh);
    struct apart *apart = mesh_apart(scenario->mesh);
    const char *argv[16] = {OM_BINARY_DIR "/bin/omctl"};
    struct environment environment = {0};
    char log[300];
    for (int i = 0; arguments[i] != NULL; i++)
        argv[i + 1] = arguments[i];
    servers_environment(servers, NULL, &environment);
    environment_set(&environment, "OM_DATABASE_URL",
                    apart != NULL ? apart_owner_url(apart, "om_orders")
                                  : mesh_database_url(scenario->mesh));
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

const char *archive_output(void) {
    return output.ptr;
}
