#include "shared/base/failpoint.h"

#include "tests/support/base/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#ifdef OM_FAILPOINTS

enum { EXIT_SURVIVED = 7 };

static void *hit_often(void *name) {
    for (int i = 0; i < 100; i++)
        failpoint(name);
    return NULL;
}

/* The wait status of a process that reaches "step.one" `hits` times with this OM_FAILPOINT. */
static int run_child(const char *setting, int hits) {
    pid_t child = fork();
    if (child == 0) {
        setenv("OM_FAILPOINT", setting, 1);
        for (int i = 0; i < hits; i++)
            failpoint("step.one");
        _exit(EXIT_SURVIVED);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static bool was_killed(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool has_survived(int status) {
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SURVIVED;
}

static void the_nth_hit_kills(void **state) {
    (void)state;

    assert_true(has_survived(run_child("step.one:3", 2)));
    assert_true(was_killed(run_child("step.one:3", 3)));
    assert_true(was_killed(run_child("step.one:1", 1)));
}

static void the_nth_hit_halts_until_it_is_told_to_go_on(void **state) {
    (void)state;
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        setenv("OM_FAILPOINT", "step.one:2:halt", 1);
        for (int i = 0; i < 4; i++)
            failpoint("step.one");
        _exit(EXIT_SURVIVED);
    }
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    bool has_halted = WIFSTOPPED(status);
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);

    assert_true(has_halted);
    assert_true(has_survived(status));
}

static void other_steps_do_nothing(void **state) {
    (void)state;

    assert_true(has_survived(run_child("step.two:1", 5)));
    assert_true(has_survived(run_child("step.one.more:1", 5)));
    assert_true(has_survived(run_child("step:1", 5)));
    assert_true(has_survived(run_child("", 5)));
}

static void a_setting_that_cannot_be_read_ends_the_process(void **state) {
    (void)state;
    static const char *const settings[] = {
        "step.one", "step.one:",   "step.one:0",     "step.one:2x",
        ":1",       "step.one:1:", "step.one:1:stop"};
    struct stderr_capture capture = stderr_take();
    bool all_refused = true;

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        int status = run_child(settings[i], 1);
        all_refused = all_refused && WIFEXITED(status) && WEXITSTATUS(status) == 2;
    }

    struct buf words = stderr_give_back(&capture);
    assert_true(all_refused);
    assert_contains(words.ptr, "OM_FAILPOINT: not <name>:<n>: step.one:2x\n");
    buf_fini(&words);
}

/* 2 x 100 hits by threads: the 200th kills, one hit less would not. */
static int run_threads(const char *setting) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t other;
        setenv("OM_FAILPOINT", setting, 1);
        pthread_create(&other, NULL, hit_often, "step.one");
        hit_often("step.one");
        pthread_join(other, NULL);
        _exit(EXIT_SURVIVED);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static void marked_input_kills_whoever_reads_it_without_any_setting(void **state) {
    (void)state;
    static const char *const inputs[] = {"a failpoint:step.one b", "a failpoint:step.two b", ""};
    const bool kills[] = {true, false, false};

    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            failpoint_in("step.one", slice_of(inputs[i]));
            _exit(EXIT_SURVIVED);
        }
        waitpid(child, &status, 0);
        assert_true(kills[i] ? was_killed(status) : has_survived(status));
    }
}

static void hits_of_all_threads_count(void **state) {
    (void)state;

    assert_true(was_killed(run_threads("step.one:200")));
    assert_true(has_survived(run_threads("step.one:201")));
}

/* Arms this process for good (with nothing), and so its later children: it comes last. */
static void without_a_setting_nothing_happens(void **state) {
    (void)state;
    unsetenv("OM_FAILPOINT");

    failpoint("step.one");
    failpoint("step.one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_hit_kills),
        cmocka_unit_test(the_nth_hit_halts_until_it_is_told_to_go_on),
        cmocka_unit_test(other_steps_do_nothing),
        cmocka_unit_test(a_setting_that_cannot_be_read_ends_the_process),
        cmocka_unit_test(marked_input_kills_whoever_reads_it_without_any_setting),
        cmocka_unit_test(hits_of_all_threads_count),
        cmocka_unit_test(without_a_setting_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void without_failpoints_nothing_is_left_of_them(void **state) {
    (void)state;
    setenv("OM_FAILPOINT", "step.one:1", 1);

    failpoint("step.one");

    unsetenv("OM_FAILPOINT");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_failpoints_nothing_is_left_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
