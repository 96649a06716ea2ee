#include "shared/consume/trial.h"

#include "shared/json/json.h"
#include "tests/support/base/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* What each step does: '.' nothing, 's' SIGSEGV, 'a' abort, 'e' exit, 'l' an endless loop. */
static void act(void *closure, size_t index) {
    const char *script = closure;
    if (script[index] == 's')
        raise(SIGSEGV);
    if (script[index] == 'a')
        abort();
    if (script[index] == 'e')
        _exit(0);
    for (volatile bool is_endless = script[index] == 'l'; is_endless;)
        ;
}

static void assert_fates(const char *script, const int *wanted) {
    int fates[16];
    trial_run(act, (void *)(uintptr_t)script, strlen(script), fates);
    for (size_t i = 0; i < strlen(script); i++)
        assert_int_equal(fates[i], wanted[i]);
}

static void steps_that_return_pass(void **state) {
    (void)state;
    assert_fates("...", (const int[]){TRIAL_PASSED, TRIAL_PASSED, TRIAL_PASSED});
    assert_fates("", (const int[]){TRIAL_PASSED});
}

static void a_step_that_crashes_is_found_and_those_behind_it_are_tried(void **state) {
    (void)state;
    assert_fates(".s.as", (const int[]){TRIAL_PASSED, SIGSEGV, TRIAL_PASSED, SIGABRT, SIGSEGV});
}

static void an_exit_is_no_way_to_pass(void **state) {
    (void)state;
    assert_fates(".e.e", (const int[]){TRIAL_PASSED, TRIAL_EXITED, TRIAL_PASSED, TRIAL_EXITED});
}

static void an_endless_step_is_ended(void **state) {
    (void)state;
    assert_fates(".l.", (const int[]){TRIAL_PASSED, SIGPROF, TRIAL_PASSED});
}

static void write_over(void *closure, size_t index) {
    ((char *)closure)[index] = 's';
}

static void nothing_a_step_changes_is_seen(void **state) {
    (void)state;
    char text[] = "....";
    int fates[4];

    trial_run(write_over, text, 4, fates);

    assert_string_equal(text, "....");
    assert_int_equal(fates[3], TRIAL_PASSED);
}

static void parse(void *closure, size_t index) {
    (void)closure;
    (void)index;
    struct error error;
    struct json_object *root = NULL;
    if (json_parse(SLICE_LITERAL("{\"a\":[1,2,{\"b\":null}]}"), &root, &error) != STATUS_OK)
        abort();
    json_object_put(root);
}

static void *parse_all_the_time(void *closure) {
    atomic_bool *is_over = closure;
    while (!atomic_load(is_over))
        parse(NULL, 0);
    return NULL;
}

/* A sanitizer's own allocator may be locked when the process is copied, unlike libc's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool forks_among_threads = false;
#else
static const bool forks_among_threads = true;
#endif

/* A child forked while another thread parsed waited for ever for libc's lock on locales. */
static void documents_are_parsed_in_trials_while_other_threads_parse(void **state) {
    (void)state;
    if (!forks_among_threads)
        skip();
    enum { THREADS = 3, TRIALS = 200, STEPS = 10 };
    atomic_bool is_over = false;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_all_the_time, &is_over), 0);
    struct stderr_capture capture = stderr_take();

    int fates[STEPS], failed = 0;
    for (int i = 0; i < TRIALS; i++) {
        trial_run(parse, NULL, STEPS, fates);
        for (int k = 0; k < STEPS; k++)
            failed += fates[k] != TRIAL_PASSED;
    }

    struct buf words = stderr_give_back(&capture);
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failed, 0);
    assert_string_equal(words.ptr, ""); /* no trial stood still */
    buf_fini(&words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_that_return_pass),
        cmocka_unit_test(a_step_that_crashes_is_found_and_those_behind_it_are_tried),
        cmocka_unit_test(an_exit_is_no_way_to_pass),
        cmocka_unit_test(an_endless_step_is_ended),
        cmocka_unit_test(nothing_a_step_changes_is_seen),
        cmocka_unit_test(documents_are_parsed_in_trials_while_other_threads_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
