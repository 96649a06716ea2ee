/*
 * Where the processor's time goes: CPU seconds of this process and all that descend from it
 * (tasks.h), by name.
 */
#ifndef OM_BENCH_PARTS_CPU_H
#define OM_BENCH_PARTS_CPU_H

#include "bench/parts/harness.h"
#include "bench/parts/tasks.h"

#include <stdint.h>

#define CPU_NAMES_MAX 64

struct cpu_sample {
    int64_t at_us; /* monotonic */
    int count;
    struct {
        char name[TASK_NAME_SIZE];
        double seconds;
    } rows[CPU_NAMES_MAX];
};

struct cpu_sample cpu_sample_take(void);
/* Seconds of CPU between the samples, of all processes. */
double cpu_total(const struct cpu_sample *before, const struct cpu_sample *after);

struct cpu_use {
    const char *bench; /* whose */
    const struct cpu_sample *before, *after;
    int64_t orders;
};

/* Says on standard error, and appends as `cpu`, what each name used between the samples:
   microseconds of CPU for each of the orders, and how many cores that kept busy. Returns the sum of
   the microseconds. */
double cpu_report(const struct bench_options *options, const struct cpu_use *use);

#endif
