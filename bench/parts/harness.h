/*
 * The common parts of every bench: its options, a series of figures, and the row it reports.
 *
 * A bench runs rounds of limit and ours in turn, each on fresh servers, and reports medians. What
 * it reports is appended to the file given by --result, one JSON object a line, with its `kind`: a
 * `ratio` here; cpu.h and others add what else scripts/performance tells of. Main thread only.
 */
#ifndef OM_BENCH_PARTS_HARNESS_H
#define OM_BENCH_PARTS_HARNESS_H

#include <stdbool.h>

#define SERIES_MAX 32

/* What runs beneath: scripts/bench chooses the nats-server of each. */
#define BENCH_CONFIG_TABLE(X)                                                                      \
    X(LAZY, "lazy")       /* before 2.10: syncs once a minute */                                   \
    X(SHIPPED, "shipped") /* sync_interval: always, as Compose and Kubernetes run it */

enum bench_config {
#define BENCH_CONFIG_ENUM(id, name) BENCH_##id,
    BENCH_CONFIG_TABLE(BENCH_CONFIG_ENUM)
#undef BENCH_CONFIG_ENUM
        BENCH_CONFIG_COUNT
};

struct bench_options {
    enum bench_config config;
    int rounds;
    bool has_rounds;         /* by --rounds */
    bool is_quick;           /* fewer and shorter rounds: a look, not a measurement */
    const char *result_path; /* NULL: nothing is written */
};

/* Reads --config NAME (lazy), --quick, --rounds N and --result FILE; ends the program with 2 on
   anything else. */
struct bench_options bench_options_parse(int argc, char **argv);
/* For a bench whose round takes long: one, unless --rounds said otherwise. */
void bench_options_take_long(struct bench_options *options);
const char *bench_config_name(enum bench_config config);

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
    TARGET_RATIO_AT_MOST,
    TARGET_OURS_AT_MOST, /* median of ours */
};

#define TARGET_OF_BOTH(value)                                                                      \
    { (value), (value) }

struct bench_result {
    const char *name;
    const char *unit;
    const struct series *ours;
    const struct series *limit;
    enum target_kind kind;
    double target[BENCH_CONFIG_COUNT];
};

/* Says the result on standard error and appends it. */
void bench_report(const struct bench_options *options, const struct bench_result *result);
/* Appends {"kind": `kind`, "bench": `bench`, "config": …, and the members that `format` makes}. */
void bench_append(const struct bench_options *options, const char *kind, const char *bench,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A line of progress on standard error. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
