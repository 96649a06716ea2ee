/* TLS with NATS, both sides showing certificates, against a real server set up by
   nats/server.conf.in with certificates of scripts/nats-certificates.

   Covers: nats/server.conf.in scripts/nats-certificates shared/nats/nats_client.c */
#include "shared/nats/nats_client.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/program.h"
#include "tests/support/servers/servers.h"

#include <pthread.h>
#include <signal.h>

#define WAIT_MS 20000
#define TOOL_MS 10000
#define ATTEMPTS_MAX 8

static struct servers *servers;
static char authority[128]; /* a directory with another authority and its certificates */
static char expired[128];   /* with certificates of the right authority that are out of date */

/* --- fixture --- */

static void make_certificates(const char *dir, const char *name, const char *days) {
    struct environment environment = {0};
    struct buf log = {0};
    buf_printf(&log, "%s/certificates.log", servers_dir(servers));
    environment_set(&environment, "OM_CERTIFICATE_DAYS", days);
    const char *const argv[] = {OM_SOURCE_DIR "/scripts/nats-certificates", dir, name, NULL};
    assert_int_equal(process_run(&(struct process_options){.argv = argv,
                                                           .environment = &environment,
                                                           .log_path = log.ptr},
                                 TOOL_MS),
                     0);
    environment_fini(&environment);
    buf_fini(&log);
}

/* A file of the mesh's own, such as "order.key". */
static char *right(const char *file) {
    struct buf path = {0};
    buf_printf(&path, "%s/secrets/nats-tls/%s", servers_dir(servers), file);
    return path.ptr;
}

static void copy_authority(const char *dir) {
    char *ca = right("ca.*");
    struct buf command = {0};
    buf_printf(&command, "mkdir -p %s && cp %s %s/", dir, ca, dir);
    const char *const argv[] = {"sh", "-c", command.ptr, NULL};
    assert_int_equal(process_run(&(struct process_options){.argv = argv}, TOOL_MS), 0);
    buf_fini(&command);
    free(ca);
}

static int start(void **state) {
    (void)state;
    servers = servers_start(SERVERS_NATS | SERVERS_REDIS | SERVERS_TLS);
    servers_provision(servers); /* by omctl, as configured by its environment */
    snprintf(authority, sizeof(authority), "%s/other", servers_dir(servers));
    make_certificates(authority, "order", "1");
    snprintf(expired, sizeof(expired), "%s/expired", servers_dir(servers));
    copy_authority(expired);
    make_certificates(expired, "order", "0");
    make_certificates(expired, "server", "0");
    return 0;
}

static int stop(void **state) {
    (void)state;
    servers_stop(&servers);
    return 0;
}

/* --- connecting --- */

/* One try; the client gives up after some seconds, so several go side by side. Owns the paths,
   which may be NULL. */
struct attempt {
    const char *url;
    char *ca, *cert, *key;
    enum status expected;
    const char *words; /* in the error */
};

struct outcome {
    struct attempt attempt;
    pthread_t thread;
    struct nats_client *nats;
    enum status status;
    struct error error;
};

static void *connect_once(void *closure) {
    struct outcome *outcome = closure;
    const struct nats_client_options options = {
        .url = outcome->attempt.url,
        .user = "order",
        .password_file = servers_nats_password_file(servers, "order"),
        .name = "order",
        .tls_ca_file = outcome->attempt.ca,
        .tls_cert_file = outcome->attempt.cert,
        .tls_key_file = outcome->attempt.key,
    };
    outcome->status = nats_client_create(&options, &outcome->nats, &outcome->error);
    free(outcome->attempt.ca);
    free(outcome->attempt.cert);
    free(outcome->attempt.key);
    return NULL;
}

static void assert_refused(const struct attempt *attempts, size_t count) {
    struct outcome outcomes[ATTEMPTS_MAX] = {0};
    assert_true(count <= ATTEMPTS_MAX);
    for (size_t i = 0; i < count; i++) {
        outcomes[i].attempt = attempts[i];
        assert_int_equal(pthread_create(&outcomes[i].thread, NULL, connect_once, &outcomes[i]), 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(outcomes[i].thread, NULL);
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i].status != attempts[i].expected)
            fail_msg("%zu: %s: %s", i, status_name(outcomes[i].status), outcomes[i].error.text);
        assert_contains(outcomes[i].error.text, attempts[i].words);
    }
}

static char *in(const char *dir, const char *file) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", dir, file);
    return path.ptr;
}

static bool is_connected(void *nats) {
    return nats_client_is_connected(nats);
}

static bool is_away(void *nats) {
    return !nats_client_is_connected(nats);
}

/* --- tests --- */

static void both_sides_certificates_make_a_connection_that_comes_back(void **state) {
    (void)state;
    struct outcome outcome = {.attempt = {.url = servers_nats_url(servers),
                                          .ca = right("ca.crt"),
                                          .cert = right("order.crt"),
                                          .key = right("order.key")}};
    connect_once(&outcome);
    if (outcome.status != STATUS_OK)
        fail_msg("%s", outcome.error.text);
    assert_true(nats_client_is_connected(outcome.nats));

    servers_kill(servers, SERVER_NATS);
    assert_true(wait_until(is_away, outcome.nats, WAIT_MS));
    servers_restart(servers, SERVER_NATS);

    assert_true(wait_until(is_connected, outcome.nats, WAIT_MS));
    nats_client_destroy(&outcome.nats);
}

static void a_client_without_a_certificate_of_the_authority_is_refused(void **state) {
    (void)state;
    const char *url = servers_nats_url(servers);
    const struct attempt attempts[] = {
        {url, right("ca.crt"), NULL, NULL, STATUS_UNAVAILABLE, "certificate"},
        {url, right("ca.crt"), in(authority, "order.crt"), in(authority, "order.key"),
         STATUS_UNAVAILABLE, "certificate"},
        {url, right("ca.crt"), in(expired, "order.crt"), in(expired, "order.key"),
         STATUS_UNAVAILABLE, "certificate"},
    };
    assert_refused(attempts, sizeof(attempts) / sizeof(attempts[0]));
}

static void files_that_cannot_be_used_are_named(void **state) {
    (void)state;
    const char *url = servers_nats_url(servers);
    const struct attempt attempts[] = {
        {url, right("nowhere.crt"), NULL, NULL, STATUS_NOT_FOUND, "nowhere.crt"},
        {url, right("ca.crt"), right("order.crt"), NULL, STATUS_INVALID, "together"},
        {url, right("../nats_order"), NULL, NULL, STATUS_INVALID, "the trusted TLS certificates"},
        {url, right("ca.crt"), right("order.crt"), right("server.key"), STATUS_INVALID,
         "the TLS certificate and its key"},
    };
    assert_refused(attempts, sizeof(attempts) / sizeof(attempts[0]));
}

static bool accepts(void *port) {
    return port_accepts(*(int *)port);
}

/* A server with the expired certificate. */
static struct process *start_expired(int port) {
    char *config_path = in(servers_dir(servers), "expired.conf"),
         *log_path = in(servers_dir(servers), "expired.log");
    const char *program = getenv("OM_NATS_SERVER");
    FILE *config = fopen(config_path, "w");
    assert_non_null(config);
    fprintf(config,
            "listen: \"127.0.0.1:%d\"\n"
            "tls { cert_file: \"%s/server.crt\", key_file: \"%s/server.key\" }\n",
            port, expired, expired);
    assert_int_equal(fclose(config), 0);
    struct process *server = process_start(&(struct process_options){
        .argv = (const char *[]){program != NULL && program[0] != '\0' ? program : "nats-server",
                                 "-c", config_path, NULL},
        .log_path = log_path});
    assert_true(wait_until(accepts, &port, WAIT_MS));
    free(config_path);
    free(log_path);
    return server;
}

static void a_server_that_is_not_proved_to_be_the_one_is_refused(void **state) {
    (void)state;
    int port = servers_port(servers, SERVER_NATS), expired_port = free_port();
    char other_name[64], no_tls[64], expired_url[64];
    const char *url = servers_nats_url(servers);
    snprintf(other_name, sizeof(other_name), "tls://127.1:%d", port);
    snprintf(no_tls, sizeof(no_tls), "nats://127.0.0.1:%d", port);
    snprintf(expired_url, sizeof(expired_url), "tls://127.0.0.1:%d", expired_port);
    struct process *server = start_expired(expired_port);
    const struct attempt attempts[] = {
        {url, in(authority, "ca.crt"), right("order.crt"), right("order.key"), STATUS_UNAVAILABLE,
         "certificate"},
        {url, NULL, right("order.crt"), right("order.key"), STATUS_UNAVAILABLE, "issuer"},
        {no_tls, NULL, NULL, NULL, STATUS_UNAVAILABLE, "issuer"},
        {other_name, right("ca.crt"), right("order.crt"), right("order.key"), STATUS_UNAVAILABLE,
         "mismatch"},
        {expired_url, right("ca.crt"), NULL, NULL, STATUS_UNAVAILABLE, "expired"},
    };

    assert_refused(attempts, sizeof(attempts) / sizeof(attempts[0]));

    process_destroy(&server);
}

static void a_process_of_ours_connects_by_its_configuration(void **state) {
    (void)state;
    struct environment environment = {0};
    char *log_path = in(servers_dir(servers), "gateway.log");
    int admin_port = free_port();
    servers_service_environment(servers, "gateway", NULL, &environment);
    environment_set_int(&environment, "OM_HTTP_PORT", free_port());
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    struct process *gateway = program_start("gateway", &environment, log_path);

    assert_true(wait_until(program_is_ready, &admin_port, WAIT_MS));

    assert_int_equal(program_end(&gateway, WAIT_MS), 0);
    environment_fini(&environment);
    free(log_path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_certificates_make_a_connection_that_comes_back),
        cmocka_unit_test(a_server_that_is_not_proved_to_be_the_one_is_refused),
        cmocka_unit_test(a_client_without_a_certificate_of_the_authority_is_refused),
        cmocka_unit_test(files_that_cannot_be_used_are_named),
        cmocka_unit_test(a_process_of_ours_connects_by_its_configuration),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
