/*
 * The gateway and the order service with real PostgreSQL, Redis and NATS, and nobody else: orders
 * stay PENDING until a test cancels them. For tests of what readers see.
 */
#ifndef OM_TESTS_SUPPORT_GATEWAY_ORDER_FIXTURE_H
#define OM_TESTS_SUPPORT_GATEWAY_ORDER_FIXTURE_H

#define FIXTURE_SERVERS SERVERS_ALL
#include "shared/base/buf.h"
#include "tests/support/gateway/gateway_fixture.h"

#include "shared/pg/pg.h"

#define ORDER_PATH_SIZE sizeof("/api/v1/orders/00000000-0000-0000-0000-000000000000")

static struct process *order_service;
static struct pg *pg; /* superuser */

static inline void run_sql(const char *sql) {
    struct error error;
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

static inline struct http_response request(const char *method, const char *path,
                                           const char *header) {
    char *url = gateway_url(path);
    struct http_response response;
    http_send(fixture.http,
              &(struct http_request){
                  .method = method, .url = url, .headers = (const char *[]){header, NULL}},
              &response);
    free(url);
    return response;
}

static inline long status_of(const char *method, const char *path, const char *header) {
    struct http_response response = request(method, path, header);
    long status = response.status;
    http_response_fini(&response);
    return status;
}

static inline bool is_known(void *path) {
    struct http_response response = get(path);
    bool is = body_has(&response, "\"version\":");
    http_response_fini(&response);
    return is;
}

/* Places an order and waits until it is in the database. `path` is then its own. */
static inline void place(char path[ORDER_PATH_SIZE]) {
    struct http_response response = post(NULL, ORDER);
    assert_int_equal(response.status, 202);
    snprintf(path, ORDER_PATH_SIZE, "%.*s", SLICE_ARG(http_header(&response, "Location")));
    http_response_fini(&response);
    assert_true(wait_until(is_known, path, 10000));
}

static inline void cancel(const char *path) {
    struct buf cancel_path = {0};
    buf_printf(&cancel_path, "%s/cancel", path);
    assert_int_equal(status_of("POST", cancel_path.ptr, NULL), 202);
    buf_fini(&cancel_path);
}

static inline bool order_service_is_ready(void *admin_port) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", *(const int *)admin_port);
    bool is = http_get(url, &response) == 200;
    http_response_fini(&response);
    return is;
}

static inline int order_fixture_setup(void **state) {
    struct environment environment = {0};
    int admin_port = free_port();
    fixture_setup(state);
    servers_migrate(fixture.servers);
    pg = pg_create(servers_postgres_url(fixture.servers), "test");
    run_sql("INSERT INTO orders.catalog VALUES ('SKU-123', 1200, 'USD', true, 1)");
    servers_service_environment(fixture.servers, "order", "om_orders", &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    order_service = process_start(
        &(struct process_options){.argv = (const char *[]){OM_BINARY_DIR "/bin/om-order", NULL},
                                  .environment = &environment});
    environment_fini(&environment);
    assert_true(wait_until(order_service_is_ready, &admin_port, 20000));
    return 0;
}

static inline int order_fixture_teardown(void **state) {
    int code = -1;
    process_signal(order_service, SIGTERM);
    bool has_ended = process_wait(order_service, 15000, &code);
    process_destroy(&order_service);
    pg_destroy(&pg);
    fixture_teardown(state);
    return has_ended && code == 0 ? 0 : -1;
}

#endif
