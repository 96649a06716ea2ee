#include "services/analytics/sums.h"

static struct labelled_sum *find(struct labelled_sums *sums, struct slice label) {
    for (size_t i = 0; i < sums->count; i++) {
        if (slice_equal(sums->items[i].label, label))
            return &sums->items[i];
    }
    if (sums->count == SUMS_LABELS_MAX)
        return NULL;
    sums->items[sums->count] = (struct labelled_sum){.label = label};
    return &sums->items[sums->count++];
}

static void add_status(struct sums *sums, struct slice label, int64_t value) {
    enum order_status status;
    if (order_status_parse(label, &status))
        sums->statuses[status] += value;
}

static void add_fact(struct sums *sums, struct slice label, int64_t value) {
    for (int i = 0; i < FACT_COUNT; i++) {
        if (slice_is(label, fact_name((enum fact)i)))
            sums->facts[i] += value;
    }
}

static void add_latency(struct sums *sums, struct slice label, int64_t bin, int64_t value) {
    enum stage stage;
    if (stage_parse(label, &stage) && bin >= 0 && bin < HISTOGRAM_BINS)
        sums->latencies[stage].counts[bin] += value;
}

void sums_add(struct sums *sums, enum measure measure, struct slice label, int64_t bin,
              int64_t value) {
    struct labelled_sum *sum = NULL;
    switch (measure) {
    case MEASURE_CAPTURED:
        if ((sum = find(&sums->revenue, label)) != NULL)
            sum->value += value;
        break;
    case MEASURE_REFUNDED:
        if ((sum = find(&sums->revenue, label)) != NULL)
            sum->refunded += value;
        break;
    case MEASURE_REASON:
        if ((sum = find(&sums->reasons, label)) != NULL)
            sum->value += value;
        break;
    case MEASURE_STATUS:
        add_status(sums, label, value);
        break;
    case MEASURE_FACT:
        add_fact(sums, label, value);
        break;
    case MEASURE_LATENCY:
        add_latency(sums, label, bin, value);
        break;
    case MEASURE_COUNT:
        break;
    }
}
