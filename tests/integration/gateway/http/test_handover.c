/* A port that one program holds and several gateways take turns at.

   Covers: gateway/http/listener.c gateway/server.c gateway/main.c */
#include "gateway/http/listener.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/network/raw_http.h"
#include "tests/support/servers/program.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define GATEWAY OM_BINARY_DIR "/bin/om-gateway"
#define GET "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define CLIENTS 2 /* of each sort */
#define TURNS 3

enum { EXIT_TAKEN = 3 };

static int held_fd = -1; /* 3, where a process that is started looks for what it is given */
static int held_port;

/* One that is given the socket of this test. */
static struct process *start_heir(int *admin_port) {
    struct environment environment = {0};
    environment_copy(&environment, &fixture.environment);
    *admin_port = free_port();
    environment_set_int(&environment, "OM_ADMIN_PORT", *admin_port);
    environment_set(&environment, "OM_HTTP_LEAVE_MS", "500");
    environment_set(&environment, "LISTEN_FDS", "1");
    struct process *started = process_start(&(struct process_options){
        .argv = (const char *[]){"sh", "-c", "LISTEN_PID=$$ exec " GATEWAY, NULL},
        .environment = &environment});
    environment_fini(&environment);
    return started;
}

static struct process *start_ready_heir(void) {
    int admin_port;
    struct process *started = start_heir(&admin_port);
    assert_true(wait_until(program_is_ready, &admin_port, 10000));
    return started;
}

/* --- clients ---------------------------------------------------------------------------------- */

struct client {
    bool keeps;
    atomic_bool *ends;
    int answered, failed;
};

/* A connection is used again until it is told to end, or only once. */
static void *ask_on_and_on(void *closure) {
    struct client *client = closure;
    struct raw_connection *connection = NULL;
    while (!atomic_load(client->ends)) {
        struct raw_answer answer = {0};
        if (connection == NULL)
            connection = raw_connect(held_port, false);
        bool is_sent = raw_send(connection, SLICE_LITERAL(GET));
        bool is_answered = is_sent && raw_read_answer(connection, &answer) == 200;
        client->answered += is_answered;
        client->failed += !is_answered;
        if (!client->keeps || !is_answered || strstr(answer.head.ptr, "Connection: close") != NULL)
            raw_close(&connection);
        raw_answer_fini(&answer);
    }
    if (connection != NULL)
        raw_close(&connection);
    return NULL;
}

/* --- tests ------------------------------------------------------------------------------------ */

/* A second installation shared the port in silence, and had half of the requests. */
static void a_port_is_one_programs_alone(void **state) {
    (void)state;
    char log[] = "/tmp/om-test-taken-XXXXXX";
    close(mkstemp(log));
    struct environment environment = {0};
    int exit_code;
    environment_copy(&environment, &fixture.environment);
    environment_set(&environment, "OM_ADMIN_PORT", "0");
    struct process *second = program_start("gateway", &environment, log);

    assert_true(process_wait(second, 10000, &exit_code));
    assert_int_equal(exit_code, 1);
    struct buf said = read_file(log);
    assert_contains(said.ptr, "is taken by another program");
    buf_fini(&said);
    process_destroy(&second);

    exit_code = process_run(
        &(struct process_options){.argv = (const char *[]){GATEWAY, "--hold", "true", NULL},
                                  .environment = &environment,
                                  .log_path = log},
        10000);
    assert_int_equal(exit_code, EXIT_TAKEN);
    environment_fini(&environment);
    unlink(log);
}

/* A restart of the one gateway refused every connection meanwhile. */
static void gateways_follow_each_other_and_no_request_fails(void **state) {
    (void)state;
    atomic_bool ends = false;
    struct client clients[2 * CLIENTS];
    pthread_t threads[2 * CLIENTS];
    struct process *serving = start_ready_heir();
    for (size_t i = 0; i < 2 * CLIENTS; i++) {
        clients[i] = (struct client){.keeps = i < CLIENTS, .ends = &ends};
        pthread_create(&threads[i], NULL, ask_on_and_on, &clients[i]);
    }

    for (int turn = 0; turn < TURNS; turn++) {
        struct process *next = start_ready_heir();
        assert_good_end(program_end(&serving, 10000));
        serving = next;
    }

    atomic_store(&ends, true);
    for (size_t i = 0; i < 2 * CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].failed, 0);
        assert_true(clients[i].answered > TURNS);
    }
    assert_good_end(program_end(&serving, 10000));
}

static void who_connects_while_no_gateway_runs_waits_for_the_next(void **state) {
    (void)state;
    struct process *killed = start_ready_heir();
    process_destroy(&killed);
    struct raw_answer answer;
    struct raw_connection *connection = raw_connect(held_port, false);
    assert_true(raw_send(connection, SLICE_LITERAL(GET)));
    assert_false(raw_has_input(connection, 0));

    struct process *next = start_ready_heir();

    assert_int_equal(raw_read_answer(connection, &answer), 200);
    raw_answer_fini(&answer);
    raw_close(&connection);
    assert_good_end(program_end(&next, 10000));
}

static void the_held_ports_are_those_of_the_settings(void **state) {
    (void)state;
    struct environment environment = {0};
    int port = free_port(), admin_port = free_port();
    environment_copy(&environment, &fixture.environment);
    environment_set_int(&environment, "OM_HTTP_PORT", port);
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    struct process *holder = process_start(&(struct process_options){
        .argv = (const char *[]){GATEWAY, "--hold", GATEWAY, NULL}, .environment = &environment});
    assert_true(wait_until(program_is_ready, &admin_port, 10000));

    assert_true(port_accepts(port));
    assert_good_end(program_end(&holder, 10000));
    environment_fini(&environment);
}

static void a_gateway_given_too_little_says_so(void **state) {
    (void)state;
    struct environment environment = {0};
    int exit_code;
    environment_copy(&environment, &fixture.environment);
    environment_set(&environment, "LISTEN_FDS", "2");
    environment_set(&environment, "OM_ADMIN_PORT", "0");
    struct process *process = process_start(&(struct process_options){
        .argv = (const char *[]){"sh", "-c", "LISTEN_PID=$$ exec " GATEWAY, NULL},
        .environment = &environment});
    assert_true(process_wait(process, 10000, &exit_code));
    assert_int_equal(exit_code, 1);
    process_destroy(&process);
    environment_fini(&environment);
}

static int set_up(void **state) {
    struct error error = {0};
    int fd;
    /* Before anything else is open, so that it is the first descriptor given. */
    held_port = free_port();
    require_ok(listener_open("127.0.0.1", held_port, 10000, &fd, &error), &error);
    if (fd != 3)
        assert_int_equal(dup2(fd, 3), 3);
    else
        assert_int_equal(fcntl(fd, F_SETFD, 0), 0);
    held_fd = 3;
    return fixture_setup(state);
}

static int tear_down(void **state) {
    close(held_fd);
    return fixture_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_one_programs_alone),
        cmocka_unit_test(gateways_follow_each_other_and_no_request_fails),
        cmocka_unit_test(who_connects_while_no_gateway_runs_waits_for_the_next),
        cmocka_unit_test(the_held_ports_are_those_of_the_settings),
        cmocka_unit_test(a_gateway_given_too_little_says_so),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
