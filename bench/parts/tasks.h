/*
 * This process and those that descend from it, as /proc tells of them now. PostgreSQL's backends
 * are told apart by their role or task ("postgres: om_orders"). CPU has a resolution of 10 ms; that
 * of a process that has ended counts with its parent.
 */
#ifndef OM_BENCH_PARTS_TASKS_H
#define OM_BENCH_PARTS_TASKS_H

#include <stdint.h>

#define TASKS_MAX 4096
#define TASK_NAME_SIZE 40

struct task {
    int pid, parent;
    double seconds; /* of CPU */
    char name[TASK_NAME_SIZE];
};

struct tasks {
    int count;
    struct task rows[TASKS_MAX];
};

/* free(). */
struct tasks *tasks_read(void);

struct task_vitals {
    int64_t private_bytes; /* resident and nobody else's: neither files nor shared memory */
    int64_t descriptors, threads;
};

/* Zeros when it has ended, or is another user's. */
struct task_vitals task_vitals_read(const struct task *task);

#endif
