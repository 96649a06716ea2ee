#include "services/payment/simulator/faults.h"

#include "tests/support/base/test.h"

static struct faults *faults;

static int each_setup(void **state) {
    (void)state;
    faults = faults_create();
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    faults_destroy(&faults);
    return 0;
}

static enum fault take(const char *key, const char *method) {
    return faults_take(faults, slice_of(key), slice_of(method));
}

static void a_method_fails_the_first_times_of_each_key(void **state) {
    (void)state;
    assert_int_equal(take("k1", "pm_sim_busy_2"), FAULT_BUSY);
    assert_int_equal(take("k1", "pm_sim_busy_2"), FAULT_BUSY);
    assert_int_equal(take("k1", "pm_sim_busy_2"), FAULT_NONE);
    assert_int_equal(take("k2", "pm_sim_error_after"), FAULT_ERROR_AFTER);
    assert_int_equal(take("k2", "pm_sim_error_after"), FAULT_NONE);
}

static void other_methods_fail_never(void **state) {
    (void)state;
    assert_int_equal(take("k", "pm_card_visa"), FAULT_NONE);
    assert_int_equal(take("k", "pm_sim_"), FAULT_NONE);
    assert_int_equal(take("k", "pm_sim_unheard_of"), FAULT_NONE);
    assert_int_equal(take("k", "pm_sim_busy_0"), FAULT_NONE);
}

static void what_is_injected_goes_first_and_ends_after_its_count(void **state) {
    (void)state;
    faults_inject(faults, FAULT_SLOW, 2);
    assert_int_equal(take("k", "pm_sim_busy"), FAULT_SLOW);
    assert_int_equal(take("k", "pm_card_visa"), FAULT_SLOW);
    assert_int_equal(take("k", "pm_sim_busy"), FAULT_BUSY);
}

static void only_down_meets_what_is_neither_charge_nor_refund(void **state) {
    (void)state;
    faults_inject(faults, FAULT_BUSY, 1);
    assert_int_equal(take("", ""), FAULT_NONE);
    assert_int_equal(take("k", ""), FAULT_BUSY);
    faults_inject(faults, FAULT_DOWN, FAULTS_FOREVER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take("", ""), FAULT_DOWN);
    faults_inject(faults, FAULT_NONE, 0);
    assert_int_equal(take("", ""), FAULT_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_method_fails_the_first_times_of_each_key),
        TEST(other_methods_fail_never),
        TEST(what_is_injected_goes_first_and_ends_after_its_count),
        TEST(only_down_meets_what_is_neither_charge_nor_refund),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
