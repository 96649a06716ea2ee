#include "bench/harness.h"

#include "tests/support/base/process.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5
#define ROUNDS_QUICK 2

static void usage_and_exit(const char *program) {
    fprintf(stderr, "usage: %s [--quick] [--rounds 1..%d] [--result FILE]\n", program, SERIES_MAX);
    exit(2);
}

static int parse_rounds(const char *program, const char *text) {
    char *end;
    long rounds = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || rounds < 1 || rounds > SERIES_MAX)
        usage_and_exit(program);
    return (int)rounds;
}

struct bench_options bench_options_parse(int argc, char **argv) {
    struct bench_options options = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            options.is_quick = true;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            options.rounds = parse_rounds(argv[0], argv[++i]);
        else if (strcmp(argv[i], "--result") == 0 && i + 1 < argc)
            options.result_path = argv[++i];
        else
            usage_and_exit(argv[0]);
    }
    if (options.rounds == 0)
        options.rounds = options.is_quick ? ROUNDS_QUICK : ROUNDS;
    return options;
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

static void append_row(const char *path, const struct bench_result *result, double ratio,
                       bool is_ok) {
    FILE *file = fopen(path, "a");
    if (file == NULL)
        fixture_fail("cannot append to %s", path);
    fprintf(file, "%s\t%s", result->name, result->unit);
    for (int i = 0; i < 2; i++) {
        const struct series *series = i == 0 ? result->ours : result->limit;
        fprintf(file, "\t%.3f\t%.3f\t%.3f", series_median(series), series_least(series),
                series_most(series));
    }
    if (result->kind == TARGET_RATIO_AT_LEAST)
        fprintf(file, "\t%.3f\tratio >= %g", ratio, result->target);
    else
        fprintf(file, "\t%.3f\tours <= %g %s", ratio, result->target, result->unit);
    fprintf(file, "\t%s\n", is_ok ? "yes" : "no");
    if (fclose(file) != 0)
        fixture_fail("cannot write %s", path);
}

void bench_report(const struct bench_options *options, const struct bench_result *result) {
    double ours = series_median(result->ours), limit = series_median(result->limit);
    double ratio = limit > 0 ? ours / limit : 0;
    bool is_ok =
        result->kind == TARGET_RATIO_AT_LEAST ? ratio >= result->target : ours <= result->target;
    bench_say("%s: ours %.2f, limit %.2f %s, ratio %.3f: %s", result->name, ours, limit,
              result->unit, ratio, is_ok ? "ok" : "below target");
    if (options->result_path != NULL)
        append_row(options->result_path, result, ratio, is_ok);
}

void bench_say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
