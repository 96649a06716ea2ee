/* The loyalty service on a real database: points once, gone with the refund whenever it comes.

   Covers: services/loyalty/ */
#include "services/loyalty/handler.h"
#include "shared/base/clock.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"
#include "tests/support/world/world.h"

static const struct handler_row completed_rows[] = {{EVENT_ORDER_COMPLETED, &earn_handler}};
static const struct handler_row refunded_rows[] = {{EVENT_PAYMENT_REFUNDED, &take_back_handler}};
static const struct consumer_spec completed_spec = {"ORDERS", "loyalty", completed_rows, 1};
static const struct consumer_spec refunded_spec = {"PAYMENTS", "loyalty", refunded_rows, 1};

static struct pg *pg;
static struct drive *orders, *payments;

/* --- what happens --- */

static void write_completed(struct buf *out, const struct uuid *order_id, const char *customer,
                            const char *total) {
    char id[UUID_TEXT_SIZE], data[600];
    uuid_format(order_id, id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"tenant\":\"default\",\"customerId\":\"%s\",\"currency\":\"USD\""
             ",\"flow\":\"inventory-first\",\"paymentMethod\":\"pm_x\"%s,\"items\":[{\"sku\":"
             "\"A\",\"quantity\":1,\"unitPriceMinor\":5}],\"trackingNumber\":\"T\"}",
             id, customer, total);
    world_write_event(out, EVENT_ORDER_COMPLETED, order_id, data);
}

static void write_refunded(struct buf *out, const struct uuid *order_id) {
    char id[UUID_TEXT_SIZE], data[200];
    uuid_format(order_id, id);
    snprintf(data, sizeof(data),
             "{\"orderId\":\"%s\",\"amountMinor\":5,\"currency\":\"USD\",\"refundId\":\"r\"}", id);
    world_write_event(out, EVENT_PAYMENT_REFUNDED, order_id, data);
}

static enum outcome deliver(struct drive *drive, const struct buf *payload) {
    struct error error = {0};
    struct drive_message message = {.payload = buf_slice(payload)};
    if (drive_batch(drive, &message, 1, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return message.outcome;
}

static enum outcome complete(const struct uuid *order_id, const char *total) {
    struct buf payload = {0};
    write_completed(&payload, order_id, "C1", total);
    enum outcome outcome = deliver(orders, &payload);
    buf_fini(&payload);
    return outcome;
}

static enum outcome refund(const struct uuid *order_id) {
    struct buf payload = {0};
    write_refunded(&payload, order_id);
    enum outcome outcome = deliver(payments, &payload);
    buf_fini(&payload);
    return outcome;
}

static enum outcome refund_part(const struct uuid *order_id, int64_t refunded, int64_t captured) {
    struct buf payload = {0}, data = {0};
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    buf_printf(&data,
               "{\"orderId\":\"%s\",\"amountMinor\":5,\"currency\":\"USD\",\"refundId\":\"r\","
               "\"refundedMinor\":%lld,\"capturedMinor\":%lld}",
               id, (long long)refunded, (long long)captured);
    world_write_event(&payload, EVENT_PAYMENT_REFUNDED, order_id, data.ptr);
    enum outcome outcome = deliver(payments, &payload);
    buf_fini(&payload);
    buf_fini(&data);
    return outcome;
}

static enum status ask(const char *request, struct buf *reply) {
    struct error error = {0};
    struct endpoint_call call = {.request = slice_of(request), .pg = pg, .reply = reply};
    return loyalty_endpoint_get(&call, &error);
}

static void assert_points(const char *customer, int64_t points) {
    char request[100], expected[100];
    struct buf reply = {0};
    snprintf(request, sizeof(request), "{\"customerId\":\"%s\",\"tenant\":\"default\"}", customer);
    snprintf(expected, sizeof(expected), "{\"customerId\":\"%s\",\"points\":%lld}", customer,
             (long long)points);
    assert_int_equal(ask(request, &reply), STATUS_OK);
    assert_string_equal(reply.ptr, expected);
    buf_fini(&reply);
}

/* --- tests --- */

static void a_completed_order_earns_its_points_once(void **state) {
    (void)state;
    struct uuid id = uuid_v7(), other = uuid_v7();
    assert_int_equal(complete(&id, ",\"totalMinor\":1999"), OUTCOME_DONE);
    assert_int_equal(complete(&id, ",\"totalMinor\":1999"), OUTCOME_DONE);
    assert_points("C1", 19);
    assert_int_equal(complete(&other, ",\"totalMinor\":101"), OUTCOME_DONE);
    assert_points("C1", 20);
}

static void a_refund_takes_the_points_back_once(void **state) {
    (void)state;
    struct uuid id = uuid_v7(), other = uuid_v7();
    complete(&id, ",\"totalMinor\":1000");
    complete(&other, ",\"totalMinor\":500");
    assert_int_equal(refund(&id), OUTCOME_DONE);
    assert_int_equal(refund(&id), OUTCOME_DONE);
    assert_points("C1", 5);
    complete(&id, ",\"totalMinor\":1000");
    assert_points("C1", 5);
}

static void a_refund_that_comes_first_refuses_the_late_points(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(refund(&id), OUTCOME_DONE);
    assert_int_equal(complete(&id, ",\"totalMinor\":1000"), OUTCOME_DONE);
    assert_int_equal(refund(&id), OUTCOME_DONE);
    assert_points("C1", 0);
}

static void points_follow_what_stays_paid_in_whatever_order_it_comes(void **state) {
    (void)state;
    struct uuid id = uuid_v7(), late = uuid_v7();
    complete(&id, ",\"totalMinor\":1000");
    assert_int_equal(refund_part(&id, 450, 1000), OUTCOME_DONE);
    assert_points("C1", 5);
    assert_int_equal(refund_part(&id, 301, 1000), OUTCOME_DONE); /* the one before, late */
    assert_points("C1", 5);
    assert_int_equal(refund_part(&late, 150, 500), OUTCOME_DONE);
    assert_int_equal(refund_part(&late, 250, 500), OUTCOME_DONE);
    assert_points("C1", 5);
    complete(&late, ",\"totalMinor\":500");
    complete(&late, ",\"totalMinor\":500");
    assert_points("C1", 7);
    assert_int_equal(refund_part(&late, 250, 500), OUTCOME_DONE);
    assert_int_equal(refund_part(&id, 1000, 1000), OUTCOME_DONE);
    assert_int_equal(refund_part(&id, 450, 1000), OUTCOME_DONE);
    assert_points("C1", 2);
}

/* Lines were cancelled before: the order came to less than was taken at first. */
static void what_was_given_back_before_the_end_takes_no_points_twice(void **state) {
    (void)state;
    struct uuid first = uuid_v7(), last = uuid_v7();
    complete(&first, ",\"totalMinor\":700");
    assert_int_equal(refund_part(&first, 300, 1000), OUTCOME_DONE);
    assert_points("C1", 7);
    assert_int_equal(refund_part(&last, 300, 1000), OUTCOME_DONE);
    complete(&last, ",\"totalMinor\":700");
    assert_points("C1", 14);
}

static void a_batch_may_hold_an_order_twice_and_several_customers(void **state) {
    (void)state;
    struct uuid ids[] = {uuid_v7(), uuid_v7(), uuid_v7()};
    const char *const customers[] = {"C1", "C2", "C1", "C1"};
    const size_t orders_of[] = {0, 1, 2, 0};
    struct buf payloads[4] = {{0}};
    struct drive_message messages[4] = {{.attempt = 0}};
    struct error error = {0};
    for (size_t i = 0; i < 4; i++) {
        write_completed(&payloads[i], &ids[orders_of[i]], customers[i], ",\"totalMinor\":300");
        messages[i].payload = buf_slice(&payloads[i]);
    }
    assert_int_equal(drive_batch(orders, messages, 4, &error), STATUS_OK);
    assert_points("C1", 6);
    assert_points("C2", 3);
    for (size_t i = 0; i < 4; i++)
        buf_fini(&payloads[i]);
}

static void an_order_without_a_total_is_rejected(void **state) {
    (void)state;
    struct uuid id = uuid_v7();
    assert_int_equal(complete(&id, ""), OUTCOME_REJECT);
    assert_points("C1", 0);
}

static void only_a_customer_of_a_tenant_can_be_asked_for(void **state) {
    (void)state;
    struct buf reply = {0};
    struct uuid id = uuid_v7();
    complete(&id, ",\"totalMinor\":1000");
    assert_int_equal(ask("{\"customerId\":\"C1\",\"tenant\":\"else\"}", &reply), STATUS_OK);
    assert_string_equal(reply.ptr, "{\"customerId\":\"C1\",\"points\":0}");
    assert_int_equal(ask("{\"customerId\":\"C1\"}", &reply), STATUS_INVALID);
    assert_int_equal(ask("{\"customerId\":1,\"tenant\":\"default\"}", &reply), STATUS_INVALID);
    assert_int_equal(ask("no JSON", &reply), STATUS_INVALID);
    buf_fini(&reply);
}

/* --- fixture --- */

static int group_setup(void **state) {
    schema_setup(state);
    const char *url = servers_role_url(servers, "om_loyalty");
    pg = pg_create(url, "test");
    orders = drive_create(url, &completed_spec, NULL);
    payments = drive_create(url, &refunded_spec, NULL);
    return 0;
}

static int group_teardown(void **state) {
    drive_destroy(&orders);
    drive_destroy(&payments);
    pg_destroy(&pg);
    return servers_teardown(state);
}

/* The service's own role may not TRUNCATE. */
static int each_setup(void **state) {
    (void)state;
    struct error error = {0};
    if (pg_script(pg, "DELETE FROM loyalty.points; DELETE FROM loyalty.balances", &error) ==
        STATUS_OK)
        return 0;
    print_error("%s\n", error.text);
    return -1;
}

#define TEST(name) cmocka_unit_test_setup(name, each_setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_completed_order_earns_its_points_once),
        TEST(a_refund_takes_the_points_back_once),
        TEST(a_refund_that_comes_first_refuses_the_late_points),
        TEST(points_follow_what_stays_paid_in_whatever_order_it_comes),
        TEST(what_was_given_back_before_the_end_takes_no_points_twice),
        TEST(a_batch_may_hold_an_order_twice_and_several_customers),
        TEST(an_order_without_a_total_is_rejected),
        TEST(only_a_customer_of_a_tenant_can_be_asked_for),
    };
    return cmocka_run_group_tests_name("loyalty_service", tests, group_setup, group_teardown);
}
