#include "tests/support/gateway/order_fixture.h"

#include "tests/support/servers/program.h"

struct pg *pg;
static struct process *order_service;

void run_sql(const char *sql) {
    struct error error;
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fail_msg("%s: %s", sql, error.text);
}

struct http_response request(const char *method, const char *path, const char *header) {
    char *url = gateway_url(path);
    struct http_response response;
    http_send(fixture.http,
              &(struct http_request){
                  .method = method, .url = url, .headers = (const char *[]){header, NULL}},
              &response);
    free(url);
    return response;
}

long status_of(const char *method, const char *path, const char *header) {
    struct http_response response = request(method, path, header);
    long status = response.status;
    http_response_fini(&response);
    return status;
}

bool is_known(void *path) {
    struct http_response response = get(path);
    bool is = body_has(&response, "\"version\":");
    http_response_fini(&response);
    return is;
}

void place(char path[ORDER_PATH_SIZE]) {
    struct http_response response = post(NULL, ORDER);
    assert_int_equal(response.status, 202);
    snprintf(path, ORDER_PATH_SIZE, "%.*s", SLICE_ARG(http_header(&response, "Location")));
    http_response_fini(&response);
    assert_true(wait_until(is_known, path, 10000));
}

void cancel(const char *path) {
    struct buf cancel_path = {0};
    buf_printf(&cancel_path, "%s/cancel", path);
    assert_int_equal(status_of("POST", cancel_path.ptr, NULL), 202);
    buf_fini(&cancel_path);
}

int order_fixture_setup(void **state) {
    struct environment environment = {0};
    int admin_port = free_port();
    fixture_setup_with_database(state);
    servers_migrate(fixture.servers);
    pg = pg_create(servers_postgres_url(fixture.servers), "test");
    run_sql("INSERT INTO orders.catalog VALUES ('SKU-123', 1200, 'USD', true, 1)");
    servers_service_environment(fixture.servers, "order", "om_orders", &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", admin_port);
    order_service = program_start("order", &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &admin_port, 20000));
    return 0;
}

int order_fixture_teardown(void **state) {
    int exit_code = program_end(&order_service, 15000);
    pg_destroy(&pg);
    fixture_teardown(state);
    return exit_code == 0 ? 0 : -1;
}
