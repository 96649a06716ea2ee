/* The notification service on a real database, with a mail server and receivers of webhooks and
   short messages: once a kind and channel, and what their bad days do.

   Covers: services/notification/ omctl/notices.c */
#include "services/notification/channels/channel_log.h"
#include "services/notification/channels/channel_sms.h"
#include "services/notification/channels/channel_smtp.h"
#include "services/notification/channels/channel_webhook.h"
#include "services/notification/sender.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/crypto/signature.h"
#include "shared/json/json.h"
#include "shared/net/breaker.h"
#include "tests/support/base/test.h"
#include "tests/support/data/sample.h"
#include "tests/support/network/http_sink.h"
#include "tests/support/network/smtp_server.h"
#include "tests/support/world/world_fixture.h"

#define GIVE_UP_S 3600
#define TEMPLATES OM_SOURCE_DIR "/services/notification/templates"
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static struct smtp_server *mail;
static struct http_sink *sink; /* of webhooks and of short messages */

static void restart_senders(void);
static struct sender *make_sender(enum notify_channel channel, struct notice_rate rate);

/* An event whose personal data is `personal`. */
static void write_event_with(struct buf *out, enum event_type type, const struct uuid *id,
                             const char *personal) {
    char order_id[UUID_TEXT_SIZE];
    struct buf data = {0}, sealed = {0};
    uuid_format(id, order_id);
    key_ring_seal(world.notification.ring, slice_of(personal), &sealed);
    buf_printf(&data,
               "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
               "\"USD\",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\",\"totalMinor\":5,"
               "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":5}],"
               "\"reason\":\"out_of_stock\",\"carrier\":\"simulated\","
               "\"trackingNumber\":\"OM0000000000000\",\"sealed\":\"%s\"}",
               order_id, sealed.ptr);
    world_write_event(out, type, id, data.ptr);
    buf_fini(&data);
    buf_fini(&sealed);
}

static void write_event(struct buf *out, enum event_type type, const struct uuid *id,
                        const char *email) {
    struct buf personal = {0};
    buf_printf(&personal, "{\"phone\":\"1\"%s%s%s}", email ? ",\"email\":\"" : "",
               email ? email : "", email ? "\"" : "");
    write_event_with(out, type, id, personal.ptr);
    buf_fini(&personal);
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

static int64_t count_pending(const char *where) {
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM notifications.pending WHERE %s", where);
    return world_query_int(&world, sql);
}

static int64_t count_events(const char *subject) {
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM notifications.outbox WHERE subject = '%s'",
             subject);
    return world_query_int(&world, sql);
}

/* One confirmed order, taken in; nothing is sent yet. */
static struct uuid confirm(const char *personal) {
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    write_event_with(&payload, EVENT_ORDER_CONFIRMED, &id, personal);
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_NOTIFICATION, buf_slice(&payload)),
                     OUTCOME_DONE);
    buf_fini(&payload);
    return id;
}

static enum status send_due(enum notify_channel channel, size_t *count) {
    struct error error = {0};
    *count = 0;
    return sender_run(world.notification.senders[channel], count, &error);
}

static void expect_sending(enum notify_channel channel, enum status status, size_t count) {
    size_t taken;
    assert_int_equal(send_due(channel, &taken), status);
    assert_int_equal(taken, count);
}

static void make_all_due(void) {
    world_execute(&world, "UPDATE notifications.pending SET due_at = now()");
}

#define BY_MAIL "{\"email\":\"c100@example.com\",\"notify\":[\"smtp\"]}"
#define BY_SMS "{\"phone\":\"+49 30 123\",\"notify\":[\"sms\"]}"
#define BY_WEBHOOK "{\"notify\":[\"webhook\"]}"

/* --- who is told what, and by which channel --- */

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
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(tell(messages, 3), STATUS_OK);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    assert_int_equal(smtp_server_count(mail), 1);
    assert_int_equal(count_records("channel = 'smtp' AND status = 'SENT'"), 1);
    assert_int_equal(count_records("channel = 'log' AND status = 'SENT'"), 1);
    assert_int_equal(count_events("notifications.evt.sent"), 2);
    struct buf mails = smtp_server_mails(mail);
    assert_contains(mails.ptr, "To: <c100@example.com>");
    assert_contains(mails.ptr, "is confirmed");
    buf_fini(&mails);
    buf_fini(&first);
    buf_fini(&second);
}

static void each_kind_is_told(void **state) {
    (void)state;
    static const enum event_type types[] = {EVENT_ORDER_CONFIRMED, EVENT_SHIPPING_SHIPPED,
                                            EVENT_ORDER_FAILED, EVENT_ORDER_CANCELLED};
    struct uuid id = uuid_v7();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct buf payload = {0};
        write_event(&payload, types[i], &id, "c100@example.com");
        enum world_consumer consumer = types[i] == EVENT_SHIPPING_SHIPPED
                                           ? WORLD_SHIPPING_NOTIFICATION
                                           : WORLD_ORDERS_NOTIFICATION;
        assert_int_equal(world_deliver(&world, consumer, buf_slice(&payload)), OUTCOME_DONE);
        buf_fini(&payload);
    }
    expect_sending(NOTIFY_SMTP, STATUS_OK, 4);
    assert_int_equal(smtp_server_count(mail), 4);
    assert_int_equal(world_query_int(&world, "SELECT count(DISTINCT kind)"
                                             " FROM notifications.notifications"
                                             " WHERE channel = 'smtp'"),
                     4);
    struct buf mails = smtp_server_mails(mail);
    assert_contains(mails.ptr, "Tracking number: OM0000000000000");
    assert_contains(mails.ptr, "Reason: out_of_stock");
    buf_fini(&mails);
}

static void an_order_without_an_address_is_only_logged(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    write_event(&payload, EVENT_ORDER_CONFIRMED, &id, NULL);
    struct drive_message message = {.payload = buf_slice(&payload)};
    assert_int_equal(tell(&message, 1), STATUS_OK);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(smtp_server_count(mail), 0);
    assert_int_equal(count_records("true"), 1);
    assert_int_equal(count_pending("true"), 0);
    buf_fini(&payload);
}

static void an_order_says_by_which_channels(void **state) {
    (void)state;
    confirm(BY_SMS);
    assert_int_equal(count_records("true"), 0); /* not even the log */
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    expect_sending(NOTIFY_SMS, STATUS_OK, 1);
    assert_int_equal(count_records("channel = 'sms' AND status = 'SENT'"), 1);
    struct buf head = http_sink_head(sink), body = http_sink_body(sink);
    assert_contains(head.ptr, "POST /told ");
    assert_contains(head.ptr, "Authorization: Bearer t0ken\r\n");
    assert_contains(head.ptr, "-confirmed\r\n"); /* Idempotency-Key */
    assert_contains(body.ptr, "{\"to\":\"+4930123\",\"text\":\"Your order ");
    buf_fini(&head);
    buf_fini(&body);
    confirm("{\"email\":\"c100@example.com\",\"notify\":[]}");
    assert_int_equal(count_pending("true"), 0);
    assert_int_equal(count_records("true"), 1);
}

static void a_channel_that_is_not_configured_fails_for_good(void **state) {
    (void)state;
    struct channel *webhook = world.notification.channels[NOTIFY_WEBHOOK];
    world.notification.channels[NOTIFY_WEBHOOK] = NULL;
    confirm(BY_WEBHOOK);
    world.notification.channels[NOTIFY_WEBHOOK] = webhook;
    assert_int_equal(count_records("channel = 'webhook' AND status = 'FAILED'"), 1);
    assert_int_equal(count_events("notifications.evt.failed"), 1);
}

static void a_log_that_cannot_be_written_fails_and_stops_no_other_channel(void **state) {
    (void)state;
    struct error error = {0};
    struct channel *log = world.notification.channels[NOTIFY_LOG], *full = NULL;
    assert_int_equal(channel_log_create("/dev/full", &full, &error), STATUS_OK);
    world.notification.channels[NOTIFY_LOG] = full;
    confirm("{\"email\":\"c100@example.com\"}");
    world.notification.channels[NOTIFY_LOG] = log;
    channel_destroy(&full);
    assert_int_equal(count_records("channel = 'log' AND status = 'FAILED'"), 1);
    assert_int_equal(count_events("notifications.evt.failed"), 1);
    assert_int_equal(count_events("notifications.evt.sent"), 0);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
}

static void personal_data_stays_sealed_in_the_queue(void **state) {
    (void)state;
    confirm(BY_MAIL);
    assert_int_equal(count_pending("position('c100'::bytea IN event) > 0"), 0);
    assert_int_equal(count_pending("position('sealed'::bytea IN event) > 0"), 1);
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

/* --- a mail server's bad days --- */

static void an_address_that_is_refused_fails_for_good(void **state) {
    (void)state;
    smtp_server_set_reply(mail, 550);
    confirm("{\"email\":\"nobody@example.com\",\"notify\":[\"smtp\"]}");
    confirm("{\"email\":\"no address\",\"notify\":[\"smtp\"]}");
    expect_sending(NOTIFY_SMTP, STATUS_OK, 2);
    assert_int_equal(count_records("channel = 'smtp' AND status = 'FAILED'"), 2);
    assert_int_equal(count_records("detail LIKE '%550%' AND detail NOT LIKE '%nobody%'"), 1);
    assert_int_equal(count_pending("true"), 0);
    assert_int_equal(count_events("notifications.evt.failed"), 2);
}

static void a_mail_put_off_comes_again_later(void **state) {
    (void)state;
    smtp_server_set_reply(mail, 450);
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(count_pending("attempts = 1 AND due_at > now()"), 1);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    smtp_server_set_reply(mail, 250);
    make_all_due();
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(count_records("status = 'SENT'"), 1);
    assert_int_equal(count_pending("true"), 0);
}

static void what_cannot_be_sent_for_too_long_fails(void **state) {
    (void)state;
    smtp_server_set_reply(mail, 450);
    confirm(BY_MAIL);
    world_execute(&world, "UPDATE notifications.pending SET created_at = now() - interval '2 h'");
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(count_records("status = 'FAILED' AND detail LIKE '%450%'"), 1);
    assert_int_equal(count_pending("true"), 0);
}

static void a_dead_mail_server_opens_its_breaker_and_stops_no_other_channel(void **state) {
    (void)state;
    smtp_server_stop(&mail);
    confirm("{\"email\":\"c100@example.com\",\"phone\":\"+49 30 123\","
            "\"notify\":[\"log\",\"smtp\",\"sms\"]}");
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        expect_sending(NOTIFY_SMTP, STATUS_UNAVAILABLE, 1);
        make_all_due();
    }
    int64_t attempts = world_query_int(&world, "SELECT max(attempts) FROM notifications.pending");
    assert_int_equal(attempts, BREAKER_FAILURES);
    expect_sending(NOTIFY_SMTP, STATUS_UNAVAILABLE, 1); /* not tried: not counted */
    assert_int_equal(count_pending("channel = 'smtp' AND attempts = 5 AND due_at > now()"), 1);
    expect_sending(NOTIFY_SMS, STATUS_OK, 1);
    assert_int_equal(count_records("channel IN ('log', 'sms') AND status = 'SENT'"), 2);
    assert_int_equal(count_records("true"), 2);
}

static void a_server_that_hangs_up_is_down(void **state) {
    (void)state;
    smtp_server_set_reply(mail, 421);
    confirm(BY_MAIL);
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_UNAVAILABLE, 2);
    assert_int_equal(count_pending("attempts = 1"), 1); /* the one that met it */
    assert_int_equal(count_pending("attempts = 0"), 1);
    smtp_server_set_reply(mail, 250);
    make_all_due();
    expect_sending(NOTIFY_SMTP, STATUS_OK, 2);
    assert_int_equal(smtp_server_count(mail), 2);
}

static bool goes_out(void *unused) {
    (void)unused;
    size_t count;
    make_all_due();
    return send_due(NOTIFY_SMTP, &count) == STATUS_OK && count == 1;
}

static void a_slow_server_costs_its_time_limit_and_is_down(void **state) {
    (void)state;
    smtp_server_set_delay_ms(mail, 1000);
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_UNAVAILABLE, 1);
    assert_int_equal(count_pending("true"), 1);
    smtp_server_set_delay_ms(mail, 0);
    assert_true(wait_until(goes_out, NULL, 10000));
    assert_int_equal(count_records("status = 'SENT'"), 1);
}

static void a_mail_whose_end_was_not_answered_is_sent_again_as_the_same_mail(void **state) {
    (void)state;
    smtp_server_drop_after_data(mail);
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_UNAVAILABLE, 1);
    make_all_due();
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    struct buf mails = smtp_server_mails(mail);
    char *first = strstr(mails.ptr, "Message-ID: ");
    assert_non_null(first);
    char *second = strstr(first + 1, "Message-ID: ");
    assert_non_null(second);
    assert_memory_equal(first, second, strcspn(first, "\r"));
    buf_fini(&mails);
}

static int64_t waiting_mails(void) {
    struct error error = {0};
    assert_int_equal(sender_measure(world.notification.senders[NOTIFY_SMTP], &error), STATUS_OK);
    return sample_value("ordermesh_notifications_pending{channel=\"smtp\"}");
}

static void what_waits_for_its_channel_is_measured(void **state) {
    (void)state;
    confirm(BY_MAIL);
    confirm(BY_MAIL);
    confirm(BY_SMS);
    assert_int_equal(waiting_mails(), 2);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 2);
    assert_int_equal(waiting_mails(), 0);
}

static void a_notice_taken_by_a_sender_that_died_is_sent_by_the_next(void **state) {
    (void)state;
    confirm(BY_MAIL);
    world_execute(&world, "UPDATE notifications.pending SET attempts = 1,"
                          " due_at = now() + interval '5 minutes'");
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    make_all_due();
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(smtp_server_count(mail), 1);
}

static void a_notice_due_in_the_far_future_is_due_now(void **state) {
    (void)state;
    confirm(BY_MAIL);
    world_execute(&world, "UPDATE notifications.pending SET due_at = now() + interval '1 day',"
                          " created_at = now() + interval '1 day'");
    smtp_server_set_reply(mail, 450);
    assert_int_equal(waiting_mails(), 1);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(count_pending("due_at < now() + interval '1 hour' AND created_at <= now()"),
                     1);
    smtp_server_set_reply(mail, 250);
    make_all_due();
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(smtp_server_count(mail), 1);
}

static void the_mails_of_batches_go_over_one_connection(void **state) {
    (void)state;
    for (int i = 0; i < 15; i++)
        confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 12);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 3);
    assert_int_equal(smtp_server_count(mail), 15);
    assert_int_equal(smtp_server_connections(mail), 1);
}

/* --- as fast as a provider takes them --- */

/* Three at once, and one more each minute. */
static const struct notice_rate a_minute_each = {.interval_us = 60000000, .burst = 3};

static void limit(enum notify_channel channel, struct notice_rate rate) {
    sender_destroy(&world.notification.senders[channel]);
    atomic_store(&world.notification.channels[channel]->is_stopping, false);
    world.notification.senders[channel] = make_sender(channel, rate);
}

static int64_t wait_ms(enum notify_channel channel) {
    return sender_wait_ms(world.notification.senders[channel]);
}

/* As if so much time went by. */
static void pass(const char *interval) {
    char sql[120];
    snprintf(sql, sizeof(sql), "UPDATE notifications.rates SET free_at = free_at - interval '%s'",
             interval);
    world_execute(&world, sql);
}

static void a_channel_with_a_rate_sends_its_burst_and_then_as_fast_as_it_may(void **state) {
    (void)state;
    limit(NOTIFY_SMTP, a_minute_each);
    for (int i = 0; i < 9; i++)
        confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 3);
    assert_in_range(wait_ms(NOTIFY_SMTP), 50000, 60000);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    assert_in_range(wait_ms(NOTIFY_SMTP), 50000, 60000);
    assert_int_equal(count_pending("attempts = 0"), 6);
    pass("1 minute");
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    pass("2 minutes");
    expect_sending(NOTIFY_SMTP, STATUS_OK, 2);
    pass("1 hour"); /* a long rest saves no more than a burst */
    expect_sending(NOTIFY_SMTP, STATUS_OK, 3);
    assert_int_equal(smtp_server_count(mail), 9);
    assert_int_equal(count_pending("true"), 0);
}

static void a_rate_with_room_left_waits_for_nothing(void **state) {
    (void)state;
    limit(NOTIFY_SMTP, a_minute_each);
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 1);
    assert_int_equal(wait_ms(NOTIFY_SMTP), 0);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    assert_int_equal(wait_ms(NOTIFY_SMTP), 0);
}

static void a_rate_outlives_a_process_and_is_each_channels_own(void **state) {
    (void)state;
    limit(NOTIFY_SMTP, a_minute_each);
    for (int i = 0; i < 4; i++)
        confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 3);
    limit(NOTIFY_SMTP, a_minute_each);
    limit(NOTIFY_SMS, a_minute_each);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    confirm(BY_SMS);
    expect_sending(NOTIFY_SMS, STATUS_OK, 1);
}

static void a_clock_that_was_ahead_costs_a_full_bucket_at_most(void **state) {
    (void)state;
    limit(NOTIFY_SMTP, a_minute_each);
    confirm(BY_MAIL);
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 2);
    pass("-1 day");
    confirm(BY_MAIL);
    expect_sending(NOTIFY_SMTP, STATUS_OK, 0);
    assert_in_range(wait_ms(NOTIFY_SMTP), 50000, 60000);
}

static bool are_all_told(void *count) {
    return count_records("channel = 'sms' AND status = 'SENT'") == *(int64_t *)count;
}

/* Two at once, then one each 100 ms, whoever sends it. */
static void instances_share_a_channels_rate(void **state) {
    (void)state;
    const struct notice_rate rate = {.interval_us = 100000, .burst = 2};
    struct error error = {0};
    int64_t all = 14;
    struct sender *instances[3];
    for (int i = 0; i < all; i++)
        confirm(BY_SMS);
    int64_t began_us = clock_monotonic_us();
    for (size_t i = 0; i < 3; i++) {
        instances[i] = make_sender(NOTIFY_SMS, rate);
        require_ok(sender_start(instances[i], &error), &error);
    }
    assert_true(wait_until(are_all_told, &all, 20000));
    assert_true(clock_monotonic_us() - began_us >= 1150000);
    assert_int_equal(http_sink_count(sink), all);
    for (size_t i = 0; i < 3; i++)
        sender_destroy(&instances[i]);
}

static void a_receiver_that_has_too_many_is_left_alone_as_a_whole(void **state) {
    (void)state;
    int64_t held = sample_value("ordermesh_notifications_held_total{channel=\"sms\"}");
    confirm(BY_SMS);
    http_sink_set_status(sink, 429);
    expect_sending(NOTIFY_SMS, STATUS_OK, 1);
    assert_int_equal(wait_ms(NOTIFY_SMS), 1000);
    http_sink_set_retry_after(sink, 7);
    make_all_due();
    expect_sending(NOTIFY_SMS, STATUS_OK, 1);
    assert_int_equal(wait_ms(NOTIFY_SMS), 7000);
    assert_int_equal(sample_value("ordermesh_notifications_held_total{channel=\"sms\"}"), held + 2);
    http_sink_set_status(sink, 503);
    make_all_due();
    expect_sending(NOTIFY_SMS, STATUS_UNAVAILABLE, 1);
    assert_int_equal(wait_ms(NOTIFY_SMS), 0); /* its breaker's business */
}

static bool was_refused(void *unused) {
    (void)unused;
    return count_pending("attempts = 1 AND due_at < now() + interval '1 minute'") == 1;
}

static void a_started_sender_rests_while_its_receiver_has_too_many(void **state) {
    (void)state;
    struct error error = {0};
    int64_t both = 2;
    http_sink_set_status(sink, 429);
    http_sink_set_retry_after(sink, 2);
    confirm(BY_SMS);
    require_ok(sender_start(world.notification.senders[NOTIFY_SMS], &error), &error);
    assert_true(wait_until(was_refused, NULL, 10000));
    int64_t refused_us = clock_monotonic_us();
    http_sink_set_status(sink, 200);
    confirm(BY_SMS);
    assert_true(wait_until(are_all_told, &both, 10000));
    assert_true(clock_monotonic_us() - refused_us >= 1500000);
    assert_int_equal(http_sink_count(sink), 3);
}

/* --- webhooks --- */

/* The value of a header in `head`; free(). */
static char *copy_header(const struct buf *head, const char *name) {
    char *at = strcasestr(head->ptr, name);
    assert_non_null(at);
    at += strlen(name);
    return mem_copy((struct slice){at, strcspn(at, "\r")});
}

static void a_webhook_is_signed(void **state) {
    (void)state;
    char path[256], expected[SIGNATURE_SIZE];
    struct error error = {0};
    struct signature_key *key = NULL;
    confirm(BY_WEBHOOK);
    expect_sending(NOTIFY_WEBHOOK, STATUS_OK, 1);
    struct buf head = http_sink_head(sink), body = http_sink_body(sink);
    char *id = copy_header(&head, "webhook-id: ");
    char *timestamp = copy_header(&head, "webhook-timestamp: ");
    char *signature = copy_header(&head, "webhook-signature: ");
    snprintf(path, sizeof(path), "%s/test-secret", servers_dir(world.servers));
    assert_int_equal(signature_key_create(path, &key, &error), STATUS_OK);
    signature_write(key, id, strtoll(timestamp, NULL, 10), buf_slice(&body), expected);
    assert_string_equal(signature, expected);
    assert_contains(body.ptr, "{\"type\":\"order.confirmed\",");
    assert_contains(body.ptr, "\"customerId\":\"C1\"");
    signature_key_destroy(&key);
    free(id);
    free(timestamp);
    free(signature);
    buf_fini(&head);
    buf_fini(&body);
}

static void a_receivers_answer_decides_whether_a_notice_comes_again(void **state) {
    (void)state;
    static const struct {
        enum notify_channel channel;
        int answer;
        enum status status;
        bool comes_again;
    } rows[] = {{NOTIFY_WEBHOOK, 301, STATUS_OK, true},
                {NOTIFY_WEBHOOK, 400, STATUS_OK, true},
                {NOTIFY_WEBHOOK, 404, STATUS_OK, true},
                {NOTIFY_WEBHOOK, 429, STATUS_OK, true},
                {NOTIFY_WEBHOOK, 503, STATUS_UNAVAILABLE, true},
                {NOTIFY_WEBHOOK, 0, STATUS_UNAVAILABLE, true},
                {NOTIFY_SMS, 400, STATUS_OK, false},
                {NOTIFY_SMS, 429, STATUS_OK, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_clear(&world);
        http_sink_set_status(sink, rows[i].answer);
        confirm(rows[i].channel == NOTIFY_SMS ? BY_SMS : BY_WEBHOOK);
        expect_sending(rows[i].channel, rows[i].status, 1);
        assert_int_equal(count_pending("attempts = 1"), rows[i].comes_again);
        assert_int_equal(count_records("status = 'FAILED'"), !rows[i].comes_again);
    }
    http_sink_set_status(sink, 204);
    make_all_due();
    expect_sending(NOTIFY_SMS, STATUS_OK, 1);
    assert_int_equal(count_records("status = 'SENT'"), 1);
}

static void a_receiver_is_left_alone_as_long_as_it_asks_but_no_longer_than_an_hour(void **state) {
    (void)state;
    confirm(BY_WEBHOOK);
    http_sink_set_status(sink, 429);
    http_sink_set_retry_after(sink, 120);
    expect_sending(NOTIFY_WEBHOOK, STATUS_OK, 1);
    assert_int_equal(count_pending("due_at > now() + interval '100 seconds'"
                                   " AND due_at <= now() + interval '120 seconds'"),
                     1);
    http_sink_set_retry_after(sink, 1000000);
    make_all_due();
    expect_sending(NOTIFY_WEBHOOK, STATUS_OK, 1);
    assert_int_equal(count_pending("due_at > now() + interval '50 minutes'"
                                   " AND due_at <= now() + interval '1 hour'"),
                     1);
}

static void omctl_resend(const char *since, const char *more) {
    struct environment environment = {0};
    const char *const argv[] = {OM_BINARY_DIR "/bin/omctl",
                                "notices",
                                "resend",
                                "--channel",
                                "webhook",
                                "--since",
                                since,
                                more,
                                NULL};
    environment_set(&environment, "OM_DATABASE_URL", servers_postgres_url(world.servers));
    const struct process_options options = {
        .argv = argv, .environment = &environment, .log_path = "/dev/null"};
    assert_int_equal(process_run(&options, 10000), 0);
    environment_fini(&environment);
}

static void after_a_410_nothing_is_sent_until_an_operator_has_it_sent_again(void **state) {
    (void)state;
    confirm(BY_WEBHOOK);
    http_sink_set_status(sink, 410);
    expect_sending(NOTIFY_WEBHOOK, STATUS_OK, 1);
    http_sink_set_status(sink, 204);
    confirm(BY_WEBHOOK);
    expect_sending(NOTIFY_WEBHOOK, STATUS_OK, 1);
    assert_int_equal(http_sink_count(sink), 1);
    assert_int_equal(count_records("status = 'FAILED' AND detail = 'the receiver said 410'"), 1);
    assert_int_equal(count_records("status = 'FAILED' AND detail = 'the receiver said 410 before'"),
                     1);

    omctl_resend("1h", "--dry-run");
    assert_int_equal(count_pending("true"), 0);
    omctl_resend("2030-01-01T00:00:00Z", NULL);
    assert_int_equal(count_pending("true"), 0);
    omctl_resend("1h", NULL);
    assert_int_equal(count_pending("attempts = 0"), 2);
    assert_int_equal(count_records("true"), 0);
    restart_senders();
    expect_sending(NOTIFY_WEBHOOK, STATUS_OK, 2);
    assert_int_equal(count_records("status = 'SENT'"), 2);
}

/* --- the thread --- */

static bool is_told(void *unused) {
    (void)unused;
    return count_records("channel = 'smtp' AND status = 'SENT'") == 1;
}

static void a_started_sender_sends_what_comes(void **state) {
    (void)state;
    struct error error = {0};
    assert_int_equal(sender_start(world.notification.senders[NOTIFY_SMTP], &error), STATUS_OK);
    confirm(BY_MAIL);
    assert_true(wait_until(is_told, NULL, 10000));
}

static void the_wait_doubles_up_to_ten_minutes(void **state) {
    (void)state;
    assert_int_equal(sender_delay_ms(1), 1000);
    assert_int_equal(sender_delay_ms(3), 4000);
    assert_int_equal(sender_delay_ms(11), 600000);
    assert_int_equal(sender_delay_ms(1000), 600000);
}

/* --- fixture --- */

static char *file_in_dir(const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", servers_dir(world.servers), name);
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

static void open_channels(struct channel **channels) {
    struct error error = {0};
    char *secret = file_in_dir("test-secret"), *token = file_in_dir("test-token");
    const struct channel_smtp_options smtp = {.url = smtp_server_url(mail),
                                              .from = "orders@example.com",
                                              .user = "",
                                              .password_file = "",
                                              .ca_file = "",
                                              .timeout_ms = 700,
                                              .template_dir = TEMPLATES};
    const struct channel_webhook_options webhook = {.url = http_sink_url(sink),
                                                    .secret_file = secret,
                                                    .timeout_ms = 2000,
                                                    .template_dir = TEMPLATES};
    const struct channel_sms_options sms = {.url = http_sink_url(sink),
                                            .token_file = token,
                                            .timeout_ms = 2000,
                                            .template_dir = TEMPLATES};
    assert_int_equal(channel_smtp_create(&smtp, &channels[NOTIFY_SMTP], &error), STATUS_OK);
    assert_int_equal(channel_webhook_create(&webhook, &channels[NOTIFY_WEBHOOK], &error),
                     STATUS_OK);
    assert_int_equal(channel_sms_create(&sms, &channels[NOTIFY_SMS], &error), STATUS_OK);
    free(secret);
    free(token);
}

static struct sender *make_sender(enum notify_channel channel, struct notice_rate rate) {
    return sender_create(&(struct sender_options){
        .database_url = servers_role_url(world.servers, "om_notifications"),
        .channel = world.notification.channels[channel],
        .ring = world.notification.ring,
        .give_up_s = GIVE_UP_S,
        .rate = rate,
    });
}

static void open_senders(void) {
    struct notification *notification = &world.notification;
    open_channels(notification->channels);
    for (int i = NOTIFY_LOG + 1; i < NOTIFY_CHANNEL_COUNT; i++)
        notification->senders[i] =
            make_sender((enum notify_channel)i, (struct notice_rate){.interval_us = 0});
}

static void close_senders(void) {
    for (int i = NOTIFY_LOG + 1; i < NOTIFY_CHANNEL_COUNT; i++) {
        sender_destroy(&world.notification.senders[i]);
        channel_destroy(&world.notification.channels[i]);
    }
}

static void restart_senders(void) {
    close_senders();
    open_senders();
}

static int each_setup(void **state) {
    world_empty(state);
    world_execute(&world, "UPDATE notifications.rates SET free_at = '-infinity'");
    mail = smtp_server_start();
    sink = http_sink_start();
    open_senders();
    world.notification.defaults = NOTIFY_BIT(NOTIFY_LOG) | NOTIFY_BIT(NOTIFY_SMTP);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    close_senders();
    smtp_server_stop(&mail);
    http_sink_stop(&sink);
    return 0;
}

static int setup(void **state) {
    struct error error = {0};
    world_setup(state);
    write_file("test-key", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    write_file("test-secret", SECRET "\n");
    write_file("test-token", "t0ken\n");
    char *path = file_in_dir("test-key");
    assert_int_equal(key_ring_create(path, NULL, &world.notification.ring, &error), STATUS_OK);
    free(path);
    return 0;
}

static int teardown(void **state) {
    key_ring_destroy(&world.notification.ring);
    return world_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_confirmed_order_is_told_once_by_each_channel),
        TEST(each_kind_is_told),
        TEST(an_order_without_an_address_is_only_logged),
        TEST(an_order_says_by_which_channels),
        TEST(a_channel_that_is_not_configured_fails_for_good),
        TEST(a_log_that_cannot_be_written_fails_and_stops_no_other_channel),
        TEST(personal_data_stays_sealed_in_the_queue),
        TEST(personal_data_that_was_tampered_with_is_rejected),
        TEST(an_address_that_is_refused_fails_for_good),
        TEST(a_mail_put_off_comes_again_later),
        TEST(what_cannot_be_sent_for_too_long_fails),
        TEST(a_dead_mail_server_opens_its_breaker_and_stops_no_other_channel),
        TEST(a_server_that_hangs_up_is_down),
        TEST(a_slow_server_costs_its_time_limit_and_is_down),
        TEST(a_mail_whose_end_was_not_answered_is_sent_again_as_the_same_mail),
        TEST(what_waits_for_its_channel_is_measured),
        TEST(a_notice_due_in_the_far_future_is_due_now),
        TEST(a_notice_taken_by_a_sender_that_died_is_sent_by_the_next),
        TEST(the_mails_of_batches_go_over_one_connection),
        TEST(a_channel_with_a_rate_sends_its_burst_and_then_as_fast_as_it_may),
        TEST(a_rate_with_room_left_waits_for_nothing),
        TEST(a_rate_outlives_a_process_and_is_each_channels_own),
        TEST(a_clock_that_was_ahead_costs_a_full_bucket_at_most),
        TEST(instances_share_a_channels_rate),
        TEST(a_receiver_that_has_too_many_is_left_alone_as_a_whole),
        TEST(a_started_sender_rests_while_its_receiver_has_too_many),
        TEST(a_webhook_is_signed),
        TEST(a_receivers_answer_decides_whether_a_notice_comes_again),
        TEST(a_receiver_is_left_alone_as_long_as_it_asks_but_no_longer_than_an_hour),
        TEST(after_a_410_nothing_is_sent_until_an_operator_has_it_sent_again),
        TEST(a_started_sender_sends_what_comes),
        cmocka_unit_test(the_wait_doubles_up_to_ten_minutes),
    };
    return cmocka_run_group_tests_name("notification_service", tests, setup, teardown);
}
