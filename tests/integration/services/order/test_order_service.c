/* The order service's handlers and SQL on a real database: what becomes of a submit command, of an
   idempotency key, of events that do not fit, and what readers see.

   Covers: services/order/ */
#include "services/inventory/catalog.h"
#include "services/order/endpoint.h"
#include "shared/base/clock.h"
#include "tests/support/base/process.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#include <pthread.h>

#define WAIT_MS 10000
#define HOUR_US INT64_C(3600000000)
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct world_order make_order(void) {
    return (struct world_order){
        .id = uuid_v7(),
        .sku = "SHIRT",
        .quantity = 2,
        .unit_price_minor = -1,
        .payment_method = "pm_card_visa",
    };
}

static enum outcome submit_at(const struct world_order *order, int64_t at_us) {
    struct buf payload = {0};
    world_write_submit(&payload, order, at_us);
    enum outcome outcome = world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload));
    buf_fini(&payload);
    return outcome;
}

static void submit(const struct world_order *order) {
    assert_int_equal(submit_at(order, clock_now_us()), OUTCOME_DONE);
}

static enum outcome happen(enum world_consumer consumer, enum event_type type,
                           const struct uuid *order_id, const char *data) {
    struct buf payload = {0};
    world_write_event(&payload, type, order_id, data);
    enum outcome outcome = world_deliver(&world, consumer, buf_slice(&payload));
    buf_fini(&payload);
    return outcome;
}

/* "FAILED/unknown_sku" */
static void assert_order(const struct uuid *id, const char *expected) {
    char text[UUID_TEXT_SIZE], sql[200];
    uuid_format(id, text);
    snprintf(sql, sizeof(sql),
             "SELECT status || coalesce('/' || reason, '') FROM orders.orders WHERE id = '%s'",
             text);
    assert_world(sql, expected);
}

static int64_t count_events(const char *subject) {
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM orders.outbox WHERE subject = '%s'", subject);
    return world_query_int(&world, sql);
}

static void a_submitted_order_is_priced_and_announced(void **state) {
    (void)state;
    struct world_order order = make_order();
    submit(&order);
    assert_order(&order.id, "PENDING");
    assert_int_equal(world_query_int(&world, "SELECT total_minor FROM orders.orders"), 2 * 1999);
    assert_int_equal(world_query_int(&world, "SELECT unit_price_minor FROM orders.order_items"),
                     1999);
    assert_int_equal(count_events("orders.evt.created"), 1);
}

static void the_sealed_address_is_sent_only_with_what_customers_are_told(void **state) {
    (void)state;
    struct world_order order = make_order();
    order.sealed = "v1.k.address";
    submit(&order);
    happen(WORLD_INVENTORY_ORDER, EVENT_INVENTORY_RESERVED, &order.id, "{}");
    happen(WORLD_PAYMENTS_ORDER, EVENT_PAYMENT_SUCCEEDED, &order.id, "{}");
    happen(WORLD_SHIPPING_ORDER, EVENT_SHIPPING_SHIPPED, &order.id, "{\"trackingNumber\":\"OM1\"}");
    assert_order(&order.id, "COMPLETED");
    assert_world("SELECT string_agg(subject, ' ' ORDER BY id) FROM orders.outbox",
                 "orders.evt.created orders.evt.confirmed orders.evt.completed");
    assert_world("SELECT string_agg(subject, ' ' ORDER BY id) FROM orders.outbox"
                 " WHERE position('v1.k.address'::bytea IN payload) > 0",
                 "orders.evt.confirmed");
}

static void a_command_that_comes_again_is_no_second_order(void **state) {
    (void)state;
    struct world_order order = make_order();
    order.key_hash = KEY;
    struct buf payload = {0};
    struct error error = {0};
    world_write_submit(&payload, &order, clock_now_us());
    struct drive_message twice[] = {{.payload = buf_slice(&payload)},
                                    {.payload = buf_slice(&payload)}};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], twice, 2, &error), STATUS_OK);
    assert_int_equal(twice[1].outcome, OUTCOME_DONE);
    submit(&order);
    buf_fini(&payload);
    assert_order(&order.id, "PENDING");
    assert_int_equal(count_events("orders.evt.created"), 1);
    assert_int_equal(count_events("orders.evt.failed"), 0);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.order_items"), 1);
}

static void another_order_under_a_used_key_fails_and_is_never_started(void **state) {
    (void)state;
    struct world_order first = make_order(), second = make_order();
    first.key_hash = second.key_hash = KEY;
    submit(&first);
    submit(&second);
    assert_order(&first.id, "PENDING");
    assert_order(&second.id, "FAILED/idempotency_conflict");
    assert_int_equal(count_events("orders.evt.created"), 1);
    assert_int_equal(count_events("orders.evt.failed"), 1);
}

static void of_two_orders_under_one_key_in_one_batch_the_first_wins(void **state) {
    (void)state;
    struct world_order second = make_order(), first = make_order(); /* ids against the order */
    first.key_hash = second.key_hash = KEY;
    struct buf a = {0}, b = {0};
    struct error error = {0};
    world_write_submit(&a, &first, clock_now_us());
    world_write_submit(&b, &second, clock_now_us());
    struct drive_message both[] = {{.payload = buf_slice(&a)}, {.payload = buf_slice(&b)}};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], both, 2, &error), STATUS_OK);
    buf_fini(&a);
    buf_fini(&b);
    assert_order(&first.id, "PENDING");
    assert_order(&second.id, "FAILED/idempotency_conflict");
}

static void a_key_is_free_again_after_a_day(void **state) {
    (void)state;
    int64_t start_us = clock_now_us() - 24 * HOUR_US;
    struct world_order first = make_order(), early = make_order(), late = make_order();
    first.key_hash = early.key_hash = late.key_hash = KEY;
    submit_at(&first, start_us);
    submit_at(&early, start_us + 23 * HOUR_US);
    submit_at(&late, start_us + 24 * HOUR_US);
    assert_order(&early.id, "FAILED/idempotency_conflict");
    assert_order(&late.id, "PENDING");
    submit_at(&first, start_us); /* a redelivery, when the key stands for another */
    assert_order(&first.id, "PENDING");
}

static void a_key_from_the_future_is_of_now(void **state) {
    (void)state;
    struct world_order ahead = make_order(), next = make_order(), late = make_order();
    ahead.key_hash = next.key_hash = late.key_hash = KEY;
    submit_at(&ahead, clock_now_us() + 48 * HOUR_US);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.idempotency_keys"
                                             " WHERE created_at <= now()"),
                     1);
    world_execute(&world, "UPDATE orders.idempotency_keys SET created_at = now() + interval '2 d'");
    submit(&next);
    assert_order(&next.id, "FAILED/idempotency_conflict");
    world_execute(&world, "UPDATE orders.idempotency_keys SET created_at = created_at"
                          " - interval '24 hours'");
    submit(&late);
    assert_order(&late.id, "PENDING");
}

static void what_cannot_be_sold_as_asked_fails_before_it_begins(void **state) {
    (void)state;
    struct world_order unknown = make_order(), changed = make_order();
    unknown.sku = "NOPE";
    changed.unit_price_minor = 1;
    submit(&unknown);
    submit(&changed);
    assert_order(&unknown.id, "FAILED/unknown_sku");
    assert_order(&changed.id, "FAILED/price_changed");
    assert_int_equal(count_events("orders.evt.created"), 0);
    assert_int_equal(count_events("orders.evt.failed"), 2);
}

static void an_event_whose_order_is_not_here_waits_for_it(void **state) {
    (void)state;
    struct world_order order = make_order();
    assert_int_equal(happen(WORLD_INVENTORY_ORDER, EVENT_INVENTORY_RESERVED, &order.id, "{}"),
                     OUTCOME_EARLY);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.inbox"), 0);
}

static void an_event_with_a_foreign_reason_is_rejected_and_changes_nothing(void **state) {
    (void)state;
    struct world_order order = make_order();
    submit(&order);
    assert_int_equal(happen(WORLD_PAYMENTS_ORDER, EVENT_PAYMENT_FAILED, &order.id,
                            "{\"reason\":\"no_idea\",\"code\":\"x\"}"),
                     OUTCOME_REJECT);
    assert_order(&order.id, "PENDING");
}

static void several_events_of_one_order_in_one_batch_build_on_each_other(void **state) {
    (void)state;
    struct world_order order = make_order();
    struct buf a = {0}, b = {0};
    struct error error = {0};
    submit(&order);
    world_write_event(&a, EVENT_INVENTORY_REJECTED, &order.id,
                      "{\"reason\":\"out_of_stock\",\"sku\":\"SHIRT\"}");
    world_write_event(&b, EVENT_INVENTORY_RELEASED, &order.id, "{}");
    struct drive_message both[] = {{.payload = buf_slice(&a)}, {.payload = buf_slice(&b)}};
    assert_int_equal(drive_batch(world.drives[WORLD_INVENTORY_ORDER], both, 2, &error), STATUS_OK);
    buf_fini(&a);
    buf_fini(&b);
    assert_order(&order.id, "FAILED/out_of_stock");
    assert_int_equal(world_query_int(&world, "SELECT version FROM orders.orders"), 3);
    assert_int_equal(count_events("orders.evt.failed"), 1);
}

static void of_a_products_changes_the_highest_version_stays(void **state) {
    (void)state;
    static const char *const data[] = {
        "{\"sku\":\"CUP\",\"name\":\"c\",\"priceMinor\":300,\"currency\":\"USD\",\"active\":true,"
        "\"version\":3}",
        "{\"sku\":\"CUP\",\"name\":\"c\",\"priceMinor\":200,\"currency\":\"USD\",\"active\":true,"
        "\"version\":2}",
        "{\"sku\":\"CUP\",\"name\":\"c\",\"priceMinor\":400,\"currency\":\"USD\",\"active\":0,"
        "\"version\":4}",
    };
    struct uuid any = uuid_v7();
    assert_int_equal(happen(WORLD_INVENTORY_ORDER, EVENT_PRODUCT_CHANGED, &any, data[0]),
                     OUTCOME_DONE);
    assert_int_equal(happen(WORLD_INVENTORY_ORDER, EVENT_PRODUCT_CHANGED, &any, data[1]),
                     OUTCOME_DONE);
    assert_int_equal(happen(WORLD_INVENTORY_ORDER, EVENT_PRODUCT_CHANGED, &any, data[2]),
                     OUTCOME_REJECT);
    assert_int_equal(
        world_query_int(&world, "SELECT price_minor FROM orders.catalog WHERE sku = 'CUP'"), 300);
}

/* --- prices from the catalog --- */

/* Through the inventory service and its outbox, until the order service knows it. */
static void put_product(const char *sku, int64_t price_minor, const char *currency,
                        const char *active) {
    char request[200];
    struct error error = {0};
    struct buf reply = {0};
    struct arena *arena = arena_create(1024);
    struct pg *pg = pg_create(servers_role_url(world.servers, "om_inventory"), "clerk");
    snprintf(
        request, sizeof(request),
        "{\"sku\":\"%s\",\"name\":\"n\",\"priceMinor\":%lld,\"currency\":\"%s\",\"active\":%s}",
        sku, (long long)price_minor, currency, active);
    struct endpoint_call call = {
        .request = slice_of(request), .pg = pg, .arena = arena, .reply = &reply};
    assert_int_equal(catalog_endpoint_put(&call, &error), STATUS_OK);
    assert_true(call.has_committed);
    world_run(&world);
    pg_destroy(&pg);
    arena_destroy(&arena);
    buf_fini(&reply);
}

static struct world_order submit_for(const char *sku, int64_t quantity, int64_t unit_price_minor) {
    struct world_order order = make_order();
    order.sku = sku;
    order.quantity = quantity;
    order.unit_price_minor = unit_price_minor;
    submit(&order);
    return order;
}

static void orders_are_priced_by_what_was_put_into_the_catalog(void **state) {
    (void)state;
    put_product("LAMP", 700, "USD", "true");
    struct world_order first = submit_for("LAMP", 2, 700);
    assert_order(&first.id, "PENDING");
    assert_int_equal(world_query_int(&world, "SELECT total_minor FROM orders.orders"), 1400);
    put_product("LAMP", 800, "USD", "true");
    struct world_order late = submit_for("LAMP", 1, 700), right = submit_for("LAMP", 1, 800);
    assert_order(&late.id, "FAILED/price_changed");
    assert_order(&right.id, "PENDING");
    put_product("LAMP", 800, "USD", "false");
    struct world_order withdrawn = submit_for("LAMP", 1, -1);
    assert_order(&withdrawn.id, "FAILED/unknown_sku");
}

/* Who makes a product, or changes its price, and orders it at once: the order was final before the
   news of it came. */
static void an_order_that_comes_before_news_of_its_product_waits_for_it(void **state) {
    (void)state;
    struct world_order order = make_order(), dearer = make_order();
    struct buf payloads[2] = {0};
    struct error error = {0};
    order.sku = "LAMP";
    dearer.unit_price_minor = 2999;
    world_write_submit(&payloads[0], &order, clock_now_us());
    world_write_submit(&payloads[1], &dearer, clock_now_us());
    struct drive_message both[] = {{.payload = buf_slice(&payloads[0])},
                                   {.payload = buf_slice(&payloads[1])}};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], both, 2, &error), STATUS_OK);
    assert_int_equal(both[0].outcome, OUTCOME_EARLY);
    assert_int_equal(both[1].outcome, OUTCOME_EARLY);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.orders"), 0);

    put_product("LAMP", 700, "USD", "true");
    put_product("SHIRT", 2999, "USD", "true");
    both[0].has_waited = both[1].has_waited = true;
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], both, 2, &error), STATUS_OK);
    assert_order(&order.id, "PENDING");
    assert_order(&dearer.id, "PENDING");
    buf_fini(&payloads[0]);
    buf_fini(&payloads[1]);
}

/* Hands an order over once more. */
static struct drive_message deliver_again(struct slice payload) {
    struct error error = {0};
    struct drive_message message = {.payload = payload, .has_waited = true};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], &message, 1, &error), STATUS_OK);
    return message;
}

/* Its news may take as long as they like. */
static void an_order_that_our_catalog_refuses_is_priced_by_what_inventory_says(void **state) {
    (void)state;
    struct world_order lamp = make_order(), dearer = make_order(), typo = make_order();
    struct world_order *orders[] = {&lamp, &dearer, &typo};
    lamp.sku = "LAMP";
    dearer.unit_price_minor = 2999;
    typo.sku = "SHRIT";
    world_execute(&world, "INSERT INTO inventory.products (sku, name, price_minor, currency)"
                          " VALUES ('LAMP', 'LAMP', 700, 'USD');"
                          "UPDATE inventory.products SET price_minor = 2999 WHERE sku = 'SHIRT'");
    for (size_t i = 0; i < 3; i++) {
        struct buf payload = {0};
        world_write_submit(&payload, orders[i], clock_now_us());
        assert_int_equal(deliver_again(buf_slice(&payload)).outcome, OUTCOME_DONE);
        buf_fini(&payload);
    }
    assert_order(&lamp.id, "PENDING");
    assert_order(&dearer.id, "PENDING");
    assert_order(&typo.id, "FAILED/unknown_sku");
    assert_world("SELECT string_agg(total_minor::text, ' ' ORDER BY total_minor)"
                 " FROM orders.orders WHERE status = 'PENDING'",
                 "1400 5998");
}

static enum status say_nothing(struct batch *batch, struct slice request,
                               struct json_object **reply, struct error *error) {
    (void)batch;
    (void)request;
    (void)reply;
    return error_set(error, STATUS_TIMEOUT, "no answer");
}

static void what_inventory_says_nothing_of_waits_on(void **state) {
    (void)state;
    struct world_order typo = make_order();
    struct buf payload = {0};
    products_fn before = world.order.ask_products;
    typo.sku = "SHRIT";
    world_write_submit(&payload, &typo, clock_now_us());
    world.order.ask_products = say_nothing;
    struct drive_message silent = deliver_again(buf_slice(&payload));
    world.order.ask_products = before;
    assert_int_equal(silent.outcome, OUTCOME_EARLY);
    assert_int_equal(silent.error.status, STATUS_UNAVAILABLE); /* without a limit */
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.orders"), 0);
    assert_int_equal(deliver_again(buf_slice(&payload)).outcome, OUTCOME_DONE);
    assert_order(&typo.id, "FAILED/unknown_sku");
    buf_fini(&payload);
}

static void another_currency_or_a_total_beyond_all_bounds_fails_the_order(void **state) {
    (void)state;
    put_product("EURO", 500, "EUR", "true");
    put_product("HUGE", ORDER_MAX_MINOR, "USD", "true");
    struct world_order mixed = submit_for("EURO", 1, -1), fits = submit_for("HUGE", 1, -1);
    struct world_order sum = submit_for("HUGE", 2, -1);
    struct world_order overflow = submit_for("HUGE", ORDER_MAX_QUANTITY, -1);
    assert_order(&mixed.id, "FAILED/currency_mismatch");
    assert_order(&fits.id, "PENDING");
    assert_order(&sum.id, "FAILED/price_changed");
    assert_order(&overflow.id, "FAILED/price_changed");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.outbox WHERE"
                                             " convert_from(payload, 'UTF8')::jsonb"
                                             "->'data'->>'detail' = 'total'"),
                     2);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.orders WHERE"
                                             " timeline -> -1 ->> 'detail' = 'currency_mismatch,"
                                             " EURO is sold in EUR and not in USD'"),
                     1);
    assert_int_equal(count_events("orders.evt.created"), 1);
}

/* --- readers --- */

static enum status ask(enum status (*endpoint)(struct endpoint_call *, struct error *),
                       const char *request, struct buf *reply) {
    struct error error = {0};
    struct pg *pg = pg_create(servers_role_url(world.servers, "om_orders"), "reader");
    struct endpoint_call call = {.request = slice_of(request), .pg = pg, .reply = reply};
    enum status status = endpoint(&call, &error);
    pg_destroy(&pg);
    return status;
}

static void readers_see_an_order_with_its_timeline_in_order(void **state) {
    (void)state;
    struct world_order order = make_order();
    char id[UUID_TEXT_SIZE], request[200];
    struct buf reply = {0};
    uuid_format(&order.id, id);
    snprintf(request, sizeof(request), "{\"orderId\":\"%s\",\"tenant\":\"default\"}", id);
    submit(&order);
    world_run(&world);
    assert_int_equal(ask(order_endpoint_get, request, &reply), STATUS_OK);
    static const char *const names[] = {"OrderCreated",   "InventoryReserved", "PaymentSucceeded",
                                        "OrderConfirmed", "OrderShipped",      "OrderCompleted"};
    const char *from = reply.ptr;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_contains(from, names[i]);
        from = strstr(from, names[i]);
    }
    assert_contains(reply.ptr, "\"status\":\"COMPLETED\"");
    assert_contains(reply.ptr, "\"totalMinor\":3998");
    assert_contains(reply.ptr, "\"trackingNumber\":\"OM");
    buf_clear(&reply);
    assert_int_equal(ask(order_endpoint_status, request, &reply), STATUS_OK);
    assert_contains(reply.ptr, "\"status\":\"COMPLETED\"");
    assert_null(strstr(reply.ptr, "timeline"));
    buf_fini(&reply);
}

/* GET sorted by time, and the event stream went as applied. */
static void an_entry_has_one_place_for_all_readers(void **state) {
    (void)state;
    struct world_order order = make_order();
    char id[UUID_TEXT_SIZE], request[200];
    struct buf whole = {0}, history = {0};
    uuid_format(&order.id, id);
    snprintf(request, sizeof(request), "{\"orderId\":\"%s\",\"tenant\":\"default\"}", id);
    submit(&order);
    world_execute(&world, "UPDATE orders.orders SET timeline = timeline || '[{\"at\":"
                          "\"2020-01-01T00:00:00.000000Z\",\"event\":\"PaymentSucceeded\"}]'");
    assert_int_equal(ask(order_endpoint_get, request, &whole), STATUS_OK);
    assert_int_equal(ask(order_endpoint_history, request, &history), STATUS_OK);
    const char *timeline = strstr(history.ptr, "\"timeline\":");
    assert_non_null(timeline);
    assert_string_equal(strstr(whole.ptr, "\"timeline\":"), timeline);
    assert_contains(strstr(timeline, "OrderCreated"), "PaymentSucceeded");
    buf_fini(&whole);
    buf_fini(&history);
}

static void readers_of_another_tenant_see_nothing(void **state) {
    (void)state;
    struct world_order order = make_order();
    char id[UUID_TEXT_SIZE], request[200];
    struct buf reply = {0};
    uuid_format(&order.id, id);
    snprintf(request, sizeof(request), "{\"orderId\":\"%s\",\"tenant\":\"other\"}", id);
    submit(&order);
    assert_int_equal(ask(order_endpoint_get, request, &reply), STATUS_NOT_FOUND);
    assert_int_equal(ask(order_endpoint_get, "{\"orderId\":\"x\",\"tenant\":\"default\"}", &reply),
                     STATUS_NOT_FOUND);
    assert_int_equal(ask(order_endpoint_status, "{\"orderId\":7}", &reply), STATUS_INVALID);
    assert_int_equal(ask(order_endpoint_status, "[]", &reply), STATUS_INVALID);
    buf_fini(&reply);
}

static void readers_who_are_another_customer_see_nothing(void **state) {
    (void)state;
    struct world_order order = make_order();
    char id[UUID_TEXT_SIZE], request[200];
    struct buf reply = {0};
    static const struct {
        const char *customer;
        enum status status;
    } readers[] = {{"\"C100\"", STATUS_OK}, {"\"C2\"", STATUS_NOT_FOUND}, {"1", STATUS_INVALID}};
    uuid_format(&order.id, id);
    submit(&order);
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        snprintf(request, sizeof(request),
                 "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":%s}", id,
                 readers[i].customer);
        assert_int_equal(ask(order_endpoint_get, request, &reply), readers[i].status);
        assert_int_equal(ask(order_endpoint_status, request, &reply), readers[i].status);
    }
    buf_fini(&reply);
}

static void a_cancelled_order_is_announced_once_however_often_it_is_wanted(void **state) {
    (void)state;
    struct world_order order = make_order();
    submit(&order);
    for (int i = 0; i < 2; i++)
        assert_int_equal(happen(WORLD_ORDERS_ORDER, EVENT_ORDER_CANCEL, &order.id, "{}"),
                         OUTCOME_DONE);
    assert_order(&order.id, "CANCELLED/cancelled_by_customer");
    assert_int_equal(count_events("orders.evt.cancelled"), 1);
    assert_int_equal(
        world_query_int(&world, "SELECT jsonb_array_length(timeline) FROM orders.orders"), 3);
}

static void a_wish_to_cancel_in_the_batch_of_its_order_is_heard(void **state) {
    (void)state;
    struct world_order order = make_order();
    struct buf submission = {0}, wish = {0};
    struct error error = {0};
    world_write_submit(&submission, &order, clock_now_us());
    world_write_event(&wish, EVENT_ORDER_CANCEL, &order.id, "{}");
    struct drive_message both[] = {{.payload = buf_slice(&wish)},
                                   {.payload = buf_slice(&submission)}};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], both, 2, &error), STATUS_OK);
    assert_order(&order.id, "CANCELLED/cancelled_by_customer");
    buf_fini(&submission);
    buf_fini(&wish);
}

static void a_wish_to_cancel_that_comes_too_late_is_noted_as_refused(void **state) {
    (void)state;
    struct world_order order = make_order();
    order.payment_method = "pm_card_chargeDeclined";
    submit(&order);
    world_run(&world);
    assert_int_equal(happen(WORLD_ORDERS_ORDER, EVENT_ORDER_CANCEL, &order.id, "{}"), OUTCOME_DONE);
    assert_order(&order.id, "FAILED/payment_declined");
    assert_int_equal(count_events("orders.evt.cancelled"), 0);
    assert_int_equal(
        world_query_int(&world, "SELECT count(*) FROM orders.orders, jsonb_array_elements(timeline)"
                                " e WHERE e->>'event' = 'CancelRequested' AND e->>'detail' ="
                                " 'refused'"),
        1);
}

/* --- wishes to cancel that come before their order --- */

#define OF_DEFAULT "{\"tenant\":\"default\"}"
#define OF_ANOTHER "{\"tenant\":\"another\"}"

static enum outcome want_cancelled(const struct world_order *order, const char *data) {
    return happen(WORLD_ORDERS_ORDER, EVENT_ORDER_CANCEL, &order->id, data);
}

/* Created, then cancelled, each said and noted once, and nothing is kept. */
static void assert_cancelled_once(const struct uuid *id) {
    assert_order(id, "CANCELLED/cancelled_by_customer");
    assert_int_equal(count_events("orders.evt.created"), 1);
    assert_int_equal(count_events("orders.evt.cancelled"), 1);
    assert_world("SELECT string_agg(e->>'event', ' ' ORDER BY place) FROM orders.orders,"
                 " jsonb_array_elements(timeline) WITH ORDINALITY AS t(e, place)",
                 "OrderCreated CancelRequested OrderCancelled");
    assert_world("SELECT count(*) || '/' || min(version) FROM orders.orders", "1/2");
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.early_cancels"), 0);
}

/* Four deliveries in 7 s were all that it got: it became a dead letter, and its order was charged.
 */
static void a_wish_to_cancel_waits_for_its_order(void **state) {
    (void)state;
    struct world_order order = make_order();
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.orders"), 0);
    submit(&order);
    assert_cancelled_once(&order.id);
    submit(&order);
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    assert_cancelled_once(&order.id);
    world_run(&world);
    assert_order(&order.id, "CANCELLED/cancelled_by_customer");
    assert_int_equal(world_query_int(&world, "SELECT reserved FROM inventory.stock"), 0);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status"
                                             " NOT IN ('VOIDED', 'REFUNDED')"),
                     0);
}

static void a_wish_to_cancel_twice_in_the_batch_before_its_order_is_heard_once(void **state) {
    (void)state;
    struct world_order order = make_order();
    struct buf submission = {0}, wish = {0};
    struct error error = {0};
    world_write_submit(&submission, &order, clock_now_us());
    world_write_event(&wish, EVENT_ORDER_CANCEL, &order.id, OF_DEFAULT);
    struct drive_message all[] = {{.payload = buf_slice(&wish)},
                                  {.payload = buf_slice(&wish)},
                                  {.payload = buf_slice(&submission)},
                                  {.payload = buf_slice(&submission)}};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], all, 2, &error), STATUS_OK);
    assert_int_equal(all[0].outcome, OUTCOME_DONE);
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_ORDER], all, 4, &error), STATUS_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(all[i].outcome, OUTCOME_DONE);
    assert_cancelled_once(&order.id);
    buf_fini(&submission);
    buf_fini(&wish);
}

static void a_wish_of_another_tenant_cancels_nothing_whenever_it_comes(void **state) {
    (void)state;
    struct world_order order = make_order();
    assert_int_equal(want_cancelled(&order, OF_ANOTHER), OUTCOME_DONE);
    submit(&order);
    assert_int_equal(want_cancelled(&order, OF_ANOTHER), OUTCOME_DONE);
    assert_order(&order.id, "PENDING");
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    assert_order(&order.id, "CANCELLED/cancelled_by_customer");
}

static void an_order_that_fails_at_once_refuses_the_wish_that_waited(void **state) {
    (void)state;
    struct world_order order = make_order();
    order.sku = "NOPE";
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    submit(&order);
    assert_order(&order.id, "FAILED/unknown_sku");
    assert_int_equal(count_events("orders.evt.cancelled"), 0);
    assert_world("SELECT timeline->-1->>'event' || ' ' || (timeline->-1->>'detail')"
                 " FROM orders.orders",
                 "CancelRequested refused");
}

static void a_wish_that_names_no_tenant_is_not_kept(void **state) {
    (void)state;
    struct world_order order = make_order();
    assert_int_equal(want_cancelled(&order, "{}"), OUTCOME_EARLY);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.early_cancels"), 0);
}

static void a_wish_whose_order_does_not_come_within_a_day_is_dropped(void **state) {
    (void)state;
    struct world_order order = make_order(), other = make_order();
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    world_execute(&world,
                  "UPDATE orders.early_cancels SET wanted_at = now() - interval '25 hours'");
    submit(&order);
    assert_order(&order.id, "PENDING");
    world_execute(&world,
                  "UPDATE orders.early_cancels SET wanted_at = now() - interval '26 hours'");
    assert_int_equal(want_cancelled(&other, OF_DEFAULT), OUTCOME_DONE);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.early_cancels"), 1);
}

static void a_wish_is_not_heard_by_a_repetition_of_its_order(void **state) {
    (void)state;
    struct world_order order = make_order();
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    world_execute(&world,
                  "UPDATE orders.early_cancels SET wanted_at = now() - interval '25 hours'");
    submit(&order);
    world_execute(&world, "UPDATE orders.early_cancels SET wanted_at = now()");
    submit(&order);
    assert_order(&order.id, "PENDING");
}

static void a_wish_waits_for_an_order_whose_clock_was_ahead(void **state) {
    (void)state;
    struct world_order order = make_order();
    assert_int_equal(want_cancelled(&order, OF_DEFAULT), OUTCOME_DONE);
    submit_at(&order, clock_now_us() + 48 * HOUR_US);
    assert_order(&order.id, "CANCELLED/cancelled_by_customer");
}

/* Another instance of the order service, with a batch of two at most. */
struct instance {
    struct drive *drive;
    struct drive_message messages[2];
    size_t count;
    pthread_t thread;
    enum status status;
};

static void *run_instance(void *closure) {
    struct instance *instance = closure;
    struct error error = {0};
    instance->status = drive_batch(instance->drive, instance->messages, instance->count, &error);
    return NULL;
}

static void instance_start(struct instance *instance) {
    instance->drive = world_drive(&world, WORLD_ORDERS_ORDER);
    assert_int_equal(pthread_create(&instance->thread, NULL, run_instance, instance), 0);
}

static void instance_end(struct instance *instance) {
    assert_int_equal(pthread_join(instance->thread, NULL), 0);
    assert_int_equal(instance->status, STATUS_OK);
    for (size_t i = 0; i < instance->count; i++)
        assert_int_equal(instance->messages[i].outcome, OUTCOME_DONE);
    drive_destroy(&instance->drive);
}

/* So many backends wait for a lock. */
static bool are_waiting(void *closure) {
    return world_query_int(&world, "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") ==
           *(int64_t *)closure;
}

static void await_waiting(int64_t count) {
    if (!wait_until(are_waiting, &count, WAIT_MS))
        fail_msg("%lld backends do not wait", (long long)count);
}

/* Holds `first` at the end of its transaction, where it writes its outbox, until `second` waits for
   it. */
static void run_both(struct instance *first, struct instance *second) {
    world_execute(&world, "BEGIN");
    world_execute(&world, "LOCK TABLE orders.outbox IN SHARE MODE");
    instance_start(first);
    await_waiting(1);
    instance_start(second);
    await_waiting(2);
    world_execute(&world, "COMMIT");
    instance_end(first);
    instance_end(second);
}

static void a_wish_waits_for_its_order_that_another_instance_is_making(void **state) {
    (void)state;
    struct world_order order = make_order();
    struct buf submission = {0}, wish = {0};
    world_write_submit(&submission, &order, clock_now_us());
    world_write_event(&wish, EVENT_ORDER_CANCEL, &order.id, OF_DEFAULT);
    struct instance maker = {.messages = {{.payload = buf_slice(&submission)}}, .count = 1};
    struct instance canceller = {.messages = {{.payload = buf_slice(&wish)}}, .count = 1};
    run_both(&maker, &canceller);
    assert_cancelled_once(&order.id);
    buf_fini(&submission);
    buf_fini(&wish);
}

static void an_order_waits_for_its_wish_that_another_instance_is_keeping(void **state) {
    (void)state;
    struct world_order order = make_order(), neighbour = make_order();
    struct buf submission = {0}, wish = {0}, neighbours = {0};
    neighbour.sku = "NOPE"; /* its order.failed is what the first instance is held by */
    world_write_submit(&submission, &order, clock_now_us());
    world_write_event(&wish, EVENT_ORDER_CANCEL, &order.id, OF_DEFAULT);
    world_write_submit(&neighbours, &neighbour, clock_now_us());
    struct instance canceller = {
        .messages = {{.payload = buf_slice(&wish)},
                     {.payload = buf_slice(&neighbours), .has_waited = true}},
        .count = 2};
    struct instance maker = {.messages = {{.payload = buf_slice(&submission)}}, .count = 1};
    run_both(&canceller, &maker);
    assert_order(&neighbour.id, "FAILED/unknown_sku");
    world_execute(&world, "DELETE FROM orders.orders WHERE status = 'FAILED'");
    assert_cancelled_once(&order.id);
    buf_fini(&submission);
    buf_fini(&wish);
    buf_fini(&neighbours);
}

static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "SHIRT", 1999, 1000);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_submitted_order_is_priced_and_announced),
        TEST(the_sealed_address_is_sent_only_with_what_customers_are_told),
        TEST(a_command_that_comes_again_is_no_second_order),
        TEST(another_order_under_a_used_key_fails_and_is_never_started),
        TEST(of_two_orders_under_one_key_in_one_batch_the_first_wins),
        TEST(a_key_is_free_again_after_a_day),
        TEST(a_key_from_the_future_is_of_now),
        TEST(a_wish_is_not_heard_by_a_repetition_of_its_order),
        TEST(a_wish_waits_for_an_order_whose_clock_was_ahead),
        TEST(what_cannot_be_sold_as_asked_fails_before_it_begins),
        TEST(an_event_whose_order_is_not_here_waits_for_it),
        TEST(an_event_with_a_foreign_reason_is_rejected_and_changes_nothing),
        TEST(several_events_of_one_order_in_one_batch_build_on_each_other),
        TEST(of_a_products_changes_the_highest_version_stays),
        TEST(orders_are_priced_by_what_was_put_into_the_catalog),
        TEST(an_order_that_comes_before_news_of_its_product_waits_for_it),
        TEST(an_order_that_our_catalog_refuses_is_priced_by_what_inventory_says),
        TEST(what_inventory_says_nothing_of_waits_on),
        TEST(another_currency_or_a_total_beyond_all_bounds_fails_the_order),
        TEST(a_cancelled_order_is_announced_once_however_often_it_is_wanted),
        TEST(a_wish_to_cancel_in_the_batch_of_its_order_is_heard),
        TEST(a_wish_to_cancel_that_comes_too_late_is_noted_as_refused),
        TEST(a_wish_to_cancel_waits_for_its_order),
        TEST(a_wish_to_cancel_twice_in_the_batch_before_its_order_is_heard_once),
        TEST(a_wish_of_another_tenant_cancels_nothing_whenever_it_comes),
        TEST(an_order_that_fails_at_once_refuses_the_wish_that_waited),
        TEST(a_wish_that_names_no_tenant_is_not_kept),
        TEST(a_wish_whose_order_does_not_come_within_a_day_is_dropped),
        TEST(a_wish_waits_for_its_order_that_another_instance_is_making),
        TEST(an_order_waits_for_its_wish_that_another_instance_is_keeping),
        TEST(readers_see_an_order_with_its_timeline_in_order),
        TEST(an_entry_has_one_place_for_all_readers),
        TEST(readers_of_another_tenant_see_nothing),
        TEST(readers_who_are_another_customer_see_nothing),
    };
    return cmocka_run_group_tests_name("order_service", tests, world_setup, world_teardown);
}
