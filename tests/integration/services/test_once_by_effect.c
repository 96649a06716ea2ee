/* The saga's services take each event again after it had its effect, and nothing comes of it: no
   row changes, nothing is said, and nobody is charged. Their inboxes do not know these events.

   Covers: services/inventory/handler.c services/order/handler.c services/payment/handler.c
   services/shipping/handler.c shared/consume/attempt.c */
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

/* One event, and one who takes it. */
struct parcel {
    enum world_consumer consumer;
    enum event_type type;
    char *payload;
};

static struct parcel parcels[200];
static size_t parcel_count;

/* --- the provider ----------------------------------------------------------------------------- */

static size_t charges, refunds;

static void count_charges(const struct provider *self, struct provider_request *const *requests,
                          size_t count) {
    charges += count;
    provider_simulated.charge(self, requests, count);
}

static void count_refunds(const struct provider *self, struct provider_request *const *requests,
                          size_t count) {
    refunds += count;
    provider_simulated.refund(self, requests, count);
}

static const struct provider counting = {
    .name = "simulated", .charge = count_charges, .refund = count_refunds};

/* --- what there is ---------------------------------------------------------------------------- */

/* All that the services wrote and said; free() it. */
static char *take_stock(void) {
    static const char *const tables[] = {
        "orders.orders",          "orders.order_items", "orders.outbox",     "inventory.stock",
        "inventory.reservations", "inventory.outbox",   "payments.payments", "payments.outbox",
        "shipping.shipments",     "shipping.outbox",
    };
    struct buf sql = {0};
    buf_append_text(&sql, "SELECT concat_ws('#', ''");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        buf_printf(&sql, ", (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM %s t)",
                   tables[i]);
    buf_printf(&sql, ", %zu, %zu)", charges, refunds);
    char *text = world_query_text(&world, sql.ptr);
    buf_fini(&sql);
    return text;
}

static void deliver_again(const struct parcel *parcel, enum outcome first) {
    char *before = take_stock();
    enum outcome second = world_deliver(&world, parcel->consumer, slice_of(parcel->payload));
    char *after = take_stock();
    if (second != first || strcmp(before, after) != 0)
        fail_msg("%s again, to consumer %d: %d after %d\n%s\n%s", event_info(parcel->type)->subject,
                 (int)parcel->consumer, (int)second, (int)first, before, after);
    free(before);
    free(after);
}

/* --- the saga --------------------------------------------------------------------------------- */

/* Notifications are another matter: their inbox knows them. */
static bool is_of_saga(enum world_consumer consumer) {
    return consumer != WORLD_ORDERS_NOTIFICATION && consumer != WORLD_SHIPPING_NOTIFICATION;
}

static void deliver_twice(void *closure, enum event_type type, struct slice payload) {
    (void)closure;
    for (int consumer = 0; consumer < WORLD_CONSUMERS; consumer++) {
        if (!is_of_saga((enum world_consumer)consumer) ||
            !world_wants((enum world_consumer)consumer, type))
            continue;
        struct parcel parcel = {(enum world_consumer)consumer, type, mem_copy(payload)};
        assert_int_equal(world_deliver(&world, parcel.consumer, payload), OUTCOME_DONE);
        deliver_again(&parcel, OUTCOME_DONE);
        assert_true(parcel_count < sizeof(parcels) / sizeof(parcels[0]));
        parcels[parcel_count++] = parcel;
    }
}

static void submit(const struct world_order *order) {
    struct buf payload = {0};
    world_write_submit(&payload, order, clock_now_us());
    deliver_twice(NULL, EVENT_ORDER_SUBMIT, buf_slice(&payload));
    buf_fini(&payload);
}

static void cancel(const struct uuid *order_id) {
    char id[UUID_TEXT_SIZE], data[100];
    struct buf payload = {0};
    uuid_format(order_id, id);
    snprintf(data, sizeof(data), "{\"orderId\":\"%s\",\"tenant\":\"default\"}", id);
    world_write_event(&payload, EVENT_ORDER_CANCEL, order_id, data);
    deliver_twice(NULL, EVENT_ORDER_CANCEL, buf_slice(&payload));
    buf_fini(&payload);
}

static void assert_ends(const char *expected) {
    assert_world("SELECT string_agg(status || coalesce('/' || reason, ''), ' ' ORDER BY id)"
                 " FROM orders.orders",
                 expected);
}

static void run_saga(enum order_flow flow) {
    struct world_order order = {.sku = "SHIRT",
                                .quantity = 2,
                                .unit_price_minor = -1,
                                .payment_method = "pm_card_visa",
                                .flow = flow};
    static const char *const skus[] = {"SHIRT", "UNSHIPPABLE", "RARE", "SHIRT", "SHIRT"};
    for (size_t i = 0; i < sizeof(skus) / sizeof(skus[0]); i++) {
        order.id = uuid_v7();
        order.sku = skus[i];
        order.payment_method = i == 3 ? "pm_card_chargeDeclined" : "pm_card_visa";
        submit(&order);
        if (i == 4)
            cancel(&order.id);
    }
    while (world_take_events(&world, deliver_twice, NULL) > 0)
        continue;
    assert_ends("COMPLETED FAILED/shipping_failed FAILED/out_of_stock FAILED/payment_declined"
                " CANCELLED/cancelled_by_customer");
}

static void what_comes_again_after_its_effect_has_none(enum order_flow flow) {
    world_add_product(&world, "SHIRT", 1999, 100);
    world_add_product(&world, "UNSHIPPABLE", 500, 100);
    world_add_product(&world, "RARE", 500, 1);
    world.payment.provider = &counting;
    charges = refunds = parcel_count = 0;
    run_saga(flow);

    for (size_t i = 0; i < parcel_count; i++) {
        deliver_again(&parcels[i], OUTCOME_DONE);
        free(parcels[i].payload);
    }
    world.payment.provider = &provider_simulated;
}

static void inventory_first_says_and_does_each_thing_once(void **state) {
    (void)state;
    what_comes_again_after_its_effect_has_none(FLOW_INVENTORY_FIRST);
}

static void payment_first_says_and_does_each_thing_once(void **state) {
    (void)state;
    what_comes_again_after_its_effect_has_none(FLOW_PAYMENT_FIRST);
}

static void both_at_once_say_and_do_each_thing_once(void **state) {
    (void)state;
    what_comes_again_after_its_effect_has_none(FLOW_PARALLEL);
}

#define TEST(name) cmocka_unit_test_setup(name, world_empty)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(inventory_first_says_and_does_each_thing_once),
        TEST(payment_first_says_and_does_each_thing_once),
        TEST(both_at_once_say_and_do_each_thing_once),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
