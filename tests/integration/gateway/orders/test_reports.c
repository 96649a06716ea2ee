/* Reports over HTTP and by omctl: what is in them, where they go on, for whom they are, and that
   neither their length nor a client that does not read costs memory.

   Covers: gateway/admin/reports.c shared/service/report_page.c omctl/report.c
   services/analytics/revenue.c services/inventory/movements.c services/payment/read/refund_report.c
   shared/query/report.c */
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/gateway/order_fixture.h"
#include "tests/support/network/raw_http.h"
#include "tests/support/servers/program.h"

#include <sys/socket.h>
#include <sys/wait.h>

#define REPORTS "/api/v1/admin/reports/"
#define FEW 1000
#define MANY 60000 /* some ten megabytes */
#define JANUARY "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z"
#define MARCH "from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"

static struct process *services[3];

/* A second apart, of two tenants in turn; some customers have names that are formulas. */
static const char few_orders[] =
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, reason, currency,"
    " total_minor, payment_method, correlation_id, traceparent, timeline, accepted_at, updated_at)"
    " SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(g), 12, '0'))::uuid,"
    "  CASE WHEN g % 2 = 0 THEN 'default' ELSE 'acme' END,"
    "  CASE WHEN g % 10 = 0 THEN '=C,' ELSE 'C' END || g, 'parallel',"
    "  CASE WHEN g % 4 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,"
    "  CASE WHEN g % 4 = 0 THEN 'out_of_stock' END, 'USD', g, 'pm_card_visa', '', '', '[]',"
    "  timestamptz '2026-01-01T00:00:00Z' + g * interval '1 second',"
    "  timestamptz '2026-01-02T00:00:00Z' FROM generate_series(0, 2 * 1000 - 1) g";

static const char many_orders[] =
    "INSERT INTO orders.orders (id, tenant, customer_id, flow, status, currency, total_minor,"
    " payment_method, correlation_id, traceparent, timeline, accepted_at)"
    " SELECT gen_random_uuid(), 'default', 'MANY', 'parallel', 'COMPLETED', 'USD', 1,"
    "  'pm_card_visa', '', '', '[]', timestamptz '2026-03-01T00:00:00Z' + g * interval '10 ms'"
    " FROM generate_series(1, 60000) g; ANALYZE orders.orders";

static const char money[] =
    "INSERT INTO analytics.counts (granularity, at, measure, label, bin, value) VALUES"
    " ('day', '2026-01-01T00:00:00Z', 'captured', 'EUR', 0, 500),"
    " ('day', '2026-01-01T00:00:00Z', 'captured', 'USD', 0, 700),"
    " ('day', '2026-01-01T00:00:00Z', 'refunded', 'USD', 0, 900),"
    " ('day', '2026-01-01T00:00:00Z', 'status', 'COMPLETED', 0, 9),"
    " ('day', '2026-12-30T00:00:00Z', 'captured', 'EUR', 0, 5),"
    " ('hour', '2026-01-01T00:00:00Z', 'captured', 'EUR', 0, 500);"
    "INSERT INTO payments.payments (order_id, status, amount_minor, currency, payment_method,"
    " refunded_minor, updated_at) VALUES"
    " ('00000000-0000-8000-8000-000000000001', 'CAPTURED', 900, 'USD', 'pm', 300,"
    "  '2026-01-03T00:00:00Z'),"
    " ('00000000-0000-8000-8000-000000000002', 'REFUNDED', 800, 'EUR', 'pm', NULL,"
    "  '2026-01-04T00:00:00Z'),"
    " ('00000000-0000-8000-8000-000000000003', 'CAPTURED', 1, 'EUR', 'pm', NULL,"
    "  '2026-01-04T00:00:00Z');"
    "INSERT INTO payments.refunds (id, order_id, amount_minor, reason, status, created_at) VALUES"
    " ('10000000-0000-8000-8000-000000000001', '00000000-0000-8000-8000-000000000001', 100,"
    "  'torn, \"badly\"', 'REFUNDED', '2026-01-03T00:00:00Z'),"
    " ('10000000-0000-8000-8000-000000000002', '00000000-0000-8000-8000-000000000001', 200,"
    "  'late', 'PENDING', '2026-01-05T00:00:00Z'),"
    " ('10000000-0000-8000-8000-000000000003', '00000000-0000-8000-8000-000000000001', 50,"
    "  'late', 'REFUSED', '2026-02-05T00:00:00Z');"
    "INSERT INTO inventory.stock_adjustments (id, sku, delta, reason, on_hand, adjusted_at) VALUES"
    " ('20000000-0000-8000-8000-000000000001', 'MUG', 5, 'opening stock', 5,"
    "  '2026-01-01T00:00:00Z'),"
    " ('20000000-0000-8000-8000-000000000002', 'MUG', -2, '-broken', 3, '2026-01-01T00:00:00Z');";

/* --- reading ---------------------------------------------------------------------------------- */

static char *report_as(const char *authorization, const char *query) {
    char path[512];
    snprintf(path, sizeof(path), REPORTS "%s", query);
    struct http_response response = ask_as(authorization, "GET", path, NULL);
    if (response.status != 200)
        fail_msg("%s: %ld %s", path, response.status, response.body.ptr);
    char *text = mem_copy(buf_slice(&response.body));
    http_response_fini(&response);
    return text;
}

static char *report(const char *query) {
    return report_as(NULL, query);
}

static size_t lines_of(const char *text) {
    size_t lines = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

static const char *line_of(const char *text, size_t number) {
    for (; number > 0; number--)
        text = strchr(text, '\n') + 1;
    return text;
}

static void assert_report(const char *query, const char *expected) {
    char *text = report(query);
    assert_string_equal(text, expected);
    free(text);
}

/* --- what is in them -------------------------------------------------------------------------- */

static void orders_are_listed_by_the_time_they_were_accepted(void **state) {
    (void)state;
    char *text = report("orders?" JANUARY);
    assert_int_equal(lines_of(text), 1 + FEW);
    static const char first[] =
        "createdAt,orderId,customerId,status,reason,currency,totalMinor,flow,trackingNumber,"
        "updatedAt\r\n"
        "2026-01-01T00:00:00.000000Z,00000000-0000-8000-8000-000000000000,\"'=C,0\",FAILED,"
        "out_of_stock,USD,0,parallel,,2026-01-02T00:00:00.000000Z\r\n"
        "2026-01-01T00:00:02.000000Z,00000000-0000-8000-8000-000000000002,C2,COMPLETED,,USD,2,"
        "parallel,,2026-01-02T00:00:00.000000Z\r\n";
    assert_memory_equal(text, first, sizeof(first) - 1);
    free(text);
    text = report("orders?from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:03Z&format=ndjson");
    assert_int_equal(lines_of(text), 2);
    assert_contains(text, "{\"createdAt\":\"2026-01-01T00:00:02.000000Z\",\"orderId\":\"00000000-"
                          "0000-8000-8000-000000000002\",\"customerId\":\"C2\",");
    free(text);
}

static void a_report_goes_on_behind_any_row_of_it(void **state) {
    (void)state;
    char *whole = report("orders?" JANUARY);
    static const size_t rows[] = {1, 199, 200, 201, 563, FEW};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char query[300];
        struct slice rest = {line_of(whole, rows[i]), strlen(line_of(whole, rows[i]))};
        struct slice time = slice_take_until(&rest, ','), id = slice_take_until(&rest, ',');
        snprintf(query, sizeof(query), "orders?" JANUARY "&after=%.*s/%.*s", SLICE_ARG(time),
                 SLICE_ARG(id));
        assert_report(query, line_of(whole, rows[i] + 1));
    }
    free(whole);
}

static void revenue_is_by_bucket_and_currency(void **state) {
    (void)state;
    assert_report("revenue?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z",
                  "at,currency,capturedMinor,refundedMinor,revenueMinor\r\n"
                  "2026-01-01T00:00:00.000000Z,EUR,500,0,500\r\n"
                  "2026-01-01T00:00:00.000000Z,USD,700,900,-200\r\n"
                  "2026-12-30T00:00:00.000000Z,EUR,5,0,5\r\n");
    assert_report("revenue?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"
                  "&after=2026-01-01T00:00:00Z/EUR",
                  "2026-01-01T00:00:00.000000Z,USD,700,900,-200\r\n"
                  "2026-12-30T00:00:00.000000Z,EUR,5,0,5\r\n");
    assert_report("revenue?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&granularity=hour"
                  "&format=ndjson",
                  "{\"at\":\"2026-01-01T00:00:00.000000Z\",\"currency\":\"EUR\","
                  "\"capturedMinor\":500,\"refundedMinor\":0,\"revenueMinor\":500}\n");
}

static void refunds_are_those_of_parts_and_those_of_all(void **state) {
    (void)state;
    assert_report(
        "refunds?" JANUARY,
        "at,refundId,orderId,kind,status,currency,amountMinor,reason\r\n"
        "2026-01-03T00:00:00.000000Z,10000000-0000-8000-8000-000000000001,"
        "00000000-0000-8000-8000-000000000001,part,REFUNDED,USD,100,\"torn, \"\"badly\"\"\"\r\n"
        "2026-01-04T00:00:00.000000Z,00000000-0000-8000-8000-000000000002,"
        "00000000-0000-8000-8000-000000000002,whole,REFUNDED,EUR,800,\r\n"
        "2026-01-05T00:00:00.000000Z,10000000-0000-8000-8000-000000000002,"
        "00000000-0000-8000-8000-000000000001,part,PENDING,USD,200,late\r\n");
    assert_report("refunds?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z"
                  "&after=2026-01-05T00:00:00Z/10000000-0000-8000-8000-000000000002",
                  "2026-02-05T00:00:00.000000Z,10000000-0000-8000-8000-000000000003,"
                  "00000000-0000-8000-8000-000000000001,part,REFUSED,USD,50,late\r\n");
}

static void stock_is_what_came_in_and_was_written_off(void **state) {
    (void)state;
    assert_report("stock?" JANUARY,
                  "at,movementId,sku,warehouse,quantity,onHand,reason\r\n"
                  "2026-01-01T00:00:00.000000Z,20000000-0000-8000-8000-000000000001,MUG,main,5,5,"
                  "opening stock\r\n"
                  "2026-01-01T00:00:00.000000Z,20000000-0000-8000-8000-000000000002,MUG,main,-2,3,"
                  "\"'-broken\"\r\n");
    assert_report(
        "stock?" JANUARY "&after=2026-01-01T00:00:00Z/20000000-0000-8000-8000-000000000002", "");
}

static void what_cannot_be_reported_is_a_400(void **state) {
    (void)state;
    static const char *const queries[] = {
        "orders?from=yesterday",
        "orders?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "orders?granularity=week",
        "orders?format=xlsx",
        "orders?after=2026-01-01T00:00:00Z",
        "orders?after=noon/00000000-0000-8000-8000-000000000002",
        "orders?after=2026-01-01T00:00:00Z/2",
        "refunds?after=2026-01-01T00:00:00Z/2",
        "stock?after=2026-01-01T00:00:00Z/2",
        "revenue?granularity=minute&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z",
        "orders?customerId=C1",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char path[300];
        snprintf(path, sizeof(path), REPORTS "%s", queries[i]);
        struct http_response refused = get(path);
        assert_problem(&refused, 400, "invalid-query");
    }
    assert_int_equal(status_of("GET", REPORTS "profit", NULL), 404);
    struct http_response head = request("HEAD", REPORTS "orders?" JANUARY, NULL);
    assert_int_equal(head.status, 200);
    assert_slice_equal(http_header(&head, "Content-Type"), "text/csv; charset=utf-8");
    http_response_fini(&head);
}

/* --- how long they may be --------------------------------------------------------------------- */

static long resident_kb(void) {
    char path[64], line[128];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(fixture.gateway));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    fclose(file);
    return kb;
}

static void a_long_report_takes_the_memory_of_a_page(void **state) {
    (void)state;
    run_sql(many_orders);
    free(report("orders?" JANUARY));
    long before_kb = resident_kb();
    char *text = report("orders?" MARCH);
    assert_int_equal(lines_of(text), 1 + MANY);
    assert_true(strlen(text) > (size_t)MANY * 100);
    long grown_kb = resident_kb() - before_kb;
    if (grown_kb > 2048 * OM_TIME_FACTOR)
        fail_msg("%ld KB", grown_kb);
    free(text);
}

/* Asks for it over a connection that holds little. */
static struct raw_connection *open_slowly(const char *query) {
    struct raw_connection *connection = raw_connect(fixture.port, false);
    struct buf head = {0};
    int bytes = 16 * 1024;
    setsockopt(raw_fd(connection), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    buf_printf(&head, "GET " REPORTS "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", query);
    assert_true(raw_send(connection, buf_slice(&head)));
    buf_fini(&head);
    assert_true(raw_has_input(connection, 10000));
    return connection;
}

/* All that comes until the connection ends. */
static struct buf read_to_end(struct raw_connection *connection) {
    struct buf text = {0};
    char chunk[65536];
    for (ssize_t len; (len = recv(raw_fd(connection), chunk, sizeof(chunk), 0)) > 0;)
        buf_append(&text, chunk, (size_t)len);
    return text;
}

/* Without the chunk that ends it. */
static void assert_is_a_part(const struct buf *text) {
    if (lines_of(text->ptr) < 100 || lines_of(text->ptr) >= MANY)
        fail_msg("%zu lines, %zu bytes: %.400s", lines_of(text->ptr), text->len, text->ptr);
    assert_memory_not_equal(text->ptr + text->len - 5, "0\r\n\r\n", 5);
}

static void a_client_that_does_not_read_is_dropped(void **state) {
    (void)state;
    gateway_restart((const char *[]){"OM_HTTP_SEND_TIMEOUT_MS", "1000", NULL});
    struct raw_connection *connection = open_slowly("orders?" MARCH);
    clock_sleep_ms(2500);
    struct buf text = read_to_end(connection);
    assert_is_a_part(&text);
    buf_fini(&text);
    raw_close(&connection);
    gateway_restart(NULL);
}

static void what_is_broken_off_has_no_end_and_can_be_gone_on_with(void **state) {
    (void)state;
    struct raw_connection *connection = open_slowly("orders?" MARCH);
    run_sql("ALTER TABLE orders.orders RENAME TO hidden");
    struct buf text = read_to_end(connection);
    run_sql("ALTER TABLE orders.hidden RENAME TO orders");
    assert_is_a_part(&text);
    buf_fini(&text);
    raw_close(&connection);
}

/* --- omctl ------------------------------------------------------------------------------------ */

static int run_omctl(const char *arguments, struct buf *output) {
    struct buf command = {0};
    char chunk[4096];
    buf_printf(&command,
               "OM_NATS_URL=%s OM_NATS_USER=operator OM_NATS_PASSWORD_FILE=%s %s/bin/omctl"
               " report %s 2>&1",
               servers_nats_url(fixture.servers),
               servers_nats_password_file(fixture.servers, "operator"), OM_BINARY_DIR, arguments);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    for (size_t len; (len = fread(chunk, 1, sizeof(chunk), pipe)) > 0;)
        buf_append(output, chunk, len);
    int status = pclose(pipe);
    buf_fini(&command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void omctl_prints_the_same(void **state) {
    (void)state;
    static const char *const kinds[] = {"orders", "revenue", "refunds", "stock"};
    for (size_t i = 0; i < 4; i++) {
        char arguments[200], query[200];
        struct buf output = {0};
        snprintf(arguments, sizeof(arguments),
                 "%s --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z", kinds[i]);
        snprintf(query, sizeof(query), "%s?" JANUARY, kinds[i]);
        assert_int_equal(run_omctl(arguments, &output), 0);
        assert_report(query, output.ptr);
        buf_fini(&output);
    }
    struct buf rest = {0};
    assert_int_equal(
        run_omctl("stock --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --format"
                  " ndjson --after 2026-01-01T00:00:00Z/20000000-0000-8000-8000-"
                  "000000000001",
                  &rest),
        0);
    assert_contains(rest.ptr, "\"quantity\":-2");
    assert_int_equal(lines_of(rest.ptr), 1);
    buf_clear(&rest);
    assert_int_equal(run_omctl("profit", &rest), 2);
    assert_int_equal(run_omctl("orders --format xlsx", &rest), 2);
    assert_int_equal(run_omctl("orders --after noon", &rest), 2);
    buf_fini(&rest);
}

/* --- for whom --------------------------------------------------------------------------------- */

static void an_administrator_reads_the_orders_of_its_tenant(void **state) {
    (void)state;
    jwt_fixture_set();
    gateway_restart(NULL);
    const char *acme = authorize_with(key, "root", "admin", ",\"tenant\":\"acme\"");
    char *text = report_as(acme, "orders?" JANUARY);
    assert_int_equal(lines_of(text), 1 + FEW);
    assert_contains(text, ",C1,");
    assert_null(strstr(text, ",C2,"));
    free(text);
    signing_key_destroy(&key);
    signing_key_destroy(&next_key);
}

/* --- fixture ---------------------------------------------------------------------------------- */

static struct process *start_service(const char *name, const char *role) {
    struct environment environment = {0};
    int port = free_port();
    servers_service_environment(fixture.servers, name, role, &environment);
    environment_set_int(&environment, "OM_ADMIN_PORT", port);
    struct process *process = program_start(name, &environment, NULL);
    environment_fini(&environment);
    assert_true(wait_until(program_is_ready, &port, 20000));
    return process;
}

static int setup(void **state) {
    order_fixture_setup(state);
    run_sql(few_orders);
    run_sql(money);
    services[0] = start_service("analytics", "om_analytics");
    services[1] = start_service("payment", "om_payments");
    services[2] = start_service("inventory", "om_inventory");
    return 0;
}

static int teardown(void **state) {
    int failed = 0;
    for (int i = 0; i < 3; i++)
        failed |= program_end(&services[i], 15000);
    return order_fixture_teardown(state) | failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_listed_by_the_time_they_were_accepted),
        cmocka_unit_test(a_report_goes_on_behind_any_row_of_it),
        cmocka_unit_test(revenue_is_by_bucket_and_currency),
        cmocka_unit_test(refunds_are_those_of_parts_and_those_of_all),
        cmocka_unit_test(stock_is_what_came_in_and_was_written_off),
        cmocka_unit_test(what_cannot_be_reported_is_a_400),
        cmocka_unit_test(a_long_report_takes_the_memory_of_a_page),
        cmocka_unit_test(a_client_that_does_not_read_is_dropped),
        cmocka_unit_test(what_is_broken_off_has_no_end_and_can_be_gone_on_with),
        cmocka_unit_test(omctl_prints_the_same),
        cmocka_unit_test(an_administrator_reads_the_orders_of_its_tenant),
    };
    return cmocka_run_group_tests_name("reports", tests, setup, teardown);
}
