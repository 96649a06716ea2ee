#include "tests/support/base/process.h"

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_INTERVAL_MS 3
#define NOT_EXECUTED 127
/* Below Linux' range for outgoing connections, so that none takes a port while its server is down.
 */
#define PORT_FIRST 12000
#define PORT_COUNT 20000
#define PORT_TRIES 1000

extern char **environ;

struct process {
    pid_t pid;
    bool has_ended;
    int exit_code; /* once it has ended */
};

uint64_t seed_of_run(void) {
    const char *text = getenv("OM_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : (uint64_t)clock_now_us();
}

void fixture_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("fixture: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(EXIT_FAILURE);
}

bool wait_until(bool (*condition)(void *closure), void *closure, int64_t timeout_ms) {
    int64_t deadline_us = clock_monotonic_us() + timeout_ms * OM_TIME_FACTOR * 1000;
    while (!condition(closure)) {
        if (clock_monotonic_us() > deadline_us)
            return false;
        clock_sleep_ms(LOOK_INTERVAL_MS);
    }
    return true;
}

/* --- environment --- */

/* The length of NAME in "NAME=value", or of all when there is no "=". */
static size_t name_len(const char *entry) {
    return strcspn(entry, "=");
}

static bool has_name(const struct environment *environment, const char *entry) {
    size_t len = name_len(entry);
    for (int i = 0; i < environment->count; i++) {
        if (name_len(environment->entries[i]) == len &&
            strncmp(environment->entries[i], entry, len) == 0)
            return true;
    }
    return false;
}

static void remove_name(struct environment *environment, const char *name) {
    for (int i = 0; i < environment->count; i++) {
        if (name_len(environment->entries[i]) != strlen(name) ||
            strncmp(environment->entries[i], name, strlen(name)) != 0)
            continue;
        free(environment->entries[i]);
        environment->entries[i] = environment->entries[--environment->count];
        environment->entries[environment->count] = NULL;
        return;
    }
}

void environment_set(struct environment *environment, const char *name, const char *value) {
    struct buf entry = {0};
    buf_printf(&entry, "%s=%s", name, value);
    remove_name(environment, name);
    if (environment->count == ENVIRONMENT_MAX)
        fixture_fail("more than %d environment entries", ENVIRONMENT_MAX);
    environment->entries[environment->count++] = entry.ptr;
}

void environment_set_int(struct environment *environment, const char *name, int64_t value) {
    struct buf text = {0};
    buf_append_int(&text, value);
    environment_set(environment, name, text.ptr);
    buf_fini(&text);
}

void environment_copy(struct environment *to, const struct environment *from) {
    for (int i = 0; i < from->count; i++) {
        char *name = mem_copy((struct slice){from->entries[i], name_len(from->entries[i])});
        environment_set(to, name, from->entries[i] + strlen(name) + 1);
        free(name);
    }
}

void environment_fini(struct environment *environment) {
    for (int i = 0; i < environment->count; i++)
        free(environment->entries[i]);
    *environment = (struct environment){0};
}

/* Ours with `extra` on top: a NULL-terminated array that borrows its texts. Free with free(). */
static char **merge_environment(const struct environment *extra) {
    static const struct environment none;
    size_t count = 0, own = 0;
    if (extra == NULL)
        extra = &none;
    while (environ[own] != NULL)
        own++;
    char **merged = mem_alloc((own + (size_t)extra->count + 1) * sizeof(*merged));
    for (int i = 0; i < extra->count; i++)
        merged[count++] = extra->entries[i];
    for (size_t i = 0; i < own; i++) {
        if (!has_name(extra, environ[i]))
            merged[count++] = environ[i];
    }
    return merged;
}

/* --- starting --- */

static void redirect_output(const char *log_path) {
    if (log_path == NULL)
        return;
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0)
        _exit(NOT_EXECUTED);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* In the child, between fork and exec: only what is safe in a program that has threads. */
static void become(const struct process_options *options, const struct passwd *user, pid_t parent,
                   char **merged) {
    redirect_output(options->log_path);
    if (user != NULL && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 ||
                         setuid(user->pw_uid) != 0 || chdir("/") != 0))
        _exit(NOT_EXECUTED);
    /* A change of user clears the death signal, so it comes behind. */
    prctl(PR_SET_PDEATHSIG, options->death_signal != 0 ? options->death_signal : SIGKILL);
    if (getppid() != parent)
        _exit(NOT_EXECUTED);
    execvpe(options->argv[0], (char *const *)(uintptr_t)options->argv, merged);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", options->argv[0], strerror(errno));
    _exit(NOT_EXECUTED);
}

struct process *process_start(const struct process_options *options) {
    const struct passwd *user = NULL;
    if (options->user != NULL && geteuid() == 0) {
        user = getpwnam(options->user);
        if (user == NULL)
            fixture_fail("there is no user %s", options->user);
    }
    struct process *process = mem_alloc(sizeof(*process));
    char **merged = merge_environment(options->environment);
    pid_t parent = getpid();
    process->pid = fork();
    if (process->pid < 0)
        fixture_fail("fork: %s", strerror(errno));
    if (process->pid == 0)
        become(options, user, parent, merged);
    free(merged);
    return process;
}

pid_t process_pid(const struct process *process) {
    return process->pid;
}

bool process_is_running(struct process *process) {
    int status;
    if (process->has_ended)
        return false;
    if (waitpid(process->pid, &status, WNOHANG) != process->pid)
        return true;
    process->has_ended = true;
    process->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return false;
}

void process_signal(struct process *process, int signal) {
    if (process_is_running(process))
        kill(process->pid, signal);
}

static bool has_ended(void *closure) {
    return !process_is_running(closure);
}

bool process_wait(struct process *process, int64_t timeout_ms, int *exit_code) {
    if (!wait_until(has_ended, process, timeout_ms))
        return false;
    if (exit_code != NULL)
        *exit_code = process->exit_code;
    return true;
}

void process_destroy(struct process **process) {
    struct process *p = *process;
    *process = NULL;
    if (p == NULL)
        return;
    if (process_is_running(p)) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    free(p);
}

int process_run(const struct process_options *options, int64_t timeout_ms) {
    int exit_code;
    struct process *process = process_start(options);
    if (!process_wait(process, timeout_ms, &exit_code)) {
        process_destroy(&process);
        fixture_fail("%s did not end within %lld ms", options->argv[0], (long long)timeout_ms);
    }
    process_destroy(&process);
    return exit_code;
}

/* --- families --- */

/* The parent of a process, from the fourth field of /proc/<pid>/stat; 0 when it is gone. */
static pid_t parent_of(const char *pid) {
    char path[64], line[512] = "";
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    bool is_read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    const char *name_end = is_read ? strrchr(line, ')') : NULL;
    return name_end != NULL && strlen(name_end) > 4 ? (pid_t)strtol(name_end + 4, NULL, 10) : 0;
}

static void signal_children(pid_t parent, int signal) {
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        fixture_fail("/proc: %s", strerror(errno));
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 1 && parent_of(entry->d_name) == parent)
            kill((pid_t)pid, signal);
    }
    closedir(processes);
}

/* The state follows the name, which may hold anything, in parentheses (proc(5)). */
static bool thread_is_stopped(pid_t pid, const char *thread) {
    char path[320], text[512];
    snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, thread);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return true; /* ended meanwhile */
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    const char *state = strrchr(text, ')');
    return state != NULL && state[1] == ' ' && state[2] == 'T';
}

bool process_is_stopped(void *process) {
    pid_t pid = ((struct process *)process)->pid;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    bool all_stopped = threads != NULL;
    for (struct dirent *thread; all_stopped && (thread = readdir(threads)) != NULL;) {
        if (thread->d_name[0] != '.')
            all_stopped = thread_is_stopped(pid, thread->d_name);
    }
    if (threads != NULL)
        closedir(threads);
    return all_stopped;
}

void process_signal_family(struct process *process, int signal) {
    if (!process_is_running(process))
        return;
    /* A stopped parent neither starts more children nor answers the loss of those it has. */
    kill(process->pid, SIGSTOP);
    signal_children(process->pid, signal);
    kill(process->pid, signal);
}

/* --- ports --- */

static int tcp_socket(int port, struct sockaddr_in *address) {
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fixture_fail("socket: %s", strerror(errno));
    return fd;
}

/* Never the same port twice in one program: the first user may not listen yet. */
/* Keeps other test programs from choosing the same port before its server listens: an abstract
   socket of that name, which the kernel frees at our end. */
static bool reserve_port(int port) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "ordermesh-test-%d", port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    bool is_reserved = fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0;
    if (!is_reserved && fd >= 0)
        close(fd);
    return is_reserved;
}

int free_port(void) {
    static unsigned next;
    if (next == 0 && getrandom(&next, sizeof(next), 0) != sizeof(next))
        fixture_fail("no random numbers");
    for (int i = 0; i < PORT_TRIES; i++) {
        int port = PORT_FIRST + (int)(next++ % PORT_COUNT);
        struct sockaddr_in address;
        int fd = tcp_socket(port, &address);
        int refused = bind(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (!refused && reserve_port(port))
            return port;
    }
    fixture_fail("no free port");
}

bool port_accepts(int port) {
    struct sockaddr_in address;
    int fd = tcp_socket(port, &address);
    int refused = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return !refused;
}
