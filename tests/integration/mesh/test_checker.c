/* A checker that never complains proves nothing: each kind of damage is done, seen and undone.

   Covers: tests/support/check/checker.c tests/support/check/checker_invariants.c
   tests/support/check/checker_streams.c */
#include "tests/support/check/checker.h"
#include "tests/support/servers/servers_fixture.h"

#include <libpq-fe.h>
#include <nats/nats.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "01936b2a-0000-7000-8000-000000000001"
#define OTHER_ID "01936b2a-0000-7000-8000-000000000002"
#define STRANGE_ID "01936b2a-0000-7000-8000-000000000003"

struct damage {
    const char *sentence; /* the invariant that must be reported */
    const char *sql;
};

#define ORDER_ROW(id, status, reason, timeline)                                                    \
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, reason, currency,"          \
    " total_minor, payment_method, correlation_id, traceparent, timeline, accepted_at) VALUES "    \
    "('" id "', 'default', 'C1', 'inventory-first', '" status "', " reason ", 'USD', 1999,"        \
    " 'pm_card_visa', '', '', '" timeline "', now());"
#define MOMENT(second, event) "{\"at\":\"2026-01-01T00:00:0" second "Z\",\"event\":\"" event "\"}"
#define COMPLETED_ROW(id)                                                                          \
    ORDER_ROW(id, "COMPLETED", "NULL",                                                             \
              "[" MOMENT("1", "OrderCreated") "," MOMENT("2", "OrderCompleted") "]")
#define FAILED_ROW(reason, timeline) ORDER_ROW(ID, "FAILED", "'" reason "'", timeline)
#define PAYMENT_ROW(status, amount)                                                                \
    "INSERT INTO payments.payments (order_id, status, amount_minor, currency, payment_method,"     \
    " charge_id) VALUES ('" ID "', '" status "', " amount ", 'USD', 'pm', 'ch_1');"
#define STOCK_ROW                                                                                  \
    "INSERT INTO inventory.products VALUES ('S', 'S', 1999, 'USD');"                               \
    "INSERT INTO inventory.stock (sku, received, on_hand, reserved) VALUES ('S', 10, 9, 1);"
/* What the ledger and a reservation say of main is said of no other warehouse. */
#define ELSEWHERE_ROW                                                                              \
    STOCK_ROW                                                                                      \
    "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)"                    \
    " VALUES ('" ID "', 'S', 10, 'r', 10);" RESERVATION_ROW(                                       \
        "RESERVED") "INSERT INTO inventory.warehouses VALUES ('north', 1);"                        \
                    "INSERT INTO inventory.warehouse_stock VALUES ('S', 'north', 10, 9, 1);"
#define RESERVATION_ROW(status)                                                                    \
    "INSERT INTO inventory.reservations (order_id, status, skus, quantities) VALUES ('" ID         \
    "', '" status "', '{S}', '{1}');"

#define CANCEL_ROW(status)                                                                         \
    "INSERT INTO orders.line_cancels (id, order_id, status, reason, items, lines, quantities)"     \
    " VALUES ('" OTHER_ID "', '" ID "', '" status "', 'r', '[]', '{1}', '{1}');"
#define COUNT_ROW(measure, label)                                                                  \
    "INSERT INTO analytics.counts VALUES ('day', now(), '" measure "', '" label "', 0, 1);"
#define POINTS_ROW "INSERT INTO loyalty.points VALUES ('" ID "', 'default', 'C1', 19, 'EARNED');"

/* The client was told 202 under the key "k", for ID and then for OTHER_ID; see write_log(). */
static const struct damage damages[] = {
    {"every 202 is an order", "SELECT 1"},
    {"every order was asked for", COMPLETED_ROW(STRANGE_ID)},
    {"a key and a body are always answered with the same order", "SELECT 1"},
    {"one order a key is fulfilled", COMPLETED_ROW(ID) COMPLETED_ROW(OTHER_ID)},
    {"a fulfilled order is the one its key stands for", COMPLETED_ROW(ID)},
    {"a fulfilled order is paid once, in full", COMPLETED_ROW(ID)},
    {"a fulfilled order is paid once, in full", COMPLETED_ROW(ID) PAYMENT_ROW("CAPTURED", "1998")},
    {"what was given back of each line is what the refunds of its pieces say",
     COMPLETED_ROW(ID) PAYMENT_ROW(
         "CAPTURED", "1999") "INSERT INTO payments.refunded_lines VALUES ('" ID "', 1, 2, 1);"},
    {"what is on hand again is what came back to be restocked",
     STOCK_ROW "UPDATE inventory.stock SET returned = 1, on_hand = on_hand + 1;"},
    {"no more of a line comes back than was sent",
     COMPLETED_ROW(ID) "INSERT INTO orders.order_items VALUES ('" ID "', 1, 'S', 2, 5, 1);"},
    {"what came back is given back",
     COMPLETED_ROW(ID) "INSERT INTO orders.returns (id, order_id, status, reason, items)"
                       " VALUES ('" OTHER_ID "', '" ID "', 'RECEIVED', 'r', '[]');"},
    {"what was taken for cancelled pieces is given back",
     COMPLETED_ROW(ID) "INSERT INTO orders.order_items (order_id, line, sku, quantity,"
                       " unit_price_minor, cancelled) VALUES ('" ID "', 1, 'S', 2, 5, 1);"},
    {"what is cancelled of each line is what was asked for and not refused",
     COMPLETED_ROW(ID) CANCEL_ROW("CANCELLED")},
    {"nobody waits for a wish to cancel pieces whose order has ended well",
     COMPLETED_ROW(ID) CANCEL_ROW("REQUESTED")},
    {"every order whose pieces were cancelled told of them",
     COMPLETED_ROW(ID) "UPDATE orders.orders SET steps = 2048;"},
    {"an order that ended badly keeps no money",
     FAILED_ROW("shipping_failed", "[]") PAYMENT_ROW("CAPTURED", "1999")},
    {"a payment waits for its customer no longer than its order",
     FAILED_ROW("payment_timeout", "[]") PAYMENT_ROW("CHALLENGED", "1999")},
    {"whose customer was asked knows until when",
     FAILED_ROW("payment_timeout", "[]") "UPDATE orders.orders SET steps = 256;"},
    {"every question to a customer is in its stream",
     FAILED_ROW("payment_timeout", "[]") "UPDATE orders.orders SET steps = 256;"},
    {"no charge pays two orders",
     PAYMENT_ROW("CAPTURED", "1999") "INSERT INTO payments.payments SELECT '" OTHER_ID
                                     "', status, amount_minor, currency, payment_method, charge_id"
                                     " FROM payments.payments;"},
    {"a refund gives back what was captured",
     FAILED_ROW("shipping_failed", "[]") PAYMENT_ROW("REFUNDED", "1999")},
    {"every payment belongs to an order", PAYMENT_ROW("CAPTURED", "1999")},
    {"what was received is the sum of the ledger's deltas", STOCK_ROW},
    {"what was received is the sum of the ledger's deltas", ELSEWHERE_ROW},
    {"reservations add up to what the stock says", STOCK_ROW},
    {"reservations add up to what the stock says", ELSEWHERE_ROW},
    {"a fulfilled order holds exactly its items",
     COMPLETED_ROW(ID) STOCK_ROW RESERVATION_ROW("RESERVED")},
    {"an order that ended badly holds nothing",
     FAILED_ROW("payment_declined", "[]") STOCK_ROW RESERVATION_ROW("RESERVED")},
    {"every reservation belongs to an order", STOCK_ROW RESERVATION_ROW("RESERVED")},
    {"every order is final", ORDER_ROW(ID, "PENDING", "NULL", "[]")},
    {"every order ends as its kind must", FAILED_ROW("out_of_stock", "[]")},
    {"a completed order is shipped once, under the number it knows", COMPLETED_ROW(ID)},
    {"what ran out of deliveries in hand was done at its last chance",
     "INSERT INTO dlq.chances (stream, consumer, stream_sequence, entry_id, state)"
     "  VALUES ('ORDERS', 'order', 1, 'ORDERS.order.seq-1', 'expired');"},
    {"of a completed order each warehouse that held some sent one parcel, as the order knows",
     COMPLETED_ROW(ID) STOCK_ROW
     "INSERT INTO inventory.reservations (order_id, status, skus, quantities, warehouses)"
     " VALUES ('" ID "', 'SHIPPED', '{S}', '{1}', '{north}');"},
    {"no parcel is left behind",
     "INSERT INTO shipping.shipments VALUES ('" ID "', 'SHIPPED', 'c', 't');"
     "INSERT INTO shipping.in_parts (order_id, snapshot, cause_id, correlation_id, traceparent)"
     " VALUES ('" ID "', '{}', '" ID "', 'c', 't');"},
    {"an order that ended badly before shipping is not shipped",
     FAILED_ROW("payment_declined", "[]") "INSERT INTO shipping.shipments VALUES ('" ID
                                          "', 'SHIPPED', 'c', 't');"},
    {"customers hear of each turn once", COMPLETED_ROW(ID)},
    {"what became of each notice is announced once",
     "INSERT INTO notifications.notifications VALUES ('" ID "', 'failed', 'log', 'SENT');"},
    {"every event of a completed order is in its stream", COMPLETED_ROW(ID)},
    {"every order that ended badly was announced", FAILED_ROW("out_of_stock", "[]")},
    {"nothing is in a timeline twice",
     FAILED_ROW("unknown_sku", "[" MOMENT("1", "OrderFailed") "," MOMENT("2", "OrderFailed") "]")},
    {"every effect comes after its cause", COMPLETED_ROW(ID)},
    {"compensation follows the end it compensates",
     FAILED_ROW("payment_declined",
                "[" MOMENT("1", "InventoryReleased") "," MOMENT("2", "OrderFailed") "]")},
    {"an order ends once, and its status says how",
     FAILED_ROW("payment_declined", "[" MOMENT("1", "OrderCompleted") "]")},
    {"a failed order has the failure its reason names",
     FAILED_ROW("payment_declined", "[" MOMENT("1", "OrderFailed") "]")},
    {"analytics counts each order once, under its status", COMPLETED_ROW(ID)},
    {"analytics counts each order once, under its status", COUNT_ROW("status", "PENDING")},
    {"revenue is what the fulfilled orders came to", COMPLETED_ROW(ID)},
    {"revenue is what the fulfilled orders came to", COUNT_ROW("captured", "USD")},
    {"every completed order earned its points, and no other did", COMPLETED_ROW(ID)},
    {"every completed order earned its points, and no other did", POINTS_ROW},
    {"a customer's balance is the sum of its points", POINTS_ROW},
};

static const char undo_sql[] =
    "TRUNCATE orders.orders, orders.order_items, orders.idempotency_keys, payments.payments,"
    " payments.refunds, payments.refunded_lines, payments.actions, orders.returns, "
    "orders.return_items, orders.line_cancels,"
    " inventory.products, inventory.stock, inventory.warehouse_stock, inventory.warehouses,"
    " inventory.stock_adjustments,"
    " inventory.reservations, shipping.shipments,"
    " shipping.in_parts, shipping.parcels, orders.shipments,"
    " notifications.notifications, analytics.counts, loyalty.points";

static void execute(const char *sql) {
    PGconn *db = PQconnectdb(servers_postgres_url(servers));
    PGresult *result = PQexec(db, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(db));
    PQclear(result);
    PQfinish(db);
}

static const char *const *poisons; /* what the run is said to have sent */

static bool check(const char *const *logs, struct buf *report) {
    const struct checker_options options = {
        .database_url = servers_postgres_url(servers),
        .nats_url = servers_nats_url(servers),
        .nats_user = "operator",
        .nats_password_file = servers_nats_password_file(servers, "operator"),
        .logs = logs,
        .poisons = poisons,
    };
    return checker_run(&options, report);
}

/* One client: two answers under one key, none under another. */
static void write_log(char *path, size_t size) {
    (void)snprintf(path, size, "%s/log", servers_dir(servers));
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("k\t202\t" ID "\t1\t2\tok\t1\n"
          "k\t202\t" OTHER_ID "\t1\t2\tok\t1\n"
          "lost\t0\t\t1\t2\tok\t9\n",
          file);
    assert_int_equal(fclose(file), 0);
}

static void an_untouched_system_keeps_every_promise(void **state) {
    (void)state;
    struct buf report = {0};

    bool all_hold = check((const char *const[]){NULL}, &report);

    if (!all_hold)
        fail_msg("%s", report.ptr);
    buf_fini(&report);
}

static void assert_reported(const struct buf *report, const char *sentence) {
    struct buf line = {0};

    buf_printf(&line, "BROKEN %s", sentence);
    if (strstr(report->ptr, line.ptr) == NULL)
        fail_msg("not reported: %s\n%s", sentence, report->ptr);
    buf_fini(&line);
}

static void damage_is_reported(void **state) {
    const struct damage *damage = *state;
    struct buf report = {0};
    char log[512];

    write_log(log, sizeof(log));
    execute(damage->sql);
    bool all_hold = check((const char *const[]){log, NULL}, &report);
    execute(undo_sql);

    assert_false(all_hold);
    assert_reported(&report, damage->sentence);
    buf_fini(&report);
}

static natsConnection *connect_operator(void) {
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    char password[128] = "";

    FILE *file = fopen(servers_nats_password_file(servers, "operator"), "re");
    assert_non_null(file);
    assert_non_null(fgets(password, sizeof(password), file));
    (void)fclose(file);
    password[strcspn(password, "\n")] = '\0';
    assert_int_equal(natsOptions_Create(&options), NATS_OK);
    assert_int_equal(natsOptions_SetURL(options, servers_nats_url(servers)), NATS_OK);
    assert_int_equal(natsOptions_SetUserInfo(options, "operator", password), NATS_OK);
    assert_int_equal(natsConnection_Connect(&connection, options), NATS_OK);
    natsOptions_Destroy(options);
    return connection;
}

/* Waits for the PubAck. */
static void publish(natsConnection *connection, const char *subject, const char *payload) {
    natsMsg *ack = NULL;

    assert_int_equal(natsConnection_RequestString(&ack, connection, subject, payload, 5000),
                     NATS_OK);
    assert_non_null(strstr(natsMsg_GetData(ack), "\"seq\""));
    natsMsg_Destroy(ack);
}

/* As om-dlq writes it. */
static void publish_dead_letter(natsConnection *connection, const char *entry) {
    natsMsg *message = NULL, *ack = NULL;
    char subject[128];

    (void)snprintf(subject, sizeof(subject), "dlq.%s", entry);
    assert_int_equal(natsMsg_Create(&message, subject, NULL, "{}", 2), NATS_OK);
    assert_int_equal(natsMsgHeader_Set(message, "Dlq-Generation", "1"), NATS_OK);
    assert_int_equal(natsConnection_RequestMsg(&ack, connection, message, 5000), NATS_OK);
    natsMsg_Destroy(message);
    natsMsg_Destroy(ack);
}

/* Comes last: what a stream carries cannot be undone. */
static void damage_in_the_streams_is_reported(void **state) {
    (void)state;
    static const char created[] =
        "{\"type\":\"io.ordermesh.order.created\",\"subject\":\"" ID "\",\"id\":\"e%d\"}";
    static const char advisory[] = "{\"type\":\"io.nats.jetstream.advisory.v1.terminated\","
                                   "\"id\":\"a\",\"stream\":\"ORDERS\",\"consumer\":\"x\"}";
    natsConnection *connection = connect_operator();
    struct buf report = {0};
    char payload[256];

    for (int id = 1; id <= 2; id++) {
        (void)snprintf(payload, sizeof(payload), created, id);
        publish(connection, "orders.evt.created", payload);
    }
    publish(connection, "payments.evt.failed",
            "{\"type\":\"io.ordermesh.payment.failed\",\"subject\":\"" ID "\",\"id\":\"e1\"}");
    publish(connection, "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS.x", advisory);
    publish_dead_letter(connection, "ORDERS.order.seq-1");
    publish_dead_letter(connection, "ORDERS.order.seq-1");
    natsConnection_Destroy(connection);

    assert_false(check((const char *const[]){NULL}, &report));
    assert_reported(&report, "no failure is a dead letter twice");
    assert_reported(&report, "nothing healthy is a dead letter");
    assert_reported(&report, "no event of an order is there twice under two ids");
    assert_reported(&report, "no event id stands for two events");
    assert_reported(&report, "no event was rejected");
    buf_clear(&report);
    poisons = (const char *const[]){"ORDERS.order.seq-2", NULL};
    assert_false(check((const char *const[]){NULL}, &report));
    assert_reported(&report, "every poison is one dead letter");
    poisons = NULL;
    buf_fini(&report);
}

int main(void) {
    enum { DAMAGES = sizeof(damages) / sizeof(damages[0]) };
    struct CMUnitTest tests[DAMAGES + 2];

    tests[0] = (struct CMUnitTest)cmocka_unit_test(an_untouched_system_keeps_every_promise);
    for (int i = 0; i < DAMAGES; i++)
        tests[i + 1] = (struct CMUnitTest){.name = damages[i].sentence,
                                           .test_func = damage_is_reported,
                                           .initial_state = (void *)(uintptr_t)&damages[i]};
    tests[DAMAGES + 1] = (struct CMUnitTest)cmocka_unit_test(damage_in_the_streams_is_reported);
    return cmocka_run_group_tests(tests, system_setup, servers_teardown);
}
