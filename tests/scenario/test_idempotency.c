/* One key, one order: at once, later, after restarts, and with Redis empty or gone.

   Covers: gateway/orders/idempotency.c gateway/orders/order_marker.c services/order/submit.c
   shared/nats/consumer_progress.c */
#include "tests/support/mesh/scenario.h"
#include "tests/support/servers/program.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#define ORDER_TIMEOUT_MS 10000
#define CLIENTS 50
#define PAIRS 12

static const char orders_of_sql[] = "SELECT count(*) FROM orders.orders WHERE customer_id = $1";
static const char fulfilled_of_sql[] =
    "SELECT count(*) FROM orders.orders WHERE customer_id = $1 AND status = 'COMPLETED'";

/* A body of its own customer, so that the customer's orders can be counted. */
static void write_body(struct buf *out, const char *customer, int quantity) {
    buf_clear(out);
    buf_printf(out,
               "{\"customerId\":\"%s\",\"currency\":\"USD\",\"items\":[{\"sku\":\"TSHIRT-BLK-M\","
               "\"quantity\":%d}],\"paymentMethod\":\"pm_card_visa\"}",
               customer, quantity);
}

struct client {
    const struct scenario *scenario;
    const char *key, *body;
    pthread_barrier_t *start;
    struct placed_order order;
};

static void *send_one(void *closure) {
    struct client *client = closure;

    (void)pthread_barrier_wait(client->start);
    clients_send(client->scenario->clients, client->key, client->body, &client->order);
    return NULL;
}

static void send_at_once(struct scenario *scenario, const char *key, const char *body,
                         struct client clients[CLIENTS]) {
    pthread_t threads[CLIENTS];
    pthread_barrier_t start;

    assert_int_equal(pthread_barrier_init(&start, NULL, CLIENTS), 0);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){scenario, key, body, &start, {0}};
        assert_int_equal(pthread_create(&threads[i], NULL, send_one, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        clients_record(scenario->clients, key, body, &clients[i].order);
    }
    pthread_barrier_destroy(&start);
}

static void fifty_at_once_under_one_key_are_one_order(void **state) {
    struct scenario *scenario = *state;
    struct client clients[CLIENTS];
    struct placed_order later;
    struct buf body = {0};
    const char *id = "";

    write_body(&body, "fifty", 1);
    send_at_once(scenario, "once-50", body.ptr, clients);

    for (int i = 0; i < CLIENTS; i++) {
        const struct placed_order *order = &clients[i].order;
        assert_true(order->status == 202 || order->status == 409);
        if (order->status == 202 && id[0] == '\0')
            id = order->id;
        if (order->status == 202)
            assert_string_equal(order->id, id);
    }
    clients_place(scenario->clients, "once-50", body.ptr, &later);
    assert_int_equal(later.status, 202);
    assert_true(later.is_replay);
    assert_string_equal(later.id, id);
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    assert_int_equal(scenario_sql(scenario, orders_of_sql, "fifty"), 1);
    placed_order_fini(&later);
    for (int i = 0; i < CLIENTS; i++)
        placed_order_fini(&clients[i].order);
    buf_fini(&body);
}

/* Places the same order again and asserts that it is answered with the same body. */
static void assert_replays(struct scenario *scenario, const char *key, const char *body,
                           const struct placed_order *first) {
    struct placed_order again;

    clients_place(scenario->clients, key, body, &again);
    assert_int_equal(again.status, 202);
    assert_true(again.is_replay);
    assert_string_equal(again.body.ptr, first->body.ptr);
    placed_order_fini(&again);
}

static void a_replay_is_the_stored_answer_also_after_a_gateway_restart(void **state) {
    struct scenario *scenario = *state;
    struct placed_order first;
    struct buf body = {0};

    write_body(&body, "replayed", 1);
    clients_place(scenario->clients, "replay-1", body.ptr, &first);
    assert_int_equal(first.status, 202);
    assert_false(first.is_replay);

    assert_replays(scenario, "replay-1", body.ptr, &first);
    assert_int_equal(mesh_terminate(scenario->mesh, MESH_GATEWAY, 10000), 0);
    mesh_launch(scenario->mesh, MESH_GATEWAY, NULL);
    assert_true(mesh_await_ready(scenario->mesh, 10000));
    assert_replays(scenario, "replay-1", body.ptr, &first);

    assert_int_equal(scenario_sql(scenario, orders_of_sql, "replayed"), 1);
    placed_order_fini(&first);
    buf_fini(&body);
}

static void another_body_under_a_used_key_is_refused(void **state) {
    struct scenario *scenario = *state;
    struct placed_order first, other;
    struct buf body = {0};

    write_body(&body, "refused", 1);
    clients_place(scenario->clients, "used-1", body.ptr, &first);
    assert_int_equal(first.status, 202);
    write_body(&body, "refused", 2);
    clients_place(scenario->clients, "used-1", body.ptr, &other);

    assert_int_equal(other.status, 422);
    assert_true(
        clients_await_status(scenario->clients, first.id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    assert_int_equal(scenario_sql(scenario, orders_of_sql, "refused"), 1);
    placed_order_fini(&first);
    placed_order_fini(&other);
    buf_fini(&body);
}

static void flush_redis(struct scenario *scenario) {
    redisContext *redis =
        redisConnect("127.0.0.1", servers_port(mesh_servers(scenario->mesh), SERVER_REDIS));

    assert_non_null(redis);
    assert_int_equal(redis->err, 0);
    redisReply *reply = redisCommand(redis, "FLUSHALL");
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(redis);
}

static void a_key_means_the_same_order_after_redis_lost_everything(void **state) {
    struct scenario *scenario = *state;
    struct placed_order first, again;
    struct buf body = {0};

    write_body(&body, "flushed", 1);
    clients_place(scenario->clients, "flush-1", body.ptr, &first);
    assert_true(
        clients_await_status(scenario->clients, first.id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    flush_redis(scenario);
    clients_place(scenario->clients, "flush-1", body.ptr, &again);

    assert_int_equal(again.status, 202);
    assert_string_equal(again.id, first.id);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    assert_int_equal(scenario_sql(scenario, orders_of_sql, "flushed"), 1);
    placed_order_fini(&first);
    placed_order_fini(&again);
    buf_fini(&body);
}

static bool is_degraded(struct scenario *scenario) {
    struct buf body = {0};
    bool is_ready = mesh_is_ready(scenario->mesh, MESH_GATEWAY, &body);
    bool says_so = body.ptr != NULL && strstr(body.ptr, "degraded") != NULL;

    buf_fini(&body);
    return is_ready && says_so;
}

static bool gateway_is_degraded(void *closure) {
    return is_degraded(closure);
}

static bool gateway_is_whole(void *closure) {
    struct scenario *scenario = closure;
    return mesh_is_ready(scenario->mesh, MESH_GATEWAY, NULL) && !is_degraded(scenario);
}

static void redis_comes_back(struct scenario *scenario) {
    servers_restart(mesh_servers(scenario->mesh), SERVER_REDIS);
    assert_true(wait_until(gateway_is_whole, scenario, 10000));
}

static void without_redis_a_key_is_still_one_fulfilled_order(void **state) {
    struct scenario *scenario = *state;
    struct client clients[CLIENTS];
    struct buf body = {0};

    servers_kill(mesh_servers(scenario->mesh), SERVER_REDIS);
    write_body(&body, "no-redis", 1);
    send_at_once(scenario, "no-redis-1", body.ptr, clients);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(clients[i].order.status, 202);
        assert_string_equal(clients[i].order.id, clients[0].order.id);
    }
    assert_true(wait_until(gateway_is_degraded, scenario, 5000));
    assert_true(clients_await_status(scenario->clients, clients[0].order.id, "COMPLETED",
                                     ORDER_TIMEOUT_MS, NULL));
    assert_int_equal(scenario_sql(scenario, orders_of_sql, "no-redis"), 1);

    redis_comes_back(scenario);
    for (int i = 0; i < CLIENTS; i++)
        placed_order_fini(&clients[i].order);
    buf_fini(&body);
}

static void redis_lost_under_load_is_noticed_by_no_customer(void **state) {
    struct scenario *scenario = *state;
    struct workload *workload =
        workload_start(scenario->clients, (const char *const[]){"--seconds", "60", "--rate", "300",
                                                                "--connections", "32", NULL});

    assert_true(workload_await_accepted(workload, 300, 10000));
    servers_kill(mesh_servers(scenario->mesh), SERVER_REDIS);
    assert_true(workload_await_accepted(workload, 900, 10000));
    redis_comes_back(scenario);
    assert_true(workload_await_accepted(workload, 1200, 10000));
    workload_stop(workload);

    assert_true(workload_await_end(workload, 10000));
    for (int status = 500; status < 600; status++)
        assert_int_equal(workload_answers(workload, status), 0);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    workload_destroy(&workload);
}

static void without_redis_another_body_under_a_used_key_is_not_fulfilled(void **state) {
    struct scenario *scenario = *state;
    struct placed_order first, other;
    struct buf body = {0}, json = {0};

    servers_kill(mesh_servers(scenario->mesh), SERVER_REDIS);
    write_body(&body, "conflict", 1);
    clients_place(scenario->clients, "conflict-1", body.ptr, &first);
    assert_int_equal(first.status, 202);
    assert_true(
        clients_await_status(scenario->clients, first.id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
    write_body(&body, "conflict", 2);
    clients_place(scenario->clients, "conflict-1", body.ptr, &other);
    assert_int_equal(other.status, 202);
    assert_string_not_equal(other.id, first.id);

    assert_true(
        clients_await_status(scenario->clients, other.id, "FAILED", ORDER_TIMEOUT_MS, &json));
    assert_non_null(strstr(json.ptr, "idempotency_conflict"));
    assert_int_equal(scenario_sql(scenario, fulfilled_of_sql, "conflict"), 1);
    redis_comes_back(scenario);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
    placed_order_fini(&first);
    placed_order_fini(&other);
    buf_fini(&body);
    buf_fini(&json);
}

static struct process *start_second_order_service(struct scenario *scenario) {
    struct environment environment = {0};
    int port = free_port();
    struct process *second;

    servers_service_environment(mesh_servers(scenario->mesh), "order", "om_orders", &environment);
    environment_set(&environment, "OM_INSTANCE", "order-2");
    environment_set_int(&environment, "OM_ADMIN_PORT", port);
    second = program_start("order", &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &port, 10000));
    return second;
}

/* Two bodies under each key, one right after the other. */
static void place_pairs(struct scenario *scenario, struct placed_order pairs[PAIRS][2]) {
    struct buf body = {0};
    char key[32];

    for (int i = 0; i < PAIRS; i++) {
        snprintf(key, sizeof(key), "stalled-%d", i);
        for (int j = 0; j < 2; j++) {
            write_body(&body, "stalled", j + 1);
            clients_place(scenario->clients, key, body.ptr, &pairs[i][j]);
            assert_int_equal(pairs[i][j].status, 202);
        }
    }
    buf_fini(&body);
}

/* What a stalled process had in hand was taken in after later orders: 5 of 12,000 lost their key to
   a body accepted 50 ms after them. */
static void an_order_in_the_hand_of_a_stalled_process_keeps_its_key(void **state) {
    struct scenario *scenario = *state;
    struct process *second = start_second_order_service(scenario);
    struct placed_order pairs[PAIRS][2];
    struct buf json = {0};

    servers_kill(mesh_servers(scenario->mesh), SERVER_REDIS);
    process_signal(second, SIGSTOP);
    place_pairs(scenario, pairs);
    scenario_let_pass(2500); /* what it holds is sent once more */
    process_signal(second, SIGCONT);

    for (int i = 0; i < PAIRS; i++) {
        assert_true(clients_await_status(scenario->clients, pairs[i][0].id, "COMPLETED",
                                         SCENARIO_SETTLE_MS, NULL));
        buf_clear(&json);
        assert_true(clients_await_status(scenario->clients, pairs[i][1].id, "FAILED",
                                         SCENARIO_SETTLE_MS, &json));
        assert_non_null(strstr(json.ptr, "idempotency_conflict"));
    }
    assert_int_equal(scenario_sql(scenario, fulfilled_of_sql, "stalled"), PAIRS);
    assert_int_equal(program_end(&second, 10000), 0);
    redis_comes_back(scenario);
    for (int i = 0; i < PAIRS * 2; i++)
        placed_order_fini(&pairs[i / 2][i % 2]);
    buf_fini(&json);
}

/* The first body of each key, or the second one. */
static void place_each(struct scenario *scenario, const char *name, int which,
                       struct placed_order pairs[PAIRS][2]) {
    struct buf body = {0};
    char key[32];

    write_body(&body, name, which + 1);
    for (int i = 0; i < PAIRS; i++) {
        snprintf(key, sizeof(key), "%s-%d", name, i);
        clients_place(scenario->clients, key, body.ptr, &pairs[i][which]);
        assert_int_equal(pairs[i][which].status, 202);
    }
    buf_fini(&body);
}

static void assert_older_has_key(struct scenario *scenario, const struct placed_order pair[2]) {
    struct buf json = {0};
    assert_true(
        clients_await_status(scenario->clients, pair[0].id, "COMPLETED", SCENARIO_SETTLE_MS, NULL));
    assert_true(
        clients_await_status(scenario->clients, pair[1].id, "FAILED", SCENARIO_SETTLE_MS, &json));
    assert_non_null(strstr(json.ptr, "idempotency_conflict"));
    buf_fini(&json);
}

/* A gateway that has just started knew of no outage, and its order overtook an older one. */
static void an_order_keeps_its_key_from_a_gateway_that_saw_no_outage(void **state) {
    struct scenario *scenario = *state;
    struct process *second = start_second_order_service(scenario);
    struct placed_order pairs[PAIRS][2];

    servers_kill(mesh_servers(scenario->mesh), SERVER_REDIS);
    process_signal(second, SIGSTOP);
    place_each(scenario, "unseen", 0, pairs);
    servers_restart(mesh_servers(scenario->mesh), SERVER_REDIS);
    mesh_kill(scenario->mesh, MESH_GATEWAY);
    mesh_launch(scenario->mesh, MESH_GATEWAY, NULL);
    assert_true(wait_until(gateway_is_whole, scenario, 10000));
    place_each(scenario, "unseen", 1, pairs);
    scenario_let_pass(2500); /* what it holds is sent once more */
    process_signal(second, SIGCONT);

    for (int i = 0; i < PAIRS; i++)
        assert_older_has_key(scenario, pairs[i]);
    assert_int_equal(program_end(&second, 10000), 0);
    for (int i = 0; i < PAIRS * 2; i++)
        placed_order_fini(&pairs[i / 2][i % 2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_at_once_under_one_key_are_one_order),
        cmocka_unit_test(a_replay_is_the_stored_answer_also_after_a_gateway_restart),
        cmocka_unit_test(another_body_under_a_used_key_is_refused),
        cmocka_unit_test(a_key_means_the_same_order_after_redis_lost_everything),
        cmocka_unit_test(without_redis_a_key_is_still_one_fulfilled_order),
        cmocka_unit_test(redis_lost_under_load_is_noticed_by_no_customer),
        cmocka_unit_test(without_redis_another_body_under_a_used_key_is_not_fulfilled),
        cmocka_unit_test(an_order_in_the_hand_of_a_stalled_process_keeps_its_key),
        cmocka_unit_test(an_order_keeps_its_key_from_a_gateway_that_saw_no_outage),
    };
    return cmocka_run_group_tests(tests, scenario_setup, scenario_teardown);
}
