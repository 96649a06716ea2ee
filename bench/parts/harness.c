#include "bench/parts/harness.h"

#include "tests/support/base/process.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5
#define ROUNDS_QUICK 2

static const char *const config_names[] = {
#define BENCH_CONFIG_NAME(id, name) [BENCH_##id] = name,
    BENCH_CONFIG_TABLE(BENCH_CONFIG_NAME)
#undef BENCH_CONFIG_NAME
};

const char *bench_config_name(enum bench_config config) {
    return config_names[config];
}

static void usage_and_exit(const char *program) {
    fprintf(stderr,
            "usage: %s [--config lazy|shipped] [--quick] [--rounds 1..%d] [--result FILE]\n",
            program, SERIES_MAX);
    exit(2);
}

static int parse_rounds(const char *program, const char *text) {
    char *end;
    long rounds = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || rounds < 1 || rounds > SERIES_MAX)
        usage_and_exit(program);
    return (int)rounds;
}

static enum bench_config parse_config(const char *program, const char *text) {
    for (int config = 0; config < BENCH_CONFIG_COUNT; config++)
        if (strcmp(text, config_names[config]) == 0)
            return (enum bench_config)config;
    usage_and_exit(program);
    return BENCH_LAZY;
}

struct bench_options bench_options_parse(int argc, char **argv) {
    struct bench_options options = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            options.is_quick = true;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            options.config = parse_config(argv[0], argv[++i]);
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            options.rounds = parse_rounds(argv[0], argv[++i]);
        else if (strcmp(argv[i], "--result") == 0 && i + 1 < argc)
            options.result_path = argv[++i];
        else
            usage_and_exit(argv[0]);
    }
    options.has_rounds = options.rounds != 0;
    if (!options.has_rounds)
        options.rounds = options.is_quick ? ROUNDS_QUICK : ROUNDS;
    return options;
}

void bench_options_take_long(struct bench_options *options) {
    if (!options->has_rounds)
        options->rounds = 1;
}

void series_add(struct series *series, double value) {
    if (series->count < SERIES_MAX)
        series->values[series->count++] = value;
}

static int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static struct series sorted(const struct series *series) {
    struct series copy = *series;
    qsort(copy.values, (size_t)copy.count, sizeof(copy.values[0]), compare_doubles);
    return copy;
}

double series_median(const struct series *series) {
    if (series->count == 0)
        return 0;
    struct series s = sorted(series);
    int middle = s.count / 2;
    return s.count % 2 == 1 ? s.values[middle] : (s.values[middle - 1] + s.values[middle]) / 2;
}

double series_least(const struct series *series) {
    return series->count == 0 ? 0 : sorted(series).values[0];
}

double series_most(const struct series *series) {
    return series->count == 0 ? 0 : sorted(series).values[series->count - 1];
}

double percentile(double *values, int count, double percent) {
    if (count == 0)
        return 0;
    qsort(values, (size_t)count, sizeof(values[0]), compare_doubles);
    int rank = (int)ceil(percent / 100 * count);
    return values[rank < 1 ? 0 : rank - 1];
}

void bench_append(const struct bench_options *options, const char *kind, const char *bench,
                  const char *format, ...) {
    if (options->result_path == NULL)
        return;
    FILE *file = fopen(options->result_path, "a");
    if (file == NULL)
        fixture_fail("cannot append to %s", options->result_path);
    fprintf(file, "{\"kind\":\"%s\",\"bench\":\"%s\",\"config\":\"%s\",", kind, bench,
            bench_config_name(options->config));
    va_list args;
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    fputs("}\n", file);
    if (fclose(file) != 0)
        fixture_fail("cannot write %s", options->result_path);
}

static bool meets(enum target_kind kind, double ours, double ratio, double target) {
    switch (kind) {
    case TARGET_RATIO_AT_LEAST:
        return ratio >= target;
    case TARGET_RATIO_AT_MOST:
        return ratio <= target;
    case TARGET_OURS_AT_MOST:
        return ours <= target;
    }
    return false;
}

static void write_target(const struct bench_result *result, double target, char *text,
                         size_t size) {
    if (result->kind == TARGET_OURS_AT_MOST)
        snprintf(text, size, "ours <= %g %s", target, result->unit);
    else
        snprintf(text, size, "ratio %s %g",
                 result->kind == TARGET_RATIO_AT_LEAST ? ">=" : "<=", target);
}

void bench_report(const struct bench_options *options, const struct bench_result *result) {
    const struct series *o = result->ours, *l = result->limit;
    double ours = series_median(o), limit = series_median(l);
    double ratio = limit > 0 ? ours / limit : 0;
    double target = result->target[options->config];
    bool is_ok = meets(result->kind, ours, ratio, target);
    char text[64];
    write_target(result, target, text, sizeof(text));
    bench_say("%s (%s): ours %.2f, limit %.2f %s, ratio %.3f, %s: %s", result->name,
              bench_config_name(options->config), ours, limit, result->unit, ratio, text,
              is_ok ? "ok" : "missed");
    bench_append(options, "ratio", result->name,
                 "\"unit\":\"%s\",\"ours\":[%.3f,%.3f,%.3f],\"limit\":[%.3f,%.3f,%.3f],"
                 "\"ratio\":%.3f,\"target\":\"%s\",\"ok\":%s",
                 result->unit, ours, series_least(o), series_most(o), limit, series_least(l),
                 series_most(l), ratio, text, is_ok ? "true" : "false");
}

void bench_say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
