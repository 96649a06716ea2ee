/* Each process describes itself and its configuration, and ends in order before it has begun.
   No server runs.

   Covers: gateway/describe.c gateway/main.c shared/base/config.c shared/base/version.c
   shared/service/runtime.c */
#include "shared/base/version.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#define RUN_MS 20000
#define PROGRAM(name) OM_BINARY_DIR "/bin/" name

static const char *const processes[] = {
    PROGRAM("om-gateway"), PROGRAM("om-order"),    PROGRAM("om-inventory"),
    PROGRAM("om-payment"), PROGRAM("om-shipping"), PROGRAM("om-notification"),
};
#define PROCESSES (sizeof(processes) / sizeof(processes[0]))

static char output_path[] = "/tmp/om-output-XXXXXX";
static char key_path[] = "/tmp/om-key-XXXXXX";

static void make_file(char *path, const char *text) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int make_files(void **state) {
    (void)state;
    make_file(output_path, "");
    make_file(key_path, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    unlink(key_path);
    return unlink(output_path);
}

/* Everything a process needs, at servers that are not there; `name` (may be NULL) is set to
   `value` on top. */
static void fill_environment(struct environment *environment, const char *name, const char *value) {
    char nats_url[64];
    snprintf(nats_url, sizeof(nats_url), "nats://127.0.0.1:%d", free_port());
    environment_set(environment, "OM_NATS_URL", nats_url);
    environment_set(environment, "OM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none");
    environment_set(environment, "OM_REDIS_URL", "redis://127.0.0.1:1");
    environment_set(environment, "OM_PII_KEY_FILE", key_path);
    if (name != NULL)
        environment_set(environment, name, value);
}

/* Runs a program to its end; its exit code, and what it said in *output. */
static int run(const char *const *argv, const struct environment *environment, struct buf *output) {
    assert_int_equal(truncate(output_path, 0), 0);
    int code = process_run(&(struct process_options){.argv = argv,
                                                     .environment = environment,
                                                     .log_path = output_path},
                           RUN_MS);
    *output = read_file(output_path);
    return code;
}

static void assert_says(const char *const *argv, const struct environment *environment,
                        int expected_code, const char *expected_part) {
    struct buf output;
    int code = run(argv, environment, &output);
    assert_contains(output.ptr, expected_part);
    if (code != expected_code)
        fail_msg("%s %s ended with %d", argv[0], argv[1], code);
    buf_fini(&output);
}

static void a_process_lists_its_configuration_and_its_version(void **state) {
    (void)state;
    for (size_t i = 0; i < PROCESSES; i++) {
        const char *name = strstr(processes[i], "om-");
        assert_says((const char *[]){processes[i], "--help", NULL}, NULL, 0, "OM_NATS_URL");
        assert_says((const char *[]){processes[i], "--help", NULL}, NULL, 0, name);
        assert_says((const char *[]){processes[i], "--version", NULL}, NULL, 0, ordermesh_version);
    }
}

static void a_service_describes_itself(void **state) {
    (void)state;
    assert_says((const char *[]){PROGRAM("om-payment"), "--describe", NULL}, NULL, 0,
                "\"name\":\"payment\"");
    assert_says((const char *[]){PROGRAM("om-payment"), "--describe", NULL}, NULL, 0,
                "\"schema\":\"payments\"");
    assert_says((const char *[]){PROGRAM("om-payment"), "--describe", NULL}, NULL, 0,
                "{\"stream\":\"INVENTORY\",\"durable\":\"payment\",\"types\":["
                "\"io.ordermesh.inventory.reserved\"");
}

static void a_right_configuration_is_checked_without_starting(void **state) {
    (void)state;
    struct environment environment = {0};
    fill_environment(&environment, NULL, NULL);

    for (size_t i = 0; i < PROCESSES; i++)
        assert_says((const char *[]){processes[i], "--check-config", NULL}, &environment, 0,
                    "the configuration is right");

    environment_fini(&environment);
}

static void a_wrong_value_is_named_and_ends_the_start(void **state) {
    (void)state;
    static const char *const wrong[][2] = {{"OM_NATS_URL", ""},
                                           {"OM_NATS_URL", "n1,n2,n3,n4,n5,n6,n7,n8,n9,n10,"
                                                           "n11,n12,n13,n14,n15,n16,n17"},
                                           {"OM_NATS_URL", "foo://a:b"},
                                           {"OM_NATS_URL", "nats://a:4222,"},
                                           {"OM_DATABASE_URL", "http://a"},
                                           {"OM_OTLP_URL", "collector:4318"},
                                           {"OM_ADMIN_ADDRESS", "everywhere"},
                                           {"OM_ADMIN_PORT", "70000"},
                                           {"OM_DRAIN_MS", "soon"},
                                           {"OM_LOG_LEVEL", "loud"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct environment environment = {0};
        fill_environment(&environment, wrong[i][0], wrong[i][1]);
        for (size_t j = 0; j < PROCESSES; j++) {
            assert_says((const char *[]){processes[j], "--check-config", NULL}, &environment, 2,
                        wrong[i][0]);
            assert_says((const char *[]){processes[j], NULL}, &environment, 2, wrong[i][0]);
        }
        environment_fini(&environment);
    }
}

/* The gateway took them for right, listened, and ended: again and again. */
static void a_wrong_setting_of_one_program_is_named_before_it_starts(void **state) {
    (void)state;
    static const char *const wrong[][3] = {
        {PROGRAM("om-gateway"), "OM_REDIS_URL", ""},
        {PROGRAM("om-gateway"), "OM_REDIS_URL", "rediss://localhost:20243"},
        {PROGRAM("om-gateway"), "OM_REDIS_URL", "redis://localhost:20243/x"},
        {PROGRAM("om-gateway"), "OM_REDIS_URL", "redis://localhost:20243/0?tls=true"},
        {PROGRAM("om-gateway"), "OM_REDIS_URL", "redis://localhost?"},
        {PROGRAM("om-gateway"), "OM_REDIS_URL", "redis://localhost:0"},
        {PROGRAM("om-gateway"), "OM_REDIS_URL", "http://a"},
        {PROGRAM("om-gateway"), "OM_HTTP_ADDRESS", "everywhere"},
        {PROGRAM("om-gateway"), "OM_CORS_ORIGINS", "shop.example"},
        {PROGRAM("om-gateway"), "OM_CORS_ORIGINS", "*"},
        {PROGRAM("om-payment"), "OM_STRIPE_KEY_FILE", ""},
        {PROGRAM("om-payment"), "OM_STRIPE_URL", "https://"},
        {PROGRAM("om-notification"), "OM_WEBHOOK_URL", "https://notices.example"},
        {PROGRAM("om-notification"), "OM_NOTIFY_CHANNELS", "pigeon"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct environment environment = {0};
        fill_environment(&environment, wrong[i][1], wrong[i][2]);
        environment_set(&environment, "OM_PAYMENT_PROVIDER", "stripe");
        const char *const check[] = {wrong[i][0], "--check-config", NULL};
        assert_says(check, &environment, 2, wrong[i][1]);
        assert_says((const char *[]){wrong[i][0], NULL}, &environment, 2, wrong[i][1]);
        environment_fini(&environment);
    }
}

static void an_unknown_argument_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < PROCESSES; i++) {
        assert_says((const char *[]){processes[i], "--frobnicate", NULL}, NULL, 2, "--help");
        assert_says((const char *[]){processes[i], "--check-config", "twice", NULL}, NULL, 2,
                    "unknown argument");
    }
}

struct waiting {
    struct process *process;
    char log_path[64];
};

static bool waits_for_nats(void *closure) {
    const struct waiting *waiting = closure;
    struct buf output = read_file(waiting->log_path);
    bool waits = strstr(output.ptr, "NATS is not there yet") != NULL;
    buf_fini(&output);
    return waits;
}

static void start_waiting(struct waiting *waiting, size_t index,
                          const struct environment *environment) {
    snprintf(waiting->log_path, sizeof(waiting->log_path), "%s-%zu", output_path, index);
    waiting->process =
        process_start(&(struct process_options){.argv = (const char *[]){processes[index], NULL},
                                                .environment = environment,
                                                .log_path = waiting->log_path});
}

static void told_to_end_while_nats_is_away_a_process_ends(void **state) {
    (void)state;
    struct environment environment = {0};
    struct waiting all[PROCESSES];
    fill_environment(&environment, NULL, NULL);
    for (size_t i = 0; i < PROCESSES; i++)
        start_waiting(&all[i], i, &environment);

    for (size_t i = 0; i < PROCESSES; i++) {
        assert_true(wait_until(waits_for_nats, &all[i], RUN_MS));
        process_signal(all[i].process, SIGTERM);
    }

    for (size_t i = 0; i < PROCESSES; i++) {
        int code = -1;
        assert_true(process_wait(all[i].process, RUN_MS, &code));
        if (code != 0)
            fail_msg("%s ended with %d", processes[i], code);
        process_destroy(&all[i].process);
        unlink(all[i].log_path);
    }
    environment_fini(&environment);
}

/* The counters whose first increase is to raise an alert (k8s/components/monitoring/alerts.yaml).
 */
static const struct {
    const char *program, *series[5];
} from_the_start[] = {
    {PROGRAM("om-order"),
     {"ordermesh_orders_ended_total{status=\"COMPLETED\"} 0\n",
      "ordermesh_orders_ended_total{status=\"FAILED\"} 0\n", "ordermesh_db_reconnects_total 0\n"}},
    {PROGRAM("om-payment"), {"ordermesh_payments_total{result=\"failed\"} 0\n"}},
    {PROGRAM("om-notification"), {"ordermesh_notifications_total{result=\"failed\"} 0\n"}},
    {PROGRAM("om-dlq"),
     {"ordermesh_dlq_entries_total{stream=\"ORDERS\"} 0\n",
      "ordermesh_dlq_entries_total{stream=\"NOTIFICATIONS\"} 0\n",
      "ordermesh_dlq_refused_total{reason=\"unknown_consumer\"} 0\n"}},
    {PROGRAM("om-gateway"), {"ordermesh_orders_refused 0\n", "ordermesh_idempotency_degraded "}},
};
enum { STARTED = sizeof(from_the_start) / sizeof(from_the_start[0]) };

static bool answers_metrics(void *closure) {
    struct http_response response;
    http_get(closure, &response);
    bool is = response.status == 200;
    http_response_fini(&response);
    return is;
}

static void assert_has_series(char *url, const char *const *series) {
    struct http_response response;
    assert_true(wait_until(answers_metrics, url, RUN_MS));
    http_get(url, &response);
    for (size_t i = 0; series[i] != NULL; i++)
        assert_contains(response.body.ptr, series[i]);
    http_response_fini(&response);
}

/* A series that came with its first increase showed no increase, so that no alert fired. */
static void what_an_alert_counts_is_there_from_the_start(void **state) {
    (void)state;
    struct process *started[STARTED];
    char urls[STARTED][64];
    for (size_t i = 0; i < STARTED; i++) {
        char port[16];
        struct environment environment = {0};
        snprintf(port, sizeof(port), "%d", free_port());
        snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%s/metrics", port);
        fill_environment(&environment, "OM_ADMIN_PORT", port);
        started[i] = process_start(
            &(struct process_options){.argv = (const char *[]){from_the_start[i].program, NULL},
                                      .environment = &environment,
                                      .log_path = output_path});
        environment_fini(&environment);
    }
    for (size_t i = 0; i < STARTED; i++) {
        assert_has_series(urls[i], from_the_start[i].series);
        process_signal(started[i], SIGTERM);
    }
    for (size_t i = 0; i < STARTED; i++) {
        assert_true(process_wait(started[i], RUN_MS, NULL));
        process_destroy(&started[i]);
    }
}

static bool says_what_it_waits_for(void *url) {
    struct http_response response;
    http_get(url, &response);
    bool says =
        response.status == 503 && response.body.ptr != NULL &&
        strstr(response.body.ptr, "\"ready\":false") != NULL &&
        strstr(response.body.ptr,
               "\"reason\":\"starting: NATS is not there yet: connecting to NATS: ") != NULL;
    http_response_fini(&response);
    return says;
}

static void started_before_nats_a_process_says_what_it_waits_for(void **state) {
    (void)state;
    struct process *started[PROCESSES];
    char urls[PROCESSES][64];
    for (size_t i = 0; i < PROCESSES; i++) {
        char port[16];
        struct environment environment = {0};
        snprintf(port, sizeof(port), "%d", free_port());
        snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%s/readyz", port);
        fill_environment(&environment, "OM_ADMIN_PORT", port);
        started[i] =
            process_start(&(struct process_options){.argv = (const char *[]){processes[i], NULL},
                                                    .environment = &environment,
                                                    .log_path = output_path});
        environment_fini(&environment);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        if (!wait_until(says_what_it_waits_for, urls[i], RUN_MS))
            fail_msg("%s does not say what it waits for", processes[i]);
        process_signal(started[i], SIGTERM);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        assert_true(process_wait(started[i], RUN_MS, NULL));
        process_destroy(&started[i]);
    }
}

static int listen_somewhere(char *port, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(port, size, "%d", ntohs(address.sin_port));
    return fd;
}

/* It is the first to open: NATS is not even asked for. */
static void an_admin_port_that_cannot_be_opened_ends_a_process(void **state) {
    (void)state;
    char port[16];
    struct environment taken = {0};
    int listener = listen_somewhere(port, sizeof(port));
    fill_environment(&taken, "OM_ADMIN_PORT", port);

    for (size_t i = 0; i < PROCESSES; i++) {
        const char *const argv[] = {processes[i], NULL};
        assert_says(argv, &taken, 1, "is taken by another program");
    }

    close(listener);
    environment_fini(&taken);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_lists_its_configuration_and_its_version),
        cmocka_unit_test(a_service_describes_itself),
        cmocka_unit_test(a_right_configuration_is_checked_without_starting),
        cmocka_unit_test(a_wrong_value_is_named_and_ends_the_start),
        cmocka_unit_test(a_wrong_setting_of_one_program_is_named_before_it_starts),
        cmocka_unit_test(an_unknown_argument_is_refused),
        cmocka_unit_test(told_to_end_while_nats_is_away_a_process_ends),
        cmocka_unit_test(what_an_alert_counts_is_there_from_the_start),
        cmocka_unit_test(started_before_nats_a_process_says_what_it_waits_for),
        cmocka_unit_test(an_admin_port_that_cannot_be_opened_ends_a_process),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
