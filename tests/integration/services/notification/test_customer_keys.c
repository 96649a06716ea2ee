/* Customers' keys in the notification service's database: made, used, destroyed, and carried over
   to another master key.

   Covers: services/notification/customer_keys.c services/notification/housekeeping.c
   services/notification/endpoint.c services/notification/handler.c services/notification/sender.c
   sql/0036_customer_keys.sql */
#include "services/notification/channels/channel_sms.h"
#include "services/notification/customer_keys.h"
#include "services/notification/endpoint.h"
#include "services/notification/housekeeping.h"
#include "services/notification/sender.h"
#include "shared/base/memory.h"
#include "shared/crypto/seal_key.h"
#include "shared/json/json.h"
#include "tests/support/base/test.h"
#include "tests/support/network/http_sink.h"
#include "tests/support/world/world_fixture.h"

static struct pg *pg;
static struct key_ring *old_ring, *new_ring, *both;
static struct seal_pair pair;

/* --- what is asked of it ---------------------------------------------------------------------- */

typedef enum status (*endpoint_fn)(struct endpoint_call *call, struct error *error);

static enum status ask(endpoint_fn endpoint, const char *request, struct buf *reply) {
    struct error error = {0};
    struct endpoint_call call = {.request = slice_of(request),
                                 .pg = pg,
                                 .context = &world.notification,
                                 .arena = arena_create(4096),
                                 .reply = reply};
    enum status status = endpoint(&call, &error);
    arena_destroy(&call.arena);
    return status;
}

#define ONE(id) "{\"customers\":[{\"tenant\":\"default\",\"customerId\":\"" id "\"}]}"

/* The `index`th key of the reply, or the shared one. */
static struct seal_key key_of(const char *request, size_t index) {
    struct buf reply = {0};
    struct json_object *root = NULL, *keys = NULL;
    struct seal_key key;
    struct slice text;
    assert_int_equal(ask(notification_endpoint_seal_keys, request, &reply), STATUS_OK);
    assert_int_equal(json_parse(buf_slice(&reply), &root, NULL), STATUS_OK);
    if (json_get_array(root, "keys", &keys, NULL) == STATUS_OK)
        text = slice_of(json_object_get_string(json_object_array_get_idx(keys, index)));
    else
        assert_int_equal(json_get_string(root, "shared", &text, NULL), STATUS_OK);
    assert_true(seal_key_parse(text, &key));
    json_object_put(root);
    buf_fini(&reply);
    return key;
}

static void erase(const char *customer) {
    struct buf request = {0}, reply = {0};
    buf_printf(&request, "{\"tenant\":\"default\",\"customerId\":\"%s\",\"actor\":\"root\"}",
               customer);
    assert_int_equal(ask(notification_endpoint_erase, request.ptr, &reply), STATUS_OK);
    buf_fini(&request);
    buf_fini(&reply);
}

/* --- an order's event, sealed one way or another ---------------------------------------------- */

#define PERSONAL "{\"email\":\"c100@example.com\",\"phone\":\"+49301\"}"

static void seal_with(const struct seal_key *key, struct buf *sealed) {
    if (key == NULL)
        key_ring_seal(world.notification.ring, SLICE_LITERAL(PERSONAL), sealed);
    else
        seal_key_seal(key, &pair, world.notification.ring, SLICE_LITERAL(PERSONAL), sealed);
}

/* `key` NULL: the master key. */
static struct uuid confirm(const char *customer, const struct seal_key *key, enum outcome outcome) {
    struct uuid id = uuid_v7();
    char order_id[UUID_TEXT_SIZE];
    struct buf data = {0}, sealed = {0}, payload = {0};
    uuid_format(&id, order_id);
    seal_with(key, &sealed);
    buf_printf(&data,
               "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"%s\",\"currency\":"
               "\"USD\",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\",\"totalMinor\":5,"
               "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":5}],\"sealed\":\"%s\"}",
               order_id, customer, sealed.ptr);
    world_write_event(&payload, EVENT_ORDER_CONFIRMED, &id, data.ptr);
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_NOTIFICATION, buf_slice(&payload)),
                     outcome);
    buf_fini(&data);
    buf_fini(&sealed);
    buf_fini(&payload);
    return id;
}

static int64_t count(const char *table, const char *where) {
    char sql[300];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM notifications.%s WHERE %s", table, where);
    return world_query_int(&world, sql);
}

#define COUNT_STATUS(status) count("notifications", "status = '" status "'")

/* --- keys ------------------------------------------------------------------------------------- */

static void a_customer_has_one_key_and_another_customer_another(void **state) {
    (void)state;
    struct seal_key first = key_of(ONE("C1"), 0), again = key_of(ONE("C1"), 0);
    struct seal_key other = key_of(ONE("C2"), 0);
    struct seal_key elsewhere =
        key_of("{\"customers\":[{\"tenant\":\"acme\",\"customerId\":\"C1\"}]}", 0);
    assert_memory_equal(first.bytes, again.bytes, SEAL_KEY_BYTES);
    assert_memory_not_equal(first.bytes, other.bytes, SEAL_KEY_BYTES);
    assert_memory_not_equal(first.bytes, elsewhere.bytes, SEAL_KEY_BYTES);
    assert_int_equal(count("customer_keys", "true"), 3);
}

static void many_are_asked_for_at_once_and_one_twice(void **state) {
    (void)state;
    static const char request[] = "{\"customers\":[{\"tenant\":\"default\",\"customerId\":\"C1\"},"
                                  "{\"tenant\":\"default\",\"customerId\":\"C2\"},"
                                  "{\"tenant\":\"default\",\"customerId\":\"C1\"}]}";
    struct seal_key known = key_of(ONE("C2"), 0);
    struct seal_key first = key_of(request, 0), second = key_of(request, 1);
    struct seal_key third = key_of(request, 2);
    assert_memory_equal(second.bytes, known.bytes, SEAL_KEY_BYTES);
    assert_memory_equal(first.bytes, third.bytes, SEAL_KEY_BYTES);
    assert_int_equal(count("customer_keys", "true"), 2);
}

/* It was given keys of a service with a wrong file, which nobody opened once the file was right. */
static void who_seals_with_another_master_key_gets_no_key(void **state) {
    (void)state;
    static const char *const ends[] = {
        "}", ",\"customers\":[{\"tenant\":\"default\",\"customerId\":\"C1\"}]}"};
    struct slice ids[] = {SLICE_LITERAL("00000000"), key_ring_id(world.notification.ring)};
    for (int i = 0; i < 4; i++) {
        struct buf request = {0}, reply = {0};
        buf_printf(&request, "{\"masterKey\":\"%.*s\"%s", SLICE_ARG(ids[i / 2]), ends[i % 2]);
        assert_int_equal(ask(notification_endpoint_seal_keys, request.ptr, &reply),
                         i < 2 ? STATUS_NOT_FOUND : STATUS_OK);
        buf_fini(&request);
        buf_fini(&reply);
    }
}

static void what_is_no_question_is_refused(void **state) {
    (void)state;
    static const char *const requests[] = {
        "{\"customers\":[]}",
        "{\"customers\":1}",
        "{\"customers\":[{\"tenant\":\"default\"}]}",
        "{\"customers\":[{\"tenant\":\"default\",\"customerId\":\"\"}]}",
        "{\"customerId\":\"C1\"}",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct buf reply = {0};
        assert_int_equal(ask(notification_endpoint_seal_keys, requests[i], &reply), STATUS_INVALID);
        buf_fini(&reply);
    }
    assert_int_equal(count("customer_keys", "true"), 0);
}

static void the_database_has_nothing_that_opens_without_the_master_key(void **state) {
    (void)state;
    struct buf sealed = {0}, plain = {0};
    struct error error = {0};
    struct seal_key key = key_of(ONE("C1"), 0);
    seal_key_seal(&key, &pair, old_ring, SLICE_LITERAL(PERSONAL), &sealed);
    char *opener = world_query_text(&world, "SELECT opener FROM notifications.customer_keys");
    assert_int_equal(seal_key_open(old_ring, slice_of(opener), buf_slice(&sealed), &plain, &error),
                     STATUS_OK);
    assert_int_equal(seal_key_open(new_ring, slice_of(opener), buf_slice(&sealed), &plain, &error),
                     STATUS_NOT_FOUND);
    free(opener);
    buf_fini(&sealed);
    buf_fini(&plain);
}

/* --- being told ------------------------------------------------------------------------------- */

static void each_kind_of_seal_opens(void **state) {
    (void)state;
    struct seal_key own = key_of(ONE("C1"), 0), shared = key_of("{}", 0);
    confirm("C1", &own, OUTCOME_DONE);
    confirm("C1", &shared, OUTCOME_DONE);
    confirm("C1", NULL, OUTCOME_DONE); /* as the version before sealed */
    assert_int_equal(COUNT_STATUS("SENT"), 3);
    assert_int_equal(count("pending", "true"), 3);
}

static void a_key_opens_nothing_of_another_customer(void **state) {
    (void)state;
    struct seal_key own = key_of(ONE("C1"), 0);
    confirm("C2", &own, OUTCOME_REJECT);
    assert_int_equal(count("notifications", "true"), 0);
}

/* The rows of a backup without its keys, which can be given back. */
static void a_key_that_is_missing_though_nobody_erased_it_is_said_to_be(void **state) {
    (void)state;
    struct seal_key own = key_of(ONE("C1"), 0);
    world_execute(&world, "DELETE FROM notifications.customer_keys");
    confirm("C1", &own, OUTCOME_REJECT);
    assert_int_equal(count("notifications", "true"), 0);
}

/* --- erasing ---------------------------------------------------------------------------------- */

static void after_erasing_nothing_of_the_customer_opens_whatever_sealed_it(void **state) {
    (void)state;
    struct seal_key own = key_of(ONE("C1"), 0), shared = key_of("{}", 0);
    struct seal_key other = key_of(ONE("C2"), 0);
    erase("C1");
    confirm("C1", &own, OUTCOME_DONE);
    confirm("C1", &shared, OUTCOME_DONE);
    confirm("C1", NULL, OUTCOME_DONE);
    assert_int_equal(count("notifications", "status = 'ERASED' AND event IS NULL"), 6);
    assert_int_equal(count("notifications", "true"), 6); /* by the log and by SMS */
    assert_int_equal(count("outbox", "subject = 'notifications.evt.failed'"), 6);
    assert_int_equal(count("pending", "true"), 0);
    confirm("C2", &other, OUTCOME_DONE);
    confirm("C2", &shared, OUTCOME_DONE);
    assert_int_equal(COUNT_STATUS("SENT"), 2);
}

static void the_next_order_has_a_new_key_and_is_told(void **state) {
    (void)state;
    struct seal_key first = key_of(ONE("C1"), 0);
    erase("C1");
    struct seal_key second = key_of(ONE("C1"), 0);
    assert_memory_not_equal(first.bytes, second.bytes, SEAL_KEY_BYTES);
    confirm("C1", &second, OUTCOME_DONE);
    confirm("C1", &first, OUTCOME_DONE);
    assert_int_equal(COUNT_STATUS("SENT"), 1);
    assert_int_equal(COUNT_STATUS("ERASED"), 2);
}

static void erasing_may_be_repeated_and_says_who_asked(void **state) {
    (void)state;
    (void)key_of(ONE("C1"), 0);
    erase("C1");
    erase("C1");
    erase("nobody-yet");
    assert_int_equal(count("customer_keys", "customer_id <> ''"), 0);
    assert_int_equal(count("customer_erasures", "customer_id = 'C1' AND times = 2 AND erased_by = "
                                                "'root' AND erased_at > first_erased_at"),
                     1);
    assert_int_equal(count("customer_erasures", "customer_id = 'nobody-yet' AND times = 1"), 1);
}

static void gateways_hear_who_was_erased_lately(void **state) {
    (void)state;
    struct buf reply = {0};
    erase("C1");
    erase("long-ago");
    world_execute(&world, "UPDATE notifications.customer_erasures SET erased_at = now() - interval "
                          "'3 hours' WHERE customer_id = 'long-ago'");
    assert_int_equal(ask(notification_endpoint_seal_keys, "{}", &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"erased\":[{\"tenant\":\"default\",\"customerId\":\"C1\"}]");
    buf_fini(&reply);
}

/* A list of erasures that is gone through when keys come back from a backup. */
static void an_old_erasure_spares_the_key_of_who_came_back(void **state) {
    (void)state;
    (void)key_of(ONE("C1"), 0);
    world_execute(&world, "UPDATE notifications.customer_keys SET created_at = now() - interval "
                          "'2 days'");
    (void)key_of(ONE("C2"), 0);
    static const char again[] = "SELECT keys FROM notifications.erase_customer('default', '%s', "
                                "'root', date_trunc('hour', now()) - interval '1 day')";
    char sql[200];
    snprintf(sql, sizeof(sql), again, "C1");
    assert_int_equal(world_query_int(&world, sql), 1);
    snprintf(sql, sizeof(sql), again, "C2");
    assert_int_equal(world_query_int(&world, sql), 0);
    snprintf(sql, sizeof(sql), again, "C1");
    assert_int_equal(world_query_int(&world, sql), 0);
    assert_int_equal(count("customer_erasures", "customer_id = 'C1' AND times = 1"), 1);
}

/* A notice that waits for its channel ends, quietly. */
static void a_notice_in_the_queue_ends_where_its_customer_is_erased(void **state) {
    (void)state;
    struct http_sink *sink = http_sink_start();
    struct channel *channel = NULL;
    struct error error = {0};
    struct seal_key own = key_of(ONE("C1"), 0), other = key_of(ONE("C2"), 0);
    size_t taken = 0;
    confirm("C1", &own, OUTCOME_DONE);
    confirm("C2", &other, OUTCOME_DONE);
    erase("C1");
    char url[100], *dir = mem_copy(slice_of(OM_SOURCE_DIR "/services/notification/templates"));
    snprintf(url, sizeof(url), "%s/told", http_sink_url(sink));
    struct buf token = {0};
    buf_printf(&token, "%s/test-token", servers_dir(world.servers));
    require_ok(channel_sms_create(&(struct channel_sms_options){.url = url,
                                                                .token_file = token.ptr,
                                                                .ca_file = "",
                                                                .template_dir = dir,
                                                                .timeout_ms = 5000},
                                  &channel, &error),
               &error);
    struct sender *sender = sender_create(&(struct sender_options){
        .database_url = servers_role_url(world.servers, "om_notifications"),
        .channel = channel,
        .ring = world.notification.ring,
        .give_up_s = 3600,
    });
    require_ok(sender_run(sender, &taken, &error), &error);
    sender_destroy(&sender);
    channel_destroy(&channel);
    assert_int_equal(taken, 2);
    assert_int_equal(count("pending", "true"), 0);
    assert_int_equal(count("notifications",
                           "channel = 'sms' AND status = 'ERASED' AND event IS NULL"
                           " AND detail LIKE '%erased%'"),
                     1);
    assert_int_equal(count("notifications", "channel = 'sms' AND status = 'SENT'"), 1);
    http_sink_stop(&sink);
    buf_fini(&token);
    free(dir);
}

/* --- by the clock ----------------------------------------------------------------------------- */

static void keep_house(void) {
    struct error error = {0};
    struct batch batch = {.pg = pg,
                          .context = &world.notification,
                          .arena = arena_create(4096),
                          .outbox = outbox_create()};
    require_ok(periodic_run(&notification_housekeeping, &batch, &error), &error);
    outbox_destroy(&batch.outbox);
    arena_destroy(&batch.arena);
}

static void there_is_a_new_shared_key_each_day_and_an_old_one_ends(void **state) {
    (void)state;
    struct seal_key first = key_of("{}", 0);
    keep_house();
    assert_int_equal(count("customer_keys", "true"), 1);
    world_execute(&world, "UPDATE notifications.customer_keys SET created_at = now() - interval "
                          "'25 hours'");
    keep_house();
    struct seal_key second = key_of("{}", 0);
    assert_memory_not_equal(first.bytes, second.bytes, SEAL_KEY_BYTES);
    confirm("C1", &first, OUTCOME_DONE);
    assert_int_equal(COUNT_STATUS("SENT"), 1);
    world_execute(&world,
                  "UPDATE notifications.customer_keys SET created_at = created_at - interval "
                  "'14 days'");
    keep_house();
    assert_int_equal(count("customer_keys", "opener IS NULL"), 2);
    assert_int_equal(count("customer_keys", "opener IS NOT NULL"), 1);
    confirm("C1", &first, OUTCOME_DONE);
    assert_int_equal(COUNT_STATUS("SENT"), 1);
    assert_int_equal(count("notifications", "status = 'ERASED' AND detail LIKE '%shared key%'"), 2);
    world_execute(&world,
                  "UPDATE notifications.customer_keys SET created_at = created_at - interval "
                  "'1 year' WHERE opener IS NULL");
    keep_house();
    assert_int_equal(count("customer_keys", "opener IS NULL"), 0);
}

/* What an erased customer's key leaves behind on a disk is noise from then on. */
static void a_new_master_key_takes_over_and_the_old_one_opens_nothing_any_more(void **state) {
    (void)state;
    struct buf sealed = {0}, plain = {0};
    struct error error = {0};
    struct seal_key own = key_of(ONE("C1"), 0);
    seal_key_seal(&own, &pair, old_ring, SLICE_LITERAL(PERSONAL), &sealed);
    char *left_behind = world_query_text(&world, "SELECT opener FROM notifications.customer_keys "
                                                 "WHERE customer_id = 'C1'");
    world.notification.ring = both;
    confirm("C1", &own, OUTCOME_DONE);
    keep_house();
    char *opener = world_query_text(&world, "SELECT opener FROM notifications.customer_keys WHERE "
                                            "customer_id = 'C1'");
    assert_string_not_equal(opener, left_behind);
    assert_memory_equal(opener, key_ring_prefix(new_ring), strlen(key_ring_prefix(new_ring)));
    assert_int_equal(seal_key_open(both, slice_of(opener), buf_slice(&sealed), &plain, &error),
                     STATUS_OK);
    assert_int_equal(
        seal_key_open(new_ring, slice_of(left_behind), buf_slice(&sealed), &plain, &error),
        STATUS_NOT_FOUND);
    world.notification.ring = new_ring;
    confirm("C1", &own, OUTCOME_DONE); /* sealed anew, by the new master key */
    assert_int_equal(COUNT_STATUS("SENT"), 2);
    free(opener);
    free(left_behind);
    buf_fini(&sealed);
    buf_fini(&plain);
}

/* --- fixture ---------------------------------------------------------------------------------- */

static struct key_ring *make_ring(const char *name, const char *digits, const char *old_path) {
    struct buf path = {0};
    struct key_ring *ring = NULL;
    struct error error = {0};
    buf_printf(&path, "%s/%s", servers_dir(world.servers), name);
    FILE *file = fopen(path.ptr, "w");
    assert_non_null(file);
    fputs(digits, file);
    fclose(file);
    require_ok(key_ring_create(path.ptr, old_path, &ring, &error), &error);
    buf_fini(&path);
    return ring;
}

static int each_setup(void **state) {
    world_empty(state);
    world_execute(&world, "DELETE FROM notifications.customer_keys");
    world_execute(&world, "DELETE FROM notifications.customer_erasures");
    world.notification.ring = old_ring;
    return 0;
}

/* A channel that is only to be there: what it is to send is queued. */
static enum status send_nothing(struct channel *channel, struct notice *const *notices,
                                size_t notice_count, struct error *error) {
    (void)channel;
    (void)notices;
    (void)notice_count;
    return error_set(error, STATUS_UNAVAILABLE, "nothing is sent here");
}
static struct channel queue_only = {.id = NOTIFY_SMS, .send = send_nothing};

static int setup(void **state) {
    static const char old_digits[] =
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    static const char new_digits[] =
        "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    struct buf old_path = {0};
    world_setup(state);
    buf_printf(&old_path, "%s/old-key", servers_dir(world.servers));
    old_ring = make_ring("old-key", old_digits, NULL);
    new_ring = make_ring("new-key", new_digits, NULL);
    both = make_ring("new-key", new_digits, old_path.ptr);
    struct key_ring *unused = make_ring("test-token", old_digits, NULL);
    key_ring_destroy(&unused);
    pg = pg_create(servers_role_url(world.servers, "om_notifications"), "test");
    world.notification.channels[NOTIFY_SMS] = &queue_only;
    world.notification.defaults = NOTIFY_BIT(NOTIFY_LOG) | NOTIFY_BIT(NOTIFY_SMS);
    buf_fini(&old_path);
    return 0;
}

static int teardown(void **state) {
    pg_destroy(&pg);
    world.notification.channels[NOTIFY_SMS] = NULL;
    world.notification.ring = NULL;
    key_ring_destroy(&old_ring);
    key_ring_destroy(&new_ring);
    key_ring_destroy(&both);
    return world_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_customer_has_one_key_and_another_customer_another),
        TEST(many_are_asked_for_at_once_and_one_twice),
        TEST(what_is_no_question_is_refused),
        TEST(who_seals_with_another_master_key_gets_no_key),
        TEST(the_database_has_nothing_that_opens_without_the_master_key),
        TEST(each_kind_of_seal_opens),
        TEST(a_key_opens_nothing_of_another_customer),
        TEST(a_key_that_is_missing_though_nobody_erased_it_is_said_to_be),
        TEST(after_erasing_nothing_of_the_customer_opens_whatever_sealed_it),
        TEST(the_next_order_has_a_new_key_and_is_told),
        TEST(erasing_may_be_repeated_and_says_who_asked),
        TEST(gateways_hear_who_was_erased_lately),
        TEST(an_old_erasure_spares_the_key_of_who_came_back),
        TEST(a_notice_in_the_queue_ends_where_its_customer_is_erased),
        TEST(there_is_a_new_shared_key_each_day_and_an_old_one_ends),
        TEST(a_new_master_key_takes_over_and_the_old_one_opens_nothing_any_more),
    };
    return cmocka_run_group_tests_name("customer_keys", tests, setup, teardown);
}
