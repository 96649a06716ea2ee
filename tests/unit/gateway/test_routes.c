/* Which request goes where. */
#include "gateway/admin/admin_dlq.h"
#include "gateway/catalog/change_catalog.h"
#include "gateway/catalog/products.h"
#include "gateway/health.h"
#include "gateway/orders/cancel_order.h"
#include "gateway/orders/get_order.h"
#include "gateway/orders/post_order.h"
#include "gateway/routes.h"
#include "gateway/webhooks/webhooks.h"
#include "tests/support/base/test.h"

static const struct route *find(const char *method, const char *path, struct slice *id,
                                char *allow) {
    return route_find(slice_of(method), slice_of(path), id, allow);
}

static void a_path_and_method_find_their_handler(void **state) {
    (void)state;
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    assert_ptr_equal(find("POST", "/api/v1/orders", &id, allow)->handle, post_order);
    assert_ptr_equal(find("GET", "/readyz", &id, allow)->handle, get_readiness);
    assert_ptr_equal(find("HEAD", "/readyz", &id, allow)->handle, get_readiness);
    assert_int_equal(id.len, 0);
}

static void a_word_wins_over_an_id(void **state) {
    (void)state;
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    assert_ptr_equal(find("GET", "/api/v1/admin/dlq/counts", &id, allow)->handle, get_dlq_counts);
    assert_ptr_equal(find("GET", "/api/v1/admin/dlq/jobs", &id, allow)->handle, get_dlq_jobs);
    assert_ptr_equal(find("POST", "/api/v1/admin/dlq/replay", &id, allow)->handle,
                     post_dlq_replay_all);
    assert_ptr_equal(find("POST", "/api/v1/admin/dlq/discard", &id, allow)->handle,
                     post_dlq_discard_all);
    assert_ptr_equal(find("GET", "/api/v1/admin/dlq/A.b.c", &id, allow)->handle, get_dlq_entry);
    assert_null(find("PUT", "/api/v1/admin/dlq/counts", &id, allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(find("GET", "/api/v1/admin/dlq/replay", &id, allow));
    assert_string_equal(allow, "POST");
}

static void the_id_is_found_as_sent(void **state) {
    (void)state;
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    assert_ptr_equal(find("GET", "/api/v1/orders/%2e%2e", &id, allow)->handle, get_order);
    assert_true(slice_is(id, "%2e%2e"));
    assert_ptr_equal(find("GET", "/api/v1/orders/x/status", &id, allow)->handle, get_order_status);
    assert_true(slice_is(id, "x"));
    assert_ptr_equal(find("POST", "/api/v1/orders/y/cancel", &id, allow)->handle, cancel_order);
    assert_true(slice_is(id, "y"));
}

static void of_two_ids_the_first_is_handed_over(void **state) {
    (void)state;
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    const struct route *route = find("POST", "/api/v1/webhooks/w/deliveries/d/resend", &id, allow);
    assert_ptr_equal(route->handle, post_webhook_resend);
    assert_true(slice_is(id, "w"));
    assert_null(find("POST", "/api/v1/webhooks/w/deliveries//resend", &id, allow));
    assert_null(find("POST", "/api/v1/webhooks/w/deliveries/d/e/resend", &id, allow));
    assert_null(find("PUT", "/api/v1/webhooks/w", &id, allow));
    assert_string_equal(allow, "GET, HEAD, PATCH, DELETE");
}

static void a_product_has_its_own_methods(void **state) {
    (void)state;
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    assert_ptr_equal(find("GET", "/api/v1/products", &id, allow)->handle, get_products);
    assert_ptr_equal(find("GET", "/api/v1/products/A-1", &id, allow)->handle, get_product);
    assert_true(slice_is(id, "A-1"));
    assert_ptr_equal(find("PUT", "/api/v1/products/A-1", &id, allow)->handle, put_product);
    assert_ptr_equal(find("POST", "/api/v1/products/A-1/stock-adjustments", &id, allow)->handle,
                     post_stock_adjustment);
    assert_true(slice_is(id, "A-1"));
    assert_null(find("PATCH", "/api/v1/products/A-1", &id, allow));
    assert_string_equal(allow, "GET, HEAD, PUT");
}

static void an_unknown_path_has_no_methods(void **state) {
    (void)state;
    static const char *const paths[] = {"",
                                        "/",
                                        "/api/v1/orders/",
                                        "/api/v1/orders//status",
                                        "/api/v1/orders/a/b",
                                        "/api/v1/orders/a/b/status",
                                        "/API/v1/orders",
                                        "/api/v1/order"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct slice id;
        char allow[ROUTE_ALLOW_SIZE];
        if (find("GET", paths[i], &id, allow) != NULL || allow[0] != '\0')
            fail_msg("%s leads somewhere", paths[i]);
    }
}

static void a_wrong_method_is_told_the_right_ones(void **state) {
    (void)state;
    struct slice id;
    char allow[ROUTE_ALLOW_SIZE];
    assert_null(find("DELETE", "/api/v1/orders", &id, allow));
    assert_string_equal(allow, "POST, GET, HEAD");
    assert_null(find("POST", "/api/v1/orders/x", &id, allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(find("post", "/api/v1/orders", &id, allow));
    assert_string_equal(allow, "POST, GET, HEAD");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_and_method_find_their_handler),
        cmocka_unit_test(a_word_wins_over_an_id),
        cmocka_unit_test(the_id_is_found_as_sent),
        cmocka_unit_test(of_two_ids_the_first_is_handed_over),
        cmocka_unit_test(a_product_has_its_own_methods),
        cmocka_unit_test(an_unknown_path_has_no_methods),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
