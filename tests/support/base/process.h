/*
 * Child processes, ports and waiting, for tests that run real programs.
 *
 * A child dies with the thread that started it (PR_SET_PDEATHSIG): start children from the test's
 * main thread. What cannot be done ends the test program with a message. Not thread safe.
 */
#ifndef OM_TESTS_SUPPORT_BASE_PROCESS_H
#define OM_TESTS_SUPPORT_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

#define ENVIRONMENT_MAX 48

/* "NAME=value" entries that a child gets on top of ours. Owns its text; zero-initialize. */
struct environment {
    char *entries[ENVIRONMENT_MAX + 1];
    int count;
};

void environment_set(struct environment *environment, const char *name, const char *value);
void environment_set_int(struct environment *environment, const char *name, int64_t value);
void environment_copy(struct environment *to, const struct environment *from);
void environment_fini(struct environment *environment);

struct process_options {
    const char *const *argv;               /* NULL-terminated; argv[0] is looked up in PATH */
    const struct environment *environment; /* may be NULL */
    const char *log_path;                  /* standard output and error are appended; NULL: ours */
    const char *user;                      /* another user to run as when we are root; NULL: ours */
    int death_signal;                      /* sent when we die; 0 is SIGKILL */
};

struct process *process_start(const struct process_options *options);
pid_t process_pid(const struct process *process);
bool process_is_running(struct process *process);
void process_signal(struct process *process, int signal);
/* True once it has ended; *exit_code (may be NULL) is its status, or 128 + the signal. */
bool process_wait(struct process *process, int64_t timeout_ms, int *exit_code);
/* Kills it if it still runs, and reaps it. */
void process_destroy(struct process **process);

/* Every thread of the process (a struct process *, for wait_until) has stopped after SIGSTOP. */
bool process_is_stopped(void *process);

/* Signals a process and its direct children, as a server that forks needs for SIGSTOP. */
void process_signal_family(struct process *process, int signal);

/* Runs to the end and returns the exit code; its output goes to log_path. */
int process_run(const struct process_options *options, int64_t timeout_ms);

/* A loopback TCP port nobody listens on, outside the range that outgoing connections use. */
int free_port(void);
bool port_accepts(int port); /* somebody accepts connections on 127.0.0.1:port */

/* Looks every few milliseconds until `condition` holds; false when `timeout_ms` went by. Sanitized
   programs are given OM_TIME_FACTOR (tests/CMakeLists.txt) times as long. */
bool wait_until(bool (*condition)(void *closure), void *closure, int64_t timeout_ms);

/* OM_SEED, which repeats a run, or one of the moment. */
uint64_t seed_of_run(void);

/* Ends the test program with a message: for what a fixture cannot go on without. */
void fixture_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
