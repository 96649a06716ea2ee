/* The notification service on a real database and with a mail server: once a kind and channel, and
   what a mail server's bad days do. */
#include "services/notification/channel_log.h"
#include "services/notification/channel_smtp.h"
#include "shared/json.h"
#include "tests/support/smtp_server.h"
#include "tests/support/world.h"
#include "tests/unit/unit.h"

static struct world world;
static struct smtp_server *mail;

static void write_event(struct buf *out, enum event_type type, const struct uuid *id,
                        const char *email) {
    char order_id[UUID_TEXT_SIZE];
    struct buf data = {0}, personal = {0}, sealed = {0};
    uuid_format(id, order_id);
    buf_printf(&personal, "{\"phone\":\"1\"%s%s%s}", email ? ",\"email\":\"" : "",
               email ? email : "", email ? "\"" : "");
    key_ring_seal(world.notification.ring, buf_slice(&personal), &sealed);
    buf_printf(&data,
               "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
               "\"USD\",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\",\"totalMinor\":5,"
               "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":5}],"
               "\"trackingNumber\":\"OM0000000000000\",\"sealed\":\"%s\"}",
               order_id, sealed.ptr);
    world_write_event(out, type, id, data.ptr);
    buf_fini(&data);
    buf_fini(&personal);
    buf_fini(&sealed);
}

static enum status tell(struct drive_message *messages, size_t count) {
    struct error error = {0};
    return drive_batch(world.drives[WORLD_ORDERS_NOTIFICATION], messages, count, &error);
}

static int64_t count_records(const char *where) {
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM notifications.notifications WHERE %s", where);
    return world_query_int(&world, sql);
}

static void a_confirmed_order_is_told_once_by_each_channel(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf first = {0}, second = {0};
    write_event(&first, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    write_event(&second, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    struct drive_message messages[] = {{.payload = buf_slice(&first)},
                                       {.payload = buf_slice(&first)},
                                       {.payload = buf_slice(&second)}};
    assert_int_equal(tell(messages, 3), STATUS_OK);
    assert_int_equal(tell(messages, 3), STATUS_OK);
    assert_int_equal(smtp_server_count(mail), 1);
    assert_int_equal(count_records("channel = 'smtp' AND status = 'SENT'"), 1);
    assert_int_equal(count_records("channel = 'log' AND status = 'SENT'"), 1);
    struct buf mails = smtp_server_mails(mail);
    assert_contains(mails.ptr, "To: <c100@example.com>");
    assert_contains(mails.ptr, "is confirmed");
    buf_fini(&mails);
    buf_fini(&first);
    buf_fini(&second);
}

static void each_kind_is_told(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf confirmed = {0}, shipped = {0};
    write_event(&confirmed, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    write_event(&shipped, EVENT_SHIPPING_SHIPPED, &id, "c100@example.com");
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_NOTIFICATION, buf_slice(&confirmed)),
                     OUTCOME_DONE);
    assert_int_equal(world_deliver(&world, WORLD_SHIPPING_NOTIFICATION, buf_slice(&shipped)),
                     OUTCOME_DONE);
    assert_int_equal(smtp_server_count(mail), 2);
    assert_int_equal(count_records("kind = 'shipped'"), 2);
    buf_fini(&confirmed);
    buf_fini(&shipped);
}

static void an_order_without_an_address_is_only_logged(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    write_event(&payload, EVENT_ORDER_CONFIRMED, &id, NULL);
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(tell(&message, 1), STATUS_OK);
    assert_int_equal(smtp_server_count(mail), 0);
    assert_int_equal(count_records("true"), 1);
    buf_fini(&payload);
}

static void an_address_that_is_refused_fails_for_good(void **state) {
    (void)state;
    struct uuid refused = uuid_v7(), unusable = uuid_v7();
    struct buf a = {0}, b = {0};
    smtp_server_set_reply(mail, 550);
    write_event(&a, EVENT_ORDER_CONFIRMED, &refused, "nobody@example.com");
    write_event(&b, EVENT_ORDER_CONFIRMED, &unusable, "no address");
    struct drive_message messages[] = {{.payload = buf_slice(&a)}, {.payload = buf_slice(&b)}};
    assert_int_equal(tell(messages, 2), STATUS_OK);
    assert_int_equal(messages[0].outcome, OUTCOME_DONE);
    assert_int_equal(count_records("channel = 'smtp' AND status = 'FAILED'"), 2);
    assert_int_equal(count_records("detail LIKE '%550%' AND detail NOT LIKE '%nobody%'"), 1);
    buf_fini(&a);
    buf_fini(&b);
}

static void a_mail_put_off_comes_again_later(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    smtp_server_set_reply(mail, 450);
    write_event(&payload, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(tell(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_RETRY);
    assert_int_equal(count_records("true"), 0);
    smtp_server_set_reply(mail, 250);
    assert_int_equal(tell(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_DONE);
    assert_int_equal(count_records("status = 'SENT'"), 2);
    buf_fini(&payload);
}

static void a_dead_mail_server_holds_the_batch_and_opens_the_breaker(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    smtp_server_stop(&mail);
    write_event(&payload, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    struct drive_message message = {.payload = buf_slice(&payload)};
    for (int i = 0; i <= BREAKER_FAILURES; i++)
        assert_int_equal(tell(&message, 1), STATUS_UNAVAILABLE);
    assert_int_equal(count_records("true"), 0);
    buf_fini(&payload);
}

static void a_server_that_hangs_up_is_down(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    smtp_server_set_reply(mail, 421);
    write_event(&payload, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(tell(&message, 1), STATUS_UNAVAILABLE);
    smtp_server_set_reply(mail, 250);
    assert_int_equal(tell(&message, 1), STATUS_OK);
    assert_int_equal(smtp_server_count(mail), 1);
    buf_fini(&payload);
}

static void personal_data_that_was_tampered_with_is_rejected(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    write_event(&payload, EVENT_ORDER_CONFIRMED, &id, "c100@example.com");
    char *sealed = strstr(payload.ptr, "\"sealed\":\"v1.");
    sealed[40] = sealed[40] == 'A' ? 'B' : 'A';
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(tell(&message, 1), STATUS_OK);
    assert_int_equal(message.outcome, OUTCOME_REJECT);
    buf_fini(&payload);
}

/* --- fixture --- */

static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    struct notification *notification = &world.notification;
    world_clear(&world);
    mail = smtp_server_start();
    const struct channel_smtp_options options = {.url = smtp_server_url(mail),
                                                 .from = "orders@example.com",
                                                 .user = "",
                                                 .password_file = "",
                                                 .timeout_ms = 2000};
    notification->channels[1] = notification->channels[0]; /* the log comes last */
    notification->channel_count = 2;
    assert_int_equal(channel_smtp_create(&options, &notification->channels[0], &error), STATUS_OK);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    channel_destroy(&world.notification.channels[0]);
    world.notification.channels[0] = world.notification.channels[1];
    world.notification.channel_count = 1;
    smtp_server_stop(&mail);
    return 0;
}

static int setup(void **state) {
    (void)state;
    struct error error = {0};
    char path[256];
    world_create(&world);
    snprintf(path, sizeof(path), "%s/test-key", servers_dir(world.servers));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 32; i++)
        fprintf(file, "%02x", i);
    fclose(file);
    assert_int_equal(key_ring_create(path, NULL, &world.notification.ring, &error), STATUS_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    key_ring_destroy(&world.notification.ring);
    world_destroy(&world);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_confirmed_order_is_told_once_by_each_channel),
        TEST(each_kind_is_told),
        TEST(an_order_without_an_address_is_only_logged),
        TEST(an_address_that_is_refused_fails_for_good),
        TEST(a_mail_put_off_comes_again_later),
        TEST(a_dead_mail_server_holds_the_batch_and_opens_the_breaker),
        TEST(a_server_that_hangs_up_is_down),
        TEST(personal_data_that_was_tampered_with_is_rejected),
    };
    return cmocka_run_group_tests_name("notification_service", tests, setup, teardown);
}
