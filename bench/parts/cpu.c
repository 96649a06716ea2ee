#include "bench/parts/cpu.h"

#include "bench/parts/tasks.h"
#include "shared/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SHOWN_US 0.5

static double *seconds_of(struct cpu_sample *sample, const char *name) {
    for (int i = 0; i < sample->count; i++)
        if (strcmp(sample->rows[i].name, name) == 0)
            return &sample->rows[i].seconds;
    if (sample->count == CPU_NAMES_MAX)
        return &sample->rows[CPU_NAMES_MAX - 1].seconds;
    snprintf(sample->rows[sample->count].name, TASK_NAME_SIZE, "%s", name);
    return &sample->rows[sample->count++].seconds;
}

struct cpu_sample cpu_sample_take(void) {
    struct cpu_sample sample = {.at_us = clock_monotonic_us()};
    struct tasks *tasks = tasks_read();
    for (int i = 0; i < tasks->count; i++)
        *seconds_of(&sample, tasks->rows[i].name) += tasks->rows[i].seconds;
    free(tasks);
    return sample;
}

static int by_seconds_falling(const void *a, const void *b) {
    double left = *(const double *)((const char *)a + TASK_NAME_SIZE);
    double right = *(const double *)((const char *)b + TASK_NAME_SIZE);
    return (left < right) - (left > right);
}

static void report_name(const struct bench_options *options, const struct cpu_use *use,
                        const char *name, double seconds) {
    double wall = (double)(use->after->at_us - use->before->at_us) / 1e6;
    double us = use->orders > 0 ? seconds * 1e6 / (double)use->orders : 0;
    bench_say("  %-34s %8.1f %7.2f", name, us, seconds / wall);
    bench_append(options, "cpu", use->bench, "\"process\":\"%s\",\"us\":%.1f,\"cores\":%.3f", name,
                 us, seconds / wall);
}

double cpu_total(const struct cpu_sample *before, const struct cpu_sample *after) {
    double total = 0;
    for (int i = 0; i < after->count; i++)
        total += after->rows[i].seconds;
    for (int i = 0; i < before->count; i++)
        total -= before->rows[i].seconds;
    return total;
}

double cpu_report(const struct bench_options *options, const struct cpu_use *use) {
    struct cpu_sample used = *use->after, earlier = *use->before;
    double total = 0, each = use->orders > 0 ? 1e6 / (double)use->orders : 0;
    for (int i = 0; i < used.count; i++) {
        used.rows[i].seconds -= *seconds_of(&earlier, used.rows[i].name);
        total += used.rows[i].seconds;
    }
    qsort(used.rows, (size_t)used.count, sizeof(used.rows[0]), by_seconds_falling);
    bench_say("  %-34s %8s %7s", "CPU", "us/order", "cores");
    for (int i = 0; i < used.count; i++)
        if (used.rows[i].seconds * each >= LEAST_SHOWN_US)
            report_name(options, use, used.rows[i].name, used.rows[i].seconds);
    report_name(options, use, "total", total);
    return total * each;
}
