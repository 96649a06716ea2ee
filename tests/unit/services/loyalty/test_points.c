#include "services/loyalty/points.h"
#include "shared/contract/order_snapshot.h"
#include "tests/support/base/test.h"

static void a_whole_hundred_of_minor_units_is_a_point(void **state) {
    (void)state;
    assert_int_equal(points_for(0), 0);
    assert_int_equal(points_for(99), 0);
    assert_int_equal(points_for(100), 1);
    assert_int_equal(points_for(1999), 19);
    assert_int_equal(points_for(ORDER_MAX_MINOR), ORDER_MAX_MINOR / 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_hundred_of_minor_units_is_a_point),
    };
    return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
