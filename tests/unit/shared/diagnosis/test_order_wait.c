/* What orders wait for, against the consumers that nats/ declares. */
#include "shared/diagnosis/mesh_facts.h"
#include "shared/diagnosis/order_wait.h"
#include "shared/nats/subject.h"
#include "tests/support/base/test.h"

#define ALL_SIGNS                                                                                  \
    (SIGN_RESERVED | SIGN_PAID | SIGN_SHIPPED | SIGN_STOP | SIGN_RELEASED | SIGN_REFUNDED |        \
     SIGN_AUTHORIZED | SIGN_CAPTURE | SIGN_CAPTURED | SIGN_VOIDED | SIGN_ACTION)

static void assert_is_declared(const struct awaited_consumer *consumer) {
    char path[256];
    struct json_object *config = NULL;
    struct slice filter;
    struct error error;
    const struct event_info *event = event_info(consumer->event);
    snprintf(path, sizeof(path), OM_SOURCE_DIR "/nats/consumers/%s.%s.json", consumer->stream,
             consumer->name);
    struct buf file = read_file(path);
    require_ok(json_parse(buf_slice(&file), &config, &error), &error);
    require_ok(json_get_string(config, "filter_subject", &filter, &error), &error);
    if (!subject_matches(filter, slice_of(event->subject)))
        fail_msg("%s is not given %s", path, event->subject);
    assert_string_equal(event->stream, consumer->stream);
    json_object_put(config);
    buf_fini(&file);
}

static void assert_is_asked_about(const char *stream) {
    for (size_t i = 0; i < MESH_FACTS_STREAMS; i++)
        if (strcmp(mesh_facts_streams[i], stream) == 0)
            return;
    fail_msg("nobody asks for the consumers of %s", stream);
}

static void assert_row(const struct order_wait *row) {
    assert_non_null(row->consumers[0].name);
    for (size_t i = 0; i < ORDER_WAIT_CONSUMERS_MOST && row->consumers[i].name != NULL; i++) {
        assert_is_declared(&row->consumers[i]);
        assert_is_asked_about(row->consumers[i].stream);
    }
}

static void every_consumer_is_declared_and_is_given_its_event(void **state) {
    (void)state;
    for (size_t i = 0; i < order_wait_row_count; i++)
        assert_row(&order_wait_rows[i]);
    assert_row(&order_wait_intake);
}

/* A row that an earlier one hides would never be told. */
static void every_row_is_the_first_that_fits_somewhere(void **state) {
    (void)state;
    bool is_reached[64] = {false};
    assert_true(order_wait_row_count <= 64);
    for (int flow = FLOW_INVENTORY_FIRST; flow <= FLOW_PARALLEL; flow++)
        for (int status = 0; status < ORDER_STATUS_COUNT; status++)
            for (unsigned signs = 0; signs <= ALL_SIGNS; signs++) {
                const struct order_wait *row =
                    order_wait_of((enum order_flow)flow, (enum order_status)status, signs);
                if (row != NULL)
                    is_reached[row - order_wait_rows] = true;
                else
                    assert_true(order_status_is_final((enum order_status)status));
            }
    for (size_t i = 0; i < order_wait_row_count; i++)
        if (!is_reached[i])
            fail_msg("row %zu is never the first: %s", i, order_wait_rows[i].what);
}

static void assert_waits(enum order_flow flow, enum order_status status, unsigned signs,
                         const char *first) {
    const struct order_wait *row = order_wait_of(flow, status, signs);
    char name[64] = "";
    if (row != NULL)
        snprintf(name, sizeof(name), "%s/%s", row->consumers[0].stream, row->consumers[0].name);
    assert_string_equal(name, first);
}

static void each_flow_goes_its_way(void **state) {
    (void)state;
    enum order_status pending = ORDER_PENDING;
    assert_waits(FLOW_INVENTORY_FIRST, pending, 0, "ORDERS/inventory");
    assert_waits(FLOW_INVENTORY_FIRST, pending, SIGN_RESERVED, "INVENTORY/payment");
    assert_waits(FLOW_PAYMENT_FIRST, pending, 0, "ORDERS/payment");
    assert_waits(FLOW_PAYMENT_FIRST, pending, SIGN_PAID, "PAYMENTS/inventory");
    assert_waits(FLOW_PARALLEL, pending, SIGN_RESERVED, "ORDERS/payment");
    assert_waits(FLOW_PARALLEL, pending, SIGN_PAID, "ORDERS/inventory");
    assert_waits(FLOW_PARALLEL, ORDER_CONFIRMED, SIGN_PAID | SIGN_RESERVED, "ORDERS/shipping");
    assert_waits(FLOW_PARALLEL, ORDER_CONFIRMED, SIGN_PAID | SIGN_STOP, "ORDERS/shipping-stop");
}

static void what_has_ended_may_still_be_owed_something(void **state) {
    (void)state;
    enum order_flow flow = FLOW_INVENTORY_FIRST;
    unsigned both = SIGN_PAID | SIGN_RESERVED;
    assert_waits(flow, ORDER_COMPLETED, both | SIGN_SHIPPED, "");
    assert_waits(flow, ORDER_FAILED, 0, "");
    assert_waits(flow, ORDER_FAILED, both, "ORDERS/payment-failed");
    assert_waits(flow, ORDER_FAILED, both | SIGN_REFUNDED, "ORDERS/inventory-failed");
    assert_waits(flow, ORDER_CANCELLED, SIGN_RESERVED, "ORDERS/inventory-cancelled");
    assert_waits(flow, ORDER_CANCELLED, both | SIGN_RELEASED, "ORDERS/payment-cancelled");
    assert_waits(flow, ORDER_CANCELLED, both | SIGN_RELEASED | SIGN_REFUNDED, "");
}

static void money_that_is_held_is_waited_for_until_it_is_taken_or_let_go(void **state) {
    (void)state;
    unsigned both = SIGN_AUTHORIZED | SIGN_RESERVED;
    assert_waits(FLOW_PAYMENT_FIRST, ORDER_PENDING, SIGN_AUTHORIZED,
                 "PAYMENTS/inventory-authorized");
    assert_waits(FLOW_PARALLEL, ORDER_PENDING, SIGN_AUTHORIZED, "ORDERS/inventory");
    assert_waits(FLOW_PARALLEL, ORDER_CONFIRMED, both, "ORDERS/shipping");
    assert_waits(FLOW_PARALLEL, ORDER_CONFIRMED, both | SIGN_SHIPPED | SIGN_CAPTURE,
                 "ORDERS/payment-capture");
    assert_waits(FLOW_PARALLEL, ORDER_CANCELLED, both, "ORDERS/payment-cancelled");
    assert_waits(FLOW_PARALLEL, ORDER_FAILED, both | SIGN_VOIDED, "ORDERS/inventory-failed");
    assert_waits(FLOW_PARALLEL, ORDER_FAILED, both | SIGN_VOIDED | SIGN_RELEASED, "");
}

static void a_payment_waits_for_its_customer(void **state) {
    (void)state;
    assert_waits(FLOW_INVENTORY_FIRST, ORDER_PENDING, SIGN_RESERVED | SIGN_ACTION,
                 "PAYMENTS/order");
    assert_contains(order_wait_of(FLOW_PARALLEL, ORDER_PENDING, SIGN_ACTION)->what, "customer");
    assert_waits(FLOW_PAYMENT_FIRST, ORDER_PENDING, SIGN_PAID | SIGN_ACTION, "PAYMENTS/inventory");
}

static void a_timeline_is_read_by_its_words(void **state) {
    (void)state;
    assert_int_equal(order_sign(slice_of("InventoryReserved")), SIGN_RESERVED);
    assert_int_equal(order_sign(slice_of("StopRequested")), SIGN_STOP);
    assert_int_equal(order_sign(slice_of("OrderCreated")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_consumer_is_declared_and_is_given_its_event),
        cmocka_unit_test(every_row_is_the_first_that_fits_somewhere),
        cmocka_unit_test(each_flow_goes_its_way),
        cmocka_unit_test(what_has_ended_may_still_be_owed_something),
        cmocka_unit_test(money_that_is_held_is_waited_for_until_it_is_taken_or_let_go),
        cmocka_unit_test(a_payment_waits_for_its_customer),
        cmocka_unit_test(a_timeline_is_read_by_its_words),
    };
    return cmocka_run_group_tests_name("order_wait", tests, NULL, NULL);
}
