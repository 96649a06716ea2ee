#include "gateway/orders/order_marker.h"
#include "tests/support/base/test.h"

static void a_marker_is_for_its_customer_and_for_administrators_of_its_tenant(void **state) {
    (void)state;
    const struct caller own = {.subject = "C1", .tenant = "acme"};
    const struct caller other = {.subject = "C11", .tenant = "acme"};
    const struct caller elsewhere = {.subject = "C1", .tenant = "acm"};
    const struct caller admin = {.scopes = SCOPE_ADMIN, .subject = "root", .tenant = "acme"};
    const struct caller foreign_admin = {.scopes = SCOPE_ADMIN, .tenant = "acm"};
    struct slice marker = SLICE_LITERAL("acme C1");
    assert_true(order_marker_is_for(marker, &own));
    assert_true(order_marker_is_for(marker, &admin));
    assert_false(order_marker_is_for(marker, &other));
    assert_false(order_marker_is_for(marker, &elsewhere));
    assert_false(order_marker_is_for(marker, &foreign_admin));
    assert_false(order_marker_is_for(SLICE_LITERAL("PENDING"), &admin));
    assert_false(order_marker_is_for(SLICE_LITERAL(""), &own));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_marker_is_for_its_customer_and_for_administrators_of_its_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
