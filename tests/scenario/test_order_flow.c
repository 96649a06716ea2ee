/* One order's way through the whole system, and what nobody may ever read.

   Covers: gateway/orders/post_order.c services/order/handler.c services/shipping/handler.c */
#include "tests/support/mesh/scenario.h"

#include "shared/contract/order_terms.h"

#include <fcntl.h>
#include <ftw.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORDER_TIMEOUT_MS 10000

static const char stock_on_hand_sql[] = "SELECT on_hand FROM inventory.stock WHERE sku = $1";
static const char captures_of_sql[] = "SELECT count(*) FROM payments.payments WHERE order_id = "
                                      "$1::uuid AND status NOT IN ('DECLINED', 'VOIDED')";
static const char reserved_by_sql[] = "SELECT count(*) FROM inventory.reservations WHERE order_id "
                                      "= $1::uuid AND status IN ('RESERVED', 'SHIPPED')";

/* What the gateway tells of an order, until it is what it should be. */
struct awaited_timeline {
    struct scenario *scenario;
    const char *id, *timeline;
    char seen[300]; /* at the last look */
};

/* The same without "InventoryReserved". An entry stands where it was applied, and that of a
   reservation comes from another stream than the payment's: it may be the later one. */
static void leave_out_reservation(char *timeline) {
    static const char entry[] = " InventoryReserved";
    char *at = strstr(timeline, entry);
    if (at != NULL)
        memmove(at, at + sizeof(entry) - 1, strlen(at + sizeof(entry) - 1) + 1);
}

/* Reserved and released are of one stream, and keep their order. */
static bool is_timeline(const char *seen, const char *wanted) {
    char a[300], b[300];
    const char *released = strstr(seen, "InventoryReleased");
    if (released != NULL && strstr(released, "InventoryReserved") != NULL)
        return false;
    snprintf(a, sizeof(a), "%s", seen);
    snprintf(b, sizeof(b), "%s", wanted);
    leave_out_reservation(a);
    leave_out_reservation(b);
    return strlen(seen) == strlen(wanted) && strcmp(a, b) == 0;
}

static bool has_timeline(void *closure) {
    struct awaited_timeline *awaited = closure;
    struct http_response response;
    struct buf events = {0};
    char path[128];

    (void)snprintf(path, sizeof(path), "/api/v1/orders/%s", awaited->id);
    if (clients_get(awaited->scenario->clients, path, &response) == 200)
        scenario_timeline(&response.body, &events);
    snprintf(awaited->seen, sizeof(awaited->seen), "%.*s", SLICE_ARG(buf_slice(&events)));
    buf_fini(&events);
    http_response_fini(&response);
    return is_timeline(awaited->seen, awaited->timeline);
}

static void assert_timeline(struct scenario *scenario, const char *id, const char *timeline) {
    struct awaited_timeline awaited = {.scenario = scenario, .id = id, .timeline = timeline};
    if (!wait_until(has_timeline, &awaited, ORDER_TIMEOUT_MS))
        fail_msg("order %s tells of %s", id, awaited.seen);
}

static void assert_ends(struct scenario *scenario, const char *id, const char *status,
                        const char *reason, const char *timeline) {
    struct buf json = {0};
    struct json_object *value;

    if (!clients_await_status(scenario->clients, id, status, ORDER_TIMEOUT_MS, &json))
        fail_msg("order %s is not %s: %s", id, status, json.ptr);
    struct json_object *root = json_tokener_parse(json.ptr);
    if (reason != NULL) {
        assert_true(json_object_object_get_ex(root, "reason", &value));
        assert_string_equal(json_object_get_string(value), reason);
    }
    json_object_put(root);
    buf_fini(&json);
    assert_timeline(scenario, id, timeline);
}

static void an_order_is_completed_with_its_whole_timeline(void **state) {
    struct scenario *scenario = *state;
    char id[64];

    scenario_place(scenario, "flow-1", "TSHIRT-BLK-M", 1, "pm_card_visa", id);

    assert_ends(scenario, id, "COMPLETED", NULL,
                "OrderCreated InventoryReserved PaymentSucceeded OrderConfirmed OrderShipped "
                "OrderCompleted");
    assert_int_equal(scenario_sql(scenario, captures_of_sql, id), 1);
}

static void more_than_there_is_fails_with_nothing_reserved_or_charged(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    int64_t before = scenario_sql(scenario, stock_on_hand_sql, "TSHIRT-GRY-S");

    scenario_place(scenario, "flow-2", "TSHIRT-GRY-S", 999, "pm_card_visa", id);

    assert_ends(scenario, id, "FAILED", "out_of_stock",
                "OrderCreated InventoryRejected OrderFailed");
    assert_int_equal(scenario_sql(scenario, stock_on_hand_sql, "TSHIRT-GRY-S"), before);
    assert_int_equal(scenario_sql(scenario, reserved_by_sql, id), 0);
    assert_int_equal(scenario_sql(scenario, captures_of_sql, id), 0);
}

static void a_declined_payment_gives_the_stock_back(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    int64_t before = scenario_sql(scenario, stock_on_hand_sql, "SKU-123");

    scenario_place(scenario, "flow-3", "SKU-123", 7, "pm_card_chargeDeclined", id);

    assert_ends(scenario, id, "FAILED", "payment_declined",
                "OrderCreated InventoryReserved PaymentFailed OrderFailed InventoryReleased");
    assert_int_equal(scenario_sql(scenario, stock_on_hand_sql, "SKU-123"), before);
    assert_int_equal(scenario_sql(scenario, captures_of_sql, id), 0);
}

static bool has_failed_for(struct scenario *scenario, const char *id, const char *reason) {
    struct buf json = {0};
    bool has_failed =
        clients_await_status(scenario->clients, id, "FAILED", ORDER_TIMEOUT_MS, &json) &&
        strstr(json.ptr, reason) != NULL;

    buf_fini(&json);
    return has_failed;
}

static void what_the_catalog_does_not_have_fails_as_unknown(void **state) {
    struct scenario *scenario = *state;
    char id[64];

    scenario_place(scenario, "flow-4", "NO-SUCH-THING", 1, "pm_card_visa", id);

    assert_true(has_failed_for(scenario, id, order_reason_name(REASON_UNKNOWN_SKU)));
    assert_int_equal(scenario_sql(scenario, captures_of_sql, id), 0);
}

static void a_price_the_client_made_up_fails_the_order(void **state) {
    struct scenario *scenario = *state;
    struct placed_order order;

    clients_place(scenario->clients, "flow-5",
                  "{\"customerId\":\"C100\",\"currency\":\"USD\",\"items\":[{\"sku\":\"SKU-123\","
                  "\"quantity\":1,\"unitPrice\":1}],\"paymentMethod\":\"pm_card_visa\"}",
                  &order);

    assert_int_equal(order.status, 202);
    assert_true(has_failed_for(scenario, order.id, order_reason_name(REASON_PRICE_CHANGED)));
    assert_int_equal(scenario_sql(scenario, captures_of_sql, order.id), 0);
    placed_order_fini(&order);
}

static void five_pieces_are_sold_five_times(void **state) {
    struct scenario *scenario = *state;
    static const char sold_sql[] = "SELECT count(DISTINCT o.id) FROM orders.orders o JOIN "
                                   "orders.order_items i ON i.order_id = o.id WHERE o.status = "
                                   "'COMPLETED' AND i.sku = $1";
    struct workload *workload =
        workload_start(scenario->clients, (const char *const[]){"--count", "40", "--connections",
                                                                "40", "--mix", "scarce=1", NULL});

    assert_true(workload_await_end(workload, ORDER_TIMEOUT_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));

    assert_int_equal(scenario_sql(scenario, sold_sql, "TSHIRT-GRY-S"), 5);
    assert_int_equal(scenario_sql(scenario, stock_on_hand_sql, "TSHIRT-GRY-S"), 0);
    workload_destroy(&workload);
}

/* One text looked for in every file below a directory. */
static struct {
    const char *text;
    int files_with_it;
    char example[512];
} search;

static int search_file(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)walk;
    if (type != FTW_F || info->st_size == 0)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* gone meanwhile */
    size_t len = (size_t)info->st_size;
    void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return 0;
    if (memmem(bytes, len, search.text, strlen(search.text)) != NULL) {
        search.files_with_it++;
        (void)snprintf(search.example, sizeof(search.example), "%s", path);
    }
    munmap(bytes, len);
    return 0;
}

/* How many files of the databases, streams, Redis and logs have `text` in them. */
static int files_with(struct scenario *scenario, const char *text) {
    search.text = text;
    search.files_with_it = 0;
    assert_int_equal(nftw(servers_dir(mesh_servers(scenario->mesh)), search_file, 16, FTW_PHYS), 0);
    return search.files_with_it;
}

static void personal_data_is_nowhere_in_clear(void **state) {
    struct scenario *scenario = *state;
    static const char *const secrets[] = {"zenobia.quill", "+49-170-5550199", "Wisteria Crescent",
                                          "Quillhaven"};
    struct placed_order order;

    clients_place(
        scenario->clients, "flow-6",
        "{\"customerId\":\"Cust-Visible-77\",\"email\":\"zenobia.quill@example.org\","
        "\"phone\":\"+49-170-5550199\",\"shippingAddress\":{\"street\":\"9 Wisteria Crescent\","
        "\"city\":\"Quillhaven\",\"state\":\"QH\",\"zip\":\"90210\"},\"currency\":\"USD\","
        "\"items\":[{\"sku\":\"TSHIRT-BLK-M\",\"quantity\":1}],\"paymentMethod\":\"pm_card_visa\"}",
        &order);
    assert_int_equal(order.status, 202);
    assert_true(
        clients_await_status(scenario->clients, order.id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    (void)scenario_sql(scenario, "SELECT 1 FROM pg_switch_wal()", NULL);

    /* A text that is no secret is found in the database's and in the streams' files. */
    assert_true(files_with(scenario, "Cust-Visible-77") >= 2);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (files_with(scenario, secrets[i]) > 0)
            fail_msg("%s is in clear in %s", secrets[i], search.example);
    }
    placed_order_fini(&order);
}

/* Inventory has it, and its news never came: it is asked. */
static void a_product_that_only_inventory_knows_is_sold(void **state) {
    struct scenario *scenario = *state;
    char id[64];
    (void)scenario_sql(
        scenario,
        "WITH p AS (INSERT INTO inventory.products (sku, name, price_minor, currency)"
        "  VALUES ($1, $1, 1250, 'USD') RETURNING sku), s AS ("
        " INSERT INTO inventory.stock (sku, received, on_hand) SELECT sku, 10, 10 FROM p RETURNING "
        "sku)"
        "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand)"
        " SELECT gen_random_uuid(), sku, 10, 'opening stock', 10 FROM s",
        "LATE-NEWS");
    scenario_place(scenario, "flow-late", "LATE-NEWS", 2, "pm_card_visa", id);
    assert_ends(scenario, id, "COMPLETED", NULL,
                "OrderCreated InventoryReserved PaymentSucceeded OrderConfirmed OrderShipped "
                "OrderCompleted");
    assert_int_equal(
        scenario_sql(scenario, "SELECT total_minor FROM orders.orders WHERE id = $1::uuid", id),
        2500);
}

static void a_mixed_load_keeps_every_invariant(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload = workload_start(
        scenario->clients,
        (const char *const[]){"--count", "2000", "--connections", "32", "--mix",
                              "ok=85,declined=10,stock=5", "--items", "3", "--skus",
                              "TSHIRT-BLK-M,SKU-123,PROD-101,PROD-205,ITEM1001,ITEM2003", NULL});

    assert_true(workload_await_end(workload, 60000));

    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(&workload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_completed_with_its_whole_timeline),
        cmocka_unit_test(more_than_there_is_fails_with_nothing_reserved_or_charged),
        cmocka_unit_test(a_declined_payment_gives_the_stock_back),
        cmocka_unit_test(what_the_catalog_does_not_have_fails_as_unknown),
        cmocka_unit_test(a_price_the_client_made_up_fails_the_order),
        cmocka_unit_test(five_pieces_are_sold_five_times),
        cmocka_unit_test(personal_data_is_nowhere_in_clear),
        cmocka_unit_test(a_product_that_only_inventory_knows_is_sold),
        cmocka_unit_test(a_mixed_load_keeps_every_invariant),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}
