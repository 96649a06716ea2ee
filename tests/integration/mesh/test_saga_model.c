/* A model of the saga at its worst: thousands of orders of all flows at once, whose events come in
   any order and any batches, some of them twice, while payments die between charge and record,
   customers confirm payments or do not, and cancel, and the watchdog strikes. Handlers, SQL, inbox
   and outbox are the real ones. Whatever happened, in the end money, stock, parcels, statuses and
   timelines must agree.

   Prints its seed; OM_SEED repeats a run as far as the ids of events allow.

   Covers: services/inventory/handler.c services/order/life/order_fsm.c services/order/watchdog.c
   services/payment/handler.c services/payment/line_refunds.c services/order/returns.c
   services/order/cancel_lines.c services/inventory/cut.c services/inventory/returned.c
   services/shipping/ */
#include "services/order/cancel_lines.h"
#include "services/order/returns.h"
#include "services/order/watchdog.h"
#include "services/payment/actions.h"
#include "services/payment/part_refunds.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/base/test.h"
#include "tests/support/check/checker_invariants.h"
#include "tests/support/world/world_fixture.h"

/* libpq has a type of the same name as a function of shared/pg/pg.h. */
#define pg_int64 libpq_int64
#include <libpq-fe.h>
#undef pg_int64

#define ORDERS 2400
#define SCARCE_STOCK 500
#define SPREAD_STOCK 100 /* in each of three warehouses */
#define SPREAD_MORE 7    /* pieces an order, so that what is left in one is often too little */
#define BATCH_MOST 24
#define DELIVERIES_MOST 200000 /* a saga that does not end would go on for ever */

/* One event on its way to one consumer. */
struct parcel {
    char *payload;
    size_t len;
    int attempt;
};

struct pool {
    struct parcel *items;
    size_t count, capacity;
};

static struct pool pools[WORLD_CONSUMERS];
static size_t waiting; /* in all pools */
static uint64_t seed;
static size_t submitted, deliveries, duplicates, crashes, cancels, early_cancels;

static uint64_t next_random(void) {
    /* xorshift64*, https://www.jstatsoft.org/article/view/v008i14 */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * UINT64_C(2685821657736338717)) >> 16;
}

static bool chance(unsigned percent) {
    return next_random() % 100 < percent;
}

/* --- parcels --- */

static void put_parcel(enum world_consumer consumer, struct slice payload, int attempt) {
    struct pool *pool = &pools[consumer];
    if (pool->count == pool->capacity) {
        pool->capacity = pool->capacity * 2 + 256;
        pool->items = realloc(pool->items, pool->capacity * sizeof(*pool->items));
        assert_non_null(pool->items);
    }
    pool->items[pool->count++] = (struct parcel){mem_copy(payload), payload.len, attempt};
    waiting++;
}

/* Any of those waiting. */
static struct parcel take_parcel(struct pool *pool) {
    size_t i = next_random() % pool->count;
    struct parcel parcel = pool->items[i];
    pool->items[i] = pool->items[--pool->count];
    waiting--;
    return parcel;
}

static void send(void *closure, enum event_type type, struct slice payload) {
    (void)closure;
    for (int i = 0; i < WORLD_CONSUMERS; i++) {
        if (!world_wants((enum world_consumer)i, type))
            continue;
        put_parcel((enum world_consumer)i, payload, 1);
        if (chance(10)) {
            put_parcel((enum world_consumer)i, payload, 2);
            duplicates++;
        }
    }
}

/* A pool by the number of parcels in it. */
static enum world_consumer choose_consumer(void) {
    size_t n = next_random() % waiting;
    int consumer = 0;
    while (n >= pools[consumer].count)
        n -= pools[consumer++].count;
    return (enum world_consumer)consumer;
}

/* --- the provider --- */

/* The provider's books: a charge is made once under its key, and only what was charged is given
   back. What is held is taken or let go, and not both. Orders are few enough to look through. */
static struct account {
    char charge_key[PROVIDER_KEY_SIZE];
    bool is_held, is_captured, is_released, is_refunded;
    bool is_challenged, is_confirmed, is_denied; /* by its customer */
    bool is_to_be_held;                          /* then */
} accounts[ORDERS];
static size_t account_count;

static struct account *find_account(const char *charge_key) {
    for (size_t i = 0; i < account_count; i++) {
        if (strcmp(accounts[i].charge_key, charge_key) == 0)
            return &accounts[i];
    }
    assert_true(account_count < ORDERS);
    snprintf(accounts[account_count].charge_key, PROVIDER_KEY_SIZE, "%s", charge_key);
    return &accounts[account_count++];
}

#define CHALLENGED "pm_sim_action"

/* Its money moves once its customer has confirmed it. */
static void challenge(struct account *account, bool is_held) {
    account->is_challenged = true;
    account->is_to_be_held |= is_held;
}

static void take_or_hold(struct account *account, bool is_held) {
    account->is_held |= is_held;
    account->is_captured |= !is_held;
}

static void charge(const struct provider *self, struct provider_request *const *requests,
                   size_t count) {
    provider_simulated.charge(self, requests, count);
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->answer == PROVIDER_ACTION)
            challenge(find_account(requests[i]->charge_key), requests[i]->is_held);
        if (requests[i]->answer != PROVIDER_DONE)
            continue;
        struct account *account = find_account(requests[i]->charge_key);
        take_or_hold(account, requests[i]->is_held);
        if (account->is_held && account->is_captured && !requests[i]->is_held)
            fail_msg("held, and charged: %s", account->charge_key);
    }
}

static void capture(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    provider_simulated.capture(self, requests, count);
    for (size_t i = 0; i < count; i++) {
        struct account *account = find_account(requests[i]->charge_key);
        if (!account->is_held || account->is_released)
            fail_msg("a capture of what is not held: %s", requests[i]->charge_key);
        account->is_captured |= requests[i]->answer == PROVIDER_DONE;
    }
}

/* False: it was confirmed and is held, so this is about a hold like any other. Whether what is
   asked for is held only its charge said. */
static bool withdraw(struct account *account, struct provider_request *request) {
    bool is_asked = request->answer == PROVIDER_DONE;
    if (account->is_held)
        return false;
    if (is_asked && account->is_captured)
        request->answer = PROVIDER_DECLINED;
    else if (is_asked)
        account->is_denied = true;
    return true;
}

/* The customer acts while nobody looks: some confirm, some decline, some do nothing. */
static void act(struct account *account) {
    if (!account->is_challenged || account->is_confirmed || account->is_denied ||
        account->is_captured || account->is_released || !chance(40))
        return;
    account->is_denied = chance(30);
    account->is_confirmed = !account->is_denied;
    if (account->is_confirmed)
        take_or_hold(account, account->is_to_be_held);
}

static void inquire(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    provider_simulated.inquire(self, requests, count);
    for (size_t i = 0; i < count; i++) {
        struct provider_request *request = requests[i];
        struct account *account = find_account(request->charge_key);
        act(account);
        request->answer = account->is_released    ? PROVIDER_NOTHING
                          : account->is_confirmed ? PROVIDER_DONE
                          : account->is_denied    ? PROVIDER_DECLINED
                                                  : PROVIDER_ACTION;
        snprintf(request->code, sizeof(request->code), "as the model says");
    }
}

static void release(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    provider_simulated.release(self, requests, count);
    for (size_t i = 0; i < count; i++) {
        struct account *account = find_account(requests[i]->charge_key);
        if (account->is_challenged && withdraw(account, requests[i]))
            continue;
        if (!account->is_held || account->is_captured)
            fail_msg("what is not held is let go: %s", requests[i]->charge_key);
        account->is_released |= requests[i]->answer == PROVIDER_DONE;
    }
}

static void refund(const struct provider *self, struct provider_request *const *requests,
                   size_t count) {
    provider_simulated.refund(self, requests, count);
    for (size_t i = 0; i < count; i++) {
        struct account *account = find_account(requests[i]->charge_key);
        if (!account->is_captured)
            fail_msg("a refund of what was never charged: %s", requests[i]->charge_key);
        account->is_refunded |= !requests[i]->is_partial;
    }
}

static const struct provider provider = {.name = "model",
                                         .charge = charge,
                                         .capture = capture,
                                         .release = release,
                                         .refund = refund,
                                         .inquire = inquire};

/* --- what happens --- */

/* Comes whenever it comes, before its order or after it. */
static void cancel(const struct uuid *id) {
    struct buf payload = {0};
    world_write_event(&payload, EVENT_ORDER_CANCEL, id, "{\"tenant\":\"default\"}");
    send(NULL, EVENT_ORDER_CANCEL, buf_slice(&payload));
    buf_fini(&payload);
    cancels++;
}

/* Comes before its order. */
static void cancel_early(const struct uuid *id) {
    char text[UUID_TEXT_SIZE], sql[200];
    struct buf payload = {0};
    world_write_event(&payload, EVENT_ORDER_CANCEL, id, "{\"tenant\":\"default\"}");
    assert_int_equal(world_deliver(&world, WORLD_ORDERS_ORDER, buf_slice(&payload)), OUTCOME_DONE);
    buf_fini(&payload);
    uuid_format(id, text);
    snprintf(sql, sizeof(sql), "INSERT INTO model_cancelled VALUES ('%s')", text);
    world_execute(&world, sql);
    early_cancels++;
}

static void submit_one(void) {
    static const char *const methods[] = {
        "pm_card_visa", "pm_card_visa",           CHALLENGED,
        "pm_sim_error", "pm_card_chargeDeclined", "pm_sim_expired"};
    static const char *const skus[] = {"PLENTY", "PLENTY", "SCARCE", "UNSHIPPABLE", "SPREAD"};
    struct world_order order = {
        .id = uuid_v7(),
        .sku = skus[next_random() % 5],
        .quantity = 1 + (int64_t)(next_random() % 4),
        .unit_price_minor = -1,
        .payment_method = methods[next_random() % 6],
        .flow = (enum order_flow)(next_random() % 3),
        .capture = chance(50) ? CAPTURE_ON_SHIPMENT : CAPTURE_AUTOMATIC,
    };
    struct buf payload = {0};
    if (strcmp(order.sku, "SPREAD") == 0)
        order.quantity += SPREAD_MORE;
    if (chance(3))
        cancel_early(&order.id);
    if (chance(3))
        cancel(&order.id);
    world_write_submit(&payload, &order, clock_now_us());
    send(NULL, EVENT_ORDER_SUBMIT, buf_slice(&payload));
    buf_fini(&payload);
    submitted++;
}

/* Customers cancel at every stage: the youngest orders at once, others when they have moved on. */
static void cancel_one(void) {
    struct uuid id;
    char *text = world_query_text(
        &world, "SELECT coalesce((SELECT id::text FROM orders.orders WHERE status IN ('PENDING',"
                " 'CONFIRMED') ORDER BY status <> 'CONFIRMED' OR random() < 0.5, random() LIMIT 1)"
                ", '')");
    if (uuid_parse(slice_of(text), &id))
        cancel(&id);
    free(text);
}

/* --- what comes back --- */

typedef enum status (*endpoint_fn)(struct endpoint_call *call, struct error *error);

static void call(struct pg *pg, endpoint_fn endpoint, const char *request) {
    struct buf reply = {0};
    struct error error = {0};
    struct endpoint_call call = {.request = slice_of(request),
                                 .pg = pg,
                                 .arena = arena_create(4096),
                                 .context = &world.order,
                                 .reply = &reply};
    enum status status = endpoint(&call, &error);
    if (status != STATUS_OK && status != STATUS_CONFLICT)
        fail_msg("%s: %s: %s", request, status_name(status), error.text);
    arena_destroy(&call.arena);
    buf_fini(&reply);
}

/* A piece of any order, of those that may still be cut above all. */
static void cut_one(struct pg *pg) {
    char *request = world_query_text(
        &world,
        "SELECT coalesce((SELECT format('{\"orderId\":\"%s\",\"tenant\":\"default\","
        "\"cancellationId\":\"%s\",\"reason\":\"r\",\"items\":[{\"line\":1,\"quantity\":1}]}',"
        " id, gen_random_uuid()) FROM orders.orders ORDER BY status NOT IN ('PENDING',"
        " 'CONFIRMED') AND random() < 0.9, status <> 'CONFIRMED' AND random() < 0.5, random()"
        " LIMIT 1), '')");
    if (request[0] != '\0')
        call(pg, cancel_lines_endpoint, request);
    free(request);
}

/* Some pieces of any order, whatever became of it; what is announced comes, or is refused. */
static void send_back_one(struct pg *pg) {
    static const char *const wishes[] = {
        ",\"reason\":\"r\",\"items\":[{\"line\":1,\"quantity\":1}]}",
        ",\"items\":[{\"line\":1,\"quantity\":1,\"disposition\":\"restock\"}]}",
        ",\"items\":[{\"sku\":\"PLENTY\",\"quantity\":1,\"disposition\":\"write_off\"}]}",
        ",\"reason\":\"r\"}"};
    static const endpoint_fn endpoints[] = {return_endpoint_ask, return_endpoint_receive,
                                            return_endpoint_receive, return_endpoint_refuse};
    size_t what = next_random() % 4;
    char *head = world_query_text(
        &world, what == 0
                    ? "SELECT coalesce((SELECT format('{\"orderId\":\"%s\",\"tenant\":\"default\","
                      "\"returnId\":\"%s\"', id, gen_random_uuid()) FROM orders.orders"
                      " ORDER BY status <> 'COMPLETED' AND random() < 0.8, random() LIMIT 1), '')"
                    : "SELECT coalesce((SELECT format('{\"orderId\":\"%s\",\"tenant\":\"default\","
                      "\"returnId\":\"%s\"', order_id, id) FROM orders.returns"
                      " ORDER BY status <> 'REQUESTED', random() LIMIT 1), '')");
    struct buf request = {0};
    buf_printf(&request, "%s%s", head, wishes[what]);
    if (head[0] != '\0')
        call(pg, endpoints[what], request.ptr);
    buf_fini(&request);
    free(head);
}

static void make_refunds(struct pg *pg) {
    struct error error = {0};
    struct batch batch = {.arena = arena_create(65536),
                          .outbox = outbox_create(),
                          .pg = pg,
                          .context = &world.payment};
    world_execute(&world, "UPDATE payments.refunds SET due_at = now()");
    enum status status = periodic_run(&asked_refunds, &batch, &error);
    if (status != STATUS_OK)
        fail_msg("refunds: %s: %s", status_name(status), error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
}

/* The watchdog's turn, with some orders made old. */
static void strike(struct pg *pg) {
    struct order_settings settings = {.saga_limit_s = 900};
    struct error error = {0};
    struct batch batch = {
        .arena = arena_create(65536), .outbox = outbox_create(), .pg = pg, .context = &settings};
    world_execute(&world, "UPDATE orders.orders SET taken_at = now() - interval '1 hour'"
                          " WHERE status IN ('PENDING', 'CONFIRMED') AND random() < 0.02");
    world_execute(&world, "UPDATE orders.watch SET resumed_at = '-infinity', settled_to ="
                          " '-infinity', turn_at = now()");
    enum status status = periodic_run(&watchdog, &batch, &error);
    if (status != STATUS_OK)
        fail_msg("watchdog: %s: %s", status_name(status), error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
}

/* A turn of the payments that wait for their customer, some of whose time is up; now and then it
   dies before it has noted what it was told. */
static void ask_customers(struct pg *pg) {
    struct error error = {0};
    struct batch batch = {.arena = arena_create(65536),
                          .outbox = outbox_create(),
                          .pg = pg,
                          .context = &world.payment};
    world_execute(&world, "UPDATE payments.actions SET due_at = now(),"
                          " until = CASE WHEN random() < 0.3 THEN now() ELSE until END");
    enum status status = chance(20) ? awaited_actions.ask(&batch, &error)
                                    : periodic_run(&awaited_actions, &batch, &error);
    if (status != STATUS_OK)
        fail_msg("actions: %s: %s", status_name(status), error.text);
    arena_destroy(&batch.arena);
    outbox_destroy(&batch.outbox);
}

static void settle(enum world_consumer consumer, struct parcel *parcel,
                   const struct drive_message *message, bool has_died) {
    if (message->outcome == OUTCOME_REJECT)
        fail_msg("consumer %d rejected: %s\n%.*s", (int)consumer, message->error.text,
                 (int)parcel->len, parcel->payload);
    if (has_died || message->outcome == OUTCOME_EARLY || message->outcome == OUTCOME_RETRY)
        put_parcel(consumer, (struct slice){parcel->payload, parcel->len}, parcel->attempt + 1);
    free(parcel->payload);
}

/* A random batch for a random consumer; now and then it dies before its transaction. */
static void deliver_some(void) {
    struct parcel parcels[BATCH_MOST];
    struct drive_message messages[BATCH_MOST] = {0};
    struct error error = {0};
    enum world_consumer consumer = choose_consumer();
    struct pool *pool = &pools[consumer];
    size_t most = 1 + next_random() % BATCH_MOST;
    size_t count = most < pool->count ? most : pool->count;
    for (size_t i = 0; i < count; i++) {
        parcels[i] = take_parcel(pool);
        messages[i].payload = (struct slice){parcels[i].payload, parcels[i].len};
        messages[i].attempt = parcels[i].attempt;
        messages[i].has_waited = parcels[i].attempt > 1;
    }
    bool dies = chance(5);
    enum status status = dies ? drive_until_apply(world.drives[consumer], messages, count, &error)
                              : drive_batch(world.drives[consumer], messages, count, &error);
    if (status != STATUS_OK)
        fail_msg("consumer %d: %s: %s", (int)consumer, status_name(status), error.text);
    for (size_t i = 0; i < count; i++)
        settle(consumer, &parcels[i], &messages[i], dies);
    crashes += dies;
    deliveries += count;
}

static bool has_parcels(void) {
    return world_query_int(&world, "SELECT count(*) FROM shipping.in_parts") > 0;
}

static bool goes_on(void) {
    return waiting > 0 || world_take_events(&world, send, NULL) > 0 || has_parcels() ||
           world_query_int(&world, "SELECT count(*) FROM payments.actions") > 0;
}

/* Until no event is on its way, none comes, and no parcel is left. */
static void run_all(struct pg *pg, struct pg *payments_pg) {
    for (size_t turn = 0; goes_on(); turn++) {
        assert_true(deliveries < DELIVERIES_MOST);
        for (int i = 0; i < 8 && submitted < ORDERS; i++)
            submit_one();
        cancel_one();
        if (submitted < ORDERS || chance(5))
            send_back_one(pg);
        if (submitted < ORDERS && chance(30))
            cut_one(pg);
        if (turn % 100 == 99)
            strike(pg);
        if (turn % 50 == 49 || waiting == 0)
            world_send_parcels(&world);
        if (account_count > 0)
            act(&accounts[next_random() % account_count]);
        if (turn % 10 == 9 || waiting == 0)
            ask_customers(payments_pg);
        for (int i = 0; i < 4 && waiting > 0; i++)
            deliver_some();
        world_take_events(&world, send, NULL);
    }
}

/* --- the end --- */

static void assert_invariants(void) {
    for (size_t i = 0; i < invariant_count; i++) {
        if (strchr("CDEH", invariants[i].letter) == NULL &&
            strstr(invariants[i].sentence, "parcel") == NULL)
            continue;
        PGresult *result = PQexec(world.conn, invariants[i].offenders_sql);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            fail_msg("%s: %s", invariants[i].sentence, PQresultErrorMessage(result));
        if (PQntuples(result) > 0)
            fail_msg("%c: %s: not so for %d, such as %s", invariants[i].letter,
                     invariants[i].sentence, PQntuples(result), PQgetvalue(result, 0, 0));
        PQclear(result);
    }
}

static void assert_none(const char *what, const char *sql) {
    int64_t count = world_query_int(&world, sql);
    if (count != 0)
        fail_msg("%s: %lld", what, (long long)count);
}

/* The provider has the money of the completed orders, and our books say the same. */
static void assert_provider_agrees(void) {
    int64_t captured = 0, refunded = 0, released = 0, held = 0;
    for (size_t i = 0; i < account_count; i++) {
        const struct account *account = &accounts[i];
        captured += account->is_captured;
        refunded += account->is_refunded;
        released += account->is_released;
        held += account->is_held && !account->is_captured && !account->is_released;
    }
    assert_int_equal(captured,
                     world_query_int(&world, "SELECT count(*) FROM payments.payments"
                                             " WHERE status IN ('CAPTURED', 'REFUNDED')"));
    assert_int_equal(refunded, world_query_int(&world, "SELECT count(*) FROM payments.payments"
                                                       " WHERE status = 'REFUNDED'"));
    /* What was confirmed as it was withdrawn is let go with that. */
    assert_in_range(released,
                    world_query_int(&world, "SELECT count(*) FROM payments.payments"
                                            " WHERE status = 'RELEASED'"),
                    world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status IN"
                                            " ('RELEASED', 'WITHDRAWN') OR decline_code ="
                                            " 'confirmation_timeout'"));
    assert_int_equal(held, world_query_int(&world, "SELECT count(*) FROM payments.payments"
                                                   " WHERE status = 'UNCAPTURED'"));
    assert_int_equal(captured - refunded,
                     world_query_int(&world, "SELECT count(*) FROM orders.orders"
                                             " WHERE status = 'COMPLETED' AND steps & 128 = 0"));
}

static void print_story(void) {
    char *ends = world_query_text(
        &world, "SELECT string_agg(n || ' ' || status || coalesce(' ' || reason, ''), ', ' ORDER BY"
                " n DESC) FROM (SELECT count(*) n, status, reason FROM orders.orders"
                " GROUP BY 2, 3) s");
    print_message("%zu orders: %s\n%zu deliveries, %zu doubled, %zu deaths, %zu wishes to cancel, "
                  "%zu before their order\n",
                  submitted, ends, deliveries, duplicates, crashes, cancels, early_cancels);
    free(ends);
}

static void whatever_comes_when_money_stock_and_status_agree_in_the_end(void **state) {
    (void)state;
    struct pg *pg = pg_create(servers_role_url(world.servers, "om_orders"), "model");
    struct pg *payments_pg = pg_create(servers_role_url(world.servers, "om_payments"), "model");
    print_message("seed %llu\n", (unsigned long long)seed);
    world_add_product(&world, "PLENTY", 1999, 1000000);
    world_add_product(&world, "SCARCE", 700, SCARCE_STOCK);
    world_add_product(&world, "UNSHIPPABLE", 50, 1000000);
    world_add_product(&world, "SPREAD", 900, SPREAD_STOCK);
    world_add_elsewhere(&world, "SPREAD", "north", 1, SPREAD_STOCK);
    world_add_elsewhere(&world, "SPREAD", "south", 2, SPREAD_STOCK);
    world_execute(&world, "CREATE TEMP TABLE model_cancelled (id uuid)");
    submit_one();

    run_all(pg, payments_pg);
    while (world_query_int(&world, "SELECT count(*) FROM payments.refunds"
                                   " WHERE status = 'PENDING'") > 0) {
        make_refunds(payments_pg);
        run_all(pg, payments_pg);
    }

    print_story();
    assert_true(world_query_int(&world, "SELECT count(*) FROM orders.line_cancels WHERE status ="
                                        " 'CANCELLED'") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM orders.returns WHERE status ="
                                        " 'RETURNED'") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM orders.orders WHERE status ="
                                        " 'CANCELLED'") > 0);
    world_execute(&world, checker_tables_sql);
    world_execute(&world, checker_moments_sql);
    assert_invariants();
    assert_provider_agrees();
    assert_int_equal(world_query_int(&world, "SELECT count(*) FROM orders.orders"), ORDERS);
    assert_true(early_cancels > 0);
    assert_none("orders that were cancelled before they came, and went on",
                "SELECT count(*) FROM model_cancelled c LEFT JOIN orders.orders o USING (id)"
                " WHERE o.status IS DISTINCT FROM 'CANCELLED'");
    assert_none("wishes that still wait", "SELECT count(*) FROM orders.early_cancels");
    assert_none("pieces still held", "SELECT (SELECT sum(reserved) FROM inventory.stock)"
                                     " + (SELECT sum(reserved) FROM inventory.warehouse_stock)");
    assert_true(world_query_int(&world,
                                "SELECT count(*) FROM inventory.reservations"
                                " WHERE status = 'SHIPPED' AND warehouses IS NOT NULL") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM shipping.parcels") > 0);
    assert_none("orders that end in no flow's way, paid at once or on shipment",
                "SELECT 6 - count(DISTINCT (flow, steps & 32)) FROM orders.orders"
                " WHERE status = 'COMPLETED'");
    assert_true(world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status ="
                                        " 'RELEASED'") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status ="
                                        " 'UNCAPTURED'") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM orders.orders WHERE status ="
                                        " 'COMPLETED' AND steps & 256 <> 0") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM orders.orders WHERE reason ="
                                        " 'payment_timeout'") > 0);
    assert_true(world_query_int(&world, "SELECT count(*) FROM payments.payments WHERE status ="
                                        " 'WITHDRAWN'") > 0);
    assert_none("parcels without their completed order, or orders without their parcel",
                "SELECT count(*) FROM orders.orders o FULL JOIN (SELECT order_id FROM"
                " shipping.shipments WHERE status = 'SHIPPED') s ON s.order_id = o.id"
                " WHERE (o.status = 'COMPLETED') <> (s.order_id IS NOT NULL)");
    assert_true(world_query_int(&world, "SELECT count(*) FROM shipping.shipments WHERE status ="
                                        " 'STOPPED'") > 0);
    assert_none("answers of shipping that contradict the end",
                "SELECT count(*) FROM moment m JOIN orders.orders o ON o.id = m.order_id WHERE"
                " (m.event = 'OrderShipped' AND o.status <> 'COMPLETED') OR"
                " (m.event = 'ShippingStopped' AND o.status NOT IN ('FAILED', 'CANCELLED'))");
    assert_none("SKUs whose shipped pieces are not those of completed orders",
                "SELECT count(*) FROM inventory.stock s WHERE shipped + (SELECT"
                " coalesce(sum(w.shipped), 0) FROM inventory.warehouse_stock w"
                "  WHERE w.sku = s.sku) <> (SELECT"
                " coalesce(sum(i.quantity - coalesce(i.cancelled, 0)), 0) FROM orders.orders o "
                "JOIN orders.order_items i"
                " ON i.order_id = o.id WHERE o.status = 'COMPLETED' AND i.sku = s.sku)");
    pg_destroy(&pg);
    pg_destroy(&payments_pg);
}

static int setup(void **state) {
    seed = seed_of_run();
    world_setup(state);
    world.payment.provider = &provider;
    return 0;
}

static int teardown(void **state) {
    for (size_t i = 0; i < WORLD_CONSUMERS; i++) {
        for (size_t j = 0; j < pools[i].count; j++)
            free(pools[i].items[j].payload);
        free(pools[i].items);
    }
    return world_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes_when_money_stock_and_status_agree_in_the_end),
    };
    return cmocka_run_group_tests_name("saga_model", tests, setup, teardown);
}
