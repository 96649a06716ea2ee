/* The webhooks service's handlers, requests, queue and housekeeping on a real database: who is told
   of what, once, and by whom a webhook can be seen. What is sent is test_webhooks.c's.

   Covers: services/webhooks/ */
#include "services/webhooks/delivery_log.h"
#include "services/webhooks/endpoint.h"
#include "services/webhooks/handler.h"
#include "services/webhooks/housekeeping.h"
#include "services/webhooks/queue.h"
#include "services/webhooks/settings.h"
#include "shared/base/clock.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"
#include "tests/support/world/world.h"

static const struct handler_row order_rows[] = {{EVENT_ORDER_CREATED, &webhooks_handler},
                                                {EVENT_ORDER_COMPLETED, &webhooks_handler},
                                                {EVENT_ORDER_FAILED, &webhooks_handler}};
static const struct handler_row refund_rows[] = {
    {EVENT_PAYMENT_REFUNDED, &webhooks_refund_handler}};
static const struct handler_row action_rows[] = {
    {EVENT_PAYMENT_ACTION_REQUIRED, &webhooks_handler}};
static const struct consumer_spec order_spec = {"ORDERS", "webhooks", order_rows, 3};
static const struct consumer_spec refund_spec = {"PAYMENTS", "webhooks", refund_rows, 1};
static const struct consumer_spec action_spec = {"PAYMENTS", "webhooks-action", action_rows, 1};

static const struct webhooks_settings settings = {.private_addresses = "none",
                                                  .per_tenant = 3,
                                                  .timeout_ms = 1000,
                                                  .in_flight = 8,
                                                  .in_flight_each = 2,
                                                  .give_up_s = 100,
                                                  .off_after_s = 60,
                                                  .keep_days = 7,
                                                  .ca_file = ""};
static struct pg *pg;
static struct webhooks *webhooks;
static struct drive *orders, *payments, *actions;
static char key_files[2][64];

/* --- questions -------------------------------------------------------------------------------- */

/* A statement stays prepared for as long as its connection: each question is one of its own. */
static int64_t number(const char *sql) {
    enum { QUESTIONS = 64 };
    static struct pg_statement statements[QUESTIONS];
    static char names[QUESTIONS][16];
    static size_t count;
    struct pg_result *result = NULL;
    struct error error = {0};
    assert_true(count < QUESTIONS);
    snprintf(names[count], sizeof(names[count]), "question-%zu", count);
    statements[count] = (struct pg_statement){.name = names[count], .sql = sql};
    if (pg_query(pg, &statements[count++], NULL, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
    int64_t value = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return value;
}

static void execute(const char *sql) {
    struct error error = {0};
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

typedef enum status (*endpoint_fn)(struct endpoint_call *call, struct error *error);

static enum status ask(endpoint_fn endpoint, const char *request, struct buf *reply,
                       struct error *error) {
    struct endpoint_call call = {
        .request = slice_of(request), .pg = pg, .reply = reply, .context = webhooks};
    buf_clear(reply);
    return endpoint(&call, error);
}

/* The status of a request that names a webhook and, where `more` is not "", further members. */
static enum status ask_one(endpoint_fn endpoint, const char *tenant, const struct uuid *id,
                           const char *more, struct buf *reply) {
    struct buf request = {0};
    struct error error = {0};
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    buf_printf(&request, "{\"tenant\":\"%s\",\"id\":\"%s\"%s}", tenant, text, more);
    enum status status = ask(endpoint, request.ptr, reply, &error);
    buf_fini(&request);
    return status;
}

static struct uuid subscribe(const char *tenant, const char *types) {
    struct uuid id = uuid_v7();
    struct buf more = {0}, reply = {0};
    buf_printf(&more, ",\"url\":\"https://shop.example/\",\"eventTypes\":[%s]", types);
    assert_int_equal(ask_one(webhooks_endpoint_create, tenant, &id, more.ptr, &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"secret\":\"whsec_");
    buf_fini(&more);
    buf_fini(&reply);
    return id;
}

/* --- events ----------------------------------------------------------------------------------- */

static void write_order(struct buf *out, enum event_type type, const struct uuid *order_id,
                        const char *tenant) {
    char id[UUID_TEXT_SIZE], data[600];
    uuid_format(order_id, id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"%s\",\"customerId\":\"C1\",\"currency\":\"USD\""
             ",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\",\"totalMinor\":5,\"items\":"
             "[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":5}],\"reason\":\"out_of_stock\"}",
             id, tenant);
    world_write_event(out, type, order_id, data);
}

static enum outcome deliver(struct drive *drive, const struct buf *payload) {
    struct error error = {0};
    struct drive_message message = {.payload = buf_slice(payload)};
    if (drive_batch(drive, &message, 1, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return message.outcome;
}

static void tell(enum event_type type, const struct uuid *order_id, const char *tenant) {
    struct buf payload = {0};
    write_order(&payload, type, order_id, tenant);
    assert_int_equal(deliver(orders, &payload), OUTCOME_DONE);
    buf_fini(&payload);
}

static void tell_refund(const struct uuid *order_id) {
    struct buf payload = {0};
    char id[UUID_TEXT_SIZE], data[200];
    uuid_format(order_id, id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"amountMinor\":5,\"currency\":\"USD\",\"refundId\":\"r\"}", id);
    world_write_event(&payload, EVENT_PAYMENT_REFUNDED, order_id, data);
    assert_int_equal(deliver(payments, &payload), OUTCOME_DONE);
    assert_int_equal(deliver(payments, &payload), OUTCOME_DONE);
    buf_fini(&payload);
}

#define DELIVERIES "SELECT count(*) FROM webhooks.deliveries"

/* --- from event to delivery ------------------------------------------------------------------- */

static void an_event_becomes_one_delivery_for_each_webhook_that_wants_it(void **state) {
    (void)state;
    struct uuid order_id = uuid_v7();
    struct buf payload = {0};
    subscribe("default", "\"order.created\"");
    subscribe("default", "\"*\"");
    subscribe("default", "\"order.failed\"");
    subscribe("acme", "\"*\"");
    write_order(&payload, EVENT_ORDER_CREATED, &order_id, "default");

    assert_int_equal(deliver(orders, &payload), OUTCOME_DONE);
    assert_int_equal(deliver(orders, &payload), OUTCOME_DONE);

    assert_int_equal(number(DELIVERIES), 2);
    assert_int_equal(number(DELIVERIES " WHERE event_type = 'order.created' AND order_id IS NOT"
                                       " NULL AND position('sealed' IN body::text) = 0"),
                     2);
    assert_int_equal(number(DELIVERIES " d JOIN webhooks.endpoints e ON e.id = d.endpoint_id"
                                       " WHERE e.tenant <> 'default'"),
                     0);
    buf_fini(&payload);
}

static void without_a_webhook_nothing_is_written(void **state) {
    (void)state;
    struct uuid order_id = uuid_v7();
    tell(EVENT_ORDER_CREATED, &order_id, "default");
    tell(EVENT_ORDER_FAILED, &order_id, "default");
    tell_refund(&order_id);
    assert_int_equal(number("SELECT (SELECT count(*) FROM webhooks.deliveries)"
                            " + (SELECT count(*) FROM webhooks.refunds)"
                            " + (SELECT count(*) FROM webhooks.inbox)"),
                     0);
}

static void a_webhook_that_is_off_and_one_that_is_newer_get_nothing(void **state) {
    (void)state;
    struct uuid order_id = uuid_v7(), id = subscribe("default", "\"*\"");
    struct buf reply = {0};
    assert_int_equal(
        ask_one(webhooks_endpoint_change, "default", &id, ",\"enabled\":false", &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"enabled\":false,\"offReason\":\"client\"");
    tell(EVENT_ORDER_CREATED, &order_id, "default");
    assert_int_equal(ask_one(webhooks_endpoint_change, "default", &id, ",\"enabled\":true", &reply),
                     STATUS_OK);
    execute("UPDATE webhooks.endpoints SET created_at = now() + interval '1 minute'");
    tell(EVENT_ORDER_CREATED, &order_id, "default");
    assert_int_equal(number(DELIVERIES), 0);
    buf_fini(&reply);
}

/* A refund names no tenant. */
static void a_refund_is_sent_whichever_of_it_and_its_orders_end_comes_first(void **state) {
    (void)state;
    struct uuid first = uuid_v7(), second = uuid_v7(), other = uuid_v7();
    subscribe("default", "\"payment.refunded\"");

    tell(EVENT_ORDER_FAILED, &first, "default");
    assert_int_equal(number(DELIVERIES), 0);
    tell_refund(&first);
    assert_int_equal(number(DELIVERIES), 1);

    tell_refund(&second);
    assert_int_equal(number(DELIVERIES), 1);
    tell(EVENT_ORDER_FAILED, &second, "default");
    tell(EVENT_ORDER_FAILED, &second, "default");
    assert_int_equal(number(DELIVERIES " WHERE event_type = 'payment.refunded'"), 2);

    tell_refund(&other);
    tell(EVENT_ORDER_FAILED, &other, "acme");
    assert_int_equal(number(DELIVERIES), 2);
}

static void each_part_that_is_given_back_of_a_completed_order_is_sent(void **state) {
    (void)state;
    struct uuid order_id = uuid_v7();
    subscribe("default", "\"payment.refunded\"");
    tell(EVENT_ORDER_COMPLETED, &order_id, "default");
    tell_refund(&order_id);
    tell_refund(&order_id);
    assert_int_equal(number(DELIVERIES), 2);
}

static void ask_customer(const struct uuid *order_id, const char *tenant) {
    struct buf payload = {0};
    char id[UUID_TEXT_SIZE], data[400];
    uuid_format(order_id, id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"amountMinor\":5,\"currency\":\"USD\",\"paymentId\":\"pi_1\""
             ",\"provider\":\"stripe\"%s,\"type\":\"redirect_to_url\""
             ",\"url\":\"https://bank.example/\",\"until\":\"2026-01-31T12:15:00.000000Z\"}",
             id, tenant);
    world_write_event(&payload, EVENT_PAYMENT_ACTION_REQUIRED, order_id, data);
    assert_int_equal(deliver(actions, &payload), OUTCOME_DONE);
    buf_fini(&payload);
}

/* A payment service of the version before names no tenant. */
static void a_tenant_is_told_that_its_customer_has_to_confirm(void **state) {
    (void)state;
    struct uuid order_id = uuid_v7();
    subscribe("default", "\"payment.action_required\"");
    ask_customer(&order_id, "");
    ask_customer(&order_id, ",\"tenant\":\"acme\"");
    assert_int_equal(number(DELIVERIES), 0);
    ask_customer(&order_id, ",\"tenant\":\"default\"");
    assert_int_equal(number(DELIVERIES
                            " WHERE event_type = 'payment.action_required' AND convert_from(body,"
                            " 'UTF8') LIKE '%\"url\":\"https://bank.example/\",\"until\":\"2026-%'"
                            " AND convert_from(body, 'UTF8') NOT LIKE '%tenant%'"),
                     1);
}

static void an_event_without_a_tenant_is_rejected(void **state) {
    (void)state;
    struct uuid order_id = uuid_v7();
    struct buf payload = {0};
    write_order(&payload, EVENT_ORDER_CREATED, &order_id, "");
    assert_int_equal(deliver(orders, &payload), OUTCOME_REJECT);
    buf_fini(&payload);
}

/* --- requests --------------------------------------------------------------------------------- */

static void a_creation_that_is_repeated_is_answered_the_same(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf first = {0}, second = {0};
    static const char more[] = ",\"url\":\"https://a.example/\",\"eventTypes\":[\"*\"]";
    static const char other[] = ",\"url\":\"https://b.example/\",\"eventTypes\":[\"*\"]";
    assert_int_equal(ask_one(webhooks_endpoint_create, "default", &id, more, &first), STATUS_OK);
    assert_int_equal(ask_one(webhooks_endpoint_create, "default", &id, more, &second), STATUS_OK);
    assert_string_equal(first.ptr, second.ptr);
    assert_int_equal(ask_one(webhooks_endpoint_create, "default", &id, other, &second),
                     STATUS_INVALID);
    assert_int_equal(ask_one(webhooks_endpoint_create, "acme", &id, more, &second), STATUS_INVALID);
    assert_int_equal(second.len, 0);
    assert_int_equal(number("SELECT count(*) FROM webhooks.endpoints"), 1);
    assert_int_equal(number("SELECT count(*) FROM webhooks.endpoints WHERE secret LIKE '%whsec%'"),
                     0);
    buf_fini(&first);
    buf_fini(&second);
}

static void a_tenant_has_so_many_webhooks_and_no_more(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf reply = {0};
    for (int i = 0; i < 3; i++)
        subscribe("default", "\"*\"");
    assert_int_equal(ask_one(webhooks_endpoint_create, "default", &id,
                             ",\"url\":\"https://a.example/\",\"eventTypes\":[\"*\"]", &reply),
                     STATUS_CONFLICT);
    subscribe("acme", "\"*\"");
    buf_fini(&reply);
}

static void a_wish_that_cannot_be_is_refused_with_its_member(void **state) {
    (void)state;
    static const struct {
        const char *more, *says;
    } wishes[] = {
        {"", "url: "},
        {",\"url\":\"https://a.example/\"", "eventTypes: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":[]", "eventTypes: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":[\"order.x\"]", "eventTypes: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":[\"*\",\"*\"]", "eventTypes: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":[1]", "eventTypes: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":\"*\"", "eventTypes: "},
        {",\"url\":5,\"eventTypes\":[\"*\"]", "url: "},
        {",\"url\":\"https://10.0.0.1/\",\"eventTypes\":[\"*\"]", "url: "},
        {",\"url\":\"http://a.example/\",\"eventTypes\":[\"*\"]", "url: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":[\"*\"],\"description\":\"a\\nb\"",
         "description: "},
        {",\"url\":\"https://a.example/\",\"eventTypes\":[\"*\"],\"enabled\":1", "enabled: "},
    };
    char id_text[UUID_TEXT_SIZE];
    struct uuid id = uuid_v7();
    uuid_format(&id, id_text);
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        struct buf request = {0}, reply = {0};
        struct error error = {0};
        buf_printf(&request, "{\"tenant\":\"default\",\"id\":\"%s\"%s}", id_text, wishes[i].more);
        if (ask(webhooks_endpoint_create, request.ptr, &reply, &error) != STATUS_INVALID ||
            strncmp(error.text, wishes[i].says, strlen(wishes[i].says)) != 0)
            fail_msg("%s: %s", wishes[i].more, error.text);
        buf_fini(&request);
        buf_fini(&reply);
    }
}

static void another_tenants_webhook_is_not_there(void **state) {
    (void)state;
    struct uuid id = subscribe("default", "\"*\"");
    struct buf reply = {0};
    struct error error = {0};
    static const endpoint_fn endpoints[] = {
        webhooks_endpoint_get,  webhooks_endpoint_change, webhooks_endpoint_deliveries,
        webhooks_endpoint_ping, webhooks_endpoint_delete,
    };
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
        assert_int_equal(ask_one(endpoints[i], "acme", &id, "", &reply), STATUS_NOT_FOUND);
    assert_int_equal(ask(webhooks_endpoint_list, "{\"tenant\":\"acme\"}", &reply, &error),
                     STATUS_OK);
    assert_string_equal(reply.ptr, "{\"webhooks\":[]}");
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
        assert_int_equal(ask_one(endpoints[i], "default", &id, "", &reply), STATUS_OK);
    assert_int_equal(ask_one(webhooks_endpoint_get, "default", &id, "", &reply), STATUS_NOT_FOUND);
    buf_fini(&reply);
}

static void a_webhook_is_deleted_with_a_long_log(void **state) {
    (void)state;
    struct uuid id = subscribe("default", "\"*\""), other = subscribe("default", "\"*\"");
    struct buf reply = {0};
    execute("INSERT INTO webhooks.deliveries (endpoint_id, event_id, event_type, body)"
            " SELECT e.id, gen_random_uuid(), 'order.created', '{}'"
            " FROM webhooks.endpoints e, generate_series(1, 6000)");
    assert_int_equal(ask_one(webhooks_endpoint_delete, "acme", &id, "", &reply), STATUS_NOT_FOUND);
    assert_int_equal(ask_one(webhooks_endpoint_delete, "default", &id, "", &reply), STATUS_OK);
    assert_int_equal(ask_one(webhooks_endpoint_get, "default", &id, "", &reply), STATUS_NOT_FOUND);
    assert_int_equal(ask_one(webhooks_endpoint_get, "default", &other, "", &reply), STATUS_OK);
    assert_int_equal(number(DELIVERIES), 6000);
    buf_fini(&reply);
}

static void the_log_is_read_in_pages(void **state) {
    (void)state;
    struct uuid id = subscribe("default", "\"*\"");
    struct buf reply = {0}, more = {0};
    size_t seen = 0;
    for (int i = 0; i < 5; i++) {
        struct uuid order_id = uuid_v7();
        tell(EVENT_ORDER_CREATED, &order_id, "default");
    }
    buf_append_text(&more, ",\"limit\":2");
    for (int pages = 0; pages < 3; pages++) {
        assert_int_equal(ask_one(webhooks_endpoint_deliveries, "default", &id, more.ptr, &reply),
                         STATUS_OK);
        for (const char *at = reply.ptr; (at = strstr(at, "\"eventType\"")) != NULL; at++)
            seen++;
        const char *cursor = strstr(reply.ptr, "\"nextCursor\":\"");
        assert_true((cursor == NULL) == (pages == 2));
        if (cursor == NULL)
            break;
        cursor += strlen("\"nextCursor\":\"");
        buf_clear(&more);
        buf_printf(&more, ",\"limit\":2,\"cursor\":\"%.*s\"", (int)strcspn(cursor, "\""), cursor);
    }
    assert_int_equal(seen, 5);
    buf_append_text(&more, ",\"status\":\"FAILED\""); /* the cursor is of another list */
    assert_int_equal(ask_one(webhooks_endpoint_deliveries, "default", &id, more.ptr, &reply),
                     STATUS_INVALID);
    buf_fini(&more);
    buf_fini(&reply);
}

/* --- the queue -------------------------------------------------------------------------------- */

static size_t take(struct arena *arena, struct queued_delivery **taken) {
    const struct queue_terms terms = {.most = 8, .most_each = 2, .lease_ms = 60000};
    struct queue_busy busy;
    struct error error = {0};
    size_t count = 0;
    pg_array_init(&busy.ids, PG_ARRAY_UUID);
    pg_array_init(&busy.counts, PG_ARRAY_INT64);
    require_ok(webhooks_queue_take(pg, &terms, &busy, arena, taken, &count, &error), &error);
    pg_array_fini(&busy.ids);
    pg_array_fini(&busy.counts);
    return count;
}

static void settle(struct arena *arena, const struct queued_delivery *delivery,
                   enum delivery_result result, bool is_gone, struct switched_off_list *off) {
    const struct settle_terms terms = {.off_after_s = 60, .lease_ms = 60000};
    struct error error = {0};
    const struct delivery_settlement settlement = {
        .endpoint_id = delivery->endpoint_id,
        .event_id = delivery->event_id,
        .result = result,
        .error = result == RESULT_DELIVERED ? "" : "the receiver answered 500",
        .is_gone = is_gone,
        .was_failing = delivery->failures > 0,
    };
    require_ok(webhooks_queue_settle(pg, &terms, &settlement, 1, arena, off, &error), &error);
}

static void tell_orders(int count) {
    for (int i = 0; i < count; i++) {
        struct uuid order_id = uuid_v7();
        tell(EVENT_ORDER_CREATED, &order_id, "default");
    }
}

static void a_webhook_has_its_few_places_and_one_that_fails_has_one(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct queued_delivery *taken = NULL;
    struct switched_off_list off;
    subscribe("default", "\"*\"");
    subscribe("default", "\"*\"");
    tell_orders(5);

    assert_int_equal(take(arena, &taken), 4);
    settle(arena, &taken[0], RESULT_PUT_OFF, false, &off);
    settle(arena, &taken[1], RESULT_DELIVERED, false, &off);
    execute("UPDATE webhooks.endpoints SET resting_until = now()");
    assert_int_equal(off.count, 0);
    assert_int_equal(number("SELECT count(*) FROM webhooks.endpoints WHERE failing_since IS NOT"
                            " NULL AND failures = 1 AND last_error LIKE '%500'"),
                     uuid_compare(&taken[0].endpoint_id, &taken[1].endpoint_id) == 0 ? 0 : 1);
    arena_destroy(&arena);
}

static void a_webhook_that_rests_is_left_alone_until_it_recovers(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct queued_delivery *taken = NULL;
    struct switched_off_list off;
    subscribe("default", "\"*\"");
    tell_orders(5);
    assert_int_equal(take(arena, &taken), 2);
    settle(arena, &taken[0], RESULT_PUT_OFF, false, &off);
    execute("UPDATE webhooks.endpoints SET resting_until = now() + interval '1 hour'");
    assert_int_equal(take(arena, &taken), 0);
    execute("UPDATE webhooks.endpoints SET resting_until = now();"
            "UPDATE webhooks.deliveries SET due_at = now() + interval '1 hour',"
            " tried_at = now() - interval '5 minutes' WHERE attempts > 0");
    assert_int_equal(take(arena, &taken), 1); /* a trial */
    settle(arena, &taken[0], RESULT_DELIVERED, false, &off);
    assert_int_equal(number(DELIVERIES " WHERE status = 'PENDING' AND due_at > now()"), 0);
    assert_int_equal(take(arena, &taken), 2);
    arena_destroy(&arena);
}

static void who_is_gone_or_fails_for_too_long_is_switched_off(void **state) {
    (void)state;
    struct arena *arena = arena_create(4096);
    struct queued_delivery *taken = NULL;
    struct switched_off_list off;
    struct buf reply = {0};
    struct uuid id = subscribe("default", "\"*\"");
    tell_orders(3);

    assert_int_equal(take(arena, &taken), 2);
    settle(arena, &taken[0], RESULT_PUT_OFF, true, &off);
    assert_int_equal(off.count, 1);
    assert_true(slice_is(off.rows[0].reason, "gone"));
    assert_int_equal(take(arena, &taken), 0);
    assert_int_equal(ask_one(webhooks_endpoint_ping, "default", &id, "", &reply), STATUS_CONFLICT);

    assert_int_equal(ask_one(webhooks_endpoint_change, "default", &id, ",\"enabled\":true", &reply),
                     STATUS_OK);
    execute("UPDATE webhooks.deliveries SET due_at = now()");
    assert_int_equal(take(arena, &taken), 2);
    settle(arena, &taken[0], RESULT_PUT_OFF, false, &off);
    assert_int_equal(off.count, 0);
    execute("UPDATE webhooks.endpoints SET failing_since = now() - interval '61 seconds'");
    settle(arena, &taken[1], RESULT_PUT_OFF, false, &off);
    assert_int_equal(off.count, 1);
    assert_true(slice_is(off.rows[0].reason, "failing"));
    assert_int_equal(ask_one(webhooks_endpoint_get, "default", &id, "", &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"enabled\":false,\"offReason\":\"failing\"");
    buf_fini(&reply);
    arena_destroy(&arena);
}

/* --- housekeeping ----------------------------------------------------------------------------- */

static void keep_house(void) {
    struct error error = {0};
    struct batch batch = {
        .pg = pg, .context = webhooks, .arena = arena_create(4096), .outbox = outbox_create()};
    require_ok(periodic_run(&webhooks_housekeeping, &batch, &error), &error);
    outbox_destroy(&batch.outbox);
    arena_destroy(&batch.arena);
}

static void what_is_old_goes_and_what_was_sent_again_stays(void **state) {
    (void)state;
    subscribe("default", "\"*\"");
    tell_orders(3);
    execute("UPDATE webhooks.deliveries SET created_at = now() - interval '8 days';"
            "UPDATE webhooks.deliveries SET wanted_at = now() - interval '8 days'"
            " WHERE event_id <> (SELECT event_id FROM webhooks.deliveries LIMIT 1)");
    keep_house();
    assert_int_equal(number(DELIVERIES), 1);
}

static void open_with(const char *key_file, const char *old_key_file) {
    struct error error = {0};
    const struct config config = {.pii_key_file = key_file, .pii_old_key_file = old_key_file};
    webhooks_destroy(&webhooks);
    require_ok(webhooks_create(&settings, &config, &webhooks, &error), &error);
}

static void secrets_follow_a_change_of_the_key(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf before = {0}, after = {0};
    static const char more[] = ",\"url\":\"https://a.example/\",\"eventTypes\":[\"*\"]";
    assert_int_equal(ask_one(webhooks_endpoint_create, "default", &id, more, &before), STATUS_OK);

    open_with(key_files[1], key_files[0]);
    keep_house();
    open_with(key_files[1], "");

    assert_int_equal(ask_one(webhooks_endpoint_create, "default", &id, more, &after), STATUS_OK);
    assert_string_equal(before.ptr, after.ptr);
    open_with(key_files[0], "");
    buf_fini(&before);
    buf_fini(&after);
}

static void settings_that_cannot_go_together_are_refused(void **state) {
    (void)state;
    const struct config config = {.pii_key_file = key_files[0], .pii_old_key_file = ""};
    const struct config keyless = {.pii_key_file = "", .pii_old_key_file = ""};
    struct webhooks *made = NULL;
    struct error error = {0};
    struct webhooks_settings wrong = settings;
    wrong.private_addresses = "some";
    assert_int_equal(webhooks_create(&wrong, &config, &made, &error), STATUS_INVALID);
    wrong = settings;
    wrong.give_up_s = 8 * 86400;
    assert_int_equal(webhooks_create(&wrong, &config, &made, &error), STATUS_INVALID);
    assert_int_equal(webhooks_create(&settings, &keyless, &made, &error), STATUS_INVALID);
    assert_null(made);
}

/* --- fixture ---------------------------------------------------------------------------------- */

static void write_key(int index) {
    snprintf(key_files[index], sizeof(key_files[index]), "%s/webhooks-%d.key", servers_dir(servers),
             index);
    FILE *file = fopen(key_files[index], "w");
    assert_non_null(file);
    for (int i = 0; i < 32; i++)
        fprintf(file, "%02x", (unsigned)(i + index));
    fclose(file);
}

static int group_setup(void **state) {
    schema_setup(state);
    const char *url = servers_role_url(servers, "om_webhooks");
    pg = pg_create(url, "test");
    write_key(0);
    write_key(1);
    open_with(key_files[0], "");
    orders = drive_create(url, &order_spec, webhooks);
    payments = drive_create(url, &refund_spec, webhooks);
    actions = drive_create(url, &action_spec, webhooks);
    return 0;
}

static int group_teardown(void **state) {
    drive_destroy(&orders);
    drive_destroy(&payments);
    drive_destroy(&actions);
    webhooks_destroy(&webhooks);
    pg_destroy(&pg);
    return servers_teardown(state);
}

static int each_setup(void **state) {
    (void)state;
    execute("DELETE FROM webhooks.endpoints; DELETE FROM webhooks.refunds");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_event_becomes_one_delivery_for_each_webhook_that_wants_it),
        TEST(without_a_webhook_nothing_is_written),
        TEST(a_webhook_that_is_off_and_one_that_is_newer_get_nothing),
        TEST(a_refund_is_sent_whichever_of_it_and_its_orders_end_comes_first),
        TEST(each_part_that_is_given_back_of_a_completed_order_is_sent),
        TEST(a_tenant_is_told_that_its_customer_has_to_confirm),
        TEST(an_event_without_a_tenant_is_rejected),
        TEST(a_creation_that_is_repeated_is_answered_the_same),
        TEST(a_tenant_has_so_many_webhooks_and_no_more),
        TEST(a_wish_that_cannot_be_is_refused_with_its_member),
        TEST(another_tenants_webhook_is_not_there),
        TEST(a_webhook_is_deleted_with_a_long_log),
        TEST(the_log_is_read_in_pages),
        TEST(a_webhook_has_its_few_places_and_one_that_fails_has_one),
        TEST(a_webhook_that_rests_is_left_alone_until_it_recovers),
        TEST(who_is_gone_or_fails_for_too_long_is_switched_off),
        TEST(what_is_old_goes_and_what_was_sent_again_stays),
        TEST(settings_that_cannot_go_together_are_refused),
        TEST(secrets_follow_a_change_of_the_key),
    };
    return cmocka_run_group_tests_name("webhooks_service", tests, group_setup, group_teardown);
}
