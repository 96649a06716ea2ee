/*
 * Faults on purpose: whatever a sanitizer finds must fail a test, although nobody looks at how the
 * process ended that has it.
 *
 *     fault use-after-free|overflow|race|crash|none
 *
 * A child has the fault, and is killed unless that ended it. Exit code: 0.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Volatile, so that the compiler neither sees through it nor leaves it out. */
static char *volatile text;
static volatile int number = INT_MAX;

static void use_after_free(void) {
    text = malloc(1);
    free(text);
    text[0] = 'x';
}

static void overflow(void) {
    number = number + 1;
}

static void *write_number(void *nothing) {
    number = 1;
    return nothing;
}

static void race(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_number, NULL) != 0)
        return;
    number = 2;
    (void)pthread_join(thread, NULL);
}

static void pass_over(int signal) {
    (void)signal;
    _exit(0);
}

/* As cmocka does, and with it each test, the process has a handler of its own. */
static void crash(void) {
    (void)signal(SIGSEGV, pass_over);
    (void)raise(SIGSEGV);
}

static void none(void) {
}

static void have_fault_and_be_killed(void (*fault)(void)) {
    pid_t child = fork();
    if (child == 0) {
        fault();
        (void)raise(SIGKILL);
    }
    (void)waitpid(child, NULL, 0);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*fault)(void);
    } faults[] = {
        {"use-after-free", use_after_free},
        {"overflow", overflow},
        {"race", race},
        {"crash", crash},
        {"none", none},
    };
    for (size_t i = 0; argc == 2 && i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strcmp(argv[1], faults[i].name) != 0)
            continue;
        have_fault_and_be_killed(faults[i].fault);
        return 0;
    }
    return 2;
}
