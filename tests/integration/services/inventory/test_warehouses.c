/* Stock in several warehouses on a real database: which of them serve an order, what comes back
   where, and many orders at once.

   Covers: services/inventory/ */
#include "services/inventory/catalog.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#include <pthread.h>
#include <string.h>

#define INSTANCES 4
#define BATCHES 15
#define BATCH 16
#define ADJUSTMENTS 150

/* Of HOT 5 in main and 9 in north, of COLD 5 in main and 2 in south. */
static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "HOT", 5, 5);
    world_add_product(&world, "COLD", 5, 5);
    world_add_elsewhere(&world, "HOT", "north", 1, 9);
    world_add_elsewhere(&world, "COLD", "south", 2, 2);
    return 0;
}

static void write_order(struct buf *out, enum event_type type, const struct uuid *id, int hot,
                        int cold) {
    char order_id[UUID_TEXT_SIZE], data[600];
    uuid_format(id, order_id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
             "\"USD\",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\",\"totalMinor\":500,"
             "\"items\":[{\"sku\":\"HOT\",\"quantity\":%d,\"unitPriceMinor\":5},"
             "{\"sku\":\"COLD\",\"quantity\":%d,\"unitPriceMinor\":5}]}",
             order_id, hot, cold);
    world_write_event(out, type, id, data);
}

static enum outcome happen(enum event_type type, const struct uuid *id, int hot, int cold) {
    struct buf payload = {0};
    write_order(&payload, type, id, hot, cold);
    enum outcome outcome = world_deliver(&world, WORLD_ORDERS_INVENTORY, buf_slice(&payload));
    buf_fini(&payload);
    return outcome;
}

/* On hand, reserved and shipped. */
static void assert_lies(const char *sku, const char *warehouse, const char *expected) {
    char sql[600];
    snprintf(sql, sizeof(sql),
             "SELECT on_hand || ' ' || reserved || ' ' || shipped FROM ("
             " SELECT sku, 'main' AS warehouse, on_hand, reserved, shipped FROM inventory.stock"
             " UNION ALL SELECT sku, warehouse, on_hand, reserved, shipped"
             "  FROM inventory.warehouse_stock) s WHERE sku = '%s' AND warehouse = '%s'",
             sku, warehouse);
    assert_world(sql, expected);
}

static void assert_reservation(const char *expected) {
    assert_world("SELECT status || ' ' || coalesce((SELECT string_agg(l.sku || l.quantity || "
                 "  coalesce('@' || l.warehouse, ''), ' ')"
                 " FROM unnest(skus, quantities, warehouses) l(sku, quantity, warehouse)), '')"
                 " FROM inventory.reservations",
                 expected);
}

/* --- which of them serve --- */

static void main_serves_what_it_has_and_nothing_more_is_stored_for_it(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, 5, 5), OUTCOME_DONE);
    assert_reservation("RESERVED HOT5 COLD5");
    assert_int_equal(world_query_int(&world, "SELECT count(warehouses)"
                                             " FROM inventory.reservations"),
                     0);
    assert_lies("HOT", "north", "9 0 0");
}

static void what_main_has_too_little_of_comes_from_elsewhere_and_goes_back_there(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, 7, 3), OUTCOME_DONE);
    assert_reservation("ALLOCATED COLD3@main HOT7@north");
    assert_lies("HOT", "main", "5 0 0");
    assert_lies("HOT", "north", "2 7 0");
    assert_lies("COLD", "main", "2 3 0");
    assert_int_equal(happen(EVENT_ORDER_FAILED, &id, 7, 3), OUTCOME_DONE);
    assert_int_equal(happen(EVENT_ORDER_CANCELLED, &id, 7, 3), OUTCOME_DONE);
    assert_lies("HOT", "north", "9 0 0");
    assert_lies("COLD", "main", "5 0 0");
    assert_reservation("RELEASED COLD3@main HOT7@north");
}

static void each_warehouse_ships_what_it_held(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    happen(EVENT_ORDER_CREATED, &id, 12, 7);
    assert_reservation("ALLOCATED HOT5@main COLD5@main HOT7@north COLD2@south");
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, 12, 7), OUTCOME_DONE);
    assert_int_equal(happen(EVENT_ORDER_COMPLETED, &id, 12, 7), OUTCOME_DONE);
    assert_int_equal(happen(EVENT_ORDER_COMPLETED, &id, 12, 7), OUTCOME_DONE);
    assert_lies("HOT", "main", "0 0 5");
    assert_lies("HOT", "north", "2 0 7");
    assert_lies("COLD", "main", "0 0 5");
    assert_lies("COLD", "south", "0 0 2");
}

static void what_all_together_have_too_little_of_holds_nothing(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, 6, 8), OUTCOME_DONE);
    assert_reservation("REJECTED ");
    assert_lies("HOT", "north", "9 0 0");
    assert_world("SELECT payload FROM (SELECT convert_from(payload, 'UTF8')::json->'data'->>'sku'"
                 " AS payload FROM inventory.outbox) o",
                 "COLD");
}

/* --- what an operator does --- */

static enum status adjust(struct endpoint_call *call, const char *id, const char *warehouse,
                          int delta) {
    char request[240];
    struct error error = {0};
    snprintf(request, sizeof(request),
             "{\"adjustmentId\":\"%s\",\"sku\":\"HOT\",\"delta\":%d,\"reason\":\"counted\","
             "\"warehouse\":\"%s\"}",
             id, delta, warehouse);
    call->request = slice_of(request);
    buf_clear(call->reply);
    return catalog_endpoint_adjust_elsewhere(call, &error);
}

static void open_call(struct endpoint_call *call, struct buf *reply) {
    *call = (struct endpoint_call){
        .pg = pg_create(servers_role_url(world.servers, "om_inventory"), "test"),
        .arena = arena_create(4096),
        .reply = reply};
}

static void close_call(struct endpoint_call *call) {
    buf_fini(call->reply);
    arena_destroy(&call->arena);
    pg_destroy(&call->pg);
}

#define FIRST_ID "0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a01"
#define SECOND_ID "0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a02"

static void the_first_adjustment_makes_a_warehouse_and_each_counts_once(void **state) {
    (void)state;
    struct endpoint_call call;
    struct buf reply = {0};
    open_call(&call, &reply);
    assert_int_equal(adjust(&call, FIRST_ID, "east", 4), STATUS_OK);
    assert_contains(reply.ptr, "\"warehouse\":\"east\",\"delta\":4,\"reason\":\"counted\","
                               "\"available\":4,\"replayed\":false");
    assert_int_equal(adjust(&call, FIRST_ID, "east", 4), STATUS_OK);
    assert_contains(reply.ptr, "\"available\":4,\"replayed\":true");
    assert_int_equal(adjust(&call, FIRST_ID, "north", 4), STATUS_INVALID);
    assert_int_equal(adjust(&call, SECOND_ID, "east", -5), STATUS_CONFLICT);
    assert_int_equal(adjust(&call, SECOND_ID, "nowhere", -5), STATUS_CONFLICT);
    assert_int_equal(adjust(&call, SECOND_ID, "main", 5), STATUS_INVALID);
    assert_lies("HOT", "east", "4 0 0");
    assert_world("SELECT string_agg(name, ' ' ORDER BY rank) FROM inventory.warehouses",
                 "north south east");
    close_call(&call);
}

static void there_are_fifteen_besides_main_at_most(void **state) {
    (void)state;
    struct endpoint_call call;
    struct buf reply = {0};
    open_call(&call, &reply);
    for (int i = 0; i < 14; i++) {
        char id[UUID_TEXT_SIZE], name[8];
        struct uuid adjustment_id = uuid_v7();
        uuid_format(&adjustment_id, id);
        snprintf(name, sizeof(name), "w%d", i);
        assert_int_equal(adjust(&call, id, name, 1), i < 13 ? STATUS_OK : STATUS_CONFLICT);
    }
    close_call(&call);
}

static void stock_is_told_by_warehouse_and_the_catalog_adds_it_up(void **state) {
    (void)state;
    struct endpoint_call call;
    struct buf reply = {0};
    struct error error = {0};
    struct uuid id = uuid_v7();
    open_call(&call, &reply);
    happen(EVENT_ORDER_CREATED, &id, 7, 1);
    call.request = SLICE_LITERAL("{\"sku\":\"HOT\"}");
    assert_int_equal(catalog_endpoint_stock(&call, &error), STATUS_OK);
    assert_string_equal(
        reply.ptr,
        "{\"sku\":\"HOT\",\"warehouses\":["
        "{\"warehouse\":\"main\",\"received\":5,\"onHand\":5,\"reserved\":0,\"shipped\":0},"
        "{\"warehouse\":\"north\",\"received\":9,\"onHand\":2,\"reserved\":7,\"shipped\":0}]}");
    buf_clear(&reply);
    assert_int_equal(catalog_endpoint_get(&call, &error), STATUS_OK);
    assert_contains(reply.ptr, "\"available\":7");
    buf_clear(&reply);
    assert_int_equal(catalog_endpoint_warehouses(&call, &error), STATUS_OK);
    assert_string_equal(
        reply.ptr,
        "{\"warehouses\":["
        "{\"warehouse\":\"main\",\"received\":10,\"onHand\":9,\"reserved\":1,\"shipped\":0},"
        "{\"warehouse\":\"north\",\"received\":9,\"onHand\":2,\"reserved\":7,\"shipped\":0},"
        "{\"warehouse\":\"south\",\"received\":2,\"onHand\":2,\"reserved\":0,\"shipped\":0}]}");
    call.request = SLICE_LITERAL("{\"sku\":\"NONE\"}");
    assert_int_equal(catalog_endpoint_stock(&call, &error), STATUS_NOT_FOUND);
    close_call(&call);
}

/* --- many at once --- */

static const struct handler_row rows[] = {
    {EVENT_ORDER_CREATED, &inventory_handler},
    {EVENT_ORDER_FAILED, &inventory_handler},
    {EVENT_ORDER_COMPLETED, &inventory_handler},
};
static const struct consumer_spec spec = {"ORDERS", "inventory", rows, 3};

struct instance {
    pthread_t thread;
    const char *url;
    int number;
    int failures;
};

static enum status drive_until_done(struct drive *drive, struct drive_message *messages,
                                    struct error *error) {
    enum status status;
    do
        status = drive_batch(drive, messages, BATCH, error);
    while (status == STATUS_SERIALIZATION && strcmp(error->sqlstate, "40001") == 0);
    return status;
}

/* Of the orders that a batch made, half fail in the next; some of the rest ask for too much. */
static void run_batch(struct instance *instance, struct drive *drive, const struct uuid *ids,
                      const struct uuid *earlier) {
    struct drive_message messages[BATCH];
    struct buf payloads[BATCH] = {{0}};
    struct error error = {0};
    for (int i = 0; i < BATCH; i++) {
        bool ends = earlier != NULL && i % 4 == 3;
        write_order(&payloads[i], ends ? EVENT_ORDER_FAILED : EVENT_ORDER_CREATED,
                    ends ? &earlier[i - 1] : &ids[i], 1 + (i + instance->number) % 7, 1 + i % 3);
        messages[i] = (struct drive_message){.payload = buf_slice(&payloads[i])};
    }
    if (drive_until_done(drive, messages, &error) != STATUS_OK) {
        instance->failures++;
        print_error("%s\n", error.text);
    }
    for (int i = 0; i < BATCH; i++)
        buf_fini(&payloads[i]);
}

static void *instance_main(void *arg) {
    struct instance *instance = arg;
    struct drive *drive = drive_create(instance->url, &spec, NULL);
    struct uuid ids[2][BATCH];
    for (int batch = 0; batch < BATCHES; batch++) {
        for (int i = 0; i < BATCH; i++)
            ids[batch % 2][i] = uuid_v7();
        run_batch(instance, drive, ids[batch % 2], batch > 0 ? ids[1 - batch % 2] : NULL);
    }
    drive_destroy(&drive);
    return NULL;
}

/* Somebody who fills all shelves while orders come in. */
static void *clerk_main(void *arg) {
    int *failures = arg;
    struct endpoint_call call;
    struct buf reply = {0};
    static const char *const names[] = {"north", "south", "east"};
    open_call(&call, &reply);
    for (int i = 0; i < ADJUSTMENTS; i++) {
        char id[UUID_TEXT_SIZE];
        struct uuid adjustment_id = uuid_v7();
        uuid_format(&adjustment_id, id);
        enum status status = adjust(&call, id, names[i % 3], i % 4 ? 5 : -3);
        *failures += status != STATUS_OK && status != STATUS_CONFLICT;
        arena_reset(call.arena);
    }
    close_call(&call);
    return NULL;
}

static void many_orders_against_several_warehouses_neither_oversell_nor_deadlock(void **state) {
    (void)state;
    struct instance instances[INSTANCES] = {0};
    pthread_t clerk;
    int clerk_failures = 0;
    world_execute(&world, "UPDATE inventory.stock SET received = 400, on_hand = 400");
    world_execute(&world, "UPDATE inventory.warehouse_stock SET received = 300, on_hand = 300");
    pthread_create(&clerk, NULL, clerk_main, &clerk_failures);
    for (int i = 0; i < INSTANCES; i++) {
        instances[i] =
            (struct instance){.url = servers_role_url(world.servers, "om_inventory"), .number = i};
        pthread_create(&instances[i].thread, NULL, instance_main, &instances[i]);
    }
    for (int i = 0; i < INSTANCES; i++) {
        pthread_join(instances[i].thread, NULL);
        assert_int_equal(instances[i].failures, 0);
    }
    pthread_join(clerk, NULL);
    assert_int_equal(clerk_failures, 0);
    assert_int_equal(
        world_query_int(
            &world,
            "SELECT count(*) FROM (SELECT sku, 'main' AS warehouse, reserved FROM inventory.stock"
            " UNION ALL SELECT sku, warehouse, reserved FROM inventory.warehouse_stock) s"
            " WHERE reserved <> (SELECT coalesce(sum(l.quantity), 0)"
            "  FROM inventory.reservations r,"
            "   unnest(r.skus, r.quantities, r.warehouses) l(sku, quantity, warehouse)"
            "  WHERE r.status IN ('RESERVED', 'ALLOCATED') AND l.sku = s.sku"
            "   AND coalesce(l.warehouse, 'main') = s.warehouse)"),
        0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM inventory.reservations"
                                        " WHERE status = 'ALLOCATED'") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM inventory.reservations"
                                        " WHERE status = 'REJECTED'") > 0);
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(main_serves_what_it_has_and_nothing_more_is_stored_for_it),
        TEST(what_main_has_too_little_of_comes_from_elsewhere_and_goes_back_there),
        TEST(each_warehouse_ships_what_it_held),
        TEST(what_all_together_have_too_little_of_holds_nothing),
        TEST(the_first_adjustment_makes_a_warehouse_and_each_counts_once),
        TEST(there_are_fifteen_besides_main_at_most),
        TEST(stock_is_told_by_warehouse_and_the_catalog_adds_it_up),
        TEST(many_orders_against_several_warehouses_neither_oversell_nor_deadlock),
    };
    return cmocka_run_group_tests_name("warehouses", tests, world_setup, world_teardown);
}
