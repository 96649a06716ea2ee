/* Every flow from HTTP to its end, with each of its failures, and cancelling at every stage.

   Covers: services/order/life/order_fsm.c services/order/watchdog.c gateway/orders/refund_order.c
   gateway/orders/order_returns.c */
#include "tests/support/mesh/scenario.h"

#include <stdio.h>
#include <string.h>

#define ORDER_TIMEOUT_MS 15000

static const char kept_money_sql[] = "SELECT count(*) FROM payments.payments WHERE order_id ="
                                     " $1::uuid AND status NOT IN ('DECLINED', 'REFUNDED',"
                                     " 'VOIDED', 'ABANDONED', 'RELEASED')";
static const char held_stock_sql[] = "SELECT count(*) FROM inventory.reservations WHERE order_id"
                                     " = $1::uuid AND status IN ('RESERVED', 'SHIPPED')";
/* Both services have heard of the end: what is left then stays. */
static const char has_settled_sql[] =
    "SELECT (EXISTS (SELECT FROM payments.payments WHERE order_id = $1::uuid AND status IN"
    " ('DECLINED', 'REFUNDED', 'VOIDED', 'ABANDONED', 'RELEASED')) AND EXISTS (SELECT FROM "
    "inventory.reservations WHERE"
    " order_id = $1::uuid AND status IN ('REJECTED', 'RELEASED')))::int";

/* --- orders of a flow --- */

struct wanted {
    const char *flow, *sku;
    int quantity;
    const char *payment_method;
    bool is_paid_on_shipment;
};

static void place(struct scenario *scenario, const struct wanted *wanted, char *id) {
    struct placed_order order;
    struct buf body = {0};

    buf_printf(&body,
               "{\"customerId\":\"C100\",\"email\":\"c100@example.com\",\"currency\":\"USD\","
               "\"flow\":\"%s\",\"capture\":\"%s\",\"items\":[{\"sku\":\"%s\",\"quantity\":%d}],"
               "\"paymentMethod\":\"%s\"}",
               wanted->flow, wanted->is_paid_on_shipment ? "on_shipment" : "automatic", wanted->sku,
               wanted->quantity, wanted->payment_method);
    clients_place(scenario->clients, NULL, body.ptr, &order);
    if (order.status != 202)
        fail_msg("%ld %s", order.status, order.body.ptr);
    (void)snprintf(id, sizeof(order.id), "%s", order.id);
    placed_order_fini(&order);
    buf_fini(&body);
}

struct awaited {
    struct scenario *scenario;
    const char *id;
    const char *const *timelines; /* any of these, NULL-terminated */
    struct buf seen;
};

static bool has_timeline(void *closure) {
    struct awaited *awaited = closure;
    struct http_response response;
    char path[128];
    bool is_one = false;

    (void)snprintf(path, sizeof(path), "/api/v1/orders/%s", awaited->id);
    buf_clear(&awaited->seen);
    if (clients_get(awaited->scenario->clients, path, &response) == 200)
        scenario_timeline(&response.body, &awaited->seen);
    http_response_fini(&response);
    for (size_t i = 0; awaited->timelines[i] != NULL && awaited->seen.len > 0; i++)
        is_one = is_one || strcmp(awaited->seen.ptr, awaited->timelines[i]) == 0;
    return is_one;
}

/* Waits for one of up to three timelines. */
static void assert_timeline(struct scenario *scenario, const char *id,
                            const char *const *timelines) {
    struct awaited awaited = {scenario, id, timelines, {0}};

    if (!wait_until(has_timeline, &awaited, ORDER_TIMEOUT_MS))
        fail_msg("order %s: %s", id, awaited.seen.ptr);
    buf_fini(&awaited.seen);
}

#define ONE_OF(...)                                                                                \
    (const char *const[]) {                                                                        \
        __VA_ARGS__, NULL                                                                          \
    }

static bool has_settled(void *closure) {
    struct awaited *awaited = closure;

    return scenario_sql(awaited->scenario, has_settled_sql, awaited->id) == 1;
}

/* Waits for the end with `reason`, and for everything to be given back. */
static void assert_given_back(struct scenario *scenario, const char *id, const char *status,
                              const char *reason) {
    struct buf json = {0};
    struct awaited awaited = {scenario, id, NULL, {0}};

    if (!clients_await_status(scenario->clients, id, status, ORDER_TIMEOUT_MS, &json) ||
        strstr(json.ptr, reason) == NULL)
        fail_msg("order %s is not %s for %s: %s", id, status, reason, json.ptr);
    if (!wait_until(has_settled, &awaited, ORDER_TIMEOUT_MS))
        fail_msg("order %s still keeps something", id);
    assert_int_equal(scenario_sql(scenario, kept_money_sql, id), 0);
    assert_int_equal(scenario_sql(scenario, held_stock_sql, id), 0);
    buf_fini(&json);
}

static const char *const flows[] = {"inventory-first", "payment-first", "parallel"};
#define FLOWS (sizeof(flows) / sizeof(flows[0]))

/* --- the ways of each flow --- */

static void each_flow_completes_in_its_own_order(void **state) {
    struct scenario *scenario = *state;
    char id[64];
#define REST " OrderConfirmed OrderShipped OrderCompleted"

    place(scenario, &(struct wanted){flows[0], "SKU-123", 1, "pm_card_visa", false}, id);
    assert_timeline(scenario, id, ONE_OF("OrderCreated InventoryReserved PaymentSucceeded" REST));
    place(scenario, &(struct wanted){flows[1], "SKU-123", 1, "pm_card_visa", false}, id);
    assert_timeline(scenario, id, ONE_OF("OrderCreated PaymentSucceeded InventoryReserved" REST));
    place(scenario, &(struct wanted){flows[2], "SKU-123", 1, "pm_card_visa", false}, id);
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated InventoryReserved PaymentSucceeded" REST,
                           "OrderCreated PaymentSucceeded InventoryReserved" REST));
}

static void money_taken_for_what_is_not_there_is_given_back(void **state) {
    struct scenario *scenario = *state;
    char id[64];

    place(scenario, &(struct wanted){"payment-first", "TSHIRT-GRY-S", 999, "pm_card_visa", false},
          id);
    /* What the payment led to may come by before it: it is in another stream. */
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated PaymentSucceeded InventoryRejected OrderFailed "
                           "PaymentRefunded",
                           "OrderCreated InventoryRejected OrderFailed PaymentSucceeded "
                           "PaymentRefunded"));
    assert_given_back(scenario, id, "FAILED", "out_of_stock");
    place(scenario, &(struct wanted){"parallel", "TSHIRT-GRY-S", 999, "pm_card_visa", false}, id);
    assert_given_back(scenario, id, "FAILED", "out_of_stock");
}

static void stock_held_for_who_does_not_pay_is_given_back(void **state) {
    struct scenario *scenario = *state;
    char id[64];

    for (size_t i = 0; i < FLOWS; i++) {
        place(scenario, &(struct wanted){flows[i], "SKU-123", 2, "pm_card_chargeDeclined", false},
              id);
        assert_given_back(scenario, id, "FAILED", "payment_declined");
    }
}

static void an_order_that_cannot_be_shipped_gives_back_both(void **state) {
    struct scenario *scenario = *state;
    char id[64];

    for (size_t i = 0; i < FLOWS; i++) {
        place(scenario, &(struct wanted){flows[i], MESH_UNSHIPPABLE_SKU, 1, "pm_card_visa", false},
              id);
        assert_given_back(scenario, id, "FAILED", "shipping_failed");
    }
}

/* --- paid once it is shipped --- */

static long cancel(struct scenario *scenario, const char *id, struct buf *body) {
    struct http_client *client = http_client_create();
    struct http_response response;
    struct buf url = {0};

    buf_printf(&url, "http://127.0.0.1:%u/api/v1/orders/%s/cancel", mesh_http_port(scenario->mesh),
               id);
    long status =
        http_send(client, &(struct http_request){.method = "POST", .url = url.ptr}, &response);
    buf_clear(body);
    buf_append_slice(body, buf_slice(&response.body));
    http_response_fini(&response);
    http_client_destroy(&client);
    buf_fini(&url);
    return status;
}

static void each_flow_takes_the_money_once_the_order_is_shipped(void **state) {
    struct scenario *scenario = *state;
    char id[64];
#define TAKEN " OrderConfirmed OrderShipped CaptureRequested PaymentCaptured OrderCompleted"

    place(scenario, &(struct wanted){flows[0], "SKU-123", 1, "pm_card_visa", true}, id);
    assert_timeline(scenario, id, ONE_OF("OrderCreated InventoryReserved PaymentAuthorized" TAKEN));
    place(scenario, &(struct wanted){flows[1], "SKU-123", 1, "pm_card_visa", true}, id);
    assert_timeline(scenario, id, ONE_OF("OrderCreated PaymentAuthorized InventoryReserved" TAKEN));
    place(scenario, &(struct wanted){flows[2], "SKU-123", 1, "pm_card_visa", true}, id);
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated InventoryReserved PaymentAuthorized" TAKEN,
                           "OrderCreated PaymentAuthorized InventoryReserved" TAKEN));
}

static void an_order_whose_money_is_gone_once_it_is_shipped_ends_unpaid(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    struct buf json = {0};

    place(scenario, &(struct wanted){flows[0], "SKU-123", 1, "pm_sim_expired", true}, id);
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated InventoryReserved PaymentAuthorized OrderConfirmed "
                           "OrderShipped CaptureRequested CaptureFailed OrderCompleted"));
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, &json));
    assert_non_null(strstr(json.ptr, "its payment could not be taken"));
    buf_fini(&json);
}

static void money_that_is_held_is_let_go_when_the_order_ends_otherwise(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    struct buf body = {0};

    for (size_t i = 0; i < FLOWS; i++) {
        place(scenario, &(struct wanted){flows[i], MESH_UNSHIPPABLE_SKU, 1, "pm_card_visa", true},
              id);
        assert_given_back(scenario, id, "FAILED", "shipping_failed");
        place(scenario, &(struct wanted){flows[i], "SKU-123", 1, "pm_sim_delay_1000", true}, id);
        assert_true(clients_await_status(scenario->clients, id, "PENDING", ORDER_TIMEOUT_MS, NULL));
        assert_int_equal(cancel(scenario, id, &body), 202);
        assert_given_back(scenario, id, "CANCELLED", "cancelled_by_customer");
        place(scenario, &(struct wanted){flows[i], "SKU-123", 1, "pm_card_chargeDeclined", true},
              id);
        assert_given_back(scenario, id, "FAILED", "payment_declined");
    }
    place(scenario, &(struct wanted){flows[1], "TSHIRT-GRY-S", 999, "pm_card_visa", true}, id);
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated PaymentAuthorized InventoryRejected OrderFailed "
                           "PaymentVoided"));
    buf_fini(&body);
}

/* --- given back in part --- */

#define PART(amount) "{\"amountMinor\":" amount ",\"reason\":\"one piece came broken\"}"

/* `answer` may be NULL. */
static long post(struct scenario *scenario, const char *path, const char *key, const char *body,
                 struct buf *answer) {
    struct http_client *client = http_client_create();
    struct http_response response;
    struct buf url = {0}, key_header = {0};

    buf_printf(&url, "http://127.0.0.1:%u/api/v1/%s", mesh_http_port(scenario->mesh), path);
    buf_printf(&key_header, "Idempotency-Key: %s", key);
    const char *const headers[] = {"Content-Type: application/json", key_header.ptr, NULL};
    const struct http_request request = {
        .method = "POST", .url = url.ptr, .headers = headers, .body = body};
    long status = http_send(client, &request, &response);
    if (answer != NULL) {
        buf_clear(answer);
        buf_append_slice(answer, buf_slice(&response.body));
    }
    http_response_fini(&response);
    http_client_destroy(&client);
    buf_fini(&url);
    buf_fini(&key_header);
    return status;
}

static long refund(struct scenario *scenario, const char *id, const char *key, const char *body) {
    char path[128];
    (void)snprintf(path, sizeof(path), "admin/orders/%s/refunds", id);
    return post(scenario, path, key, body, NULL);
}

#define PIECES(items) "{\"items\":[" items "],\"reason\":\"one piece came broken\"}"

static bool is_refunded(void *closure) {
    struct awaited *awaited = closure;
    return clients_await_status(awaited->scenario->clients, awaited->id, "COMPLETED",
                                ORDER_TIMEOUT_MS, &awaited->seen) &&
           strstr(awaited->seen.ptr, awaited->timelines[0]) != NULL;
}

static void a_completed_order_is_refunded_in_parts_and_never_above_what_was_taken(void **state) {
    struct scenario *scenario = *state;
    char id[64], first[32], second[32];
    struct awaited awaited = {scenario, id, ONE_OF("\"refundedMinor\":1000}"), {0}};

    for (int held = 0; held < 2; held++) {
        (void)snprintf(first, sizeof(first), "first-%d", held);
        (void)snprintf(second, sizeof(second), "second-%d", held);
        place(scenario, &(struct wanted){flows[0], "SKU-123", 1, "pm_card_visa", held == 1}, id);
        assert_true(
            clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
        assert_int_equal(refund(scenario, id, first, PART("700")), 202);
        assert_int_equal(refund(scenario, id, first, PART("700")), 202);
        assert_int_equal(refund(scenario, id, first, PART("701")), 422);
        assert_int_equal(refund(scenario, id, second, PART("9999999")), 409);
        assert_int_equal(refund(scenario, id, second, PART("0")), 422);
        assert_int_equal(refund(scenario, id, second, PART("300")), 202);
        if (!wait_until(is_refunded, &awaited, ORDER_TIMEOUT_MS))
            fail_msg("order %s: %s", id, awaited.seen.ptr);
        assert_non_null(strstr(awaited.seen.ptr, "PARTIALLY_REFUNDED"));
        (void)snprintf(first, sizeof(first), "piece-%d", held);
        assert_int_equal(refund(scenario, id, first, PIECES("{\"line\":1,\"quantity\":2}")), 409);
        assert_int_equal(refund(scenario, id, first, PIECES("{\"sku\":\"ELSE\",\"quantity\":1}")),
                         409);
        assert_int_equal(refund(scenario, id, first, PIECES("{\"quantity\":1}")), 422);
    }
    place(scenario, &(struct wanted){flows[0], "SKU-123", 1, "pm_card_chargeDeclined", false}, id);
    assert_true(clients_await_status(scenario->clients, id, "FAILED", ORDER_TIMEOUT_MS, NULL));
    assert_int_equal(refund(scenario, id, "of-a-failed-one", PART("1")), 409);
    assert_int_equal(refund(scenario, "01890a5d-ac96-774b-bcce-b302099a8057", "of-none", PART("1")),
                     404);
    buf_fini(&awaited.seen);
}

/* --- sent back --- */

static void pieces_that_come_back_are_paid_back(void **state) {
    struct scenario *scenario = *state;
    char id[64], path[200], return_id[64] = "";
    struct buf answer = {0};
    struct awaited awaited = {scenario, id, ONE_OF("\"status\":\"PARTIALLY_REFUNDED\""), {0}};
    const char *ask = "{\"items\":[{\"line\":1,\"quantity\":1}],\"reason\":\"too small\"}";
    const char *come = "{\"items\":[{\"line\":1,\"quantity\":1,\"disposition\":\"restock\"}]}";

    place(scenario, &(struct wanted){flows[0], "SKU-123", 2, "pm_card_visa", false}, id);
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    (void)snprintf(path, sizeof(path), "orders/%s/returns", id);
    assert_int_equal(post(scenario, path, "back-1", ask, &answer), 201);
    const char *found = strstr(answer.ptr, "\"returnId\":\"");
    assert_non_null(found);
    (void)snprintf(return_id, sizeof(return_id), "%.36s", found + strlen("\"returnId\":\""));
    assert_int_equal(post(scenario, path, "back-1", ask, NULL), 201);
    assert_int_equal(post(scenario, path, "", ask, NULL), 400);
    (void)snprintf(path, sizeof(path), "orders/%s/returns/%s/receive", id, return_id);
    assert_int_equal(post(scenario, path, "", ask, NULL), 422);
    assert_int_equal(post(scenario, path, "", come, &answer), 200);
    assert_non_null(strstr(answer.ptr, "\"status\":\"RECEIVED\""));
    assert_int_equal(post(scenario, path, "", come, NULL), 200);
    if (!wait_until(is_refunded, &awaited, ORDER_TIMEOUT_MS))
        fail_msg("order %s: %s", id, awaited.seen.ptr);
    (void)snprintf(path, sizeof(path), "orders/%s/returns/%s/refuse", id, return_id);
    assert_int_equal(post(scenario, path, "", "{\"reason\":\"worn\"}", NULL), 409);
    buf_fini(&awaited.seen);
    buf_fini(&answer);
}

/* --- cancelling --- */

static void an_order_cancelled_while_it_is_charged_gets_everything_back(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    struct buf body = {0};

    for (size_t i = 0; i < FLOWS; i++) {
        place(scenario, &(struct wanted){flows[i], "SKU-123", 1, "pm_sim_delay_2000", false}, id);
        assert_true(clients_await_status(scenario->clients, id, "PENDING", ORDER_TIMEOUT_MS, NULL));
        assert_int_equal(cancel(scenario, id, &body), 202);
        assert_non_null(strstr(body.ptr, "/status"));
        assert_given_back(scenario, id, "CANCELLED", "cancelled_by_customer");
        assert_int_equal(cancel(scenario, id, &body), 202);
        assert_non_null(strstr(body.ptr, "CANCELLED"));
    }
    buf_fini(&body);
}

/* Whether the parcel or the wish comes first, the order ends in one way and all agree. */
static void a_confirmed_order_is_stopped_or_shipped_but_never_both(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    struct buf body = {0};

    assert_int_equal(mesh_terminate(scenario->mesh, MESH_SHIPPING, 10000), 0);
    place(scenario, &(struct wanted){"parallel", "SKU-123", 1, "pm_card_visa", false}, id);
    assert_true(clients_await_status(scenario->clients, id, "CONFIRMED", ORDER_TIMEOUT_MS, NULL));
    assert_int_equal(cancel(scenario, id, &body), 202);
    assert_int_equal(cancel(scenario, id, &body), 202);
    mesh_launch(scenario->mesh, MESH_SHIPPING, NULL);
#define BEFORE "OrderConfirmed CancelRequested StopRequested"
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated InventoryReserved PaymentSucceeded " BEFORE
                           " ShippingStopped OrderCancelled InventoryReleased PaymentRefunded",
                           "OrderCreated InventoryReserved PaymentSucceeded " BEFORE
                           " ShippingStopped OrderCancelled PaymentRefunded InventoryReleased",
                           "OrderCreated PaymentSucceeded InventoryReserved " BEFORE
                           " ShippingStopped OrderCancelled InventoryReleased PaymentRefunded",
                           "OrderCreated PaymentSucceeded InventoryReserved " BEFORE
                           " ShippingStopped OrderCancelled PaymentRefunded InventoryReleased",
                           "OrderCreated InventoryReserved PaymentSucceeded " BEFORE
                           " OrderShipped OrderCompleted",
                           "OrderCreated PaymentSucceeded InventoryReserved " BEFORE
                           " OrderShipped OrderCompleted"));
    buf_fini(&body);
}

static void what_has_ended_or_never_was_is_not_cancelled(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    struct buf body = {0};

    place(scenario, &(struct wanted){"payment-first", "SKU-123", 1, "pm_card_visa", false}, id);
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    assert_int_equal(cancel(scenario, id, &body), 409);
    assert_non_null(strstr(body.ptr, "/problems/not-cancellable"));
    assert_int_equal(cancel(scenario, "01890a5d-ac96-774b-bcce-b302099a8057", &body), 404);
    assert_int_equal(cancel(scenario, "no-order", &body), 404);
    buf_fini(&body);
}

/* While payment is down the order waits; its hour passes at once. */
static void an_order_that_hangs_fails_when_its_time_is_up(void **state) {
    static const char age_sql[] = "WITH w AS (UPDATE orders.watch SET resumed_at = now() - interval"
                                  " '2 hours', settled_to = '-infinity') UPDATE orders.orders SET"
                                  " taken_at = now() - interval '1 hour' WHERE id = $1::uuid"
                                  " RETURNING 1";
    struct scenario *scenario = *state;
    char id[64];

    assert_int_equal(mesh_terminate(scenario->mesh, MESH_PAYMENT, 10000), 0);
    place(scenario, &(struct wanted){"inventory-first", "SKU-123", 1, "pm_card_visa", false}, id);
    assert_true(clients_await_status(scenario->clients, id, "PENDING", ORDER_TIMEOUT_MS, NULL));
    assert_timeline(scenario, id, ONE_OF("OrderCreated InventoryReserved"));
    assert_int_equal(scenario_sql(scenario, age_sql, id), 1);
    assert_true(clients_await_status(scenario->clients, id, "FAILED", ORDER_TIMEOUT_MS, NULL));
    mesh_launch(scenario->mesh, MESH_PAYMENT, NULL);
    assert_given_back(scenario, id, "FAILED", "saga_timeout");
}

/* --- several warehouses --- */

#define SPREAD_SKU "SPREAD"

/* Of 30 in each of three warehouses, 40 are more than one has. Shipping dies as a parcel leaves. */
static void an_order_that_several_warehouses_serve_ships_in_parts(void **state) {
    struct scenario *scenario = *state;
    struct buf json = {0};
    char id[64];

    mesh_kill(scenario->mesh, MESH_SHIPPING);
    mesh_launch(scenario->mesh, MESH_SHIPPING, "shipping.mid_parcel:1");
    place(scenario, &(struct wanted){"inventory-first", SPREAD_SKU, 40, "pm_card_visa", false}, id);
    (void)mesh_await_end(scenario->mesh, MESH_SHIPPING, ORDER_TIMEOUT_MS);
    mesh_launch(scenario->mesh, MESH_SHIPPING, NULL);
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated InventoryReserved PaymentSucceeded OrderConfirmed"
                           " PartiallyShipped OrderShipped OrderCompleted"));
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, &json));
    assert_non_null(strstr(json.ptr, "\"shipmentStatus\":\"SHIPPED\""));
    assert_non_null(strstr(json.ptr, "\"warehouse\": \"north\""));
    buf_fini(&json);
    place(scenario, &(struct wanted){"payment-first", SPREAD_SKU, 40, "pm_card_visa", true}, id);
    assert_timeline(scenario, id,
                    ONE_OF("OrderCreated PaymentAuthorized InventoryReserved OrderConfirmed"
                           " PartiallyShipped OrderShipped CaptureRequested PaymentCaptured"
                           " OrderCompleted"));
    place(scenario, &(struct wanted){"parallel", SPREAD_SKU, 11, "pm_card_visa", false}, id);
    assert_given_back(scenario, id, "FAILED", "out_of_stock");
}

static void in_the_end_all_invariants_hold(void **state) {
    struct scenario *scenario = *state;

    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

static int setup(void **state) {
    static const char add_product_sql[] =
        "WITH p AS (INSERT INTO inventory.products (sku, name, price_minor, currency)"
        " VALUES ($1, 'An anvil', 100, 'USD') RETURNING sku), s AS (INSERT INTO inventory.stock"
        " (sku, received, on_hand) VALUES ($1, 100, 100) RETURNING sku), a AS (INSERT INTO"
        " inventory.stock_adjustments (id, sku, delta, reason, on_hand)"
        " VALUES (gen_random_uuid(), $1, 100, 'delivery', 100) RETURNING sku), c AS (INSERT INTO"
        " orders.catalog VALUES ($1, 100, 'USD', true, 1) RETURNING sku) SELECT count(*) FROM p";

    static const char add_spread_sql[] =
        "WITH p AS (INSERT INTO inventory.products (sku, name, price_minor, currency)"
        " VALUES ($1, 'A pair', 100, 'USD') RETURNING sku), s AS (INSERT INTO inventory.stock"
        " (sku, received, on_hand, elsewhere) VALUES ($1, 30, 30, true)), w AS (INSERT INTO"
        " inventory.warehouses VALUES ('north', 1), ('south', 2)), e AS (INSERT INTO"
        " inventory.warehouse_stock (sku, warehouse, received, on_hand)"
        " VALUES ($1, 'north', 30, 30), ($1, 'south', 30, 30)), a AS (INSERT INTO"
        " inventory.stock_adjustments (id, sku, delta, reason, on_hand, warehouse)"
        " SELECT gen_random_uuid(), $1, 30, 'delivery', 30, name FROM unnest(ARRAY[NULL, 'north',"
        "  'south']) n(name)), c AS (INSERT INTO orders.catalog VALUES ($1, 100, 'USD', true, 1))"
        " SELECT count(*) FROM p";

    if (scenario_setup(state) != 0)
        return -1;
    (void)scenario_sql(*state, add_product_sql, MESH_UNSHIPPABLE_SKU);
    (void)scenario_sql(*state, add_spread_sql, SPREAD_SKU);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flow_completes_in_its_own_order),
        cmocka_unit_test(money_taken_for_what_is_not_there_is_given_back),
        cmocka_unit_test(stock_held_for_who_does_not_pay_is_given_back),
        cmocka_unit_test(an_order_that_cannot_be_shipped_gives_back_both),
        cmocka_unit_test(each_flow_takes_the_money_once_the_order_is_shipped),
        cmocka_unit_test(an_order_whose_money_is_gone_once_it_is_shipped_ends_unpaid),
        cmocka_unit_test(money_that_is_held_is_let_go_when_the_order_ends_otherwise),
        cmocka_unit_test(a_completed_order_is_refunded_in_parts_and_never_above_what_was_taken),
        cmocka_unit_test(pieces_that_come_back_are_paid_back),
        cmocka_unit_test(an_order_cancelled_while_it_is_charged_gets_everything_back),
        cmocka_unit_test(a_confirmed_order_is_stopped_or_shipped_but_never_both),
        cmocka_unit_test(what_has_ended_or_never_was_is_not_cancelled),
        cmocka_unit_test(an_order_that_hangs_fails_when_its_time_is_up),
        cmocka_unit_test(an_order_that_several_warehouses_serve_ships_in_parts),
        cmocka_unit_test(in_the_end_all_invariants_hold),
    };
    return cmocka_run_group_tests_name("flows", tests, setup, scenario_teardown);
}
