/*
 * Prometheus metrics. Each is declared at the top of the source that counts it, and /metrics shows
 * those of all sources that a process consists of, from its start. Thread safe, lock free on the
 * hot path: a label value is registered once and addressed by its slot.
 *
 *     METRIC_COUNTER(calls, "ordermesh_calls_total", "result", "Calls by result.");
 *     ...
 *     metric_add(&calls, metric_slot(&calls, "refused"), 1);
 *
 * Text exposition format 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef OM_SHARED_OBSERVE_METRICS_H
#define OM_SHARED_OBSERVE_METRICS_H

#include "shared/base/buf.h"

#include <stdatomic.h>

#define METRIC_SLOTS 160 /* label values a metric can have; further ones share "other" */
#define METRIC_BOUNDS_MAX 15

enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_HISTOGRAM,
    METRIC_KIND_HISTOGRAM_SIZE
};

/* One time series. A histogram's observation is counted in the one bucket it falls into; the
   buckets are added up when they are rendered, so that they always agree with the count. */
struct metric_series {
    const char *label_value; /* never freed, so that a reader needs no lock */
    atomic_int_least64_t value;
    atomic_uint_least64_t buckets[METRIC_BOUNDS_MAX + 1];
    _Atomic double sum;
};

struct metric {
    enum metric_kind kind;
    const char *name, *label, *help;
    struct metric_series *series; /* METRIC_SLOTS */
    atomic_uint label_count;      /* a slot is visible once the count says so */
};

/* name, label ("" for none) and help. Several labels stand with commas between, and so do their
   values, which hold none then. A histogram is of seconds, or of sizes. */
#define METRIC_COUNTER(id, ...) METRIC_DECLARE(id, METRIC_KIND_COUNTER, __VA_ARGS__)
#define METRIC_GAUGE(id, ...) METRIC_DECLARE(id, METRIC_KIND_GAUGE, __VA_ARGS__)
#define METRIC_HISTOGRAM(id, ...) METRIC_DECLARE(id, METRIC_KIND_HISTOGRAM, __VA_ARGS__)
#define METRIC_HISTOGRAM_SIZE(id, ...) METRIC_DECLARE(id, METRIC_KIND_HISTOGRAM_SIZE, __VA_ARGS__)

/* The linker makes one array of all pointers in the section: the metrics of the program. */
#define METRIC_DECLARE(id, metric_kind, metric_name, label_names, words)                           \
    static struct metric_series id##_series[METRIC_SLOTS];                                         \
    static struct metric id = {.kind = (metric_kind),                                              \
                               .name = (metric_name),                                              \
                               .label = (label_names),                                             \
                               .help = (words),                                                    \
                               .series = id##_series};                                             \
    static struct metric *const id##_listed __attribute__((used, section("om_metrics"))) = &(id)

/* Label values that are there from the start of the program, at 0: an alert that waits for an
   increase does not see a series that comes with its first one. */
#define METRIC_STARTS(id, ...)                                                                     \
    static void id##_start(void) __attribute__((constructor));                                     \
    static void id##_start(void) {                                                                 \
        static const char *const values[] = {__VA_ARGS__};                                         \
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)                            \
            (void)metric_slot(&(id), values[i]);                                                   \
    }                                                                                              \
    static void id##_start(void)

/* The slot of a label value, registering it at first use (takes a lock; keep the slot). */
unsigned metric_slot(struct metric *metric, const char *label_value);
void metric_add(struct metric *metric, unsigned slot, int64_t amount);   /* counters, gauges */
void metric_set(struct metric *metric, unsigned slot, int64_t value);    /* gauges */
void metric_observe(struct metric *metric, unsigned slot, double value); /* histograms */
void metrics_render(struct buf *out);

#endif
