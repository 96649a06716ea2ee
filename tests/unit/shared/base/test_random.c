#include "shared/base/random.h"

#include "tests/support/base/test.h"

#include <sys/wait.h>

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

static void a_child_draws_other_bytes_than_its_parent(void **state) {
    (void)state;
    uint64_t ours, theirs = 0;
    int ends[2];
    random_bytes(&ours, sizeof(ours)); /* the pool is filled */
    assert_int_equal(pipe(ends), 0);

    pid_t child = fork();
    random_bytes(&ours, sizeof(ours));
    if (child == 0)
        _exit(write(ends[1], &ours, sizeof(ours)) == sizeof(ours) ? 0 : 1);

    assert_int_equal(read(ends[0], &theirs, sizeof(theirs)), sizeof(theirs));
    assert_true(ours != theirs);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_any_length_are_filled),
        cmocka_unit_test(no_two_draws_are_alike),
        cmocka_unit_test(a_child_draws_other_bytes_than_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
