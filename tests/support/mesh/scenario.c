#include "tests/support/mesh/scenario.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <json-c/json.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int begin(struct mesh *mesh, void **state) {
    struct scenario *scenario = mem_alloc(sizeof(*scenario));

    scenario->mesh = mesh;
    scenario->clients = clients_create(scenario->mesh);
    print_message("seed %llu (OM_SEED repeats it)\n",
                  (unsigned long long)clients_seed(scenario->clients));
    *state = scenario;
    return 0;
}

int scenario_setup(void **state) {
    return begin(mesh_start(), state);
}

int scenario_setup_on_disks(void **state) {
    return begin(mesh_start_on_disks(), state);
}

int scenario_setup_apart(void **state) {
    return begin(mesh_start_apart(), state);
}

int scenario_teardown(void **state) {
    struct scenario *scenario = *state;

    clients_destroy(&scenario->clients);
    mesh_stop(&scenario->mesh);
    free(scenario);
    return 0;
}

static void write_order(struct buf *out, const char *sku, int quantity,
                        const char *payment_method) {
    buf_printf(out,
               "{\"customerId\":\"C100\",\"email\":\"c100@example.com\",\"currency\":\"USD\","
               "\"items\":[{\"sku\":\"%s\",\"quantity\":%d}],\"paymentMethod\":\"%s\"}",
               sku, quantity, payment_method);
}

void scenario_place(struct scenario *scenario, const char *key, const char *sku, int quantity,
                    const char *payment_method, char *id) {
    struct placed_order order;
    struct buf body = {0};

    write_order(&body, sku, quantity, payment_method);
    clients_place(scenario->clients, key, body.ptr, &order);
    if (order.status != 202)
        print_message("%s\n", order.body.ptr);
    assert_int_equal(order.status, 202);
    (void)snprintf(id, sizeof(order.id), "%s", order.id);
    placed_order_fini(&order);
    buf_fini(&body);
}

void scenario_timeline(const struct buf *order_json, struct buf *events) {
    struct json_object *root = json_tokener_parse(order_json->ptr);
    struct json_object *timeline, *event;

    assert_true(json_object_object_get_ex(root, "timeline", &timeline));
    for (size_t i = 0; i < json_object_array_length(timeline); i++) {
        struct json_object *entry = json_object_array_get_idx(timeline, i);
        assert_true(json_object_object_get_ex(entry, "event", &event));
        buf_printf(events, "%s%s", i == 0 ? "" : " ", json_object_get_string(event));
    }
    json_object_put(root);
}

int64_t scenario_sql(struct scenario *scenario, const char *sql, const char *text) {
    PGconn *db = PQconnectdb(mesh_database_url(scenario->mesh));
    PGresult *result = PQexecParams(db, sql, text == NULL ? 0 : 1, NULL,
                                    (const char *const[]){text}, NULL, NULL, 0);

    bool has_value = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
    if (!has_value && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(db));
    int64_t value = has_value ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    PQfinish(db);
    return value;
}

static bool is_past(void *closure) {
    return clock_monotonic_us() >= *(int64_t *)closure;
}

struct workload *scenario_start_load(struct scenario *scenario, const char *rate) {
    return workload_start(scenario->clients,
                          (const char *const[]){"--seconds", "120", "--rate", rate, "--connections",
                                                "32", "--mix", "ok=90,declined=5,stock=5", NULL});
}

void scenario_end_load(struct scenario *scenario, struct workload **workload) {
    workload_stop(*workload);
    assert_true(workload_await_end(*workload, SCENARIO_LOAD_ENDS_MS));
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(workload);
}

void scenario_let_pass(int64_t ms) {
    int64_t moment_us = clock_monotonic_us() + ms * 1000;

    (void)wait_until(is_past, &moment_us, ms + 1000);
}
