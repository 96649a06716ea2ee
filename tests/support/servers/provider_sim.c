#include "tests/support/servers/provider_sim.h"

#include "shared/base/memory.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"

#include <signal.h>

#define START_MS 10000
#define PATH_SIZE 300

struct provider_sim {
    struct process *process;
    struct environment environment;
    int port;
    char key_path[PATH_SIZE], secret_path[PATH_SIZE], log_path[PATH_SIZE], url[64];
};

static bool answers(void *closure) {
    return port_accepts(((struct provider_sim *)closure)->port);
}

void provider_sim_restart(struct provider_sim *sim) {
    const char *const argv[] = {OM_BINARY_DIR "/bin/om-provider-sim", NULL};
    sim->process = process_start(&(struct process_options){
        .argv = argv, .environment = &sim->environment, .log_path = sim->log_path});
    assert_true(wait_until(answers, sim, START_MS));
}

static void write_secret(const char *path, const char *secret) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", secret);
    assert_int_equal(fclose(file), 0);
}

struct provider_sim *provider_sim_start(const char *dir, int64_t slow_ms) {
    struct provider_sim *sim = mem_alloc(sizeof(*sim));
    char ledger_path[PATH_SIZE];
    sim->port = free_port();
    snprintf(sim->url, sizeof(sim->url), "http://127.0.0.1:%d", sim->port);
    snprintf(sim->key_path, sizeof(sim->key_path), "%s/provider-sim.key", dir);
    snprintf(sim->log_path, sizeof(sim->log_path), "%s/provider-sim.log", dir);
    snprintf(ledger_path, sizeof(ledger_path), "%s/provider-sim.ledger", dir);
    snprintf(sim->secret_path, sizeof(sim->secret_path), "%s/provider-sim.secret", dir);
    write_secret(sim->key_path, "sk_test_simulated");
    write_secret(sim->secret_path, "whsec_simulated");
    unlink(ledger_path);
    environment_set(&sim->environment, "OM_SIM_LEDGER_FILE", ledger_path);
    environment_set_int(&sim->environment, "OM_SIM_SLOW_MS", slow_ms);
    environment_set_int(&sim->environment, "OM_SIM_HTTP_PORT", sim->port);
    provider_sim_restart(sim);
    return sim;
}

void provider_sim_kill(struct provider_sim *sim) {
    process_destroy(&sim->process);
}

void provider_sim_pause(struct provider_sim *sim) {
    process_signal(sim->process, SIGSTOP);
    assert_true(wait_until(process_is_stopped, sim->process, START_MS));
}

void provider_sim_resume(struct provider_sim *sim) {
    process_signal(sim->process, SIGCONT);
}

void provider_sim_stop(struct provider_sim **sim) {
    if (*sim == NULL)
        return;
    provider_sim_kill(*sim);
    environment_fini(&(*sim)->environment);
    free(*sim);
    *sim = NULL;
}

const char *provider_sim_url(const struct provider_sim *sim) {
    return sim->url;
}

const char *provider_sim_key_file(const struct provider_sim *sim) {
    return sim->key_path;
}

void provider_sim_hook(struct provider_sim *sim, const char *url) {
    environment_set(&sim->environment, "OM_SIM_WEBHOOK_URL", url);
    environment_set(&sim->environment, "OM_SIM_WEBHOOK_SECRET_FILE", sim->secret_path);
}

const char *provider_sim_secret_file(const struct provider_sim *sim) {
    return sim->secret_path;
}

static void post(struct provider_sim *sim, const char *path, const char *form, int status) {
    struct http_client *http = http_client_create();
    struct http_response response;
    char url[200];
    snprintf(url, sizeof(url), "%s%s", sim->url, path);
    const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    const struct http_request request = {
        .method = "POST", .url = url, .headers = headers, .body = form};
    assert_int_equal(http_send(http, &request, &response), status);
    http_response_fini(&response);
    http_client_destroy(&http);
}

void provider_sim_inject(struct provider_sim *sim, const char *form) {
    post(sim, "/inject", form, 200);
}

static void answer(struct provider_sim *sim, const char *charge_id, const char *word) {
    char path[120];
    snprintf(path, sizeof(path), "/confirm/%s/%s", charge_id, word);
    post(sim, path, "", 303);
}

void provider_sim_confirm(struct provider_sim *sim, const char *charge_id) {
    answer(sim, charge_id, "yes");
}

void provider_sim_decline(struct provider_sim *sim, const char *charge_id) {
    answer(sim, charge_id, "no");
}

static const char check_sql[] =
    "WITH e AS (SELECT e->>'kind' AS kind, (e->>'orderId')::uuid AS order_id, e->>'id' AS id,"
    "    (e->>'amountMinor')::bigint AS amount, e->>'declineCode' AS decline_code,"
    "    e->>'captureMethod' = 'manual' AS is_held, e->>'chargeId' AS charge_id,"
    "    e->>'returnUrl' IS NOT NULL AS is_challenged"
    "    FROM json_array_elements('%s'::json->'entries') e),"
    " c AS (SELECT order_id, count(*) AS n, min(id) AS id, min(amount) AS amount,"
    "    coalesce(bool_and(is_held), false) AS is_held FROM e"
    "    WHERE kind = 'charge' AND decline_code IS NULL AND (NOT is_challenged OR EXISTS"
    "      (SELECT FROM e y WHERE y.kind = 'confirm' AND y.charge_id = e.id)) GROUP BY order_id),"
    " t AS (SELECT order_id, count(*) AS n, sum(amount) AS amount FROM e"
    "    WHERE kind = 'capture' GROUP BY order_id),"
    " v AS (SELECT order_id, count(*) AS n FROM e WHERE kind = 'void' GROUP BY order_id),"
    " r AS (SELECT order_id, count(*) AS n, min(id) AS id, sum(amount) AS amount FROM e"
    "    WHERE kind = 'refund' GROUP BY order_id)"
    " SELECT count(*) FROM payments.payments p FULL JOIN c USING (order_id)"
    " FULL JOIN t USING (order_id) FULL JOIN v USING (order_id) FULL JOIN r USING (order_id)"
    " WHERE NOT coalesce(CASE"
    "   WHEN p.status IN ('CAPTURED', 'REFUNDED') THEN c.n = 1 AND v.n IS NULL"
    "     AND c.id = p.charge_id AND c.amount = p.amount_minor"
    "     AND (t.n IS NOT NULL) = c.is_held AND coalesce(t.n, 1) = 1"
    "     AND coalesce(t.amount, p.amount_minor) = coalesce(p.captured_minor, p.amount_minor)"
    "     AND CASE p.status WHEN 'CAPTURED' THEN coalesce(r.amount, 0) = "
    "coalesce(p.refunded_minor, 0)"
    "       ELSE r.n = 1 AND r.id = p.refund_id AND r.amount = p.amount_minor END"
    "   WHEN p.status IN ('AUTHORIZED', 'UNCAPTURED', 'RELEASED') THEN c.n = 1 AND c.is_held"
    "     AND c.id = p.charge_id AND c.amount = p.authorized_minor AND t.n IS NULL"
    "     AND r.n IS NULL AND (coalesce(v.n, 0) = 1) = (p.status = 'RELEASED')"
    "   WHEN p.status IN ('VOIDED', 'ABANDONED') THEN c.n IS NULL AND r.n IS NULL"
    "   WHEN p.status IN ('DECLINED', 'WITHDRAWN') THEN r.n IS NULL AND t.n IS NULL"
    "     AND (c.n IS NULL OR (c.is_held AND v.n = 1))" /* held at the last moment, and let go */
    "   WHEN p.status IN ('CHALLENGED', 'HOLD_CHALLENGED', 'WITHDRAWING') THEN c.n IS NULL"
    "   ELSE false END, false)";

void provider_sim_write_check(struct provider_sim *sim, struct buf *sql) {
    struct http_response response;
    char url[100];
    snprintf(url, sizeof(url), "%s/ledger", sim->url);
    assert_int_equal(http_get(url, &response), 200);
    buf_printf(sql, check_sql, response.body.ptr);
    http_response_fini(&response);
}
