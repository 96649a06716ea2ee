/* The mail channel and a real mail server with TLS and a login
   (tests/support/network/mail_server.py).

   Covers: services/notification/channels/channel_smtp.c */
#include "services/notification/channels/channel_smtp.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"
#include "tests/support/network/certificate.h"
#include "tests/support/network/smtp_server.h"

#define TEMPLATES OM_SOURCE_DIR "/services/notification/templates"

static char directory[] = "/tmp/om-mail-XXXXXX";

static char *file_in_dir(const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", directory, name);
    return path.ptr;
}

static void write_file(const char *name, const char *text) {
    char *path = file_in_dir(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static bool accepts(void *port) {
    return port_accepts(*(int *)port);
}

/* The status of sending one mail through the server at `port`. */
static enum status send_by_tls(const char *scheme, int port, const char *password,
                               const char *certificate) {
    char url[64];
    char *password_file = file_in_dir("password");
    struct channel *channel = NULL;
    struct error error = {0};
    struct notice notice = {.email = SLICE_LITERAL("c100@example.com"), .order_id = uuid_v7()};
    struct notice *notices[] = {&notice};
    write_file("password", password);
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d", scheme, port);
    const struct channel_smtp_options options = {.url = url,
                                                 .from = "orders@example.com",
                                                 .user = "shop",
                                                 .password_file = password_file,
                                                 .ca_file = certificate,
                                                 .timeout_ms = 10000,
                                                 .template_dir = TEMPLATES};
    assert_int_equal(channel_smtp_create(&options, &channel, &error), STATUS_OK);
    enum status status = channel->send(channel, notices, 1, &error);
    assert_int_equal(notice.result, status == STATUS_OK ? NOTICE_SENT : NOTICE_PUT_OFF);
    channel_destroy(&channel);
    free(password_file);
    return status;
}

static void expect_tls_and_login(const char *mode, const char *scheme) {
    static const char program[] = OM_SOURCE_DIR "/tests/support/network/mail_server.py";
    char *certificate = file_in_dir("server.pem"), *key = file_in_dir("server.key");
    char *kept = file_in_dir(mode), *log = file_in_dir("mail_server.log"), port_text[16];
    int port = free_port();
    certificate_create(directory);
    snprintf(port_text, sizeof(port_text), "%d", port);
    const char *const argv[] = {"/usr/bin/python3", program, mode, port_text,
                                certificate,        key,     kept, NULL};
    struct process *server =
        process_start(&(struct process_options){.argv = argv, .log_path = log});
    assert_true(wait_until(accepts, &port, 20000));
    assert_int_equal(send_by_tls(scheme, port, "open sesame", certificate), STATUS_OK);
    assert_int_equal(send_by_tls(scheme, port, "guessed", certificate), STATUS_UNAVAILABLE);
    assert_int_equal(send_by_tls(scheme, port, "open sesame", ""), STATUS_UNAVAILABLE);
    struct buf mails = read_file(kept);
    assert_contains(mails.ptr, "RCPT c100@example.com\r\nFrom: <orders@example.com>");
    assert_contains(mails.ptr, "Subject: Your order is confirmed\r\n");
    assert_null(strstr(strstr(mails.ptr, "RCPT ") + 1, "RCPT "));
    process_destroy(&server);
    buf_fini(&mails);
    free(certificate);
    free(key);
    free(kept);
    free(log);
}

static void mail_goes_by_starttls_and_a_login_to_a_server_that_is_who_it_says(void **state) {
    (void)state;
    expect_tls_and_login("starttls", "smtp");
}

static void mail_goes_by_smtps_and_a_login_to_a_server_that_is_who_it_says(void **state) {
    (void)state;
    expect_tls_and_login("smtps", "smtps");
}

static void a_login_is_not_told_to_a_server_without_tls(void **state) {
    (void)state;
    struct smtp_server *plain = smtp_server_start();
    int port = (int)strtol(strrchr(smtp_server_url(plain), ':') + 1, NULL, 10);
    assert_int_equal(send_by_tls("smtp", port, "open sesame", ""), STATUS_UNAVAILABLE);
    assert_int_equal(smtp_server_count(plain), 0);
    smtp_server_stop(&plain);
}

/* --- fixture --- */

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    const char *const argv[] = {"rm", "-r", directory, NULL};
    return process_run(&(struct process_options){.argv = argv}, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_goes_by_starttls_and_a_login_to_a_server_that_is_who_it_says),
        cmocka_unit_test(mail_goes_by_smtps_and_a_login_to_a_server_that_is_who_it_says),
        cmocka_unit_test(a_login_is_not_told_to_a_server_without_tls),
    };
    return cmocka_run_group_tests_name("mail_channel", tests, setup, teardown);
}
