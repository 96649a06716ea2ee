#include "shared/base/waker.h"

#include "shared/base/clock.h"
#include "tests/support/base/test.h"

#define WHILE_US 20000
#define LONG_US 10000000

/* A waker, the change it is about, and a thread that makes it. */
struct bell {
    struct waker waker;
    bool has_rung;
};

static void *ring(void *closure) {
    struct bell *bell = closure;
    waker_lock(&bell->waker);
    bell->has_rung = true;
    waker_wake(&bell->waker);
    waker_unlock(&bell->waker);
    return NULL;
}

static void waiting_ends_when_the_time_has_come(void **state) {
    (void)state;
    struct waker waker;
    waker_init(&waker);
    int64_t until_us = clock_monotonic_us() + WHILE_US;

    waker_lock(&waker);
    while (waker_wait(&waker, until_us))
        continue;
    waker_unlock(&waker);

    int64_t late_us = clock_monotonic_us() - until_us;
    assert_true(late_us >= 0);
    assert_true(late_us < LONG_US);
    waker_fini(&waker);
}

static void a_time_that_has_passed_is_not_waited_for(void **state) {
    (void)state;
    struct waker waker;
    waker_init(&waker);

    waker_lock(&waker);
    assert_false(waker_wait(&waker, clock_monotonic_us() - 1));
    waker_unlock(&waker);

    waker_fini(&waker);
}

/* The thread can ring only while the lock is given up. */
static void a_change_ends_waiting_before_its_time(void **state) {
    (void)state;
    struct bell bell = {.has_rung = false};
    pthread_t thread;
    waker_init(&bell.waker);
    int64_t until_us = clock_monotonic_us() + LONG_US;

    waker_lock(&bell.waker);
    assert_int_equal(pthread_create(&thread, NULL, ring, &bell), 0);
    while (!bell.has_rung)
        assert_true(waker_wait(&bell.waker, until_us));
    waker_unlock(&bell.waker);

    pthread_join(thread, NULL);
    waker_fini(&bell.waker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_ends_when_the_time_has_come),
        cmocka_unit_test(a_time_that_has_passed_is_not_waited_for),
        cmocka_unit_test(a_change_ends_waiting_before_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
