/* Connections over TLS: versions, protocols, the certificate, and HTTPS alone.

   Covers: gateway/http/listener.c gateway/http/tls.c */
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/gateway/tls_fixture.h"
#include "tests/support/network/raw_http.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* The handshake fails, and the server says why. */
static void assert_alert(const char *protocols, int tls_version_max, int reason) {
    assert_null(raw_connect_tls(tls.port, protocols, tls_version_max));
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), reason);
}

static void only_tls_1_2_and_later_are_spoken(void **state) {
    (void)state;
    struct raw_connection *connection = raw_connect_tls(tls.port, NULL, TLS1_2_VERSION);
    assert_non_null(connection);
    assert_true(raw_send(connection, SLICE_LITERAL(GET("/healthz"))));

    assert_next_answer(connection, 200, "ok");
    raw_close(&connection);
    assert_alert(NULL, TLS1_1_VERSION, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

static void the_only_protocol_to_agree_on_is_http_1_1(void **state) {
    (void)state;
    struct raw_connection *both = raw_connect_tls(tls.port, "\x02h2\x08http/1.1", 0);
    assert_non_null(both);
    assert_true(raw_send(both, SLICE_LITERAL(GET("/healthz"))));

    assert_next_answer(both, 200, "ok");
    raw_close(&both);
    assert_alert("\x02h2", 0, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    assert_alert("\x02h2", TLS1_2_VERSION, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
}

static bool is_new_serial(void *closure) {
    struct raw_connection *connection = raw_connect(tls.port, true);
    char *serial = raw_certificate_serial(connection);
    bool is_new = strcmp(serial, closure) != 0;
    free(serial);
    raw_close(&connection);
    return is_new;
}

static void a_new_certificate_is_for_new_connections(void **state) {
    (void)state;
    struct raw_connection *old = raw_connect(tls.port, true);
    char *old_serial = raw_certificate_serial(old);
    make_certificate();
    process_signal(fixture.gateway, SIGHUP);

    assert_true(wait_until(is_new_serial, old_serial, 5000));
    assert_true(raw_send(old, SLICE_LITERAL(GET("/healthz"))));
    assert_next_answer(old, 200, "ok");
    raw_close(&old);
    free(old_serial);
}

static void a_certificate_that_cannot_be_read_replaces_none(void **state) {
    (void)state;
    struct raw_connection *before = raw_connect(tls.port, true);
    char *serial = raw_certificate_serial(before);
    FILE *file = fopen(tls.cert_file, "w");
    assert_non_null(file);
    fputs("not a certificate\n", file);
    fclose(file);
    process_signal(fixture.gateway, SIGHUP);
    for (int i = 0; i < 20; i++)
        assert_served(true);

    assert_false(is_new_serial(serial));
    make_certificate();
    process_signal(fixture.gateway, SIGHUP);
    assert_true(wait_until(is_new_serial, serial, 5000));
    raw_close(&before);
    free(serial);
}

static int check_config(const char *const *rows) {
    struct environment environment = {0};
    environment_copy(&environment, &fixture.environment);
    for (; rows[0] != NULL; rows += 2)
        environment_set(&environment, rows[0], rows[1]);
    const struct process_options options = {
        .argv = (const char *[]){OM_BINARY_DIR "/bin/om-gateway", "--check-config", NULL},
        .environment = &environment,
        .log_path = "/dev/null"};
    int code = process_run(&options, 10000);
    environment_fini(&environment);
    return code;
}

static void https_without_a_good_certificate_is_no_configuration(void **state) {
    (void)state;
    char old_key[300], key[256];
    snprintf(key, sizeof(key), "%s", tls.key_file);
    snprintf(old_key, sizeof(old_key), "%s.old", tls.key_file);
    assert_int_equal(check_config((const char *[]){"OM_HTTP_PORT", "-1", NULL}), 0);
    assert_int_equal(rename(key, old_key), 0);
    make_certificate();

    const char *const wrong[][5] = {
        {"OM_TLS_CERT_FILE", "", NULL},
        {"OM_TLS_CERT_FILE", "/nonexistent", NULL},
        {"OM_TLS_KEY_FILE", "/nonexistent", NULL},
        {"OM_TLS_KEY_FILE", tls.cert_file, NULL},
        {"OM_TLS_KEY_FILE", old_key, NULL}, /* another certificate's */
        {"OM_HTTP_PORT", "-1", "OM_HTTPS_PORT", "0", NULL},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (check_config(wrong[i]) != 2)
            fail_msg("%s=%s was taken", wrong[i][0], wrong[i][1]);
    assert_int_equal(check_config((const char *[]){NULL}), 0);
}

static void without_a_plain_port_there_is_https_only(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_HTTP_PORT", "-1", NULL});
    assert_served(true);

    assert_false(port_accepts(fixture.port));
    gateway_restart(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_tls_1_2_and_later_are_spoken),
        cmocka_unit_test(the_only_protocol_to_agree_on_is_http_1_1),
        cmocka_unit_test(a_new_certificate_is_for_new_connections),
        cmocka_unit_test(a_certificate_that_cannot_be_read_replaces_none),
        cmocka_unit_test(https_without_a_good_certificate_is_no_configuration),
        cmocka_unit_test(without_a_plain_port_there_is_https_only),
    };
    return cmocka_run_group_tests(tests, tls_fixture_setup, fixture_teardown);
}
