#include "services/analytics/histogram.h"

#define SUB_BITS 3
#define SUB_BINS (1 << SUB_BITS)
#define MOST_US ((INT64_C(1) << 43) - 1)

int histogram_bin(int64_t duration_us) {
    if (duration_us < 0)
        duration_us = 0;
    if (duration_us > MOST_US)
        duration_us = MOST_US;
    if (duration_us < SUB_BINS)
        return (int)duration_us;
    int highest_bit = 63 - __builtin_clzll((unsigned long long)duration_us);
    int shift = highest_bit - SUB_BITS;
    /* The bits below the highest one choose the bin within the power of two. */
    return (shift + 1) * SUB_BINS + (int)(duration_us >> shift) - SUB_BINS;
}

int64_t histogram_bin_start_us(int bin) {
    if (bin < SUB_BINS)
        return bin;
    int shift = bin / SUB_BINS - 1;
    return (int64_t)(SUB_BINS + bin % SUB_BINS) << shift;
}

int64_t histogram_count(const struct histogram *histogram) {
    int64_t count = 0;
    for (int bin = 0; bin < HISTOGRAM_BINS; bin++)
        count += histogram->counts[bin];
    return count;
}

int64_t histogram_percentile_us(const struct histogram *histogram, int percent) {
    int64_t count = histogram_count(histogram);
    if (count <= 0)
        return 0;
    /* The nearest rank: the smallest one that has `percent` of all at or below it. */
    int64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
    if (rank < 1)
        rank = 1;
    int bin = 0;
    int64_t below = 0;
    while (bin < HISTOGRAM_BINS - 1 && below + histogram->counts[bin] < rank)
        below += histogram->counts[bin++];
    int64_t start_us = histogram_bin_start_us(bin);
    int64_t width_us = histogram_bin_start_us(bin + 1) - start_us;
    double share = (double)(rank - below) / (double)histogram->counts[bin];
    return start_us + (int64_t)((double)(width_us - 1) * share);
}
