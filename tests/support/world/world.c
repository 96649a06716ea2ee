#include "tests/support/world/world.h"

#include "services/inventory/catalog.h"
#include "services/notification/channels/channel_log.h"
#include "services/shipping/parts.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/order_snapshot.h"
#include "tests/support/base/test.h"

#include <endian.h>
#include <stddef.h>
/* libpq has a type of the same name as a function of shared/pg/pg.h. */
#define pg_int64 libpq_int64
#include <libpq-fe.h>
#undef pg_int64

#define ROUNDS_MOST 100

static const struct handler_row submit_rows[] = {
    {EVENT_ORDER_SUBMIT, &submit_handler},
    {EVENT_ORDER_CANCEL, &cancel_handler},
};
static const struct handler_row inventory_order_rows[] = {
    {EVENT_PRODUCT_CHANGED, &catalog_handler},
    {EVENT_INVENTORY_RESERVED, &step_handler},
    {EVENT_INVENTORY_REJECTED, &progress_handler},
    {EVENT_INVENTORY_RELEASED, &progress_handler},
};
static const struct handler_row payment_order_rows[] = {
    {EVENT_PAYMENT_SUCCEEDED, &step_handler},  {EVENT_PAYMENT_AUTHORIZED, &step_handler},
    {EVENT_PAYMENT_CAPTURED, &step_handler},   {EVENT_PAYMENT_CAPTURE_FAILED, &step_handler},
    {EVENT_PAYMENT_FAILED, &progress_handler}, {EVENT_PAYMENT_REFUNDED, &progress_handler},
    {EVENT_PAYMENT_VOIDED, &progress_handler}, {EVENT_PAYMENT_ACTION_REQUIRED, &step_handler},
};
static const struct handler_row shipping_order_rows[] = {
    {EVENT_SHIPPING_SHIPPED, &step_handler},
    {EVENT_SHIPPING_PART_SHIPPED, &progress_handler},
    {EVENT_SHIPPING_FAILED, &progress_handler},
    {EVENT_SHIPPING_STOPPED, &progress_handler},
};
static const struct handler_row inventory_rows[] = {
    {EVENT_ORDER_CREATED, &inventory_handler},
    {EVENT_ORDER_FAILED, &inventory_handler},
    {EVENT_ORDER_CANCELLED, &inventory_handler},
    {EVENT_ORDER_COMPLETED, &inventory_handler},
    {EVENT_ORDER_RETURNED, &stock_returned_handler},
    {EVENT_ORDER_LINES_CANCELLED, &inventory_handler},
};
static const struct handler_row paid_rows[] = {
    {EVENT_PAYMENT_SUCCEEDED, &inventory_handler},
    {EVENT_PAYMENT_AUTHORIZED, &inventory_handler},
};
static const struct handler_row charge_rows[] = {{EVENT_INVENTORY_RESERVED, &charge_handler}};
static const struct handler_row order_payment_rows[] = {
    {EVENT_ORDER_CREATED, &charge_handler},    {EVENT_ORDER_CAPTURE_REQUESTED, &capture_handler},
    {EVENT_ORDER_FAILED, &end_handler},        {EVENT_ORDER_CANCELLED, &end_handler},
    {EVENT_ORDER_RETURNED, &returned_handler}, {EVENT_ORDER_LINES_CANCELLED, &cut_handler},
};
static const struct handler_row shipping_rows[] = {
    {EVENT_ORDER_CONFIRMED, &shipping_handler},
    {EVENT_ORDER_STOP_REQUESTED, &shipping_handler},
    {EVENT_ORDER_LINES_STOP_REQUESTED, &shipping_handler},
};
static const struct handler_row notification_rows[] = {
    {EVENT_ORDER_CONFIRMED, &notification_handler},
    {EVENT_ORDER_FAILED, &notification_handler},
    {EVENT_ORDER_CANCELLED, &notification_handler},
    {EVENT_ORDER_RETURNED, &notification_handler},
};
static const struct handler_row shipped_rows[] = {{EVENT_SHIPPING_SHIPPED, &notification_handler}};

static const struct {
    struct consumer_spec spec;
    const char *role;
} consumers[WORLD_CONSUMERS] = {
    [WORLD_ORDERS_ORDER] = {{"ORDERS", "order", ROWS(submit_rows)}, "om_orders"},
    [WORLD_INVENTORY_ORDER] = {{"INVENTORY", "order", ROWS(inventory_order_rows)}, "om_orders"},
    [WORLD_PAYMENTS_ORDER] = {{"PAYMENTS", "order", ROWS(payment_order_rows)}, "om_orders"},
    [WORLD_SHIPPING_ORDER] = {{"SHIPPING", "order", ROWS(shipping_order_rows)}, "om_orders"},
    [WORLD_ORDERS_INVENTORY] = {{"ORDERS", "inventory", ROWS(inventory_rows)}, "om_inventory"},
    [WORLD_PAYMENTS_INVENTORY] = {{"PAYMENTS", "inventory", ROWS(paid_rows)}, "om_inventory"},
    [WORLD_INVENTORY_PAYMENT] = {{"INVENTORY", "payment", ROWS(charge_rows)}, "om_payments"},
    [WORLD_ORDERS_PAYMENT] = {{"ORDERS", "payment", ROWS(order_payment_rows)}, "om_payments"},
    [WORLD_ORDERS_SHIPPING] = {{"ORDERS", "shipping", ROWS(shipping_rows)}, "om_shipping"},
    [WORLD_ORDERS_NOTIFICATION] = {{"ORDERS", "notification", ROWS(notification_rows)},
                                   "om_notifications"},
    [WORLD_SHIPPING_NOTIFICATION] = {{"SHIPPING", "notification", ROWS(shipped_rows)},
                                     "om_notifications"},
};

static const char *const schemas[WORLD_SCHEMAS] = {"orders", "inventory", "payments", "shipping",
                                                   "notifications"};

static const char *const tables[] = {
    "orders.held_orders",
    "orders.return_items",
    "orders.returns",
    "orders.line_cancels",
    "orders.orders",
    "orders.order_items",
    "orders.idempotency_keys",
    "orders.early_cancels",
    "orders.catalog",
    "inventory.products",
    "inventory.stock",
    "inventory.warehouse_stock",
    "inventory.warehouses",
    "inventory.stock_adjustments",
    "inventory.reservations",
    "inventory.returns",
    "payments.refunded_lines",
    "payments.refunds",
    "payments.actions",
    "payments.payments",
    "orders.shipments",
    "shipping.in_parts",
    "shipping.parcels",
    "shipping.shipments",
    "notifications.notifications",
    "notifications.pending",
};

/* --- the world --- */

static void *context_of(struct world *world, size_t consumer) {
    if (strcmp(consumers[consumer].spec.durable, "payment") == 0)
        return &world->payment;
    if (strcmp(consumers[consumer].spec.durable, "shipping") == 0)
        return &world->shipping;
    if (strcmp(consumers[consumer].spec.durable, "notification") == 0)
        return &world->notification;
    return strcmp(consumers[consumer].spec.durable, "order") == 0 ? &world->order : NULL;
}

/* Inventory's own endpoint, without NATS between. */
static enum status ask_products(struct batch *batch, struct slice request,
                                struct json_object **reply, struct error *error) {
    const struct order_settings *settings = batch->context;
    const struct world *world =
        (const struct world *)((const char *)settings - offsetof(struct world, order));
    struct buf answer = {0};
    struct endpoint_call call = {
        .request = request,
        .pg = pg_create(servers_role_url(world->servers, "om_inventory"), "world"),
        .arena = batch->arena,
        .reply = &answer,
    };
    enum status status = catalog_endpoint_prices(&call, error);
    if (status == STATUS_OK)
        status = json_parse(buf_slice(&answer), reply, error);
    pg_destroy(&call.pg);
    buf_fini(&answer);
    return status;
}

struct drive *world_drive(struct world *world, enum world_consumer consumer) {
    return drive_create(servers_role_url(world->servers, consumers[consumer].role),
                        &consumers[consumer].spec, context_of(world, consumer));
}

void world_create(struct world *world) {
    struct error error = {0};
    *world = (struct world){0};
    world->servers = servers_start(SERVERS_POSTGRES);
    servers_migrate(world->servers);
    world->conn = PQconnectdb(servers_postgres_url(world->servers));
    assert_int_equal(PQstatus(world->conn), CONNECTION_OK);
    world->shipping.fail_skus = "UNSHIPPABLE";
    world->order = (struct order_settings){.saga_limit_s = 900, .ask_products = ask_products};
    world->payment.provider = &provider_simulated;
    world->payment.action_limit_s = 900;
    world->payment.breaker = breaker_create("simulated");
    assert_int_equal(
        channel_log_create("/dev/null", &world->notification.channels[NOTIFY_LOG], &error),
        STATUS_OK);
    world->notification.defaults = NOTIFY_BIT(NOTIFY_LOG);
    for (size_t i = 0; i < WORLD_CONSUMERS; i++)
        world->drives[i] = world_drive(world, (enum world_consumer)i);
}

void world_destroy(struct world *world) {
    for (size_t i = 0; i < WORLD_CONSUMERS; i++)
        drive_destroy(&world->drives[i]);
    channel_destroy(&world->notification.channels[NOTIFY_LOG]);
    breaker_destroy(&world->payment.breaker);
    PQfinish(world->conn);
    world->conn = NULL;
    servers_stop(&world->servers);
}

void world_clear(struct world *world) {
    struct buf sql = {0};
    buf_append_text(&sql, "BEGIN; SET LOCAL session_replication_role = replica;");
    for (size_t i = 0; i < WORLD_SCHEMAS; i++) {
        buf_printf(&sql, "DELETE FROM %s.inbox; DELETE FROM %s.outbox;", schemas[i], schemas[i]);
        world->relayed[i] = 0;
    }
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        buf_printf(&sql, "DELETE FROM %s;", tables[i]);
    buf_append_text(&sql, "COMMIT");
    world_execute(world, sql.ptr);
    buf_fini(&sql);
}

/* --- events in --- */

void world_add_product(struct world *world, const char *sku, int64_t price_minor, int64_t on_hand) {
    struct buf sql = {0};
    buf_printf(&sql,
               "INSERT INTO inventory.products (sku, name, price_minor, currency)"
               " VALUES ('%s', '%s', %lld, 'USD');"
               "INSERT INTO inventory.stock (sku, received, on_hand) VALUES ('%s', %lld, %lld);"
               "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)"
               " SELECT gen_random_uuid(), sku, received, 'opening stock', on_hand"
               " FROM inventory.stock WHERE sku = '%s';"
               "INSERT INTO orders.catalog VALUES ('%s', %lld, 'USD', true, 1)",
               sku, sku, (long long)price_minor, sku, (long long)on_hand, (long long)on_hand, sku,
               sku, (long long)price_minor);
    world_execute(world, sql.ptr);
    buf_fini(&sql);
}

void world_add_elsewhere(struct world *world, const char *sku, const char *warehouse, int rank,
                         int64_t on_hand) {
    struct buf sql = {0};
    buf_printf(
        &sql,
        "INSERT INTO inventory.warehouses VALUES ('%s', %d) ON CONFLICT DO NOTHING;"
        "UPDATE inventory.stock SET elsewhere = true WHERE sku = '%s';"
        "INSERT INTO inventory.warehouse_stock (sku, warehouse, received, on_hand)"
        " VALUES ('%s', '%s', %lld, %lld);"
        "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand, warehouse)"
        " VALUES (gen_random_uuid(), '%s', %lld, 'opening stock', %lld, '%s')",
        warehouse, rank, sku, sku, warehouse, (long long)on_hand, (long long)on_hand, sku,
        (long long)on_hand, (long long)on_hand, warehouse);
    world_execute(world, sql.ptr);
    buf_fini(&sql);
}

static void write_envelope(struct buf *out, enum event_type type, const struct uuid *id,
                           const struct uuid *order_id, struct slice data, int64_t at_us) {
    char subject[UUID_TEXT_SIZE];
    uuid_format(order_id, subject);
    const struct event_head head = {
        .type = type,
        .id = *id,
        .subject = slice_of(subject),
        .trace = trace_start(),
        .correlation_id = slice_of(subject),
        .time_us = at_us,
    };
    event_encode(&head, data, out, NULL);
}

void world_write_submit(struct buf *out, const struct world_order *order, int64_t at_us) {
    struct order_item item = {slice_of(order->sku), order->quantity, order->unit_price_minor};
    const struct order_snapshot snapshot = {
        .order_id = order->id,
        .tenant = SLICE_LITERAL("default"),
        .customer_id = SLICE_LITERAL("C100"),
        .currency = SLICE_LITERAL("USD"),
        .flow = order->flow,
        .capture = order->capture,
        .payment_method = slice_of(order->payment_method),
        .total_minor = -1,
        .items = &item,
        .item_count = 1,
        .sealed = slice_of(order->sealed),
    };
    struct buf data = {0};
    struct json_writer w = json_writer(&data);
    json_begin_object(&w);
    order_snapshot_write(&snapshot, &w);
    if (order->key_hash != NULL)
        json_put_text(&w, "idempotencyKeyHash", order->key_hash);
    if (order->is_key_unguarded)
        json_put_bool(&w, "keyUnguarded", true);
    json_end_object(&w);
    write_envelope(out, EVENT_ORDER_SUBMIT, &order->id, &order->id, buf_slice(&data), at_us);
    buf_fini(&data);
}

void world_write_event(struct buf *out, enum event_type type, const struct uuid *order_id,
                       const char *data) {
    struct uuid id = uuid_v7();
    write_envelope(out, type, &id, order_id, slice_of(data), clock_now_us());
}

static void write_snapshot(struct buf *out, enum event_type type, const struct uuid *order_id,
                           const char *payment_method, const char *capture) {
    char id[UUID_TEXT_SIZE], data[500];
    uuid_format(order_id, id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
             "\"USD\",\"flow\":\"inventory-first\",%s\"paymentMethod\":\"%s\",\"totalMinor\":500,"
             "\"items\":[{\"sku\":\"A\",\"quantity\":1,\"unitPriceMinor\":500}],"
             "\"reason\":\"saga_timeout\"}",
             id, capture, payment_method);
    world_write_event(out, type, order_id, data);
}

void world_write_snapshot(struct buf *out, enum event_type type, const struct uuid *order_id,
                          const char *payment_method) {
    write_snapshot(out, type, order_id, payment_method, "");
}

void world_write_on_shipment(struct buf *out, enum event_type type, const struct uuid *order_id,
                             const char *payment_method) {
    write_snapshot(out, type, order_id, payment_method, "\"capture\":\"on_shipment\",");
}

enum outcome world_deliver(struct world *world, enum world_consumer consumer,
                           struct slice payload) {
    struct error error = {0};
    struct drive_message message = {.payload = payload};
    enum status status = drive_batch(world->drives[consumer], &message, 1, &error);
    message.has_waited = true;
    if (status == STATUS_OK && message.outcome == OUTCOME_EARLY)
        status = drive_batch(world->drives[consumer], &message, 1, &error);
    if (status != STATUS_OK)
        fail_msg("%s/%s: %s: %s", consumers[consumer].spec.stream, consumers[consumer].spec.durable,
                 status_name(status), error.text);
    return message.outcome;
}

bool world_wants(enum world_consumer consumer, enum event_type type) {
    const struct consumer_spec *spec = &consumers[consumer].spec;
    for (size_t i = 0; i < spec->row_count; i++) {
        if (spec->rows[i].type == type)
            return true;
    }
    return false;
}

/* --- events out --- */

static size_t take_schema(struct world *world, size_t schema, world_event_fn take, void *closure) {
    struct buf sql = {0};
    buf_printf(&sql, "SELECT id, subject, payload FROM %s.outbox WHERE id > %lld ORDER BY id",
               schemas[schema], (long long)world->relayed[schema]);
    PGresult *result = PQexecParams(world->conn, sql.ptr, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql.ptr, PQresultErrorMessage(result));
    int count = PQntuples(result);
    for (int row = 0; row < count; row++) {
        uint64_t id;
        enum event_type type;
        memcpy(&id, PQgetvalue(result, row, 0), sizeof(id));
        assert_true(event_type_of_subject(slice_of(PQgetvalue(result, row, 1)), &type));
        take(closure, type,
             (struct slice){PQgetvalue(result, row, 2), (size_t)PQgetlength(result, row, 2)});
        world->relayed[schema] = (int64_t)be64toh(id);
    }
    PQclear(result);
    buf_fini(&sql);
    return (size_t)count;
}

size_t world_take_events(struct world *world, world_event_fn take, void *closure) {
    size_t count = 0;
    for (size_t i = 0; i < WORLD_SCHEMAS; i++)
        count += take_schema(world, i, take, closure);
    return count;
}

static void hand_out(void *closure, enum event_type type, struct slice payload) {
    struct world *world = closure;
    for (int i = 0; i < WORLD_CONSUMERS; i++) {
        if (world_wants((enum world_consumer)i, type))
            assert_int_equal(world_deliver(world, (enum world_consumer)i, payload), OUTCOME_DONE);
    }
}

void world_send_parcels(struct world *world) {
    struct error error = {0};
    struct batch batch = {
        .arena = arena_create(4096),
        .pg = pg_create(servers_role_url(world->servers, "om_shipping"), "parts"),
        .outbox = outbox_create(),
        .context = &world->shipping,
    };
    if (periodic_run(&parts_sender, &batch, &error) != STATUS_OK)
        fail_msg("parcels: %s", error.text);
    outbox_destroy(&batch.outbox);
    pg_destroy(&batch.pg);
    arena_destroy(&batch.arena);
}

void world_run(struct world *world) {
    for (int round = 0; world_take_events(world, hand_out, world) > 0; round++)
        assert_true(round < ROUNDS_MOST);
}

/* --- questions --- */

char *world_query_text(struct world *world, const char *sql) {
    PGresult *result = PQexec(world->conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        fail_msg("%s: %d rows %s", sql, PQntuples(result), PQresultErrorMessage(result));
    char *text = mem_copy(slice_of(PQgetvalue(result, 0, 0)));
    PQclear(result);
    return text;
}

int64_t world_query_int(struct world *world, const char *sql) {
    char *text = world_query_text(world, sql);
    int64_t value = strtoll(text, NULL, 10);
    free(text);
    return value;
}

void world_execute(struct world *world, const char *sql) {
    PGresult *result = PQexec(world->conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
}
