#include "shared/random.h"

#include "tests/unit/unit.h"

static void bytes_of_any_length_are_filled(void **state) {
    (void)state;
    uint8_t seen[RANDOM_MOST] = {0}, drawn[RANDOM_MOST];

    for (int round = 0; round < 64; round++) {
        random_bytes(drawn, sizeof(drawn));
        for (size_t i = 0; i < sizeof(drawn); i++)
            seen[i] |= drawn[i];
    }

    for (size_t i = 0; i < sizeof(seen); i++)
        assert_int_equal(seen[i], 0xff);
}

static void no_two_draws_are_alike(void **state) {
    (void)state;
    uint64_t drawn[1000];

    for (size_t i = 0; i < 1000; i++)
        random_bytes(&drawn[i], sizeof(drawn[i]));

    for (size_t i = 0; i < 1000; i++)
        for (size_t j = i + 1; j < 1000; j++)
            assert_true(drawn[i] != drawn[j]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_any_length_are_filled),
        cmocka_unit_test(no_two_draws_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
