#include "shared/contract/reservation_id.h"
#include "tests/support/base/test.h"

static void an_order_has_one_reservation_and_no_other_order_has_it(void **state) {
    (void)state;
    struct uuid order = uuid_v7(), other = uuid_v7();
    struct uuid id = reservation_id_of(&order), again = reservation_id_of(&order);
    struct uuid others = reservation_id_of(&other);
    assert_int_equal(uuid_compare(&id, &again), 0);
    assert_int_not_equal(uuid_compare(&id, &others), 0);
    assert_int_not_equal(uuid_compare(&id, &order), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_has_one_reservation_and_no_other_order_has_it),
    };
    return cmocka_run_group_tests_name("reservation_id", tests, NULL, NULL);
}
