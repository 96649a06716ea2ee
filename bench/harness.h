/*
 * The common parts of every bench: its options, a series of figures, and the row it reports.
 *
 * A bench runs rounds of limit and ours in turn, each on fresh servers, and reports medians. A row
 * is appended to the file given by --result, tab separated: name, unit, ours (median, least, most),
 * limit (median, least, most), ratio, target, "yes" or "no". Main thread only.
 */
#ifndef OM_BENCH_HARNESS_H
#define OM_BENCH_HARNESS_H

#include <stdbool.h>

#define SERIES_MAX 32

struct bench_options {
    int rounds;
    bool is_quick;           /* fewer and shorter rounds: a look, not a measurement */
    const char *result_path; /* NULL: no row is written */
};

/* Reads --quick, --rounds N and --result FILE; ends the program with 2 on anything else. */
struct bench_options bench_options_parse(int argc, char **argv);

/* One figure a round. Zero-initialize. */
struct series {
    double values[SERIES_MAX];
    int count;
};

void series_add(struct series *series, double value);
double series_median(const struct series *series);
double series_least(const struct series *series);
double series_most(const struct series *series);

/* The value that `percent` of the `count` values do not exceed (nearest rank). Sorts `values`. */
double percentile(double *values, int count, double percent);

enum target_kind {
    TARGET_RATIO_AT_LEAST, /* median of ours / median of limit */
    TARGET_OURS_AT_MOST,   /* median of ours, such as a latency */
};

struct bench_result {
    const char *name;
    const char *unit;
    const struct series *ours;
    const struct series *limit;
    enum target_kind kind;
    double target;
};

/* Says the result on standard error and appends its row. */
void bench_report(const struct bench_options *options, const struct bench_result *result);
/* A line of progress on standard error. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
