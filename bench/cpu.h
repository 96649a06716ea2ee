/*
 * Where the processor's time goes: CPU seconds of every process that descends from this one, by
 * name. PostgreSQL's backends are told apart by their role or task ("postgres: om_orders").
 * Reads /proc; resolution 10 ms. A process that ended in between counts with its parent.
 */
#ifndef OM_BENCH_CPU_H
#define OM_BENCH_CPU_H

#include <stdint.h>

#define CPU_NAMES_MAX 64
#define CPU_NAME_SIZE 40

struct cpu_sample {
    int64_t at_us; /* monotonic */
    int count;
    struct {
        char name[CPU_NAME_SIZE];
        double seconds;
    } rows[CPU_NAMES_MAX];
};

struct cpu_sample cpu_sample_take(void);
/* Prints to standard error what each name used between the samples: microseconds of CPU for each of
   `orders`, and how many cores that kept busy. */
void cpu_report(const struct cpu_sample *before, const struct cpu_sample *after, int64_t orders);

#endif
