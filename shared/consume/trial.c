#include "shared/consume/trial.h"

#include "shared/base/clock.h"
#include "shared/observe/log.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Far more than a step's CPU time takes on a busy machine: whoever stands still for so long waits
   for something that was held when the process was copied. */
#define STALL_US INT64_C(15000000)
#define STALLS_MOST 2

struct trial {
    trial_step_fn step;
    void *closure;
    size_t count;
    atomic_size_t *done; /* steps behind us; shared with the child */
};

static void limit_child(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGPROF};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0); /* no core, also where a pipe takes them whatever their limit */
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_DFL);
}

static _Noreturn void run_child(const struct trial *trial) {
    const struct itimerval limit = {
        .it_value = {TRIAL_STEP_CPU_MS / 1000, TRIAL_STEP_CPU_MS % 1000 * 1000}};
    limit_child();
    for (size_t i = atomic_load(trial->done); i < trial->count; i++) {
        setitimer(ITIMER_PROF, &limit, NULL);
        trial->step(trial->closure, i);
        atomic_store(trial->done, i + 1);
    }
    _exit(0);
}

/* False when the child stood still and was killed, or cannot be waited for. */
static bool await_child(const struct trial *trial, pid_t child, int *wait_status) {
    size_t seen = atomic_load(trial->done);
    int64_t moved_us = clock_monotonic_us();
    while (true) {
        pid_t ended = waitpid(child, wait_status, WNOHANG);
        if (ended == child)
            return true;
        if (ended < 0 && errno != EINTR)
            return false;
        if (atomic_load(trial->done) != seen) {
            seen = atomic_load(trial->done);
            moved_us = clock_monotonic_us();
        }
        if (clock_monotonic_us() - moved_us > STALL_US) {
            log_warn("a trial stood still; it is made again");
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            return false;
        }
        clock_sleep_ms(1);
    }
}

/* Goes on behind the steps that are done. False when the child could not be judged. */
static bool run_once(const struct trial *trial, int *fate) {
    int wait_status;
    pid_t child = fork();
    if (child == 0)
        run_child(trial);
    if (child < 0) {
        log_warn("no child for a trial", LOG_TEXT("error", strerror(errno)));
        return false;
    }
    if (!await_child(trial, child, &wait_status))
        return false;
    *fate = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : TRIAL_EXITED;
    return true;
}

void trial_run(trial_step_fn step, void *closure, size_t count, int *fates) {
    for (size_t i = 0; i < count; i++)
        fates[i] = TRIAL_PASSED;
    atomic_size_t *done =
        mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED) {
        log_warn("no memory for a trial", LOG_TEXT("error", strerror(errno)));
        return;
    }
    const struct trial trial = {step, closure, count, done};
    for (int stalls = 0; atomic_load(done) < count && stalls < STALLS_MOST;) {
        int fate;
        if (!run_once(&trial, &fate))
            stalls++;
        else if (atomic_load(done) < count)
            fates[atomic_fetch_add(done, 1)] = fate;
    }
    munmap(done, sizeof(*done));
}
