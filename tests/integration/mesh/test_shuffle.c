/* 10,000 distinct events, shuffled and each delivered twice, end in the same state as in order. The
   events are those of a world that ran in order; its tables are then emptied and everything comes
   again, in random order and random batches, to every consumer.

   Covers: services/shipping/ shared/consume/inbox.c */
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#define ORDERS 1600
#define BATCH_MOST 256
#define ROUNDS_MOST 60 /* an event waits for at most a few others */

/* One event for one consumer. */
struct parcel {
    enum world_consumer consumer;
    char *payload;
    size_t len;
};

struct parcels {
    struct parcel *items;
    size_t count, capacity;
};

static struct parcels parcels; /* all that was delivered in order */
static size_t event_count;     /* distinct */
static uint64_t seed;

static uint64_t next_random(void) {
    /* xorshift64*, https://www.jstatsoft.org/article/view/v008i14 */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(2685821657736338717);
}

static void add_parcel(struct parcels *list, const struct parcel *parcel) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 1024;
        list->items = realloc(list->items, list->capacity * sizeof(*list->items));
        assert_non_null(list->items);
    }
    list->items[list->count++] = *parcel;
}

/* --- in order --- */

/* Every fourth order meets a carrier that refuses it, every fifth is declined, every tenth asks for
   more than there is. */
static bool is_unshippable(struct slice payload) {
    return memmem(payload.ptr, payload.len, "pm_unshippable", 14) != NULL;
}

static void keep(void *closure, enum event_type type, struct slice payload);

static void fail_shipping(struct slice confirmed) {
    struct error error = {0};
    struct event event;
    struct buf out = {0};
    struct arena *arena = arena_create(4096);
    assert_int_equal(event_decode(confirmed, arena, &event, &error), STATUS_OK);
    world_write_event(&out, EVENT_SHIPPING_FAILED, &event.order_id, "{\"reason\":\"no carrier\"}");
    keep(NULL, EVENT_SHIPPING_FAILED, buf_slice(&out));
    arena_destroy(&arena);
    buf_fini(&out);
}

/* Remembers an event for every consumer that wants it. */
static void keep(void *closure, enum event_type type, struct slice payload) {
    (void)closure;
    event_count++;
    bool is_refused = type == EVENT_ORDER_CONFIRMED && is_unshippable(payload);
    for (int i = 0; i < WORLD_CONSUMERS; i++) {
        if (!world_wants((enum world_consumer)i, type) ||
            (is_refused && i == WORLD_ORDERS_SHIPPING))
            continue;
        struct parcel parcel = {(enum world_consumer)i, mem_copy(payload), payload.len};
        add_parcel(&parcels, &parcel);
    }
    if (is_refused)
        fail_shipping(payload);
}

static void deliver(const struct parcel *const *batch, size_t count, struct parcels *again) {
    struct drive_message *messages = mem_alloc(count * sizeof(*messages));
    struct error error = {0};
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct drive_message){.payload = {batch[i]->payload, batch[i]->len},
                                             .has_waited = true};
    enum status status = drive_batch(world.drives[batch[0]->consumer], messages, count, &error);
    if (status != STATUS_OK)
        fail_msg("%s: %s", status_name(status), error.text);
    for (size_t i = 0; i < count; i++) {
        if (messages[i].outcome == OUTCOME_REJECT)
            fail_msg("rejected: %s", messages[i].error.text);
        if (messages[i].outcome == OUTCOME_EARLY || messages[i].outcome == OUTCOME_RETRY)
            add_parcel(again, batch[i]);
    }
    free(messages);
}

/* Delivers `list` from `from` on, in its order, neighbours of one consumer in random batches. What
   has to wait is put into `again`. */
static void deliver_all(const struct parcels *list, size_t from, struct parcels *again) {
    const struct parcel *batch[BATCH_MOST];
    for (int consumer = 0; consumer < WORLD_CONSUMERS; consumer++) {
        size_t count = 0, most = 1 + next_random() % BATCH_MOST;
        for (size_t i = from; i < list->count; i++) {
            if ((int)list->items[i].consumer != consumer)
                continue;
            batch[count++] = &list->items[i];
            if (count < most)
                continue;
            deliver(batch, count, again);
            count = 0;
            most = 1 + next_random() % BATCH_MOST;
        }
        if (count > 0)
            deliver(batch, count, again);
    }
}

static void submit_orders(void) {
    static const char *const methods[] = {"pm_card_visa", "pm_card_visa", "pm_card_visa",
                                          "pm_unshippable", "pm_card_chargeDeclined"};
    for (int i = 0; i < ORDERS; i++) {
        struct world_order order = {
            .id = uuid_v7(),
            .sku = i % 3 == 0 ? "SHIRT" : "MUG",
            .quantity = 1 + i % 4,
            .unit_price_minor = -1,
            .payment_method = methods[i % 5],
        };
        if (i % 10 == 0)
            order.quantity = 900000;
        struct buf payload = {0};
        world_write_submit(&payload, &order, clock_now_us());
        keep(NULL, EVENT_ORDER_SUBMIT, buf_slice(&payload));
        buf_fini(&payload);
    }
}

static void run_in_order(void) {
    struct parcels again = {0};
    size_t delivered = 0;
    submit_orders();
    while (delivered < parcels.count) {
        size_t from = delivered;
        delivered = parcels.count;
        deliver_all(&parcels, from, &again);
        world_take_events(&world, keep, NULL);
    }
    assert_int_equal(again.count, 0);
    free(again.items);
}

/* --- shuffled --- */

static struct parcels shuffle_twice(void) {
    struct parcels list = {0};
    for (size_t i = 0; i < 2 * parcels.count; i++)
        add_parcel(&list, &parcels.items[i / 2]);
    for (size_t i = list.count - 1; i > 0; i--) {
        size_t j = next_random() % (i + 1);
        struct parcel other = list.items[i];
        list.items[i] = list.items[j];
        list.items[j] = other;
    }
    return list;
}

static void run_shuffled(void) {
    struct parcels list = shuffle_twice();
    int round = 0;
    while (list.count > 0) {
        struct parcels again = {0};
        assert_true(round++ < ROUNDS_MOST);
        deliver_all(&list, 0, &again);
        free(list.items);
        list = again;
    }
    free(list.items);
}

/* --- the state --- */

/* These must not depend on the order of events. A tombstone is as good as a release or a refusal,
   an order that failed may never have been confirmed, and money is kept or not. */
static const struct {
    const char *name, *sql;
} questions[] = {
    {"orders",
     "SELECT string_agg(o::text, E'\\n' ORDER BY o) FROM (SELECT id, status, reason, steps,"
     " tracking_number, (SELECT string_agg(e->>'event', ',' ORDER BY e->>'event')"
     "  FROM jsonb_array_elements(timeline) e"
     "  WHERE NOT (status = 'FAILED' AND e->>'event' = 'OrderConfirmed'))"
     " FROM orders.orders) o"},
    {"items", "SELECT md5(string_agg(i::text, ',' ORDER BY i)) FROM orders.order_items i"},
    {"stock", "SELECT string_agg(s::text, E'\\n' ORDER BY s) FROM inventory.stock s"},
    {"reservations", "SELECT md5(string_agg(r::text, ',' ORDER BY r)) FROM (SELECT order_id,"
                     " CASE WHEN status IN ('RESERVED', 'SHIPPED') THEN status ELSE 'nothing' END"
                     " FROM inventory.reservations) r"},
    {"payments", "SELECT md5(string_agg(p::text, ',' ORDER BY p)) FROM (SELECT order_id,"
                 " status = 'CAPTURED', CASE status WHEN 'CAPTURED' THEN charge_id END"
                 " FROM payments.payments) p"},
    {"payments in the air",
     "SELECT count(*) FROM payments.payments WHERE status IN ('INTENT', 'REFUNDING')"},
    {"shipments", "SELECT md5(string_agg(s::text, ',' ORDER BY s)) FROM (SELECT order_id, carrier,"
                  " tracking_number FROM shipping.shipments) s"},
    {"notifications", "SELECT md5(string_agg(n::text, ',' ORDER BY n)) FROM (SELECT order_id,"
                      " kind, channel, status FROM notifications.notifications) n"},
    {"statuses", "SELECT string_agg(s::text, ' ' ORDER BY s) FROM (SELECT status, reason,"
                 " count(*) FROM orders.orders GROUP BY 1, 2) s"},
    {"announced once an end",
     "SELECT count(*) FROM (SELECT convert_from(payload, 'UTF8')::jsonb->>'subject'"
     " FROM orders.outbox WHERE subject IN ('orders.evt.failed', 'orders.evt.completed')"
     " GROUP BY 1 HAVING count(*) = 1) e"},
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void add_products(void) {
    world_clear(&world);
    world_add_product(&world, "SHIRT", 1999, 100000);
    world_add_product(&world, "MUG", 700, 100000);
}

static void ten_thousand_events_shuffled_and_doubled_end_in_the_same_state(void **state) {
    (void)state;
    char *expected[QUESTIONS];
    print_message("seed %llu\n", (unsigned long long)seed);
    add_products();
    run_in_order();
    print_message("%zu distinct events, %zu deliveries\n", event_count, parcels.count);
    assert_true(event_count >= 10000);
    for (size_t i = 0; i < QUESTIONS; i++)
        expected[i] = world_query_text(&world, questions[i].sql);
    print_message("%s\n", expected[8]);

    add_products();
    run_shuffled();

    for (size_t i = 0; i < QUESTIONS; i++) {
        char *actual = world_query_text(&world, questions[i].sql);
        if (strcmp(actual, expected[i]) != 0)
            fail_msg("%s differ:\n%.2000s\n---\n%.2000s", questions[i].name, expected[i], actual);
        free(actual);
        free(expected[i]);
    }
}

static int setup(void **state) {
    seed = seed_of_run();
    world_setup(state);
    return 0;
}

static int teardown(void **state) {
    for (size_t i = 0; i < parcels.count; i++)
        free(parcels.items[i].payload);
    free(parcels.items);
    return world_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_events_shuffled_and_doubled_end_in_the_same_state),
    };
    return cmocka_run_group_tests_name("shuffle", tests, setup, teardown);
}
