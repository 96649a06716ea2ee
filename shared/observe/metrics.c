#include "shared/observe/metrics.h"

#include "shared/base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The bounds of the linker's array. */
extern struct metric *const __start_om_metrics[];
extern struct metric *const __stop_om_metrics[];

static const char *const kind_names[] = {
    [METRIC_KIND_COUNTER] = "counter",
    [METRIC_KIND_GAUGE] = "gauge",
    [METRIC_KIND_HISTOGRAM] = "histogram",
    [METRIC_KIND_HISTOGRAM_SIZE] = "histogram",
};

static const double second_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                       0.25,   0.5,   1,      2.5,   5,    10,    30};
static const double size_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

_Static_assert(sizeof(second_bounds) / sizeof(second_bounds[0]) <= METRIC_BOUNDS_MAX, "buckets");
_Static_assert(sizeof(size_bounds) / sizeof(size_bounds[0]) <= METRIC_BOUNDS_MAX, "buckets");

static const struct bounds {
    const double *upper;
    size_t count;
} bounds_of_kind[] = {
    [METRIC_KIND_HISTOGRAM] = {second_bounds, sizeof(second_bounds) / sizeof(second_bounds[0])},
    [METRIC_KIND_HISTOGRAM_SIZE] = {size_bounds, sizeof(size_bounds) / sizeof(size_bounds[0])},
};

static pthread_mutex_t labels_lock = PTHREAD_MUTEX_INITIALIZER;

/* The last slot is for all values that found no slot of their own. */
static const char overflow_label[] = "other";

static unsigned find_or_add(struct metric *metric, const char *label_value) {
    unsigned count = atomic_load(&metric->label_count);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(metric->series[i].label_value, label_value) == 0)
            return i;
    if (count == METRIC_SLOTS)
        return METRIC_SLOTS - 1;
    bool is_last = count == METRIC_SLOTS - 1;
    metric->series[count].label_value = is_last ? overflow_label : mem_copy(slice_of(label_value));
    atomic_store(&metric->label_count, count + 1);
    return count;
}

unsigned metric_slot(struct metric *metric, const char *label_value) {
    if (metric->label[0] == '\0')
        return 0;
    pthread_mutex_lock(&labels_lock);
    unsigned slot = find_or_add(metric, label_value);
    pthread_mutex_unlock(&labels_lock);
    return slot;
}

void metric_add(struct metric *metric, unsigned slot, int64_t amount) {
    atomic_fetch_add_explicit(&metric->series[slot].value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, unsigned slot, int64_t value) {
    atomic_store_explicit(&metric->series[slot].value, value, memory_order_relaxed);
}

void metric_observe(struct metric *metric, unsigned slot, double value) {
    struct metric_series *series = &metric->series[slot];
    const struct bounds *bounds = &bounds_of_kind[metric->kind];
    size_t bucket = 0;
    while (bucket < bounds->count && value > bounds->upper[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    double sum = atomic_load_explicit(&series->sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&series->sum, &sum, sum + value,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void append_label_value(struct buf *out, struct slice value) {
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\n') {
            buf_append_text(out, "\\n");
            continue;
        }
        if (value.ptr[i] == '\\' || value.ptr[i] == '"')
            buf_append_char(out, '\\');
        buf_append_char(out, value.ptr[i]);
    }
}

/* name="value",name="value"; a value for several names stands for each of them. */
static void append_labels(struct buf *out, const char *names, const char *values) {
    bool is_listed = strchr(names, ',') != NULL && strchr(values, ',') != NULL;
    struct slice names_left = slice_of(names), values_left = slice_of(values);
    while (names_left.len > 0) {
        struct slice name = slice_take_until(&names_left, ',');
        struct slice value = is_listed ? slice_take_until(&values_left, ',') : values_left;
        buf_printf(out, "%s%.*s=\"", name.ptr == names ? "" : ",", SLICE_ARG(name));
        append_label_value(out, value);
        buf_append_char(out, '"');
    }
}

/* "name_suffix{label="value",le="bound"} "; `bound` is NULL where there is none. */
static void append_series_name(struct buf *out, const struct metric *metric, unsigned slot,
                               const char *suffix, const char *bound) {
    bool has_label = metric->label[0] != '\0';
    buf_append_text(out, metric->name);
    buf_append_text(out, suffix);
    if (has_label) {
        buf_append_char(out, '{');
        append_labels(out, metric->label, metric->series[slot].label_value);
    }
    if (bound != NULL)
        buf_printf(out, "%sle=\"%s\"", has_label ? "," : "{", bound);
    if (has_label || bound != NULL)
        buf_append_char(out, '}');
    buf_append_char(out, ' ');
}

static void render_value(struct buf *out, struct metric *metric, unsigned slot) {
    append_series_name(out, metric, slot, "", NULL);
    buf_append_int(out, atomic_load_explicit(&metric->series[slot].value, memory_order_relaxed));
    buf_append_char(out, '\n');
}

static void render_histogram(struct buf *out, struct metric *metric, unsigned slot) {
    struct metric_series *series = &metric->series[slot];
    const struct bounds *bounds = &bounds_of_kind[metric->kind];
    uint64_t count = 0;
    for (size_t i = 0; i <= bounds->count; i++) {
        char bound[32] = "+Inf";
        if (i < bounds->count)
            snprintf(bound, sizeof(bound), "%g", bounds->upper[i]);
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        append_series_name(out, metric, slot, "_bucket", bound);
        buf_printf(out, "%llu\n", (unsigned long long)count);
    }
    append_series_name(out, metric, slot, "_sum", NULL);
    buf_printf(out, "%.15g\n", atomic_load_explicit(&series->sum, memory_order_relaxed));
    append_series_name(out, metric, slot, "_count", NULL);
    buf_printf(out, "%llu\n", (unsigned long long)count);
}

static void render_metric(struct buf *out, struct metric *metric) {
    unsigned count = metric->label[0] == '\0' ? 1 : atomic_load(&metric->label_count);
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
               kind_names[metric->kind]);
    for (unsigned slot = 0; slot < count; slot++) {
        if (bounds_of_kind[metric->kind].count > 0)
            render_histogram(out, metric, slot);
        else
            render_value(out, metric, slot);
    }
}

void metrics_render(struct buf *out) {
    for (struct metric *const *at = __start_om_metrics; at < __stop_om_metrics; at++)
        render_metric(out, *at);
}
