/*
 * Latency histograms with fixed bins, so that those of minutes, hours, processes or a replay merge
 * by adding them up. Bins are log-linear: eight a power of two, up to 2^43 us (about 100 days);
 * below 8 us each microsecond has its own. A percentile is off by an eighth at most. Pure; thread
 * safe.
 *
 * Bucketing after HdrHistogram, http://hdrhistogram.org/.
 */
#ifndef OM_SERVICES_ANALYTICS_HISTOGRAM_H
#define OM_SERVICES_ANALYTICS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BINS 328

struct histogram {
    int64_t counts[HISTOGRAM_BINS];
};

/* 0 to HISTOGRAM_BINS - 1. A negative duration counts as none, a longer one as the longest. */
int histogram_bin(int64_t duration_us);
/* The least duration of a bin; that of HISTOGRAM_BINS ends the last one. */
int64_t histogram_bin_start_us(int bin);

int64_t histogram_count(const struct histogram *histogram);
/* The duration that `percent` of 100 do not exceed, interpolated within its bin; 0 when empty. */
int64_t histogram_percentile_us(const struct histogram *histogram, int percent);

#endif
