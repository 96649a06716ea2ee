#include "bench/cpu.h"

#include "bench/harness.h"
#include "shared/base/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 4096
#define LEAST_SHOWN_US 0.5

struct task {
    int pid, parent;
    double seconds;
    char name[CPU_NAME_SIZE];
};

struct tasks {
    int count;
    struct task rows[PROCESSES_MAX];
};

static size_t read_proc(int pid, const char *file, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    FILE *in = fopen(path, "r");
    size_t length = in != NULL ? fread(text, 1, size - 1, in) : 0;
    text[length] = '\0';
    if (in != NULL)
        fclose(in);
    return length;
}

/* "postgres: om_orders ordermesh 127.0.0.1(4711) idle" becomes "postgres: om_orders". */
static void name_backend(struct task *task) {
    char title[256];
    read_proc(task->pid, "cmdline", title, sizeof(title));
    if (strncmp(title, "postgres: ", 10) != 0)
        return;
    size_t length = 10 + strcspn(title + 10, " ");
    snprintf(task->name, sizeof(task->name), "%.*s", (int)length, title);
}

/* proc(5): "pid (comm) state ppid ..." with utime, stime, cutime, cstime as fields 14 to 17. */
static bool read_task(int pid, struct task *task) {
    char text[1024];
    if (read_proc(pid, "stat", text, sizeof(text)) == 0)
        return false;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (open == NULL || close == NULL)
        return false;
    *task = (struct task){.pid = pid};
    snprintf(task->name, sizeof(task->name), "%.*s", (int)(close - open - 1), open + 1);
    unsigned long user, kernel;
    long ended_user, ended_kernel;
    if (sscanf(close + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
               &task->parent, &user, &kernel, &ended_user, &ended_kernel) != 5)
        return false;
    task->seconds = ((double)user + (double)kernel + (double)ended_user + (double)ended_kernel) /
                    (double)sysconf(_SC_CLK_TCK);
    if (strcmp(task->name, "postgres") == 0)
        name_backend(task);
    return true;
}

static void read_tasks(struct tasks *tasks) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
        if (!isdigit((unsigned char)entry->d_name[0]) || tasks->count == PROCESSES_MAX)
            continue;
        if (read_task((int)strtol(entry->d_name, NULL, 10), &tasks->rows[tasks->count]))
            tasks->count++;
    }
    if (proc != NULL)
        closedir(proc);
}

static bool is_descendant(const struct tasks *tasks, const struct task *task, int ancestor) {
    int pid = task->pid;
    for (int steps = 0; steps < 32 && pid > 1; steps++) {
        if (pid == ancestor)
            return true;
        int parent = 0;
        for (int i = 0; i < tasks->count && parent == 0; i++)
            if (tasks->rows[i].pid == pid)
                parent = tasks->rows[i].parent;
        pid = parent;
    }
    return false;
}

static double *seconds_of(struct cpu_sample *sample, const char *name) {
    for (int i = 0; i < sample->count; i++)
        if (strcmp(sample->rows[i].name, name) == 0)
            return &sample->rows[i].seconds;
    if (sample->count == CPU_NAMES_MAX)
        return &sample->rows[CPU_NAMES_MAX - 1].seconds;
    snprintf(sample->rows[sample->count].name, CPU_NAME_SIZE, "%s", name);
    return &sample->rows[sample->count++].seconds;
}

struct cpu_sample cpu_sample_take(void) {
    struct cpu_sample sample = {.at_us = clock_monotonic_us()};
    struct tasks *tasks = calloc(1, sizeof(*tasks));
    if (tasks == NULL)
        return sample;
    read_tasks(tasks);
    int self = getpid();
    for (int i = 0; i < tasks->count; i++)
        if (is_descendant(tasks, &tasks->rows[i], self))
            *seconds_of(&sample, tasks->rows[i].name) += tasks->rows[i].seconds;
    free(tasks);
    return sample;
}

static int by_seconds_falling(const void *a, const void *b) {
    double left = *(const double *)((const char *)a + CPU_NAME_SIZE);
    double right = *(const double *)((const char *)b + CPU_NAME_SIZE);
    return (left < right) - (left > right);
}

void cpu_report(const struct cpu_sample *before, const struct cpu_sample *after, int64_t orders) {
    struct cpu_sample used = *after, earlier = *before;
    double wall = (double)(after->at_us - before->at_us) / 1e6, total = 0;
    for (int i = 0; i < used.count; i++) {
        used.rows[i].seconds -= *seconds_of(&earlier, used.rows[i].name);
        total += used.rows[i].seconds;
    }
    qsort(used.rows, (size_t)used.count, sizeof(used.rows[0]), by_seconds_falling);
    double each = orders > 0 ? 1e6 / (double)orders : 0;
    bench_say("  %-34s %8s %7s", "CPU", "us/order", "cores");
    for (int i = 0; i < used.count; i++)
        if (used.rows[i].seconds * each >= LEAST_SHOWN_US)
            bench_say("  %-34s %8.1f %7.2f", used.rows[i].name, used.rows[i].seconds * each,
                      used.rows[i].seconds / wall);
    bench_say("  %-34s %8.1f %7.2f", "total", total * each, total / wall);
}
