#include "tests/support/load/load_result.h"

#include "shared/base/memory.h"

#include <stdlib.h>
#include <string.h>

void load_result_add(struct load_result *result, int64_t latency_us) {
    if (result->latency_count == result->latency_capacity) {
        size_t capacity = result->latency_capacity == 0 ? 4096 : result->latency_capacity * 2;
        uint32_t *grown = mem_alloc(capacity * sizeof(*grown));
        if (result->latency_count > 0)
            memcpy(grown, result->latencies_us, result->latency_count * sizeof(*grown));
        free(result->latencies_us);
        result->latencies_us = grown;
        result->latency_capacity = capacity;
    }
    result->latencies_us[result->latency_count++] =
        latency_us < UINT32_MAX ? (uint32_t)latency_us : UINT32_MAX;
    result->accepted++;
}

static int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void write_latencies(struct load_result *result, struct buf *out) {
    static const struct {
        const char *name;
        double rank;
    } percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}};
    size_t count = result->latency_count;

    if (count > 0)
        qsort(result->latencies_us, count, sizeof(*result->latencies_us), compare_u32);
    buf_append_text(out, "\"latency_us\":{");
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        size_t at = (size_t)(percentiles[i].rank * (double)count);
        uint32_t value = count == 0 ? 0 : result->latencies_us[at < count ? at : count - 1];
        buf_printf(out, "%s\"%s\":%u", i == 0 ? "" : ",", percentiles[i].name, value);
    }
    buf_append_text(out, "}");
}

static void write_answers(const struct load_result *result, struct buf *out) {
    const char *comma = "";

    buf_append_text(out, "\"answers\":{");
    for (int status = 0; status < LOAD_STATUS_MAX; status++) {
        if (result->answers[status] == 0)
            continue;
        buf_printf(out, "%s\"%d\":%llu", comma, status,
                   (unsigned long long)result->answers[status]);
        comma = ",";
    }
    buf_append_text(out, "}");
}

void load_result_write(struct load_result *result, uint64_t seed, struct buf *out) {
    double rate = result->elapsed_s > 0 ? (double)result->accepted / result->elapsed_s : 0;

    buf_printf(out, "{\"seed\":%llu,\"placed\":%llu,\"accepted\":%llu,\"replayed\":%llu",
               (unsigned long long)seed, (unsigned long long)result->placed,
               (unsigned long long)result->accepted, (unsigned long long)result->replayed);
    buf_printf(out, ",\"refused\":%llu,\"given_up\":%llu,\"connections_lost\":%llu",
               (unsigned long long)result->refused, (unsigned long long)result->given_up,
               (unsigned long long)result->connections_lost);
    buf_printf(out, ",\"elapsed_s\":%.3f,\"rate\":%.1f,", result->elapsed_s, rate);
    write_answers(result, out);
    buf_append_text(out, ",");
    write_latencies(result, out);
    buf_append_text(out, "}");
}

void load_result_fini(struct load_result *result) {
    free(result->latencies_us);
    *result = (struct load_result){0};
}
