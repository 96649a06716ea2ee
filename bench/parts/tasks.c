#include "bench/parts/tasks.h"

#include "shared/base/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
        if (!isdigit((unsigned char)entry->d_name[0]) || tasks->count == TASKS_MAX)
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

struct tasks *tasks_read(void) {
    struct tasks *all = mem_alloc(sizeof(*all)), *ours = mem_alloc(sizeof(*ours));
    int self = getpid();
    read_tasks(all);
    for (int i = 0; i < all->count; i++)
        if (is_descendant(all, &all->rows[i], self))
            ours->rows[ours->count++] = all->rows[i];
    free(all);
    return ours;
}

/* The number behind "name:" in /proc/<pid>/status. */
static int64_t status_figure(const char *status, const char *name) {
    const char *line = strstr(status, name);
    return line == NULL ? 0 : strtoll(line + strlen(name), NULL, 10);
}

static int64_t count_descriptors(int pid) {
    char path[64];
    int64_t count = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count;
}

struct task_vitals task_vitals_read(const struct task *task) {
    char status[4096];
    read_proc(task->pid, "status", status, sizeof(status));
    return (struct task_vitals){
        .private_bytes = status_figure(status, "RssAnon:") * 1024,
        .descriptors = count_descriptors(task->pid),
        .threads = status_figure(status, "\nThreads:"),
    };
}
