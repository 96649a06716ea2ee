#include "shared/observe/metrics.h"

#include "shared/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM, KIND_HISTOGRAM_SIZE };

static const struct metric_info {
    enum metric_kind kind;
    const char *name, *label, *help;
} infos[] = {
#define METRIC_ROW(id, metric_kind, metric_name, label_name, words)                                \
    [METRIC_##id] = {.kind = KIND_##metric_kind,                                                   \
                     .name = (metric_name),                                                        \
                     .label = (label_name),                                                        \
                     .help = (words)},
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
};

static const char *const kind_names[] = {
    [KIND_COUNTER] = "counter",
    [KIND_GAUGE] = "gauge",
    [KIND_HISTOGRAM] = "histogram",
    [KIND_HISTOGRAM_SIZE] = "histogram",
};

static const double second_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                       0.25,   0.5,   1,      2.5,   5,    10,    30};
static const double size_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

#define BOUNDS_MAX (sizeof(second_bounds) / sizeof(second_bounds[0]))

static const struct bounds {
    const double *upper;
    size_t count;
} bounds_of_kind[] = {
    [KIND_HISTOGRAM] = {second_bounds, sizeof(second_bounds) / sizeof(second_bounds[0])},
    [KIND_HISTOGRAM_SIZE] = {size_bounds, sizeof(size_bounds) / sizeof(size_bounds[0])},
};

/* One time series. A histogram's observation is counted in the one bucket it falls into; the
   buckets are added up when they are rendered, so that they always agree with the count. */
struct series {
    atomic_int_least64_t value;
    atomic_uint_least64_t buckets[BOUNDS_MAX + 1];
    _Atomic double sum;
};

static struct series all_series[METRIC_COUNT][METRIC_SLOTS];

/* Label values are never freed, so that a reader needs no lock. Written under the lock; a slot is
   visible once the count says so. */
static pthread_mutex_t labels_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *labels[METRIC_COUNT][METRIC_SLOTS];
static atomic_uint label_counts[METRIC_COUNT];

/* The last slot is for all values that found no slot of their own. */
static const char overflow_label[] = "other";

static unsigned find_or_add(enum metric metric, const char *label_value) {
    unsigned count = atomic_load(&label_counts[metric]);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(labels[metric][i], label_value) == 0)
            return i;
    if (count == METRIC_SLOTS)
        return METRIC_SLOTS - 1;
    bool is_last = count == METRIC_SLOTS - 1;
    labels[metric][count] = is_last ? overflow_label : mem_copy(slice_of(label_value));
    atomic_store(&label_counts[metric], count + 1);
    return count;
}

unsigned metric_slot(enum metric metric, const char *label_value) {
    if (infos[metric].label[0] == '\0')
        return 0;
    pthread_mutex_lock(&labels_lock);
    unsigned slot = find_or_add(metric, label_value);
    pthread_mutex_unlock(&labels_lock);
    return slot;
}

void metric_add(enum metric metric, unsigned slot, int64_t amount) {
    atomic_fetch_add_explicit(&all_series[metric][slot].value, amount, memory_order_relaxed);
}

void metric_set(enum metric metric, unsigned slot, int64_t value) {
    atomic_store_explicit(&all_series[metric][slot].value, value, memory_order_relaxed);
}

void metric_observe(enum metric metric, unsigned slot, double value) {
    struct series *series = &all_series[metric][slot];
    const struct bounds *bounds = &bounds_of_kind[infos[metric].kind];
    size_t bucket = 0;
    while (bucket < bounds->count && value > bounds->upper[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    double sum = atomic_load_explicit(&series->sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&series->sum, &sum, sum + value,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

static bool is_histogram(enum metric metric) {
    return infos[metric].kind == KIND_HISTOGRAM || infos[metric].kind == KIND_HISTOGRAM_SIZE;
}

int64_t metric_value(enum metric metric, unsigned slot) {
    struct series *series = &all_series[metric][slot];
    if (!is_histogram(metric))
        return atomic_load_explicit(&series->value, memory_order_relaxed);
    uint64_t count = 0;
    for (size_t i = 0; i <= BOUNDS_MAX; i++)
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
    return (int64_t)count;
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

/* Takes what stands before the first comma, or all, off `*list`. */
static struct slice take_listed(const char **list) {
    size_t len = strcspn(*list, ",");
    struct slice taken = {*list, len};
    *list += (*list)[len] == ',' ? len + 1 : len;
    return taken;
}

/* name="value",name="value"; a value for several names stands for each of them. */
static void append_labels(struct buf *out, const char *names, const char *values) {
    bool is_listed = strchr(names, ',') != NULL && strchr(values, ',') != NULL;
    const char *next = values;
    for (const char *begin = names; *names != '\0';) {
        struct slice name = take_listed(&names);
        struct slice value = is_listed ? take_listed(&next) : slice_of(values);
        buf_printf(out, "%s%.*s=\"", name.ptr == begin ? "" : ",", SLICE_ARG(name));
        append_label_value(out, value);
        buf_append_char(out, '"');
    }
}

/* "name_suffix{label="value",le="bound"} "; `bound` is NULL where there is none. */
static void append_series_name(struct buf *out, enum metric metric, unsigned slot,
                               const char *suffix, const char *bound) {
    const struct metric_info *info = &infos[metric];
    bool has_label = info->label[0] != '\0';
    buf_append_text(out, info->name);
    buf_append_text(out, suffix);
    if (has_label) {
        buf_append_char(out, '{');
        append_labels(out, info->label, labels[metric][slot]);
    }
    if (bound != NULL)
        buf_printf(out, "%sle=\"%s\"", has_label ? "," : "{", bound);
    if (has_label || bound != NULL)
        buf_append_char(out, '}');
    buf_append_char(out, ' ');
}

static void render_histogram(struct buf *out, enum metric metric, unsigned slot) {
    struct series *series = &all_series[metric][slot];
    const struct bounds *bounds = &bounds_of_kind[infos[metric].kind];
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

static void render_series(struct buf *out, enum metric metric, unsigned slot) {
    if (is_histogram(metric)) {
        render_histogram(out, metric, slot);
        return;
    }
    append_series_name(out, metric, slot, "", NULL);
    buf_append_int(out, metric_value(metric, slot));
    buf_append_char(out, '\n');
}

void metrics_render(struct buf *out) {
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = &infos[i];
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
                   kind_names[info->kind]);
        unsigned count = info->label[0] == '\0' ? 1 : atomic_load(&label_counts[i]);
        for (unsigned slot = 0; slot < count; slot++)
            render_series(out, (enum metric)i, slot);
    }
}
