#include "services/notification/handler.h"
#include "services/notification/settings.h"
#include "tests/support/base/test.h"

static char key_path[] = "/tmp/om-key-XXXXXX";

static int write_key(void **state) {
    (void)state;
    static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    int fd = mkstemp(key_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, key, sizeof(key) - 1), sizeof(key) - 1);
    close(fd);
    return 0;
}

static int remove_key(void **state) {
    (void)state;
    return unlink(key_path);
}

/* As the process does it; everything else has its default. */
static struct notification_settings load_settings(const char *smtp_url, const char *log_file) {
    struct notification_settings settings;
    struct error error = {0};
    setenv("OM_NOTIFY_CHANNELS", smtp_url[0] != 0 ? "smtp,log" : "log", 1);
    setenv("OM_TEMPLATE_DIR", OM_SOURCE_DIR "/services/notification/templates", 1);
    setenv("OM_SMTP_URL", smtp_url, 1);
    setenv("OM_NOTIFY_LOG", log_file, 1);
    assert_int_equal(
        config_load(notification_config_rows, NOTIFICATION_CONFIG_ROWS, &settings, &error),
        STATUS_OK);
    return settings;
}

static const char *offered = "log";

static enum status create_from(const struct notification_settings *settings, const char *key_file,
                               struct notification **notification, struct error *error) {
    const struct config config = {
        .pii_key_file = key_file, .pii_old_key_file = "", .notify_offered = offered};
    return notification_create(settings, &config, notification, error);
}

static enum status create(const char *smtp_url, const char *log_file, const char *key_file,
                          struct notification **notification, struct error *error) {
    const struct notification_settings settings = load_settings(smtp_url, log_file);
    return create_from(&settings, key_file, notification, error);
}

static void without_a_mail_server_notices_go_to_the_log_only(void **state) {
    (void)state;
    struct error error = {0};
    struct notification *notification = NULL;

    assert_int_equal(create("", "/dev/null", "", &notification, &error), STATUS_OK);

    assert_int_equal(notification->defaults, NOTIFY_BIT(NOTIFY_LOG));
    assert_null(notification->channels[NOTIFY_SMTP]);
    assert_null(notification->ring);
    notification_destroy(&notification);
    assert_null(notification);
}

static void with_a_mail_server_and_a_key_there_is_mail_too(void **state) {
    (void)state;
    struct error error = {0};
    struct notification *notification = NULL;

    assert_int_equal(create("smtp://127.0.0.1:1", "/dev/null", key_path, &notification, &error),
                     STATUS_OK);

    assert_int_equal(notification->defaults, NOTIFY_BIT(NOTIFY_LOG) | NOTIFY_BIT(NOTIFY_SMTP));
    assert_int_equal(notification->channels[NOTIFY_LOG]->id, NOTIFY_LOG);
    assert_int_equal(notification->channels[NOTIFY_SMTP]->id, NOTIFY_SMTP);
    assert_non_null(notification->ring);
    notification_destroy(&notification);
}

static void a_rate_a_minute_is_a_tokens_time_and_a_burst(void **state) {
    (void)state;
    struct error error = {0};
    struct notification *notification = NULL;
    struct notification_settings settings = load_settings("", "/dev/null");
    assert_int_equal(settings.smtp_rate + settings.webhook_rate + settings.sms_rate, 0);
    settings.sms_rate = 100;

    assert_int_equal(create_from(&settings, key_path, &notification, &error), STATUS_OK);

    assert_int_equal(notification->rates[NOTIFY_SMS].interval_us, 600000);
    assert_int_equal(notification->rates[NOTIFY_SMS].burst, 12);
    assert_int_equal(notification->rates[NOTIFY_SMTP].interval_us, 0);
    notification_destroy(&notification);
}

static void mail_without_the_key_to_addresses_is_refused(void **state) {
    (void)state;
    struct error error = {0};
    struct notification *notification = NULL;

    assert_int_equal(create("smtp://127.0.0.1:1", "/dev/null", "", &notification, &error),
                     STATUS_INVALID);

    assert_contains(error.text, "OM_PII_KEY_FILE");
    assert_null(notification);
}

static void what_cannot_be_opened_is_named(void **state) {
    (void)state;
    struct error error = {0};
    struct notification *notification = NULL;

    assert_int_not_equal(create("", "/nowhere/notices", "", &notification, &error), STATUS_OK);
    assert_contains(error.text, "/nowhere/notices");
    assert_int_not_equal(create("", "/dev/null", "/nowhere/key", &notification, &error), STATUS_OK);
    assert_contains(error.text, "/nowhere/key");
    assert_null(notification);
}

static void expect_refused(const struct notification_settings *settings, const char *part) {
    struct error error = {0};
    struct notification *notification = NULL;
    assert_int_not_equal(create_from(settings, key_path, &notification, &error), STATUS_OK);
    assert_contains(error.text, part);
    assert_null(notification);
}

static void what_a_channel_lacks_is_named(void **state) {
    (void)state;
    struct notification_settings unknown = load_settings("", "/dev/null"), off = unknown,
                                 bare = unknown, secret = unknown, address = unknown,
                                 templates = load_settings("smtp://127.0.0.1:1", "/dev/null");
    unknown.channels = "log,fax";
    expect_refused(&unknown, "\"fax\"");
    off.channels = "log,sms";
    expect_refused(&off, "OM_NOTIFY_CHANNELS: sms is not configured");
    offered = "log,webhook";
    expect_refused(&templates, "OM_NOTIFY_OFFERED: webhook is not configured");
    offered = "log";
    bare.sms.url = "http://127.0.0.1:1";
    bare.template_dir = "";
    expect_refused(&bare, "OM_TEMPLATE_DIR");
    secret.webhook.url = "http://127.0.0.1:1";
    expect_refused(&secret, "OM_WEBHOOK_SECRET_FILE");
    address.sms.url = "ftp://127.0.0.1:1";
    expect_refused(&address, "OM_SMS_URL");
    templates.template_dir = "/nowhere";
    expect_refused(&templates, "/nowhere/confirmed.smtp.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mail_server_notices_go_to_the_log_only),
        cmocka_unit_test(with_a_mail_server_and_a_key_there_is_mail_too),
        cmocka_unit_test(a_rate_a_minute_is_a_tokens_time_and_a_burst),
        cmocka_unit_test(mail_without_the_key_to_addresses_is_refused),
        cmocka_unit_test(what_cannot_be_opened_is_named),
        cmocka_unit_test(what_a_channel_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, write_key, remove_key);
}
