#include "omctl/archive/archive_tables.h"

const char *const archive_left_names[ARCHIVE_LEFT_COUNT] = {
#define ARCHIVE_LEFT_NAME(id, name, text) name,
    ARCHIVE_LEFT_TABLE(ARCHIVE_LEFT_NAME)
#undef ARCHIVE_LEFT_NAME
};

const char *const archive_left_texts[ARCHIVE_LEFT_COUNT] = {
#define ARCHIVE_LEFT_TEXT(id, name, text) text,
    ARCHIVE_LEFT_TABLE(ARCHIVE_LEFT_TEXT)
#undef ARCHIVE_LEFT_TEXT
};

#define AT(us) "timestamptz 'epoch' + " us "::int8 * interval '1 microsecond'"
#define OF_ORDERS "= ANY ($1::uuid[])"

#define KNOWN(schema, table, of)                                                                   \
    {                                                                                              \
        "archive_known_" schema "_" table,                                                         \
            "SELECT a.id::text FROM archived_orders a WHERE EXISTS (SELECT FROM " schema "." table \
            " t WHERE " of " = a.id) LIMIT 10",                                                    \
            0                                                                                      \
    }

/* A table whose rows name their order in the column order_id. */
#define BY_ORDER(schema, table)                                                                    \
    {                                                                                              \
        schema "." table,                                                                          \
            {"archive_read_" schema "_" table,                                                     \
             "SELECT order_id, to_json(t)::text FROM " schema "." table                            \
             " t WHERE order_id " OF_ORDERS " ORDER BY order_id FOR UPDATE",                       \
             1},                                                                                   \
            {"archive_remove_" schema "_" table,                                                   \
             "DELETE FROM " schema "." table " WHERE order_id " OF_ORDERS, 1},                     \
            KNOWN(schema, table, "t.order_id")                                                     \
    }

static const char read_orders[] =
    "SELECT id, to_json(t)::text FROM orders.orders t WHERE id " OF_ORDERS
    " AND status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND updated_at < " AT(
        "$2") " ORDER BY id FOR UPDATE SKIP LOCKED";

static const char read_return_items[] =
    "SELECT r.order_id, to_json(t)::text FROM orders.returns r"
    " JOIN orders.return_items t ON t.return_id = r.id WHERE r.order_id " OF_ORDERS
    " ORDER BY r.order_id FOR UPDATE OF t";

static const char remove_return_items[] =
    "DELETE FROM orders.return_items USING orders.returns r WHERE return_id = r.id"
    " AND r.order_id " OF_ORDERS;

static const char known_return_items[] =
    "SELECT a.id::text FROM archived_orders a JOIN orders.returns r ON r.order_id = a.id"
    " JOIN orders.return_items t ON t.return_id = r.id LIMIT 10";

/* Asked of rows that are locked, so that nobody opens anything behind the answer. */
static const char open_orders[] =
    "SELECT order_id, 'return' FROM orders.returns WHERE order_id " OF_ORDERS
    " AND status IN ('REQUESTED', 'RECEIVED')"
    " UNION ALL SELECT l.order_id, 'return' FROM orders.line_cancels l JOIN orders.orders o"
    "  ON o.id = l.order_id WHERE l.order_id " OF_ORDERS
    "  AND l.status = 'REQUESTED' AND o.status = 'COMPLETED'"
    " UNION ALL SELECT order_id, 'unfinished' FROM orders.held_orders WHERE order_id " OF_ORDERS;

/* ABANDONED and VOIDED: it may not be known whether the charge was made (services/payment/store.c).
   UNCAPTURED: the customer still owes it. */
static const char open_payments[] =
    "SELECT order_id, 'payment' FROM payments.payments WHERE order_id " OF_ORDERS
    " AND (status NOT IN ('CAPTURED', 'DECLINED', 'REFUNDED', 'VOIDED', 'ABANDONED', 'RELEASED',"
    "   'WITHDRAWN')"
    "  OR status IN ('VOIDED', 'ABANDONED') AND payment_method <> '' AND charge_id IS NULL"
    "   AND decline_code IS NULL"
    "  OR status = 'CAPTURED' AND order_id = ANY ($3::uuid[])"
    "  OR updated_at >= " AT(
        "$2") ")"
              " UNION ALL SELECT order_id, 'payment' FROM payments.actions WHERE "
              "order_id " OF_ORDERS
              " UNION ALL SELECT order_id, 'refund' FROM payments.refunds WHERE order_id " OF_ORDERS
              "  AND (status = 'PENDING' OR created_at >= " AT("$2") ")";

static const char open_inventory[] =
    "SELECT order_id, 'stock' FROM inventory.reservations WHERE order_id " OF_ORDERS
    " AND (status IN ('RESERVED', 'ALLOCATED') OR updated_at >= " AT(
        "$2") "  OR status = 'SHIPPED' AND order_id = ANY ($3::uuid[]))";

static const char open_shipping[] =
    "SELECT order_id, 'parcel' FROM shipping.in_parts WHERE order_id " OF_ORDERS;

static const char open_notices[] =
    "SELECT order_id, 'notice' FROM notifications.pending WHERE order_id " OF_ORDERS;

/* A discarded or resolved one can be replayed for as long as its stream has the message, and what
   it would do is refused by the order's rows. */
static const char open_dead_letters[] =
    "SELECT order_id::uuid, 'dead_letter' FROM dlq.entries WHERE order_id = ANY "
    "($1::uuid[]::text[])"
    " AND (status IN ('dead', 'replaying', 'replayed') OR updated_at > now() - interval '31 days')";

const struct archive_part archive_parts[ARCHIVE_PARTS] = {
    {.schema = "orders",
     .open = {"archive_open_orders", open_orders, 1},
     .tables = {{"orders.orders",
                 {"archive_read_orders", read_orders, 2},
                 {"archive_remove_orders", "DELETE FROM orders.orders WHERE id " OF_ORDERS, 1},
                 KNOWN("orders", "orders", "t.id")},
                BY_ORDER("orders", "order_items"),
                BY_ORDER("orders", "line_cancels"),
                BY_ORDER("orders", "shipments"),
                BY_ORDER("orders", "returns"),
                {"orders.return_items",
                 {"archive_read_return_items", read_return_items, 1},
                 {"archive_remove_return_items", remove_return_items, 1},
                 {"archive_known_return_items", known_return_items, 0}}},
     .table_count = 6},
    {.schema = "payments",
     .open = {"archive_open_payments", open_payments, 3},
     .tables = {BY_ORDER("payments", "payments"), BY_ORDER("payments", "refunds"),
                BY_ORDER("payments", "refunded_lines")},
     .table_count = 3},
    {.schema = "inventory",
     .open = {"archive_open_inventory", open_inventory, 3},
     .tables = {BY_ORDER("inventory", "reservations"), BY_ORDER("inventory", "returns")},
     .table_count = 2},
    {.schema = "shipping",
     .open = {"archive_open_shipping", open_shipping, 1},
     .tables = {BY_ORDER("shipping", "shipments"), BY_ORDER("shipping", "parcels")},
     .table_count = 2},
    {.schema = "notifications",
     .open = {"archive_open_notices", open_notices, 1},
     .tables = {BY_ORDER("notifications", "notifications")},
     .table_count = 1},
    {.schema = "loyalty", .tables = {BY_ORDER("loyalty", "points")}, .table_count = 1},
    {.schema = "analytics", .tables = {BY_ORDER("analytics", "order_facts")}, .table_count = 1},
    {.schema = "dlq", .open = {"archive_open_dead_letters", open_dead_letters, 1}},
};
