#include "tests/support/gateway/tls_fixture.h"

struct tls tls;

int port_of(bool is_tls) {
    return is_tls ? tls.port : fixture.port;
}

void make_certificate(void) {
    const struct process_options options = {
        .argv =
            (const char *[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                             "/CN=localhost", "-keyout", tls.key_file, "-out", tls.cert_file, NULL},
        .log_path = "/dev/null"};
    assert_int_equal(process_run(&options, 10000), 0);
}

int tls_fixture_setup(void **state) {
    fixture_setup(state);
    tls.port = free_port();
    snprintf(tls.cert_file, sizeof(tls.cert_file), "%s/cert.pem", servers_dir(fixture.servers));
    snprintf(tls.key_file, sizeof(tls.key_file), "%s/key.pem", servers_dir(fixture.servers));
    make_certificate();
    environment_set_int(&fixture.environment, "OM_HTTPS_PORT", tls.port);
    environment_set(&fixture.environment, "OM_TLS_CERT_FILE", tls.cert_file);
    environment_set(&fixture.environment, "OM_TLS_KEY_FILE", tls.key_file);
    gateway_restart(NULL);
    return 0;
}

void assert_next_answer(struct raw_connection *connection, int status, const char *part) {
    struct raw_answer answer;
    raw_read_answer(connection, &answer);
    if (answer.status != status || strstr(answer.body.ptr, part) == NULL)
        fail_msg("expected %d with %s, got %d %s", status, part, answer.status, answer.body.ptr);
    raw_answer_fini(&answer);
}

void assert_served(bool is_tls) {
    struct raw_connection *connection = raw_connect(port_of(is_tls), is_tls);
    assert_true(
        raw_send(connection, SLICE_LITERAL("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")));
    assert_next_answer(connection, 200, "ok");
    raw_close(&connection);
}
