/* Orders over HTTP as readers get them: pages, and answers that depend on the order's version.

   Covers: gateway/orders/cancel_order.c gateway/orders/get_order.c gateway/orders/list_orders.c
   gateway/reply/answer.c gateway/reply/coding.c gateway/reply/etag.c gateway/reply/resource.c
   services/order/endpoint.c services/order/read/list.c services/order/read/store_read.c
   shared/contract/page_cursor.c */
#include "shared/pg/pg_result.h"
#include "tests/support/gateway/order_fixture.h"

#include "shared/json/json.h"
#include "tests/support/data/token.h"

/* Three hundred orders a second apart from 2026-01-01 on: of customers L0 to L2 in turn, every
   tenth FAILED and the others COMPLETED. */
static const char made_orders[] =
    "DELETE FROM orders.orders;"
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, reason, currency,"
    " total_minor, payment_method, correlation_id, traceparent, timeline, accepted_at)"
    " SELECT gen_random_uuid(), 'default', 'L' || g % 3, 'inventory-first',"
    "  CASE WHEN g % 10 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,"
    "  CASE WHEN g % 10 = 0 THEN 'out_of_stock' END, 'USD', g, 'pm_card_visa', '', '', '[]',"
    "  timestamptz '2026-01-01T00:00:00Z' + g * interval '1 second'"
    " FROM generate_series(0, 299) g";

/* More than one page may walk over, none of which is FAILED. */
static const char many_orders[] =
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, currency, total_minor,"
    " payment_method, correlation_id, traceparent, timeline, accepted_at)"
    " SELECT gen_random_uuid(), 'default', 'MANY', 'parallel', 'COMPLETED', 'USD', 1,"
    "  'pm_card_visa', '', '', '[]', timestamptz '2026-02-01T00:00:00Z' + g * interval '1 second'"
    " FROM generate_series(1, 10001) g";

/* --- walking ---------------------------------------------------------------------------------- */

struct walk {
    int pages, orders;
    int64_t first, last, sum; /* of totalMinor, which numbers the made orders */
    bool is_falling, is_rising;
};

static void take_page(struct walk *walk, struct json_object *root) {
    struct json_object *orders;
    assert_int_equal(json_get_array(root, "orders", &orders, NULL), STATUS_OK);
    for (size_t i = 0; i < json_object_array_length(orders); i++) {
        int64_t number;
        assert_int_equal(
            json_get_int64(json_object_array_get_idx(orders, i), "totalMinor", &number, NULL),
            STATUS_OK);
        if (walk->orders++ == 0)
            walk->first = number;
        else if (number < walk->last)
            walk->is_rising = false;
        else
            walk->is_falling = false;
        walk->last = number;
        walk->sum += number;
    }
    walk->pages++;
}

/* The address of the next page; false when this was the last. */
static bool follow_link(const struct http_response *response, char *path, size_t size) {
    struct slice link = http_header(response, "Link");
    const char *end = link.len > 0 ? memchr(link.ptr, '>', link.len) : NULL;
    if (link.len == 0)
        return false;
    assert_non_null(end);
    assert_true(
        slice_is((struct slice){end, link.len - (size_t)(end - link.ptr)}, ">; rel=\"next\""));
    snprintf(path, size, "%.*s", (int)(end - link.ptr - 1), link.ptr + 1);
    return true;
}

/* Follows the links to the last page; `between` is run after each. */
static struct walk walk_from(const char *query, const char *between) {
    struct walk walk = {.is_falling = true, .is_rising = true};
    char path[1024];
    snprintf(path, sizeof(path), "/api/v1/orders%s", query);
    for (bool goes_on = true; goes_on;) {
        struct json_object *root = NULL;
        struct slice cursor;
        struct http_response response = get(path);
        if (response.status != 200)
            fail_msg("%s: %ld %s", path, response.status, response.body.ptr);
        assert_int_equal(json_parse(buf_slice(&response.body), &root, NULL), STATUS_OK);
        take_page(&walk, root);
        goes_on = follow_link(&response, path, sizeof(path));
        assert_int_equal(json_get_string(root, "nextCursor", &cursor, NULL) == STATUS_OK, goes_on);
        json_object_put(root);
        http_response_fini(&response);
        if (between != NULL)
            run_sql(between);
    }
    return walk;
}

static void pages_lead_through_all_orders_newest_first(void **state) {
    (void)state;
    run_sql(made_orders);
    struct walk walk = walk_from("", NULL);
    assert_int_equal(walk.pages, 6); /* of 50 each */
    assert_int_equal(walk.orders, 300);
    assert_int_equal(walk.first, 299);
    assert_true(walk.is_falling);

    walk = walk_from("?sort=createdAt&limit=200", NULL);
    assert_int_equal(walk.pages, 2);
    assert_int_equal(walk.orders, 300);
    assert_int_equal(walk.first, 0);
    assert_true(walk.is_rising);
}

/* Asks for so many orders in gzip. */
static struct http_response get_packed(const char *method, int limit) {
    char path[64];
    snprintf(path, sizeof(path), "/api/v1/orders?limit=%d", limit);
    char *url = gateway_url(path);
    struct http_response response;
    http_send(fixture.http,
              &(struct http_request){.method = method,
                                     .url = url,
                                     .headers = (const char *[]){"Accept-Encoding: gzip", NULL}},
              &response);
    free(url);
    assert_int_equal(response.status, 200);
    return response;
}

static void a_long_page_comes_in_gzip_to_who_asks_for_that(void **state) {
    (void)state;
    run_sql(made_orders);
    struct http_response plain = get("/api/v1/orders?limit=200");
    assert_slice_equal(http_header(&plain, "Vary"), "Accept-Encoding");
    assert_slice_equal(http_header(&plain, "Content-Encoding"), "");

    struct http_response packed = get_packed("GET", 200), head = get_packed("HEAD", 200);
    assert_slice_equal(http_header(&packed, "Content-Encoding"), "gzip");
    assert_slice_equal(http_header(&packed, "Vary"), "Accept-Encoding");
    assert_true(packed.body.len < plain.body.len / 4);
    char length[32];
    snprintf(length, sizeof(length), "%zu", packed.body.len);
    assert_slice_equal(http_header(&packed, "Content-Length"), length);
    assert_slice_equal(http_header(&head, "Content-Length"), length);
    assert_slice_equal(http_header(&head, "Content-Encoding"), "gzip");
    assert_true(http_header(&packed, "Link").len > 0);
    http_response_fini(&head);
    http_response_fini(&packed);
    http_response_fini(&plain);

    struct http_response small = get_packed("GET", 5);
    assert_slice_equal(http_header(&small, "Content-Encoding"), "");
    assert_slice_equal(http_header(&small, "Vary"), "");
    http_response_fini(&small);
}

/* The curl command reads it as any client does. */
static void a_packed_page_is_the_page(void **state) {
    (void)state;
    char *url = gateway_url("/api/v1/orders?limit=200"), command[512];
    snprintf(command, sizeof(command),
             "test \"$(curl -sS '%s')\" = \"$(curl -sS --compressed '%s')\"", url, url);
    assert_int_equal(system(command), 0);
    free(url);
}

static void filters_count_together(void **state) {
    (void)state;
    run_sql(made_orders);
    assert_int_equal(walk_from("?customerId=L1", NULL).orders, 100);
    assert_int_equal(walk_from("?status=FAILED", NULL).orders, 30);
    assert_int_equal(walk_from("?reason=out_of_stock&customerId=L0", NULL).orders, 10);
    assert_int_equal(walk_from("?status=COMPLETED&reason=out_of_stock", NULL).orders, 0);
    assert_int_equal(walk_from("?customerId=nobody", NULL).orders, 0);
    assert_int_equal(walk_from("?search=l1", NULL).orders, 100);
    assert_int_equal(walk_from("?search=l1&status=FAILED", NULL).orders,
                     walk_from("?customerId=L1&status=FAILED", NULL).orders);
    assert_int_equal(walk_from("?search=%25", NULL).orders, 0);

    struct walk span = walk_from("?from=2026-01-01T00:00:10Z&to=2026-01-01T01:00:20%2B01:00", NULL);
    assert_int_equal(span.orders, 10);
    assert_int_equal(span.last, 10);
}

static void orders_that_come_meanwhile_move_no_page(void **state) {
    (void)state;
    run_sql(made_orders);
    struct walk walk =
        walk_from("?limit=30&to=2026-01-02T00:00:00Z",
                  "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, currency,"
                  " total_minor, payment_method, correlation_id, traceparent, timeline,"
                  " accepted_at) SELECT gen_random_uuid(), 'default', 'L9', 'parallel', 'PENDING',"
                  " 'USD', 1000000, 'pm_card_visa', '', '', '[]',"
                  " timestamptz '2026-01-01T12:00:00Z' FROM generate_series(1, 7)");
    assert_int_equal(walk.orders, 300);
    assert_int_equal(walk.sum, 299 * 300 / 2);
}

static void a_rare_status_is_found_behind_pages_without_any(void **state) {
    (void)state;
    run_sql(made_orders);
    run_sql(many_orders);
    struct walk walk = walk_from("?status=FAILED&limit=200", NULL);
    assert_int_equal(walk.pages, 2); /* the first of which walked far and found none */
    assert_int_equal(walk.orders, 30);
    assert_int_equal(walk_from("?search=l1&limit=200", NULL).orders, 100);
}

static void a_cursor_counts_for_its_own_list_only(void **state) {
    (void)state;
    run_sql(made_orders);
    char own[1024], foreign[1100];
    struct http_response page = get("/api/v1/orders?status=COMPLETED&limit=10");
    assert_true(follow_link(&page, own, sizeof(own)));
    http_response_fini(&page);
    const char *cursor = strstr(own, "cursor=");
    assert_non_null(cursor);

    static const char *const others[] = {"", "status=FAILED&", "status=COMPLETED&customerId=L1&",
                                         "status=COMPLETED&sort=createdAt&",
                                         "status=COMPLETED&from=2025-01-01T00:00:00Z&"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(foreign, sizeof(foreign), "/api/v1/orders?%s%s", others[i], cursor);
        struct http_response refused = get(foreign);
        assert_problem(&refused, 400, "invalid-query");
    }
    snprintf(foreign, sizeof(foreign), "/api/v1/orders?status=COMPLETED&limit=200&%s", cursor);
    assert_int_equal(status_of("GET", foreign, NULL), 200); /* a page's size is no filter */
    char *last = &own[strlen(own) - 2];
    *last = *last == 'A' ? 'B' : 'A';
    struct http_response forged = get(own);
    assert_problem(&forged, 400, "invalid-query");
}

static void a_query_that_cannot_be_is_a_400(void **state) {
    (void)state;
    static const char *const queries[] = {
        "limit=0",
        "limit=201",
        "limit=ten",
        "limit=",
        "status=LOST",
        "reason=",
        "reason=bad_luck",
        "from=yesterday",
        "to=2026",
        "sort=updatedAt",
        "x=1",
        "status=%ZZ",
        "limit=5&limit=6",
        "cursor=abc",
        "customerId=%00",
        "&limit=1",
        "limit=001",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char path[100];
        snprintf(path, sizeof(path), "/api/v1/orders?%s", queries[i]);
        struct http_response refused = get(path);
        assert_problem(&refused, 400, "invalid-query");
    }
}

/* An index over what updates change, or with a predicate, would move every order to another page
   each time. */
static void no_index_stands_in_the_way_of_updates(void **state) {
    (void)state;
    static const struct pg_statement statement = {
        .name = "hot",
        .sql = "SELECT count(*) FROM pg_index i LEFT JOIN pg_attribute a"
               " ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
               " WHERE i.indrelid = 'orders.orders'::regclass"
               " AND (i.indpred IS NOT NULL OR a.attname NOT IN"
               "      ('id', 'tenant', 'customer_id', 'accepted_at', 'taken_at'))",
    };
    struct pg_result *result;
    struct error error;
    assert_int_equal(pg_query(pg, &statement, NULL, &result, &error), STATUS_OK);
    assert_int_equal(pg_get_int64(result, 0, 0), 0);
    pg_result_free(&result);
}

/* --- versions --------------------------------------------------------------------------------- */

static void what_a_reader_has_already_is_not_sent_again(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE], status_path[80];
    place(path);
    snprintf(status_path, sizeof(status_path), "%s/status", path);
    struct http_response order = get(path);
    assert_true(slice_is(http_header(&order, "ETag"), "\"1\""));
    http_response_fini(&order);

    struct http_response same = request("GET", path, "If-None-Match: \"9\", W/\"1\"");
    assert_int_equal(same.status, 304);
    assert_int_equal(same.body.len, 0);
    assert_true(slice_is(http_header(&same, "ETag"), "\"1\""));
    http_response_fini(&same);
    assert_int_equal(status_of("GET", status_path, "If-None-Match: \"1\""), 304);
    assert_int_equal(status_of("GET", path, "If-None-Match: *"), 304);
    assert_int_equal(status_of("GET", path, "If-None-Match: \"2\""), 200);
    assert_int_equal(status_of("GET", path, "If-None-Match: 1"), 200);
    assert_int_equal(status_of("GET", path, "If-Match: \"9\", \"1\""), 200);
    struct http_response other = request("GET", path, "If-Match: \"9\"");
    assert_problem(&other, 412, "precondition-failed");
    struct http_response malformed = request("GET", path, "If-Match: 1");
    assert_problem(&malformed, 400, "malformed-request");
}

static bool is_cancelled(void *path) {
    struct http_response response = get(path);
    bool is = body_has(&response, "\"status\":\"CANCELLED\"");
    http_response_fini(&response);
    return is;
}

/* Asserts that the answer says this to the order's customer. */
static void assert_message(const char *method, const char *path, const char *text) {
    char member[200];
    struct http_response response = request(method, path, NULL);
    snprintf(member, sizeof(member), "\"message\":\"%s\"", text);
    if (!body_has(&response, member))
        fail_msg("%s %s: no %s in %s", method, path, member, response.body.ptr);
    http_response_fini(&response);
}

static void every_answer_says_what_happens_now(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], status_path[80], cancel_path[80], sql[200];
    const char *id = order + sizeof("/api/v1/orders/") - 1;
    place(order);
    snprintf(status_path, sizeof(status_path), "%s/status", order);
    snprintf(cancel_path, sizeof(cancel_path), "%s/cancel", order);
    assert_message("GET", order, "We have your order and are reserving the goods.");
    assert_message("GET", status_path, "We have your order and are reserving the goods.");
    snprintf(sql, sizeof(sql), "UPDATE orders.orders SET steps = 1 WHERE id = '%s'", id);
    run_sql(sql);
    assert_message("GET", order, "The goods are reserved, and we are taking the payment.");
    assert_message("POST", cancel_path,
                   "You have cancelled your order: we are stopping it, unless it has been sent "
                   "already.");
    assert_true(wait_until(is_cancelled, order, 10000));
    assert_message("GET", "/api/v1/orders?limit=1&status=CANCELLED",
                   "You have cancelled your order. You pay nothing.");
    assert_message("POST", cancel_path, "Your order is cancelled.");
    snprintf(sql, sizeof(sql), "UPDATE orders.orders SET steps = 3 WHERE id = '%s'", id);
    run_sql(sql);
    assert_message("GET", status_path,
                   "You have cancelled your order. You get back what you paid.");
}

static void an_order_is_cancelled_at_the_version_its_client_knows(void **state) {
    (void)state;
    char path[ORDER_PATH_SIZE], cancel_path[80];
    place(path);
    snprintf(cancel_path, sizeof(cancel_path), "%s/cancel", path);
    struct http_response stale = request("POST", cancel_path, "If-Match: \"2\"");
    assert_problem(&stale, 412, "precondition-failed");
    struct http_response weak = request("POST", cancel_path, "If-Match: W/\"1\"");
    assert_problem(&weak, 412, "precondition-failed");
    struct http_response malformed = request("POST", cancel_path, "If-Match: 1");
    assert_problem(&malformed, 400, "malformed-request");
    assert_int_equal(status_of("POST", cancel_path, "If-Match: \"0\", \"1\""), 202);
    assert_true(wait_until(is_cancelled, path, 10000));
    assert_int_equal(status_of("POST", cancel_path, "If-Match: *"), 202);
    /* as it is repeated when its answer was lost */
    struct http_response again = request("POST", cancel_path, "If-Match: \"1\"");
    assert_int_equal(again.status, 202);
    assert_true(body_has(&again, "\"status\":\"CANCELLED\""));
    http_response_fini(&again);
}

/* --- customers -------------------------------------------------------------------------------- */

static char *authorize(const struct signing_key *key, const char *customer) {
    struct buf claims = {0}, header = {0};
    buf_printf(
        &claims,
        "{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"%s\",\"scope\":\"orders:read\",\"exp\":%lld}",
        customer, (long long)(clock_now_us() / 1000000 + 600));
    char *token = token_sign(key, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", claims.ptr);
    buf_printf(&header, "Authorization: Bearer %s", token);
    free(token);
    buf_fini(&claims);
    return header.ptr;
}

static void assert_list(const char *path, const char *authorization, const char *part) {
    struct http_response page = request("GET", path, authorization);
    if (page.status != 200 || !body_has(&page, part))
        fail_msg("%s: no %s in %ld %s", path, part, page.status, page.body.ptr);
    http_response_fini(&page);
}

static void a_customer_sees_orders_of_its_own_only(void **state) {
    (void)state;
    char order[ORDER_PATH_SIZE], events_path[80], key_path[256];
    place(order); /* of C1 */
    cancel(order);
    assert_true(wait_until(is_cancelled, order, 10000));
    snprintf(events_path, sizeof(events_path), "%s/events", order);
    snprintf(key_path, sizeof(key_path), "%s/jwt.pem", servers_dir(fixture.servers));
    struct signing_key *key = signing_key_create("ES256");
    signing_key_write_public(key, key_path);
    gateway_restart((const char *[]){"OM_AUTH", "jwt", "OM_JWT_ALG", "ES256", "OM_JWT_KEY_FILE",
                                     key_path, "OM_JWT_ISSUER", "i", "OM_JWT_AUDIENCE", "a", NULL});
    char *own = authorize(key, "C1"), *other = authorize(key, "C2");

    assert_list("/api/v1/orders", own, order + sizeof("/api/v1/orders/") - 1);
    assert_list("/api/v1/orders", other, "{\"orders\":[]}");
    assert_list("/api/v1/orders?customerId=C1", other, "{\"orders\":[]}");
    assert_int_equal(status_of("GET", events_path, own), 200);
    assert_int_equal(status_of("GET", events_path, other), 404);
    assert_int_equal(status_of("GET", "/api/v1/admin/events", own), 403);
    free(own);
    free(other);
    signing_key_destroy(&key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_lead_through_all_orders_newest_first),
        cmocka_unit_test(a_long_page_comes_in_gzip_to_who_asks_for_that),
        cmocka_unit_test(a_packed_page_is_the_page),
        cmocka_unit_test(filters_count_together),
        cmocka_unit_test(orders_that_come_meanwhile_move_no_page),
        cmocka_unit_test(a_rare_status_is_found_behind_pages_without_any),
        cmocka_unit_test(a_cursor_counts_for_its_own_list_only),
        cmocka_unit_test(a_query_that_cannot_be_is_a_400),
        cmocka_unit_test(no_index_stands_in_the_way_of_updates),
        cmocka_unit_test(what_a_reader_has_already_is_not_sent_again),
        cmocka_unit_test(every_answer_says_what_happens_now),
        cmocka_unit_test(an_order_is_cancelled_at_the_version_its_client_knows),
        cmocka_unit_test(a_customer_sees_orders_of_its_own_only),
    };
    return cmocka_run_group_tests(tests, order_fixture_setup, order_fixture_teardown);
}
