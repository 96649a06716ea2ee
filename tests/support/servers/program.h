/*
 * A program of ours as a process of a test: om-gateway, or a service. Its settings are those of
 * servers_service_environment() and whatever the test adds. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_PROGRAM_H
#define OM_TESTS_SUPPORT_SERVERS_PROGRAM_H

#include "tests/support/base/process.h"

/* Starts om-<name>. Its output is appended to `log_path`; NULL: it is ours. */
struct process *program_start(const char *name, const struct environment *environment,
                              const char *log_path);
/* /readyz on the admin port that `port` (an int) points to answers 200. For wait_until(). */
bool program_is_ready(void *port);
/* SIGTERM; the exit code, or -1 when it still ran after `timeout_ms`. Destroys the process. */
int program_end(struct process **program, int64_t timeout_ms);

#endif
