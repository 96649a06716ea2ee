/* omctl as its users run it: words, options and exit codes.

   Covers: omctl/command/ omctl/events.c omctl/health.c omctl/main.c omctl/seed.c */
#include "shared/base/memory.h"
#include "shared/pg/pg.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http_sink.h"
#include "tests/support/servers/servers.h"

#define TIMEOUT_MS 60000
#define ARGS_MAX 8
#define AN_ORDER "ef0168a2-25ac-85ab-b2e6-7f3075139440"

static struct servers *servers;
static struct environment environment;
static char log_path[256];

static int start(void **state) {
    (void)state;
    servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS);
    snprintf(log_path, sizeof(log_path), "%s/omctl.log", servers_dir(servers));
    environment_set(&environment, "OM_DATABASE_URL", servers_postgres_url(servers));
    environment_set(&environment, "OM_NATS_URL", servers_nats_url(servers));
    environment_set(&environment, "OM_NATS_USER", "operator");
    environment_set(&environment, "OM_NATS_PASSWORD_FILE",
                    servers_nats_password_file(servers, "operator"));
    return 0;
}

static int stop(void **state) {
    (void)state;
    environment_fini(&environment);
    servers_stop(&servers);
    return 0;
}

/* Starts `omctl <line>`, its words apart by single spaces. */
static struct process *start_omctl(const char *line) {
    const char *argv[ARGS_MAX + 2] = {OM_BINARY_DIR "/bin/omctl"};
    char *words = mem_copy(slice_of(line)), *rest = words;
    int argc = 1;
    for (char *word; argc <= ARGS_MAX && (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    const struct process_options options = {
        .argv = argv,
        .environment = &environment,
        .log_path = log_path,
    };
    struct process *process = process_start(&options);
    free(words);
    return process;
}

/* Runs it to its end; the output is what the log then has. */
static int omctl(const char *line) {
    (void)remove(log_path);
    struct process *process = start_omctl(line);
    int code = -1;
    assert_true(process_wait(process, TIMEOUT_MS, &code));
    process_destroy(&process);
    return code;
}

static void assert_said(const char *part) {
    struct buf output = read_file(log_path);
    assert_contains(output.ptr, part);
    buf_fini(&output);
}

static void help_names_every_command_and_each_explains_itself(void **state) {
    (void)state;
    assert_int_equal(omctl("--help"), 0);
    assert_said("outbox redrive");
    assert_said("OM_DATABASE_URL");
    assert_int_equal(omctl("outbox redrive --help"), 0);
    assert_said("--since TIME");
    assert_int_equal(omctl("version"), 0);
    assert_said("omctl ");
}

static void wrong_usage_is_exit_code_2(void **state) {
    (void)state;
    assert_int_equal(omctl("frobnicate"), 2);
    assert_int_equal(omctl("outbox"), 2);
    assert_int_equal(omctl("migrate --chec"), 2);
    assert_int_equal(omctl("seed demo now"), 2);
    assert_int_equal(omctl("provision --ack-wait soon"), 2);
    assert_int_equal(omctl("provision --replicas 7"), 2);
    assert_int_equal(omctl("provision --wait soon"), 2);
    assert_int_equal(omctl("migrate --wait soon"), 2);
    assert_int_equal(omctl("migrate --check --passwords /tmp"), 2);
    assert_int_equal(omctl("outbox redrive --schema orders"), 2);
    assert_int_equal(omctl("outbox redrive --schema elsewhere --since 1h"), 2);
    assert_int_equal(omctl("outbox redrive --schema orders --since yesterday"), 2);
    assert_said("usage: omctl outbox redrive");
    assert_int_equal(omctl("notices resend"), 2);
    assert_int_equal(omctl("notices resend --channel log"), 2);
    assert_int_equal(omctl("notices resend --channel sms --order 12"), 2);
    assert_int_equal(omctl("notices resend --channel sms --since yesterday"), 2);
    assert_int_equal(omctl("rebuild analytics now"), 2);
    assert_int_equal(omctl("health"), 2);
    assert_int_equal(omctl("health /readyz"), 2);
    assert_int_equal(omctl("audit"), 2);
    assert_int_equal(omctl("audit 12"), 2);
    assert_int_equal(omctl("audit " AN_ORDER " --since noon"), 2);
    assert_said("usage: omctl audit");
    assert_int_equal(omctl("archive --before 90d"), 2);
    assert_int_equal(omctl("archive --out /tmp/x"), 2);
    assert_int_equal(omctl("archive --before noon --dry-run"), 2);
    assert_int_equal(omctl("archive --before 90d --dry-run --rate 0"), 2);
    assert_int_equal(omctl("archive --before 90d --dry-run --batch 20000"), 2);
    assert_int_equal(omctl("archive --before 29d --dry-run"), 2);
    assert_said("OM_RETURN_DAYS");
    assert_said("usage: omctl archive");
}

static void the_types_of_events_are_listed(void **state) {
    (void)state;
    assert_int_equal(omctl("events"), 0);
    assert_said("orders.evt.created");
    assert_int_equal(omctl("events --format json"), 0);
    assert_said("\"dataschema\":\"urn:ordermesh:schema:order.created:1\"");
    assert_int_equal(omctl("events --format xml"), 2);
}

static void a_check_exits_with_1_until_there_is_nothing_to_do(void **state) {
    (void)state;
    assert_int_equal(omctl("migrate --dir " OM_SOURCE_DIR "/sql --check --wait 1s"), 1);
    struct process *waiting = start_omctl("migrate --dir " OM_SOURCE_DIR "/sql --check --wait 1m");
    assert_int_equal(omctl("migrate --dir " OM_SOURCE_DIR "/sql"), 0);
    int code = -1;
    assert_true(process_wait(waiting, TIMEOUT_MS, &code));
    assert_int_equal(code, 0);
    process_destroy(&waiting);
    assert_int_equal(omctl("migrate --dir=" OM_SOURCE_DIR "/sql --check"), 0);
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats --check"), 1);
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats --ack-wait 2s"), 0);
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats --check"), 1);
    assert_said("ack_wait is 2s, declared 30s");
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats"), 0);
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats --check"), 0);
}

static void a_catalog_is_seeded_and_its_events_redriven(void **state) {
    (void)state;
    assert_int_equal(omctl("seed demo"), 0);
    assert_said("7 products added");
    assert_int_equal(omctl("outbox redrive --schema inventory --since 15m"), 0);
    assert_said("inventory: 7 events");
    assert_int_equal(omctl("outbox redrive --schema inventory --since 2001-01-01T00:00:00Z"), 0);
}

static void streams_without_orders_have_nothing_to_count_or_audit(void **state) {
    (void)state;
    assert_int_equal(omctl("rebuild analytics"), 0);
    assert_said("analytics: 0 events replayed");
    assert_int_equal(omctl("audit " AN_ORDER), 1);
    assert_said("its dead letters are not known: nobody serves mesh.dlq.list");
    assert_said("no stream has an event of this order");
}

static void waiting_ends_once_the_order_service_knows_the_prices(void **state) {
    (void)state;
    static const char known_sql[] =
        "INSERT INTO orders.catalog (sku, price_minor, currency, active, version)"
        " SELECT sku, price_minor, currency, active, version FROM inventory.products";
    struct error error = {0};
    struct pg *pg = pg_create(servers_postgres_url(servers), "test");
    if (pg_script(pg, known_sql, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    pg_destroy(&pg);
    assert_int_equal(omctl("seed demo --wait"), 0);
    assert_said("0 products added, 7 were there");
}

/* Runs `omctl health` at the sink, which answers with `status`. */
static int ask_health(struct http_sink *sink, int status) {
    char line[128];
    http_sink_set_status(sink, status);
    snprintf(line, sizeof(line), "health %s", http_sink_url(sink));
    return omctl(line);
}

static void health_is_exit_code_0_for_a_2xx_only(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    assert_int_equal(ask_health(sink, 200), 0);
    assert_int_equal(ask_health(sink, 204), 0);
    assert_int_equal(ask_health(sink, 302), 1);
    assert_int_equal(ask_health(sink, 503), 1);
    assert_said("503");
    assert_int_equal(ask_health(sink, 0), 1);
    http_sink_stop(&sink);
    assert_int_equal(omctl("health http://127.0.0.1:1/readyz"), 1);
    assert_said("omctl: health: ");
}

static void a_folder_that_is_not_there_is_named(void **state) {
    (void)state;
    assert_int_equal(omctl("migrate --dir /nowhere"), 1);
    assert_said("/nowhere");
    assert_int_equal(omctl("provision --dir /nowhere"), 1);
    assert_said("/nowhere");
}

static void a_refused_login_is_exit_code_1_and_said(void **state) {
    (void)state;
    environment_set(&environment, "OM_NATS_USER", "nobody");
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats"), 1);
    assert_said("omctl: provision: connecting to NATS");
    environment_set(&environment, "OM_NATS_PASSWORD_FILE", "/nowhere/password");
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats"), 1);
    assert_said("/nowhere/password");
}

static void a_server_that_is_away_is_exit_code_1_and_said(void **state) {
    (void)state;
    environment_set(&environment, "OM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x");
    assert_int_equal(omctl("migrate --dir " OM_SOURCE_DIR "/sql"), 1);
    assert_said("omctl: migrate: ");
    environment_set(&environment, "OM_DATABASE_URL", "");
    assert_int_equal(omctl("seed demo"), 1);
    assert_said("OM_DATABASE_URL is not set");
    environment_set(&environment, "OM_NATS_URL", "");
    assert_int_equal(omctl("provision --dir " OM_SOURCE_DIR "/nats"), 1);
    assert_said("OM_NATS_URL is not set");
}

static bool both_said_not_yet(void *closure) {
    (void)closure;
    struct buf said = read_file(log_path);
    bool is_said = strstr(said.ptr, "not yet: connecting to NATS") != NULL &&
                   strstr(said.ptr, "not yet: database") != NULL;
    buf_fini(&said);
    return is_said;
}

static void an_installation_waits_for_servers_that_are_not_there_yet(void **state) {
    (void)state;
    struct process *waiting[2];
    servers_shutdown(servers, SERVER_NATS);
    servers_shutdown(servers, SERVER_POSTGRES);
    (void)remove(log_path);
    waiting[0] = start_omctl("migrate --dir " OM_SOURCE_DIR "/sql --wait 1m");
    waiting[1] = start_omctl("provision --dir " OM_SOURCE_DIR "/nats --wait 1m");
    assert_true(wait_until(both_said_not_yet, NULL, TIMEOUT_MS));
    servers_restart(servers, SERVER_POSTGRES);
    servers_restart(servers, SERVER_NATS);

    for (int i = 0; i < 2; i++) {
        int code = -1;
        assert_true(process_wait(waiting[i], TIMEOUT_MS, &code));
        assert_int_equal(code, 0);
        process_destroy(&waiting[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_command_and_each_explains_itself),
        cmocka_unit_test(wrong_usage_is_exit_code_2),
        cmocka_unit_test(the_types_of_events_are_listed),
        cmocka_unit_test(a_check_exits_with_1_until_there_is_nothing_to_do),
        cmocka_unit_test(a_catalog_is_seeded_and_its_events_redriven),
        cmocka_unit_test(streams_without_orders_have_nothing_to_count_or_audit),
        cmocka_unit_test(waiting_ends_once_the_order_service_knows_the_prices),
        cmocka_unit_test(health_is_exit_code_0_for_a_2xx_only),
        cmocka_unit_test(an_installation_waits_for_servers_that_are_not_there_yet),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(a_refused_login_is_exit_code_1_and_said),
        cmocka_unit_test(a_server_that_is_away_is_exit_code_1_and_said),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
