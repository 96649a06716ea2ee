/* A customer is erased while everything runs: what opens their personal data is searched for in all
   that the servers, the logs and a backup hold, and tried.

   Covers: gateway/customers/ gateway/orders/post_order.c services/notification/customer_keys.c
   services/notification/endpoint.c services/notification/export.c services/order/read/personal.c
   omctl/customer.c */
#include "shared/crypto/seal_key.h"
#include "tests/support/base/test.h"
#include "tests/support/mesh/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ORDER_TIMEOUT_MS 20000
#define FORGOTTEN_MS 15000 /* SHARED_SEAL_TURN_MS, and a question */

static struct scenario *scenario;
static struct http_client *http;

/* --- tools ------------------------------------------------------------------------------------ */

/* All that a shell command prints; fails the test where it does. */
static struct buf shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct buf shell(const char *format, ...) {
    struct buf out = {0};
    char command[2000], part[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t n; (n = fread(part, 1, sizeof(part), pipe)) > 0;)
        buf_append(&out, part, n);
    buf_append_text(&out, "");
    int code = pclose(pipe);
    if (code != 0)
        fail_msg("%s: %d: %s", command, code, out.ptr);
    return out;
}

static const char *home(void) {
    return servers_dir(mesh_servers(scenario->mesh));
}

static const char *database(void) {
    return servers_postgres_url(mesh_servers(scenario->mesh));
}

static void place(const char *customer, const char *method, char id[64]) {
    struct buf body = {0};
    struct placed_order order;
    static int number;
    char key[32];
    snprintf(key, sizeof(key), "erasure-%d", ++number);
    buf_printf(&body,
               "{\"customerId\":\"%s\",\"email\":\"mail-of-%s@example.org\",\"currency\":\"USD\","
               "\"items\":[{\"sku\":\"TSHIRT-BLK-M\",\"quantity\":1}],\"paymentMethod\":\"%s\"}",
               customer, customer, method);
    clients_place(scenario->clients, key, body.ptr, &order);
    assert_int_equal(order.status, 202);
    snprintf(id, 64, "%s", order.id);
    placed_order_fini(&order);
    buf_fini(&body);
}

static void complete(const char *id) {
    assert_true(clients_await_status(scenario->clients, id, "COMPLETED", ORDER_TIMEOUT_MS, NULL));
}

static void place_completed(const char *customer, char id[64]) {
    place(customer, "pm_card_visa", id);
    complete(id);
}

static long erase_by_http(const char *customer, struct http_response *response) {
    char url[300];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/v1/customers/%s/personal-data",
             mesh_http_port(scenario->mesh), customer);
    return http_send(http, &(struct http_request){.method = "DELETE", .url = url}, response);
}

static void erase(const char *customer) {
    struct http_response response;
    assert_int_equal(erase_by_http(customer, &response), 200);
    assert_contains(response.body.ptr, "\"erasedAt\":");
    http_response_fini(&response);
}

static int64_t count_keys(const char *customer) {
    return scenario_sql(scenario,
                        "SELECT count(*) FROM notifications.customer_keys WHERE customer_id = $1",
                        customer);
}

/* "SENT", "ERASED" ... of an order's notices, apart by blanks, once it has both. */
struct notices {
    const char *id, *status;
};

static bool has_notices(void *closure) {
    const struct notices *notices = closure;
    char sql[200];
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM notifications.notifications WHERE order_id = $1::uuid AND "
             "status = '%s'",
             notices->status);
    return scenario_sql(scenario, sql, notices->id) == 2;
}

static void await_notices(const char *id, const char *status) {
    struct notices notices = {id, status};
    if (!wait_until(has_notices, &notices, ORDER_TIMEOUT_MS))
        fail_msg("order %s has not two notices that are %s", id, status);
}

/* --- what opens ------------------------------------------------------------------------------- */

static struct buf sealed_of(const char *order) {
    struct buf sealed = shell(
        "psql '%s' -XAtc \"SELECT sealed FROM orders.orders WHERE id = '%s'\"", database(), order);
    sealed.len = strcspn(sealed.ptr, "\n");
    sealed.ptr[sealed.len] = '\0';
    return sealed;
}

static bool opens(const struct key_ring *ring, struct slice candidate, struct slice sealed) {
    struct buf plain = {0};
    struct error error = {0};
    bool is_open = seal_key_open(ring, candidate, sealed, &plain, &error) == STATUS_OK;
    buf_fini(&plain);
    return is_open;
}

/* How many different texts below `path` that could be what opens do open the order's data. */
static int count_openers(const char *path, const char *order) {
    struct key_ring *ring = NULL;
    struct error error = {0};
    struct buf sealed = sealed_of(order), key_file = shell("find '%s' -name 'pii.key'", home());
    struct buf found =
        shell("grep -raohE 'v[12]\\.[0-9a-f]{8}\\.[A-Za-z0-9_.-]+' '%s' | sort -u; true", path);
    struct slice rest = buf_slice(&found);
    int count = 0;
    key_file.ptr[strcspn(key_file.ptr, "\n")] = '\0';
    require_ok(key_ring_create(key_file.ptr, NULL, &ring, &error), &error);
    assert_memory_equal(sealed.ptr, "v2.", 3);
    while (rest.len > 0)
        count += opens(ring, slice_take_line(&rest), buf_slice(&sealed));
    key_ring_destroy(&ring);
    buf_fini(&key_file);
    buf_fini(&found);
    buf_fini(&sealed);
    return count;
}

static void back_up(const char *name, const char *options) {
    struct buf out = shell("pg_dump %s --file='%s/%s' '%s'", options, home(), name, database());
    buf_fini(&out);
}

static int openers_in(const char *name, const char *order) {
    char path[500];
    snprintf(path, sizeof(path), "%s/%s", home(), name);
    return count_openers(path, order);
}

#define WITHOUT_KEYS "--exclude-table-data='notifications.customer_*'"

/* --- the tests -------------------------------------------------------------------------------- */

static void nothing_opens_an_erased_customers_data_in_any_copy(void **state) {
    (void)state;
    char gone[64], under_way[64], other[64];
    place_completed("Cust-Gone", gone);
    place_completed("Cust-Stays", other);
    await_notices(gone, "SENT");
    back_up("backup", WITHOUT_KEYS);
    back_up("all", "");
    assert_int_equal(openers_in("all", gone), 1); /* what the search would find */
    assert_int_equal(openers_in("backup", gone), 0);
    assert_int_equal(openers_in("redis", gone) + openers_in("nats", gone), 0);

    place("Cust-Gone", "pm_sim_delay_2000", under_way);
    erase("Cust-Gone");
    complete(under_way);
    await_notices(under_way, "ERASED");

    back_up("after", "");
    assert_int_equal(openers_in("after", gone), 0);
    assert_int_equal(openers_in("after", other), 1);
    assert_int_equal(openers_in("backup", gone), 0);
    assert_int_equal(openers_in("redis", gone) + openers_in("nats", gone), 0);
    struct buf clear = shell("grep -rlaE 'mail-of-Cust-(Gone|Stays)' '%s'; true", home());
    assert_string_equal(clear.ptr, "");
    struct buf seen = shell("grep -rlaE 'Cust-Gone' '%s' | wc -l", home());
    assert_true(strtol(seen.ptr, NULL, 10) > 3); /* the search does look everywhere */
    buf_fini(&clear);
    buf_fini(&seen);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS)); /* and no dead letter */
}

static void a_backup_made_before_opens_nothing_when_it_is_restored(void **state) {
    (void)state;
    struct buf out = shell(
        "psql -q '%s' -c 'CREATE DATABASE restored' && "
        "psql -q -v ON_ERROR_STOP=1 \"$(echo '%s' | sed 's#/[^/?]*\\(?.*\\)\\?$#/restored\\1#')\""
        " -f '%s/backup' -XAt -c 'SELECT count(*) FROM notifications.customer_keys'"
        " -c \"SELECT count(*) > 0 FROM orders.orders WHERE sealed LIKE 'v2.%%'\" | tail -n 2",
        database(), database(), home());
    assert_string_equal(out.ptr, "0\nt\n");
    buf_fini(&out);
}

static void erasing_again_is_the_same_and_is_on_record(void **state) {
    (void)state;
    struct http_response response;
    assert_int_equal(erase_by_http("Cust-Gone", &response), 200);
    assert_contains(response.body.ptr, "\"keys\":0,\"times\":2");
    http_response_fini(&response);
    struct buf listed =
        shell("OM_DATABASE_URL='%s' '%s/bin/omctl' customer erasures", database(), OM_BINARY_DIR);
    assert_contains(listed.ptr, "\"customerId\":\"Cust-Gone\",\"erasedBy\":\"gateway\"");
    buf_fini(&listed);
}

static void the_next_order_has_a_new_key(void **state) {
    (void)state;
    char first[64], second[64];
    place_completed("Cust-Back", first);
    erase("Cust-Back");
    assert_int_equal(count_keys("Cust-Back"), 0);
    place_completed("Cust-Back", second);
    assert_int_equal(count_keys("Cust-Back"), 1);
    await_notices(second, "SENT");
    back_up("back", "");
    assert_int_equal(openers_in("back", first), 0);
    assert_int_equal(openers_in("back", second), 1);
}

static long count_kept_keys(void) {
    struct buf keys =
        shell("redis-cli -u '%s' --scan --pattern 'order:seal:*' | grep -cv shared; true",
              servers_redis_url(mesh_servers(scenario->mesh)));
    long count = strtol(keys.ptr, NULL, 10);
    buf_fini(&keys);
    return count;
}

static bool is_forgotten(void *before) {
    return count_kept_keys() < *(const long *)before;
}

/* It erases in the database alone, and gateways ask who was. */
static void what_omctl_erases_the_gateways_hear(void **state) {
    (void)state;
    char first[64], second[64];
    place_completed("Cust-Omctl", first);
    long kept = count_kept_keys();
    struct buf out = shell("OM_DATABASE_URL='%s' '%s/bin/omctl' customer erase Cust-Omctl",
                           database(), OM_BINARY_DIR);
    assert_contains(out.ptr, "1 keys were destroyed");
    assert_true(wait_until(is_forgotten, &kept, FORGOTTEN_MS));
    place_completed("Cust-Omctl", second);
    await_notices(second, "SENT");
    buf_fini(&out);
}

/* Killed behind the commit and before its answer: what was asked for is done, and is asked again.
 */
static void a_kill_in_the_middle_leaves_it_done_or_not(void **state) {
    (void)state;
    char id[64];
    struct http_response response;
    place_completed("Cust-Kill", id);
    mesh_kill(scenario->mesh, MESH_NOTIFICATION);
    mesh_launch(scenario->mesh, MESH_NOTIFICATION, "notification.after_erasing:1");
    assert_true(mesh_await_ready(scenario->mesh, ORDER_TIMEOUT_MS));
    assert_int_equal(erase_by_http("Cust-Kill", &response), 503);
    http_response_fini(&response);
    mesh_revive(scenario->mesh);
    assert_true(mesh_await_ready(scenario->mesh, ORDER_TIMEOUT_MS));
    assert_int_equal(count_keys("Cust-Kill"), 0);
    assert_int_equal(erase_by_http("Cust-Kill", &response), 200);
    assert_contains(response.body.ptr, "\"times\":2");
    http_response_fini(&response);
}

/* 1 for a text of a shared key, 0 for one of the customer's own. */
static int64_t is_shared(const char *order) {
    return scenario_sql(
        scenario,
        "SELECT count(*) FROM notifications.customer_keys k JOIN orders.orders o ON "
        "split_part(o.sealed, '.', 3) = k.id AND k.customer_id = '' WHERE "
        "o.id = $1::uuid",
        order);
}

/* Who is known is sealed for with their own key all the same; others with a shared one. */
static void without_the_notification_service_orders_are_accepted_and_told_later(void **state) {
    (void)state;
    char known[64], first[64], second[64];
    place_completed("Cust-Known", known);
    mesh_kill(scenario->mesh, MESH_NOTIFICATION);
    place("Cust-Known", "pm_card_visa", first);
    place("Cust-New", "pm_card_visa", second);
    mesh_launch(scenario->mesh, MESH_NOTIFICATION, NULL);
    complete(first);
    complete(second);
    await_notices(first, "SENT");
    await_notices(second, "SENT");
    assert_int_equal(is_shared(first), 0);
    assert_int_equal(is_shared(second), 1);
    assert_true(clients_check(scenario->clients, SCENARIO_SETTLE_MS));
}

/* 1 for a text of the customer's own key. */
static int64_t has_own(const char *order) {
    return scenario_sql(
        scenario,
        "SELECT count(*) FROM notifications.customer_keys k JOIN orders.orders o ON "
        "split_part(o.sealed, '.', 3) = k.id AND k.customer_id = o.customer_id WHERE "
        "o.id = $1::uuid",
        order);
}

static bool is_another_kept(void *before) {
    return count_kept_keys() > *(const long *)before;
}

/* Under load answers are often late; orders were sealed with the shared key for a second then. */
static void after_a_late_answer_keys_are_asked_for_again(void **state) {
    (void)state;
    char first[64], second[64];
    long before = count_kept_keys();
    mesh_pause(scenario->mesh, MESH_NOTIFICATION);
    place("Cust-Slow", "pm_card_visa", first);
    mesh_resume(scenario->mesh, MESH_NOTIFICATION);
    assert_true(wait_until(is_another_kept, &before, FORGOTTEN_MS));
    place("Cust-Next", "pm_card_visa", second);
    complete(first);
    complete(second);
    await_notices(second, "SENT");
    assert_int_equal(has_own(first), 0);
    assert_int_equal(has_own(second), 1);
}

/* All pages of what omctl prints, and the one page of the gateway. */
static struct buf export_by_omctl(const char *customer) {
    struct servers *servers = mesh_servers(scenario->mesh);
    return shell("OM_NATS_URL='%s' OM_NATS_USER=operator OM_NATS_PASSWORD_FILE='%s' "
                 "'%s/bin/omctl' customer export '%s'",
                 servers_nats_url(servers), servers_nats_password_file(servers, "operator"),
                 OM_BINARY_DIR, customer);
}

static void what_is_held_is_told_page_by_page_and_no_more_once_it_is_erased(void **state) {
    (void)state;
    char first[64], second[64], path[300];
    struct http_response response;
    place_completed("Cust-Told", first);
    place_completed("Cust-Told", second);
    await_notices(second, "SENT");
    snprintf(path, sizeof(path), "/api/v1/customers/Cust-Told/personal-data");
    assert_int_equal(clients_get(scenario->clients, path, &response), 200);
    assert_contains(response.body.ptr,
                    "\"personalData\":{\"email\":\"mail-of-Cust-Told@example.org\"}");
    assert_contains(response.body.ptr, "\"confirmed\"");
    struct buf told = export_by_omctl("Cust-Told");
    assert_memory_equal(told.ptr, response.body.ptr, response.body.len);
    http_response_fini(&response);
    buf_fini(&told);

    snprintf(path, sizeof(path), "/api/v1/customers/Cust-Told/personal-data?after=%s", first);
    assert_int_equal(clients_get(scenario->clients, path, &response), 200);
    assert_contains(response.body.ptr, second);
    assert_null(strstr(response.body.ptr, first));
    http_response_fini(&response);

    erase("Cust-Told");
    told = export_by_omctl("Cust-Told");
    assert_contains(told.ptr, "\"unreadable\":\"the customer's personal data was erased\"");
    assert_contains(told.ptr, "\"erasedAt\":");
    assert_null(strstr(told.ptr, "mail-of"));
    buf_fini(&told);
}

static int setup(void **state) {
    scenario_setup(state);
    scenario = *state;
    http = http_client_create();
    return 0;
}

static int teardown(void **state) {
    http_client_destroy(&http);
    return scenario_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_opens_an_erased_customers_data_in_any_copy),
        cmocka_unit_test(a_backup_made_before_opens_nothing_when_it_is_restored),
        cmocka_unit_test(erasing_again_is_the_same_and_is_on_record),
        cmocka_unit_test(the_next_order_has_a_new_key),
        cmocka_unit_test(what_omctl_erases_the_gateways_hear),
        cmocka_unit_test(what_is_held_is_told_page_by_page_and_no_more_once_it_is_erased),
        cmocka_unit_test(a_kill_in_the_middle_leaves_it_done_or_not),
        cmocka_unit_test(without_the_notification_service_orders_are_accepted_and_told_later),
        cmocka_unit_test(after_a_late_answer_keys_are_asked_for_again),
    };
    return cmocka_run_group_tests_name("erasure", tests, setup, teardown);
}
