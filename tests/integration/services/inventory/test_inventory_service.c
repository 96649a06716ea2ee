/* The inventory service on a real database: all or nothing, releases that come first, and one hot
   SKU under several instances.

   Covers: services/inventory/ */
#include "services/inventory/catalog.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/world/world_fixture.h"

#include <pthread.h>
#include <string.h>

#define INSTANCES 4
#define BATCHES 15
#define BATCH 16
#define ON_HAND 500
#define ADJUSTMENTS 200
#define MADE_PRODUCTS 40
#define WAIT_MS 10000

static void write_order_event(struct buf *out, enum event_type type, const struct uuid *id,
                              const char *first_sku, const char *second_sku, int quantity) {
    char order_id[UUID_TEXT_SIZE], data[600];
    uuid_format(id, order_id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"C1\",\"currency\":"
             "\"USD\",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\",\"totalMinor\":500,"
             "\"items\":[{\"sku\":\"%s\",\"quantity\":%d,\"unitPriceMinor\":5},"
             "{\"sku\":\"%s\",\"quantity\":1,\"unitPriceMinor\":5}]}",
             order_id, first_sku, quantity, second_sku);
    world_write_event(out, type, id, data);
}

static enum outcome happen(enum event_type type, const struct uuid *id, int quantity) {
    struct buf payload = {0};
    write_order_event(&payload, type, id, "HOT", "COLD", quantity);
    enum outcome outcome = world_deliver(&world, WORLD_ORDERS_INVENTORY, buf_slice(&payload));
    buf_fini(&payload);
    return outcome;
}

static void assert_stock(int64_t on_hand, int64_t reserved, int64_t shipped) {
    char expected[100];
    snprintf(expected, sizeof(expected), "%d %d %d", (int)on_hand, (int)reserved, (int)shipped);
    assert_world("SELECT on_hand || ' ' || reserved || ' ' || shipped"
                 " FROM inventory.stock WHERE sku = 'HOT'",
                 expected);
}

static void assert_reservation(const char *expected) {
    assert_world("SELECT status FROM inventory.reservations", expected);
}

static void assert_events(const char *expected) {
    assert_world("SELECT coalesce(string_agg(subject, ' ' ORDER BY id), '') FROM inventory.outbox",
                 expected);
}

static void a_created_order_holds_stock_until_it_is_completed(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, 3), OUTCOME_DONE);
    assert_stock(ON_HAND - 3, 3, 0);
    assert_int_equal(happen(EVENT_ORDER_COMPLETED, &id, 3), OUTCOME_DONE);
    assert_stock(ON_HAND - 3, 0, 3);
    assert_reservation("SHIPPED");
    assert_events("inventory.evt.reserved");
}

static void an_order_that_asks_for_too_much_gets_nothing(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, ON_HAND + 1), OUTCOME_DONE);
    assert_int_equal(happen(EVENT_ORDER_FAILED, &id, ON_HAND + 1), OUTCOME_DONE);
    assert_stock(ON_HAND, 0, 0);
    assert_reservation("REJECTED");
    assert_events("inventory.evt.rejected");
}

static void a_failed_order_gives_its_stock_back(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    happen(EVENT_ORDER_CREATED, &id, 3);
    assert_int_equal(happen(EVENT_ORDER_FAILED, &id, 3), OUTCOME_DONE);
    assert_int_equal(happen(EVENT_ORDER_CANCELLED, &id, 3), OUTCOME_DONE);
    assert_stock(ON_HAND, 0, 0);
    assert_reservation("RELEASED");
    assert_events("inventory.evt.reserved inventory.evt.released");
}

static void orders_that_end_in_one_batch_give_back_whatever_each_of_them_holds(void **state) {
    (void)state;
    const char *const skus[] = {"COLD", "HOT"};
    struct error error = {0};
    struct buf created[2] = {{0}}, failed[2] = {{0}};
    struct drive_message begin[2], end[2];
    for (int i = 0; i < 2; i++) {
        const struct uuid id = uuid_v7();
        write_order_event(&created[i], EVENT_ORDER_CREATED, &id, skus[i], skus[i], 1);
        write_order_event(&failed[i], EVENT_ORDER_FAILED, &id, skus[i], skus[i], 1);
        begin[i] = (struct drive_message){.payload = buf_slice(&created[i])};
        end[i] = (struct drive_message){.payload = buf_slice(&failed[i])};
    }
    struct drive *drive = world.drives[WORLD_ORDERS_INVENTORY];
    assert_int_equal(drive_batch(drive, begin, 2, &error), STATUS_OK);
    assert_stock(ON_HAND - 2, 2, 0);
    assert_int_equal(drive_batch(drive, end, 2, &error), STATUS_OK);
    assert_int_equal(end[0].outcome, OUTCOME_DONE);
    assert_int_equal(end[1].outcome, OUTCOME_DONE);
    assert_int_equal(world_query_int(&world, "SELECT sum(reserved) FROM inventory.stock"), 0);
    for (int i = 0; i < 2; i++) {
        buf_fini(&created[i]);
        buf_fini(&failed[i]);
    }
}

static void a_release_that_comes_first_refuses_the_late_reservation(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_FAILED, &id, 3), OUTCOME_DONE);
    assert_int_equal(happen(EVENT_ORDER_CREATED, &id, 3), OUTCOME_DONE);
    assert_stock(ON_HAND, 0, 0);
    assert_reservation("RELEASED");
    assert_events("");
}

static void reservation_and_release_in_one_batch_leave_nothing_held(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct error error = {0};
    struct buf a = {0}, b = {0};
    write_order_event(&a, EVENT_ORDER_CREATED, &id, "HOT", "COLD", 3);
    write_order_event(&b, EVENT_ORDER_FAILED, &id, "HOT", "COLD", 3);
    struct drive_message both[] = {{.payload = buf_slice(&a)}, {.payload = buf_slice(&b)}};
    assert_int_equal(drive_batch(world.drives[WORLD_ORDERS_INVENTORY], both, 2, &error), STATUS_OK);
    assert_stock(ON_HAND, 0, 0);
    assert_reservation("RELEASED");
    assert_events("inventory.evt.reserved inventory.evt.released");
    buf_fini(&a);
    buf_fini(&b);
}

static void an_end_that_contradicts_the_reservation_is_seen(void **state) {
    (void)state;
    struct uuid unknown = uuid_v7(), released = uuid_v7(), shipped = uuid_v7();
    assert_int_equal(happen(EVENT_ORDER_COMPLETED, &unknown, 3), OUTCOME_EARLY);
    happen(EVENT_ORDER_FAILED, &released, 3);
    assert_int_equal(happen(EVENT_ORDER_COMPLETED, &released, 3), OUTCOME_REJECT);
    happen(EVENT_ORDER_CREATED, &shipped, 3);
    happen(EVENT_ORDER_COMPLETED, &shipped, 3);
    assert_int_equal(happen(EVENT_ORDER_FAILED, &shipped, 3), OUTCOME_REJECT);
}

static void a_sku_may_hold_any_character(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    struct buf payload = {0};
    world_add_product(&world, "A\"B\\C,{}", 5, 10);
    write_order_event(&payload, EVENT_ORDER_CREATED, &id, "A\\\"B\\\\C,{}", "COLD", 2);
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_INVENTORY, buf_slice(&payload)),
                     OUTCOME_DONE);
    buf_fini(&payload);
    assert_events("inventory.evt.reserved");
    assert_int_equal(
        world_query_int(&world, "SELECT reserved FROM inventory.stock WHERE sku LIKE 'A%'"), 2);
    assert_world("SELECT skus[1] FROM inventory.reservations", "A\"B\\C,{}");
    assert_int_equal(happen(EVENT_ORDER_FAILED, &id, 2), OUTCOME_DONE);
    assert_int_equal(
        world_query_int(&world, "SELECT reserved FROM inventory.stock WHERE sku LIKE 'A%'"), 0);
}

static void the_catalog_lists_every_product_with_what_is_on_hand(void **state) {
    (void)state;
    struct error error = {0};
    struct buf reply = {0};
    struct uuid id = uuid_v7();
    struct pg *pg = pg_create(servers_role_url(world.servers, "om_inventory"), "test");
    happen(EVENT_ORDER_CREATED, &id, 3);

    struct arena *arena = arena_create(4096);
    struct endpoint_call call = {
        .request = SLICE_LITERAL("{\"limit\":9}"), .pg = pg, .arena = arena, .reply = &reply};
    assert_int_equal(catalog_endpoint_list(&call, &error), STATUS_OK);

    assert_string_equal(reply.ptr,
                        "{\"products\":["
                        "{\"sku\":\"COLD\",\"name\":\"COLD\",\"priceMinor\":5,\"currency\":\"USD\","
                        "\"active\":true,\"version\":1,\"available\":99999},"
                        "{\"sku\":\"HOT\",\"name\":\"HOT\",\"priceMinor\":5,\"currency\":\"USD\","
                        "\"active\":true,\"version\":1,\"available\":497}]}");
    arena_destroy(&arena);
    buf_fini(&reply);
    pg_destroy(&pg);
}

/* --- several instances --- */

static const struct handler_row rows[] = {
    {EVENT_ORDER_CREATED, &inventory_handler},
    {EVENT_ORDER_FAILED, &inventory_handler},
};
static const struct consumer_spec spec = {"ORDERS", "inventory", rows, 2};

struct instance {
    pthread_t thread;
    const char *url;
    const struct uuid *ids; /* the same for all: each order is created here and fails there */
    int number;
    int failures;
};

/* Every instance creates its own orders, in either order of SKUs, and fails those of its neighbour.
 */
static void run_batch(struct instance *instance, struct drive *drive, int batch) {
    struct drive_message messages[BATCH];
    struct buf payloads[BATCH] = {{0}};
    struct error error = {0};
    for (int i = 0; i < BATCH; i++) {
        bool fails = i % 4 == 3;
        int owner = fails ? (instance->number + 1) % INSTANCES : instance->number;
        const struct uuid *id = &instance->ids[(owner * BATCHES + batch) * BATCH + i - fails];
        write_order_event(&payloads[i], fails ? EVENT_ORDER_FAILED : EVENT_ORDER_CREATED, id,
                          i % 2 ? "HOT" : "COLD", i % 2 ? "COLD" : "HOT", 1);
        messages[i] = (struct drive_message){.payload = buf_slice(&payloads[i])};
    }
    enum status status;
    do
        status = drive_batch(drive, messages, BATCH, &error);
    while (status == STATUS_SERIALIZATION && strcmp(error.sqlstate, "40001") == 0);
    if (status != STATUS_OK) {
        instance->failures++;
        print_error("%s\n", error.text);
    }
    for (int i = 0; i < BATCH; i++)
        buf_fini(&payloads[i]);
}

static void *instance_main(void *arg) {
    struct instance *instance = arg;
    struct drive *drive = drive_create(instance->url, &spec, NULL);
    for (int batch = 0; batch < BATCHES; batch++)
        run_batch(instance, drive, batch);
    drive_destroy(&drive);
    return NULL;
}

/* Somebody who counts the shelves while orders come in. */
struct clerk {
    pthread_t thread;
    const char *url;
    int failures;
};

static enum status adjust(struct endpoint_call *call, const char *sku, int delta) {
    char request[200], id[UUID_TEXT_SIZE];
    struct error error = {0};
    struct uuid adjustment_id = uuid_v7();
    uuid_format(&adjustment_id, id);
    snprintf(request, sizeof(request),
             "{\"adjustmentId\":\"%s\",\"sku\":\"%s\",\"delta\":%d,\"reason\":\"counted\"}", id,
             sku, delta);
    call->request = slice_of(request);
    buf_clear(call->reply);
    enum status status = catalog_endpoint_adjust(call, &error);
    if (status != STATUS_OK && status != STATUS_CONFLICT)
        print_error("%s\n", error.text);
    return status;
}

static void *clerk_main(void *arg) {
    struct clerk *clerk = arg;
    struct buf reply = {0};
    struct arena *arena = arena_create(4096);
    struct endpoint_call call = {
        .pg = pg_create(clerk->url, "clerk"), .arena = arena, .reply = &reply};
    for (int i = 0; i < ADJUSTMENTS; i++) {
        enum status status = adjust(&call, i % 5 ? "HOT" : "COLD", i % 3 ? -7 : 10);
        clerk->failures += status != STATUS_OK && status != STATUS_CONFLICT;
        arena_reset(arena);
    }
    pg_destroy(&call.pg);
    arena_destroy(&arena);
    buf_fini(&reply);
    return NULL;
}

static void a_hot_sku_under_several_instances_neither_oversells_nor_deadlocks(void **state) {
    (void)state;
    static struct uuid ids[INSTANCES * BATCHES * BATCH];
    struct instance instances[INSTANCES] = {0};
    struct clerk clerk = {.url = servers_role_url(world.servers, "om_inventory")};
    pthread_create(&clerk.thread, NULL, clerk_main, &clerk);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        ids[i] = uuid_v7();
    for (int i = 0; i < INSTANCES; i++) {
        instances[i] = (struct instance){
            .url = servers_role_url(world.servers, "om_inventory"), .ids = ids, .number = i};
        pthread_create(&instances[i].thread, NULL, instance_main, &instances[i]);
    }
    for (int i = 0; i < INSTANCES; i++) {
        pthread_join(instances[i].thread, NULL);
        assert_int_equal(instances[i].failures, 0);
    }
    pthread_join(clerk.thread, NULL);
    assert_int_equal(clerk.failures, 0);
    assert_int_equal(world_query_int(&world,
                                     "SELECT (SELECT sum(received) FROM inventory.stock)"
                                     " - (SELECT sum(delta) FROM inventory.stock_adjustments)"),
                     0);
    assert_int_equal(world_query_int(&world,
                                     "SELECT count(*) FROM inventory.stock s WHERE reserved <>"
                                     " (SELECT count(*) FROM inventory.reservations"
                                     "  WHERE status = 'RESERVED' AND s.sku = ANY (skus))"),
                     0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM inventory.reservations"
                                        " WHERE status = 'RESERVED'") > 0);
    assert_true(world_query_int(&world, "SELECT on_hand FROM inventory.stock"
                                        " WHERE sku = 'HOT'") >= 0);
}

/* A batch of one event, beside others. */
struct late {
    struct drive *drive;
    struct drive_message message;
    pthread_t thread;
    struct error error;
};

static void *late_main(void *arg) {
    struct late *late = arg;
    late->error.status = drive_batch(late->drive, &late->message, 1, &late->error);
    return NULL;
}

static bool is_waiting(void *closure) {
    (void)closure;
    return world_query_int(&world, "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") ==
           1;
}

static void of_two_that_reserve_for_one_order_the_later_one_takes_nothing(void **state) {
    (void)state;
    const struct uuid id = uuid_v7();
    char text[UUID_TEXT_SIZE], sql[200];
    struct buf created = {0};
    uuid_format(&id, text);
    snprintf(sql, sizeof(sql),
             "INSERT INTO inventory.reservations VALUES ('%s', 'RELEASED', '{}', '{}')", text);
    write_order_event(&created, EVENT_ORDER_CREATED, &id, "HOT", "COLD", 1);
    struct late late = {
        .drive = drive_create(servers_role_url(world.servers, "om_inventory"), &spec, NULL),
        .message = {.payload = buf_slice(&created)}};
    world_execute(&world, "BEGIN");
    world_execute(&world, sql);
    pthread_create(&late.thread, NULL, late_main, &late);
    assert_true(wait_until(is_waiting, NULL, WAIT_MS));
    world_execute(&world, "COMMIT");
    pthread_join(late.thread, NULL);
    assert_int_equal(late.error.status, STATUS_SERIALIZATION);
    assert_string_equal(late.error.sqlstate, "40001");
    assert_int_equal(drive_batch(late.drive, &late.message, 1, &late.error), STATUS_OK);
    assert_int_equal(late.message.outcome, OUTCOME_DONE);
    assert_int_equal(world_query_int(&world, "SELECT sum(reserved) FROM inventory.stock"), 0);
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM inventory.outbox"), 0);
    drive_destroy(&late.drive);
    buf_fini(&created);
}

/* Somebody who makes a product that is not there yet, at a price of their own. */
struct maker {
    pthread_t thread;
    const char *url;
    int number, made, refused;
};

static void *maker_main(void *arg) {
    struct maker *maker = arg;
    struct buf reply = {0};
    struct arena *arena = arena_create(4096);
    struct endpoint_call call = {
        .pg = pg_create(maker->url, "maker"), .arena = arena, .reply = &reply};
    for (int i = 0; i < MADE_PRODUCTS; i++) {
        char request[200];
        struct error error = {0};
        snprintf(request, sizeof(request),
                 "{\"sku\":\"NEW-%d\",\"name\":\"n\",\"priceMinor\":%d,\"currency\":\"USD\","
                 "\"expectedVersion\":0}",
                 i, maker->number);
        call.request = slice_of(request);
        buf_clear(&reply);
        enum status status = catalog_endpoint_put(&call, &error);
        maker->made += status == STATUS_OK;
        maker->refused += status == STATUS_CONFLICT;
        arena_reset(arena);
    }
    pg_destroy(&call.pg);
    arena_destroy(&arena);
    buf_fini(&reply);
    return NULL;
}

static enum status ask_prices(const char *request, struct buf *reply) {
    struct error error = {0};
    struct endpoint_call call = {
        .request = slice_of(request),
        .pg = pg_create(servers_role_url(world.servers, "om_inventory"), "prices"),
        .arena = arena_create(4096),
        .reply = reply,
    };
    enum status status = catalog_endpoint_prices(&call, &error);
    pg_destroy(&call.pg);
    arena_destroy(&call.arena);
    return status;
}

static void prices_are_told_of_those_products_that_there_are(void **state) {
    (void)state;
    struct buf reply = {0};
    assert_int_equal(ask_prices("{\"skus\":[\"HOT\",\"NONE\",\"COLD\",\"HOT\"]}", &reply),
                     STATUS_OK);
    assert_string_equal(
        reply.ptr,
        "{\"products\":[{\"sku\":\"COLD\",\"priceMinor\":5,\"currency\":\"USD\",\"active\":true},"
        "{\"sku\":\"HOT\",\"priceMinor\":5,\"currency\":\"USD\",\"active\":true}]}");
    assert_int_equal(ask_prices("{\"skus\":[]}", &reply), STATUS_INVALID);
    assert_int_equal(ask_prices("{\"skus\":[7]}", &reply), STATUS_INVALID);
    assert_int_equal(ask_prices("{}", &reply), STATUS_NOT_FOUND);
    buf_clear(&reply);
    buf_append_text(&reply, "{\"skus\":[\"A\"");
    for (int i = 0; i < CATALOG_PRICES_MAX; i++)
        buf_append_text(&reply, ",\"A\"");
    buf_append_text(&reply, "]}");
    struct buf none = {0};
    assert_int_equal(ask_prices(reply.ptr, &none), STATUS_INVALID);
    buf_fini(&none);
    buf_fini(&reply);
}

static void a_price_that_no_card_is_charged_is_not_stored(void **state) {
    (void)state;
    struct buf reply = {0};
    struct error error = {0};
    struct endpoint_call call = {
        .arena = arena_create(4096),
        .reply = &reply,
        .request = SLICE_LITERAL("{\"sku\":\"FILS\",\"name\":\"n\",\"priceMinor\":1234,"
                                 "\"currency\":\"KWD\"}")};
    assert_int_equal(catalog_endpoint_put(&call, &error), STATUS_INVALID);
    assert_contains(error.text, "priceMinor: must end in 0");
    arena_destroy(&call.arena);
    buf_fini(&reply);
}

static void of_several_who_make_a_product_at_once_one_does(void **state) {
    (void)state;
    struct maker makers[INSTANCES] = {0};
    int made = 0, refused = 0;
    for (int i = 0; i < INSTANCES; i++) {
        makers[i].url = servers_role_url(world.servers, "om_inventory");
        makers[i].number = i;
        pthread_create(&makers[i].thread, NULL, maker_main, &makers[i]);
    }
    for (int i = 0; i < INSTANCES; i++) {
        pthread_join(makers[i].thread, NULL);
        made += makers[i].made;
        refused += makers[i].refused;
    }
    assert_int_equal(made, MADE_PRODUCTS);
    assert_int_equal(refused, MADE_PRODUCTS * (INSTANCES - 1));
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM inventory.outbox"),
                     MADE_PRODUCTS);
}

static int each_setup(void **state) {
    world_empty(state);
    world_add_product(&world, "HOT", 5, ON_HAND);
    world_add_product(&world, "COLD", 5, 100000);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_created_order_holds_stock_until_it_is_completed),
        TEST(an_order_that_asks_for_too_much_gets_nothing),
        TEST(a_failed_order_gives_its_stock_back),
        TEST(orders_that_end_in_one_batch_give_back_whatever_each_of_them_holds),
        TEST(a_release_that_comes_first_refuses_the_late_reservation),
        TEST(reservation_and_release_in_one_batch_leave_nothing_held),
        TEST(an_end_that_contradicts_the_reservation_is_seen),
        TEST(a_sku_may_hold_any_character),
        TEST(the_catalog_lists_every_product_with_what_is_on_hand),
        TEST(prices_are_told_of_those_products_that_there_are),
        TEST(a_price_that_no_card_is_charged_is_not_stored),
        TEST(of_several_who_make_a_product_at_once_one_does),
        TEST(of_two_that_reserve_for_one_order_the_later_one_takes_nothing),
        TEST(a_hot_sku_under_several_instances_neither_oversells_nor_deadlocks),
    };
    return cmocka_run_group_tests_name("inventory_service", tests, world_setup, world_teardown);
}
