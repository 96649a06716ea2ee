#include "services/analytics/report.h"

#include "services/analytics/store.h"
#include "services/analytics/sums.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void put_fixed(struct json_writer *w, const char *key, int64_t thousandths) {
    char text[32];
    int len = snprintf(text, sizeof(text), "%" PRId64 ".%03" PRId64, thousandths / 1000,
                       thousandths % 1000);
    json_put_raw(w, key, (struct slice){text, (size_t)len});
}

static void put_time(struct json_writer *w, const char *key, int64_t time_us) {
    char text[RFC3339_SIZE];
    clock_format(time_us, text);
    json_put_text(w, key, text);
}

/* --- business --------------------------------------------------------------------------------- */

static void put_orders(struct json_writer *w, const struct sums *sums) {
    int64_t total = 0;
    for (int i = 0; i < ORDER_STATUS_COUNT; i++)
        total += sums->statuses[i];
    json_key(w, "orders");
    json_begin_object(w);
    json_put_int(w, "total", total);
    json_key(w, "byStatus");
    json_begin_object(w);
    for (int i = 0; i < ORDER_STATUS_COUNT; i++)
        json_put_int(w, order_status_name((enum order_status)i), sums->statuses[i]);
    json_end_object(w);
    json_end_object(w);
}

static void put_revenue(struct json_writer *w, const struct labelled_sums *revenue) {
    json_key(w, "revenue");
    json_begin_array(w);
    for (size_t i = 0; i < revenue->count; i++) {
        const struct labelled_sum *sum = &revenue->items[i];
        json_begin_object(w);
        json_put_string(w, "currency", sum->label);
        json_put_int(w, "capturedMinor", sum->value);
        json_put_int(w, "refundedMinor", sum->refunded);
        json_put_int(w, "revenueMinor", sum->value - sum->refunded);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_reasons(struct json_writer *w, const struct labelled_sums *reasons) {
    json_key(w, "failureReasons");
    json_begin_object(w);
    for (size_t i = 0; i < reasons->count; i++) {
        struct slice label = reasons->items[i].label;
        char key[65];
        snprintf(key, sizeof(key), "%.*s", SLICE_ARG(label));
        json_put_int(w, key, reasons->items[i].value);
    }
    json_end_object(w);
}

static void put_facts(struct json_writer *w, const char *key, const struct sums *sums,
                      const enum fact *facts, size_t count) {
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < count; i++)
        json_put_int(w, fact_name(facts[i]), sums->facts[facts[i]]);
    json_end_object(w);
}

static void put_business(struct json_writer *w, const struct sums *sums) {
    static const enum fact funnel[] = {FACT_CREATED,   FACT_RESERVED, FACT_PAID,
                                       FACT_CONFIRMED, FACT_SHIPPED,  FACT_COMPLETED};
    put_orders(w, sums);
    put_revenue(w, &sums->revenue);
    put_reasons(w, &sums->reasons);
    put_facts(w, "funnel", sums, funnel, sizeof(funnel) / sizeof(funnel[0]));
}

/* --- system ----------------------------------------------------------------------------------- */

static void put_latencies(struct json_writer *w, const struct sums *sums) {
    json_key(w, "latencies");
    json_begin_object(w);
    for (int i = 0; i < STAGE_COUNT; i++) {
        const struct histogram *histogram = &sums->latencies[i];
        int64_t count = histogram_count(histogram);
        if (count == 0)
            continue;
        json_key(w, stage_name((enum stage)i));
        json_begin_object(w);
        json_put_int(w, "count", count);
        put_fixed(w, "p50Ms", histogram_percentile_us(histogram, 50));
        put_fixed(w, "p95Ms", histogram_percentile_us(histogram, 95));
        put_fixed(w, "p99Ms", histogram_percentile_us(histogram, 99));
        json_end_object(w);
    }
    json_end_object(w);
}

static void put_system(struct json_writer *w, const struct sums *sums, int64_t length_us) {
    enum fact all[FACT_COUNT];
    int64_t failed = sums->facts[FACT_FAILED];
    int64_t ended = sums->facts[FACT_COMPLETED] + failed + sums->facts[FACT_CANCELLED];
    for (int i = 0; i < FACT_COUNT; i++)
        all[i] = (enum fact)i;
    put_facts(w, "events", sums, all, FACT_COUNT);
    double per_second = (double)sums->facts[FACT_CREATED] * 1e6 / (double)length_us;
    put_fixed(w, "ordersPerSecond", (int64_t)(per_second * 1000 + 0.5));
    put_fixed(w, "errorRate", ended > 0 ? failed * 1000 / ended : 0);
    put_latencies(w, sums);
}

/* --- documents -------------------------------------------------------------------------------- */

static void put_bucket(struct json_writer *w, enum report_kind kind, const struct period *period,
                       int64_t at_us, const struct sums *sums) {
    json_begin_object(w);
    put_time(w, "at", at_us);
    if (kind == REPORT_DASHBOARD)
        put_business(w, sums);
    else
        put_system(w, sums, granularity_seconds(period->granularity) * 1000000);
    json_end_object(w);
}

static void add_row(struct sums *sums, const struct pg_result *rows, int row) {
    enum measure measure;
    if (measure_parse(pg_get_slice(rows, row, COUNTS_MEASURE), &measure))
        sums_add(sums, measure, pg_get_slice(rows, row, COUNTS_LABEL),
                 pg_get_int64(rows, row, COUNTS_BIN), pg_get_int64(rows, row, COUNTS_VALUE));
}

/* Rows come sorted by their bucket: one at a time is summed up. */
static void put_buckets(struct json_writer *w, enum report_kind kind, const struct period *period,
                        const struct pg_result *rows) {
    struct sums *sums = mem_alloc(sizeof(*sums));
    json_key(w, "buckets");
    json_begin_array(w);
    for (int row = 0; row < pg_rows(rows); row++) {
        int64_t at_us = pg_get_time_us(rows, row, COUNTS_AT);
        add_row(sums, rows, row);
        if (row + 1 < pg_rows(rows) && pg_get_time_us(rows, row + 1, COUNTS_AT) == at_us)
            continue;
        put_bucket(w, kind, period, at_us, sums);
        *sums = (struct sums){0};
    }
    json_end_array(w);
    free(sums);
}

void report_write(enum report_kind kind, const struct period *period, const struct pg_result *rows,
                  struct buf *out) {
    struct sums *total = mem_alloc(sizeof(*total));
    for (int row = 0; row < pg_rows(rows); row++)
        add_row(total, rows, row);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    put_time(&w, "from", period->from_us);
    put_time(&w, "to", period->to_us);
    json_put_text(&w, "granularity", granularity_name(period->granularity));
    if (kind == REPORT_DASHBOARD) {
        put_business(&w, total);
        put_latencies(&w, total);
    } else {
        put_system(&w, total, period->to_us - period->from_us);
    }
    put_buckets(&w, kind, period, rows);
    json_end_object(&w);
    free(total);
}
