/* Pieces of orders that are cancelled before they are sent, over HTTP, while each process that
   takes part is killed in the middle of its step: whichever of parcel and wish comes first, stock
   and money agree with it.

   Covers: gateway/orders/cancel_order.c services/order/cancel_lines.c services/inventory/cut.c
   services/payment/line_refunds.c services/shipping/handler.c */
#include "tests/support/mesh/scenario.h"

#include <stdio.h>
#include <string.h>

#define ORDER_TIMEOUT_MS 30000
#define CHECK_TIMEOUT_MS 60000

static void place(struct scenario *scenario, const char *capture, const char *method, char *id) {
    struct placed_order order;
    struct buf body = {0};
    buf_printf(&body,
               "{\"customerId\":\"C100\",\"email\":\"c100@example.com\",\"currency\":\"USD\","
               "\"capture\":\"%s\",\"items\":[{\"sku\":\"SKU-123\",\"quantity\":3}],"
               "\"paymentMethod\":\"%s\"}",
               capture, method);
    clients_place(scenario->clients, NULL, body.ptr, &order);
    if (order.status != 202)
        fail_msg("%ld %s", order.status, order.body.ptr);
    (void)snprintf(id, sizeof(order.id), "%s", order.id);
    placed_order_fini(&order);
    buf_fini(&body);
}

#define PIECE "{\"items\":[{\"line\":1,\"quantity\":1}],\"reason\":\"two will do\"}"

struct cancelling {
    struct scenario *scenario;
    const char *id, *key, *body;
    long status;
    struct buf answer;
};

static bool has_answer(void *closure) {
    struct cancelling *cancelling = closure;
    struct http_client *client = http_client_create();
    struct http_response response;
    struct buf url = {0}, key_header = {0};
    buf_printf(&url, "http://127.0.0.1:%u/api/v1/orders/%s/cancel",
               mesh_http_port(cancelling->scenario->mesh), cancelling->id);
    buf_printf(&key_header, "Idempotency-Key: %s", cancelling->key);
    const char *const headers[] = {"Content-Type: application/json", key_header.ptr, NULL};
    const struct http_request request = {
        .method = "POST", .url = url.ptr, .headers = headers, .body = cancelling->body};
    cancelling->status = http_send(client, &request, &response);
    buf_clear(&cancelling->answer);
    buf_append_slice(&cancelling->answer, buf_slice(&response.body));
    http_response_fini(&response);
    http_client_destroy(&client);
    buf_fini(&url);
    buf_fini(&key_header);
    mesh_revive(cancelling->scenario->mesh);
    return cancelling->status >= 200 && cancelling->status < 500 &&
           strstr(cancelling->answer.ptr, "ask again in a moment") == NULL;
}

/* Asks again under the same key while nobody answers. `said` is part of the answer. */
static void cancel(struct scenario *scenario, const char *id, const char *key, const char *body,
                   long status, const char *said) {
    struct cancelling cancelling = {scenario, id, key, body, 0, {0}};
    if (!wait_until(has_answer, &cancelling, ORDER_TIMEOUT_MS) || cancelling.status != status ||
        strstr(cancelling.answer.ptr, said) == NULL)
        fail_msg("%ld %s", cancelling.status, cancelling.answer.ptr);
    buf_fini(&cancelling.answer);
}

static void await(struct scenario *scenario, const char *id, const char *status) {
    struct buf json = {0};
    if (!clients_await_status(scenario->clients, id, status, ORDER_TIMEOUT_MS, &json))
        fail_msg("order %s is not %s: %s", id, status, json.ptr);
    buf_fini(&json);
}

static int64_t cancelled(struct scenario *scenario, const char *id) {
    return scenario_sql(scenario,
                        "SELECT coalesce(cancelled, 0) FROM orders.order_items"
                        " WHERE order_id = $1::uuid",
                        id);
}

static void pieces_of_a_pending_order_are_cancelled_at_once(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    place(scenario, "automatic", "pm_sim_delay_3000", id);
    await(scenario, id, "PENDING");
    cancel(scenario, id, "pending-1", PIECE, 200, "\"status\":\"CANCELLED\"");
    cancel(scenario, id, "pending-1", PIECE, 200, "\"cancelled\":1");
    cancel(scenario, id, "pending-1", "{\"items\":[{\"line\":1,\"quantity\":2}],\"reason\":\"r\"}",
           422, "/problems/idempotency-key-reused");
    cancel(scenario, id, "", PIECE, 400, "/problems/missing-idempotency-key");
    cancel(scenario, id, "pending-2", "{\"items\":[],\"reason\":\"r\"}", 422, "\"items\"");
    cancel(scenario, id, "pending-2", "{\"items\":[{\"line\":1,\"quantity\":1}]}", 422, "reason");
    cancel(scenario, id, "pending-2", "{\"items\":[{\"line\":2,\"quantity\":1}],\"reason\":\"r\"}",
           409, "line 2 is not in the order");
    cancel(scenario, id, "pending-2", "{\"items\":", 400, "/problems/invalid-json");
    await(scenario, id, "COMPLETED");
    cancel(scenario, id, "pending-2", PIECE, 409, "/problems/lines-not-cancellable");
    assert_int_equal(cancelled(scenario, id), 1);
    assert_true(clients_check(scenario->clients, CHECK_TIMEOUT_MS));
}

/* A body that names no pieces is about all of the order, as no body is. */
static void a_body_without_items_cancels_the_order(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    place(scenario, "automatic", "pm_sim_delay_2000", id);
    await(scenario, id, "PENDING");
    cancel(scenario, id, "", "{\"reason\":\"changed my mind\"}", 202, "/status");
    await(scenario, id, "CANCELLED");
}

static const struct crash {
    const char *sentence;
    enum mesh_part part;
    const char *failpoint;
} crashes[] = {
    {"an order service killed as it cancels pieces", MESH_ORDER, "order.mid_cancel_lines:1"},
    {"an order service killed as it tells of them", MESH_ORDER, "order.mid_cut:1"},
    {"an inventory killed as it takes them back", MESH_INVENTORY, "inventory.mid_cut:1"},
    {"a payment killed as it gives their money back", MESH_PAYMENT, "payment.mid_cut:1"},
    {"a payment killed before it asks for their refund", MESH_PAYMENT, "payment.before_refund:1"},
    {"a payment killed after it asked for their refund", MESH_PAYMENT, "payment.after_refund:1"},
};
#define CRASHES (sizeof(crashes) / sizeof(crashes[0]))

static void whoever_dies_no_piece_is_lost_and_no_money_kept(void **state) {
    struct scenario *scenario = *state;
    for (size_t i = 0; i < CRASHES; i++) {
        char id[64], key[32];
        (void)snprintf(key, sizeof(key), "crash-%zu", i);
        mesh_forget_deaths(scenario->mesh);
        assert_int_equal(mesh_terminate(scenario->mesh, crashes[i].part, 10000), 0);
        mesh_launch(scenario->mesh, crashes[i].part, crashes[i].failpoint);
        assert_true(mesh_await_ready(scenario->mesh, ORDER_TIMEOUT_MS));
        place(scenario, "automatic", "pm_sim_delay_1000", id);
        await(scenario, id, "PENDING");
        cancel(scenario, id, key, PIECE, 200, "\"status\":\"CANCELLED\"");
        await(scenario, id, "COMPLETED");
        if (!clients_check(scenario->clients, CHECK_TIMEOUT_MS))
            fail_msg("%s", crashes[i].sentence);
        assert_int_equal(mesh_deaths(scenario->mesh, crashes[i].part), 1);
        assert_int_equal(cancelled(scenario, id), 1);
    }
}

/* Shipping comes back to both the confirmation and the wish, and dies over one of them. */
static void a_piece_is_sent_or_given_back_but_never_both(void **state) {
    static const char *const captures[] = {"automatic", "on_shipment"};
    static const char *const failpoints[] = {NULL, "consumer.before_inbox:1",
                                             "consumer.after_commit:1"};
    struct scenario *scenario = *state;
    for (size_t i = 0; i < 6; i++) {
        char id[64], key[32];
        (void)snprintf(key, sizeof(key), "either-%zu", i);
        assert_int_equal(mesh_terminate(scenario->mesh, MESH_SHIPPING, 10000), 0);
        place(scenario, captures[i % 2], "pm_card_visa", id);
        await(scenario, id, "CONFIRMED");
        cancel(scenario, id, key, PIECE, 200, "\"status\":\"REQUESTED\"");
        mesh_launch(scenario->mesh, MESH_SHIPPING, failpoints[i / 2]);
        await(scenario, id, "COMPLETED");
        assert_true(clients_check(scenario->clients, CHECK_TIMEOUT_MS));
        cancel(scenario, id, key, PIECE, 200,
               cancelled(scenario, id) == 1 ? "\"status\":\"CANCELLED\""
                                            : "\"status\":\"REFUSED\"");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_a_pending_order_are_cancelled_at_once),
        cmocka_unit_test(a_body_without_items_cancels_the_order),
        cmocka_unit_test(whoever_dies_no_piece_is_lost_and_no_money_kept),
        cmocka_unit_test(a_piece_is_sent_or_given_back_but_never_both),
    };
    return cmocka_run_group_tests_name("cancelled_lines", tests, scenario_setup, scenario_teardown);
}
