/* The catalog over HTTP: two gateways, the inventory service, and real Redis, NATS and PostgreSQL.
   One gateway may write; the other only reads, and refuses writes as it does by default. Entries
   of the cache live for a minute here, so that only invalidation can make an answer fresh.

   Covers: gateway/catalog/ services/inventory/catalog.c services/inventory/catalog_store.c */
#include "shared/pg/pg_result.h"
#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/servers/program.h"

#include "shared/json/json.h"
#include "shared/pg/pg.h"

#include <hiredis/hiredis.h>

#define CACHE_MS "60000"
#define SHORT_CACHE_MS 400
#define SHORT_CACHE_TEXT "400"

static struct process *inventory, *reader;
static int reader_port, reader_admin_port, inventory_admin_port;
static struct pg *pg;

/* --- requests --------------------------------------------------------------------------------- */

static struct http_response request(int port, const char *method, const char *path,
                                    const char *header, const char *body) {
    char url[256];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    http_send(
        fixture.http,
        &(struct http_request){
            .method = method, .url = url, .body = body, .headers = (const char *[]){header, NULL}},
        &response);
    return response;
}

static struct http_response put(const char *sku, const char *header, const char *body) {
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/products/%s", sku);
    return request(fixture.port, "PUT", path, header, body);
}

static struct http_response adjust(const char *sku, const char *header, const char *body) {
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/products/%s/stock-adjustments", sku);
    return request(fixture.port, "POST", path, header, body);
}

/* Through the gateway that only reads. */
static struct http_response look(const char *sku) {
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/products/%s", sku);
    return request(reader_port, "GET", path, NULL, NULL);
}

static void assert_answer(struct http_response response, long status, const char *part) {
    if (response.status != status || !body_has(&response, part))
        fail_msg("expected %ld %s, got %ld %s", status, part, response.status, response.body.ptr);
    http_response_fini(&response);
}

static void assert_refused(struct http_response response, long status, const char *type) {
    assert_problem(&response, status, type);
}

/* A product called after its SKU. */
static void make(const char *sku, int price_minor) {
    char body[160];
    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"priceMinor\":%d,\"currency\":\"USD\"}", sku,
             price_minor);
    assert_answer(put(sku, NULL, body), 201, "\"version\":1");
}

static void run_sql(const char *sql) {
    struct error error;
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

static int64_t count_rows(const char *sql) {
    struct pg_statement statement = {.name = sql, .sql = sql};
    struct pg_result *result;
    struct error error;
    if (pg_query(pg, &statement, NULL, &result, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
    int64_t count = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return count;
}

/* --- products --------------------------------------------------------------------------------- */

static void a_product_is_made_changed_and_read(void **state) {
    (void)state;
    struct http_response made =
        put("MUG", NULL, "{\"name\":\"A \\\"mug\\\"\",\"priceMinor\":1200,\"currency\":\"USD\"}");
    assert_int_equal(made.status, 201);
    assert_true(slice_is(http_header(&made, "Location"), "/api/v1/products/MUG"));
    struct http_response encoded =
        put("X%3AY", NULL, "{\"name\":\"n\",\"priceMinor\":1,\"currency\":\"USD\"}");
    assert_true(slice_is(http_header(&encoded, "Location"), "/api/v1/products/X:Y"));
    http_response_fini(&encoded);
    assert_true(slice_is(http_header(&made, "ETag"), "\"1-0\""));
    http_response_fini(&made);
    assert_answer(look("MUG"), 200,
                  "{\"sku\":\"MUG\",\"name\":\"A \\\"mug\\\"\",\"priceMinor\":1200,"
                  "\"currency\":\"USD\",\"active\":true,\"version\":1,\"available\":0}");

    struct http_response changed =
        put("MUG", NULL,
            "{\"name\":\"Mug\",\"priceMinor\":1300,\"currency\":\"USD\",\"active\":false}");
    assert_int_equal(changed.status, 200);
    assert_true(slice_is(http_header(&changed, "ETag"), "\"2-0\""));
    http_response_fini(&changed);
    struct http_response seen = look("MUG");
    assert_true(slice_is(http_header(&seen, "ETag"), "\"2-0\""));
    assert_answer(seen, 200, "\"priceMinor\":1300,\"currency\":\"USD\",\"active\":false");
    assert_refused(look("NO-MUG"), 404, "not-found");
    assert_answer(look("%4dUG"), 200, "\"sku\":\"MUG\"");
}

static void a_put_that_changes_nothing_is_no_new_version(void **state) {
    (void)state;
    static const char count_events[] =
        "SELECT count(*) FROM inventory.outbox"
        " WHERE subject = 'inventory.evt.product_changed'"
        " AND convert_from(payload, 'UTF8')::jsonb->>'subject' = 'SAME'";
    make("SAME", 100);
    assert_answer(put("SAME", NULL, "{\"name\":\"SAME\",\"priceMinor\":100,\"currency\":\"USD\"}"),
                  200, "\"version\":1");
    assert_int_equal(count_rows(count_events), 1);
    assert_answer(put("SAME", NULL, "{\"name\":\"SAME\",\"priceMinor\":101,\"currency\":\"USD\"}"),
                  200, "\"version\":2");
    assert_int_equal(count_rows(count_events), 2);
}

static bool is_lamp_announced(void *js) {
    natsMsg *message = NULL;
    if (js_GetLastMsg(&message, js, "INVENTORY", "inventory.evt.product_changed", NULL, NULL) !=
        NATS_OK)
        return false;
    bool is = strstr(natsMsg_GetData(message), "{\"sku\":\"LAMP\",\"name\":\"LAMP\"") != NULL;
    natsMsg_Destroy(message);
    return is;
}

/* The relay here looks by itself only once in a minute. */
static void a_put_is_announced_at_once(void **state) {
    (void)state;
    jsCtx *js = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    make("LAMP", 100);
    assert_true(wait_until(is_lamp_announced, js, 10000));
    jsCtx_Destroy(js);
}

static void a_put_on_another_version_changes_nothing(void **state) {
    (void)state;
#define VERSIONED(price, version)                                                                  \
    "{\"name\":\"V\",\"priceMinor\":" #price ",\"currency\":\"USD\",\"expectedVersion\":" #version \
    "}"
    assert_refused(put("V", NULL, VERSIONED(1, 1)), 409, "version-conflict");
    assert_answer(put("V", NULL, VERSIONED(1, 0)), 201, "\"version\":1");
    assert_refused(put("V", NULL, VERSIONED(2, 0)), 409, "version-conflict");
    assert_answer(put("V", NULL, VERSIONED(3, 1)), 200, "\"version\":2");
    assert_answer(put("V", NULL, VERSIONED(3, 1)), 200, "\"version\":2"); /* its answer was lost */
    assert_refused(put("V", NULL, VERSIONED(4, 1)), 409, "version-conflict");
    assert_answer(look("V"), 200, "\"priceMinor\":3,");
}

static void a_put_holds_to_its_conditions(void **state) {
    (void)state;
#define PRICED(price) "{\"name\":\"W\",\"priceMinor\":" #price ",\"currency\":\"USD\"}"
    assert_refused(put("W", "If-Match: \"1-0\"", PRICED(1)), 412, "precondition-failed");
    assert_refused(put("W", "If-Match: *", PRICED(1)), 412, "precondition-failed");
    assert_answer(put("W", "If-None-Match: *", PRICED(1)), 201, "\"version\":1");
    assert_refused(put("W", "If-None-Match: *", PRICED(2)), 412, "precondition-failed");
    assert_refused(put("W", "If-None-Match: W/\"1-0\"", PRICED(2)), 412, "precondition-failed");
    assert_answer(put("W", "If-None-Match: \"9-9\"", PRICED(2)), 200, "\"version\":2");
    assert_refused(put("W", "If-Match: \"1-0\"", PRICED(3)), 412, "precondition-failed");
    assert_refused(put("W", "If-Match: W/\"2-0\"", PRICED(3)), 412, "precondition-failed");
    assert_answer(put("W", "If-Match: \"1-0\", ,\"2-0\"", PRICED(3)), 200, "\"version\":3");
    assert_answer(put("W", "If-Match: \"2-0\"", PRICED(3)), 200, "\"version\":3"); /* lost */
    assert_answer(put("W", "If-Match: *", PRICED(4)), 200, "\"version\":4");
    assert_answer(adjust("W", "Idempotency-Key: w", "{\"delta\":5,\"reason\":\"r\"}"), 201, "5");
    assert_refused(put("W", "If-Match: \"4-0\"", PRICED(5)), 412, "precondition-failed");
    assert_answer(put("W", "If-Match: \"4-5\"", PRICED(5)), 200, "\"version\":5");

    assert_refused(put("W", "If-Match: 4-5", PRICED(6)), 400, "malformed-request");
    assert_refused(put("W", "If-None-Match: x", PRICED(6)), 400, "malformed-request");
    assert_refused(put("W", "If-Match: \"5-5\"", VERSIONED(6, 5)), 400, "malformed-request");
    assert_answer(look("W"), 200, "\"priceMinor\":5,");
}

/* The stock is part of what is read, so it is part of what tells whether that is new. */
static void a_product_that_is_known_is_not_sent_again(void **state) {
    (void)state;
    make("KNOWN", 1);
    struct http_response same =
        request(fixture.port, "GET", "/api/v1/products/KNOWN", "If-None-Match: \"1-0\"", NULL);
    assert_true(slice_is(http_header(&same, "ETag"), "\"1-0\""));
    assert_true(slice_is(http_header(&same, "Cache-Control"), "private, no-cache"));
    assert_int_equal(same.status, 304);
    http_response_fini(&same);
    assert_refused(
        request(fixture.port, "GET", "/api/v1/products/KNOWN", "If-Match: \"2-0\"", NULL), 412,
        "precondition-failed");
    assert_answer(adjust("KNOWN", "Idempotency-Key: k", "{\"delta\":5,\"reason\":\"r\"}"), 201,
                  "5");
    assert_answer(
        request(fixture.port, "GET", "/api/v1/products/KNOWN", "If-None-Match: \"1-0\"", NULL), 200,
        "\"available\":5");
}

/* As encodeURIComponent() makes it of A:B. */
static void a_sku_may_be_percent_encoded(void **state) {
    (void)state;
    make("A%3AB", 1);
    assert_answer(look("A:B"), 200, "\"sku\":\"A:B\"");
    assert_answer(look("%41%3a%42"), 200, "\"sku\":\"A:B\"");
    assert_answer(adjust("A%3AB", "Idempotency-Key: ab", "{\"delta\":1,\"reason\":\"r\"}"), 201,
                  "\"sku\":\"A:B\"");
    static const char *const nobodys[] = {"A%253AB", "A%3",  "A%zz", "A%00", "A%2FB",
                                          "%2e%2e",  "%2E.", "..",   "%2e",  "A%20B"};
    for (size_t i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++) {
        assert_refused(look(nobodys[i]), 404, "not-found");
        assert_refused(put(nobodys[i], NULL, PRICED(1)), 404, "not-found");
    }
}

static void what_is_no_product_is_refused(void **state) {
    (void)state;
    static const char good[] = "{\"name\":\"x\",\"priceMinor\":1,\"currency\":\"USD\"}";
    assert_refused(put("BAD", NULL, "{"), 400, "invalid-json");
    assert_refused(put("BAD", NULL, "{\"name\":\"x\",\"priceMinor\":-1,\"currency\":\"USD\"}"), 422,
                   "invalid-product");
    assert_refused(put("BAD", "Content-Type: text/plain", good), 415, "unsupported-media-type");
    assert_refused(request(fixture.port, "DELETE", "/api/v1/products/BAD", NULL, NULL), 405,
                   "method-not-allowed");
    assert_refused(look("BAD"), 404, "not-found");
}

/* --- pages ------------------------------------------------------------------------------------ */

/* The SKUs of a page in order, each behind a space, and its nextCursor or "". */
static void read_page(const char *path, struct buf *skus, char cursor[200]) {
    struct http_response response = request(reader_port, "GET", path, NULL, NULL);
    struct json_object *root, *products;
    struct slice next = {"", 0};
    assert_int_equal(response.status, 200);
    assert_int_equal(json_parse(buf_slice(&response.body), &root, NULL), STATUS_OK);
    assert_int_equal(json_get_array(root, "products", &products, NULL), STATUS_OK);
    for (size_t i = 0; i < json_object_array_length(products); i++) {
        struct slice sku;
        assert_int_equal(json_get_string(json_object_array_get_idx(products, i), "sku", &sku, NULL),
                         STATUS_OK);
        buf_printf(skus, " %.*s", SLICE_ARG(sku));
    }
    if (json_get_string(root, "nextCursor", &next, NULL) != STATUS_OK)
        next = (struct slice){"", 0};
    snprintf(cursor, 200, "%.*s", SLICE_ARG(next));
    json_object_put(root);
    http_response_fini(&response);
}

static void pages_lead_through_the_whole_catalog_in_order(void **state) {
    (void)state;
    struct buf skus = {0};
    char path[256] = "/api/v1/products?limit=2", cursor[200];
    int pages = 0;
    run_sql("TRUNCATE inventory.products, inventory.stock,"
            " inventory.warehouse_stock");
    make("b", 1); /* by bytes, so behind the capitals */
    make("C", 1);
    make("A", 1);
    make("A-1", 1);
    make("a.2", 1);
    for (; pages == 0 || cursor[0] != '\0'; pages++) {
        read_page(path, &skus, cursor);
        snprintf(path, sizeof(path), "/api/v1/products?limit=2&cursor=%s", cursor);
    }
    assert_string_equal(skus.ptr, " A A-1 C a.2 b");
    assert_int_equal(pages, 3);
    buf_fini(&skus);
}

static void a_page_that_cannot_be_is_a_400(void **state) {
    (void)state;
    static const char *const queries[] = {"limit=0",   "limit=201", "cursor=zz",
                                          "cursor=31", "limit=01",  "page=2"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/api/v1/products?%s", queries[i]);
        assert_refused(request(reader_port, "GET", path, NULL, NULL), 400, "invalid-query");
    }
}

/* --- stock ------------------------------------------------------------------------------------ */

static void stock_is_adjusted_once_for_each_key(void **state) {
    (void)state;
    static const char in[] = "{\"delta\":10,\"reason\":\"delivery 7\"}";
    static const char out[] = "{\"delta\":-4,\"reason\":\"broken\",\"adjustmentId\":"
                              "\"0192f0c1-dead-7bee-8f01-0123456789ab\"}";
    make("PILE", 1);
    assert_answer(adjust("PILE", "Idempotency-Key: \"d7\"", in), 201, "\"available\":10");
    assert_answer(adjust("PILE", NULL, out), 201, "\"available\":6");
    struct http_response again = adjust("PILE", "Idempotency-Key: \"d7\"", in);
    assert_true(slice_is(http_header(&again, "Idempotent-Replayed"), "true"));
    assert_answer(again, 201, "\"available\":10");
    assert_answer(adjust("PILE", NULL, out), 201, "\"replayed\":true");
    assert_refused(adjust("PILE", "Idempotency-Key: \"d7\"", "{\"delta\":11,\"reason\":\"more\"}"),
                   422, "idempotency-key-reused");
    assert_answer(look("PILE"), 200, "\"available\":6");
    assert_int_equal(count_rows("SELECT sum(delta) - (SELECT received FROM inventory.stock"
                                " WHERE sku = 'PILE') FROM inventory.stock_adjustments"
                                " WHERE sku = 'PILE'"),
                     0);
}

static void stock_lies_in_warehouses_and_the_catalog_adds_it_up(void **state) {
    (void)state;
    static const char north[] = "{\"delta\":7,\"reason\":\"in\",\"warehouse\":\"north\"}";
    static const char main_too[] = "{\"delta\":2,\"reason\":\"in\",\"warehouse\":\"main\"}";
    make("SPREAD", 1);
    assert_answer(adjust("SPREAD", "Idempotency-Key: s1", north), 201, "\"warehouse\":\"north\"");
    assert_answer(adjust("SPREAD", "Idempotency-Key: s1", north), 201, "\"replayed\":true");
    assert_refused(adjust("SPREAD", "Idempotency-Key: s1", main_too), 422,
                   "idempotency-key-reused");
    assert_answer(adjust("SPREAD", "Idempotency-Key: s2", main_too), 201, "\"available\":2");
    assert_answer(look("SPREAD"), 200, "\"available\":9");
    assert_answer(request(reader_port, "GET", "/api/v1/products/SPREAD/stock", NULL, NULL), 200,
                  "{\"warehouse\":\"north\",\"received\":7,\"onHand\":7,\"reserved\":0,"
                  "\"shipped\":0}");
    assert_answer(request(reader_port, "GET", "/api/v1/warehouses", NULL, NULL), 200,
                  "\"warehouse\":\"north\"");
    assert_refused(request(reader_port, "GET", "/api/v1/products/NONE/stock", NULL, NULL), 404,
                   "not-found");
    assert_refused(adjust("SPREAD", "Idempotency-Key: s3",
                          "{\"delta\":7,\"reason\":\"in\",\"warehouse\":\"The North\"}"),
                   422, "invalid-adjustment");
}

static void stock_that_is_not_there_cannot_be_taken(void **state) {
    (void)state;
    make("FEW", 1);
    assert_answer(adjust("FEW", "Idempotency-Key: f1", "{\"delta\":2,\"reason\":\"in\"}"), 201,
                  "\"available\":2");
    assert_refused(adjust("FEW", "Idempotency-Key: f2", "{\"delta\":-3,\"reason\":\"out\"}"), 409,
                   "insufficient-stock");
    assert_answer(adjust("FEW", "Idempotency-Key: f2", "{\"delta\":-2,\"reason\":\"out\"}"), 201,
                  "\"available\":0");
    assert_refused(adjust("NONE", "Idempotency-Key: f3", "{\"delta\":1,\"reason\":\"in\"}"), 404,
                   "not-found");
    assert_refused(adjust("FEW", NULL, "{\"delta\":1,\"reason\":\"in\"}"), 400,
                   "missing-idempotency-key");
    assert_refused(adjust("FEW", "Idempotency-Key: f4", "{\"delta\":0,\"reason\":\"in\"}"), 422,
                   "invalid-adjustment");
}

/* --- the cache -------------------------------------------------------------------------------- */

static void answers_are_cached_until_somebody_writes(void **state) {
    (void)state;
    static const char list[] = "/api/v1/products?limit=200";
    make("KEPT", 500);
    assert_answer(look("KEPT"), 200, "\"priceMinor\":500");
    assert_answer(request(reader_port, "GET", list, NULL, NULL), 200, "\"priceMinor\":500");
    run_sql("UPDATE inventory.products SET price_minor = 501 WHERE sku = 'KEPT'");
    assert_answer(look("KEPT"), 200, "\"priceMinor\":500");
    assert_answer(request(reader_port, "GET", list, NULL, NULL), 200, "\"priceMinor\":500");
    assert_answer(adjust("KEPT", "Idempotency-Key: k1", "{\"delta\":1,\"reason\":\"in\"}"), 201,
                  "\"available\":1");
    assert_answer(look("KEPT"), 200, "\"priceMinor\":501");
    assert_answer(request(reader_port, "GET", list, NULL, NULL), 200, "\"priceMinor\":501");
}

static void a_write_is_seen_through_every_gateway_once_it_is_answered(void **state) {
    (void)state;
    make("SEEN", 1000);
    for (int price = 1001; price <= 1020; price++) {
        char body[128], part[64];
        snprintf(body, sizeof(body), "{\"name\":\"n\",\"priceMinor\":%d,\"currency\":\"USD\"}",
                 price);
        snprintf(part, sizeof(part), "\"priceMinor\":%d,", price);
        assert_answer(look("SEEN"), 200, "SEEN");
        assert_answer(put("SEEN", NULL, body), 200, part);
        assert_answer(look("SEEN"), 200, part);
        assert_answer(get("/api/v1/products/SEEN"), 200, part);
    }
}

/* As redis-cli would do; the caller owns the reply. */
static redisReply *ask_redis(int argc, const char **argv) {
    redisContext *redis = redisConnect("127.0.0.1", servers_port(fixture.servers, SERVER_REDIS));
    redisReply *reply = redisCommandArgv(redis, argc, argv, NULL);
    assert_non_null(reply);
    redisFree(redis);
    return reply;
}

static bool late_is_cached(void *closure) {
    redisReply **reply = closure;
    *reply = ask_redis(2, (const char *[]){"GET", "catalog:sku:LATE"});
    if ((*reply)->type == REDIS_REPLY_STRING)
        return true;
    freeReplyObject(*reply);
    return false;
}

/* A reader asked the service before the write, and its answer reaches Redis after it. */
static void what_was_read_before_a_write_is_not_served_after_it(void **state) {
    (void)state;
    make("LATE", 1);
    assert_answer(look("LATE"), 200, "\"priceMinor\":1,");
    redisReply *old;
    assert_true(wait_until(late_is_cached, &old, 5000)); /* the answer does not wait for it */
    assert_answer(put("LATE", NULL, "{\"name\":\"l\",\"priceMinor\":2,\"currency\":\"USD\"}"), 200,
                  "\"priceMinor\":2,");
    freeReplyObject(ask_redis(3, (const char *[]){"SET", "catalog:sku:LATE", old->str}));
    freeReplyObject(old);
    assert_answer(look("LATE"), 200, "\"priceMinor\":2,");
}

static void without_redis_nothing_is_cached_and_nothing_fails(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_CATALOG_CACHE_MS", SHORT_CACHE_TEXT, NULL});
    make("ALONE", 1);
    servers_kill(fixture.servers, SERVER_REDIS);
    assert_answer(look("ALONE"), 200, "\"available\":0");
    int64_t started_us = clock_monotonic_us();
    assert_answer(adjust("ALONE", "Idempotency-Key: a1", "{\"delta\":1,\"reason\":\"in\"}"), 201,
                  "\"available\":1");
    /* what another gateway may still reach in Redis has ended by then */
    assert_true(clock_monotonic_us() - started_us >= SHORT_CACHE_MS * 1000);
    assert_answer(look("ALONE"), 200, "\"available\":1");
    servers_restart(fixture.servers, SERVER_REDIS);
}

/* --- the fixture ------------------------------------------------------------------------------ */

static struct process *launch(const char *name, struct environment *environment, int *admin_port) {
    *admin_port = free_port();
    environment_set_int(environment, "OM_ADMIN_PORT", *admin_port);
    struct process *process = program_start(name, environment, NULL);
    environment_fini(environment);
    if (!wait_until(program_is_ready, admin_port, 20000))
        fixture_fail("%s is not ready", name);
    return process;
}

static int setup(void **state) {
    fixture_setup_with_database(state);
    servers_migrate(fixture.servers);
    /* A busy machine's Redis is not one that is away, which is not cached in. */
    environment_set(&fixture.environment, "OM_REDIS_TIMEOUT_MS", "5000");
    pg = pg_create(servers_postgres_url(fixture.servers), "test");
    struct environment environment = {0};
    servers_service_environment(fixture.servers, "inventory", "om_inventory", &environment);
    environment_set(&environment, "OM_RELAY_POLL_MS", "60000");
    inventory = launch("inventory", &environment, &inventory_admin_port);

    environment = (struct environment){0};
    environment_copy(&environment, &fixture.environment);
    reader_port = free_port();
    environment_set_int(&environment, "OM_HTTP_PORT", reader_port);
    environment_set(&environment, "OM_CATALOG_CACHE_MS", CACHE_MS);
    reader = launch("gateway", &environment, &reader_admin_port);
    gateway_restart((const char *[]){"OM_CATALOG_CACHE_MS", CACHE_MS, NULL});
    return 0;
}

static void end(struct process **process) {
    int exit_code = program_end(process, 15000);
    if (exit_code != 0)
        fail_msg("a process ended with %d", exit_code);
}

static int teardown(void **state) {
    end(&reader);
    end(&inventory);
    pg_destroy(&pg);
    return fixture_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_is_made_changed_and_read),
        cmocka_unit_test(a_put_that_changes_nothing_is_no_new_version),
        cmocka_unit_test(a_put_is_announced_at_once),
        cmocka_unit_test(a_put_on_another_version_changes_nothing),
        cmocka_unit_test(a_put_holds_to_its_conditions),
        cmocka_unit_test(a_product_that_is_known_is_not_sent_again),
        cmocka_unit_test(a_sku_may_be_percent_encoded),
        cmocka_unit_test(what_is_no_product_is_refused),
        cmocka_unit_test(pages_lead_through_the_whole_catalog_in_order),
        cmocka_unit_test(a_page_that_cannot_be_is_a_400),
        cmocka_unit_test(stock_is_adjusted_once_for_each_key),
        cmocka_unit_test(stock_lies_in_warehouses_and_the_catalog_adds_it_up),
        cmocka_unit_test(stock_that_is_not_there_cannot_be_taken),
        cmocka_unit_test(answers_are_cached_until_somebody_writes),
        cmocka_unit_test(a_write_is_seen_through_every_gateway_once_it_is_answered),
        cmocka_unit_test(what_was_read_before_a_write_is_not_served_after_it),
        cmocka_unit_test(without_redis_nothing_is_cached_and_nothing_fails),
    };
    return cmocka_run_group_tests_name("catalog", tests, setup, teardown);
}
