/*
 * latency_idle: one order at a time, from sending the POST to reading COMPLETED, against five times
 * a committed row and a synchronous publish: the hops an order cannot do without.
 *
 * The client asks for the order's status again and again with a short pause (load_run_idle()), so
 * the figures include the last look's own round trip. Where an order's time goes is told by other
 * orders, which are traced: that takes time of its own.
 */
#include "bench/parts/harness.h"
#include "bench/parts/hops.h"
#include "bench/parts/limits.h"
#include "bench/parts/system.h"
#include "shared/base/clock.h"
#include "tests/support/load/load_idle.h"
#include "tests/support/network/http_sink.h"

#include <stdlib.h>

#define ORDERS 300
#define ORDERS_QUICK 100
#define ORDERS_WARMING_UP 20
#define ORDERS_TRACED 30
#define EXPORTED_MS 3000 /* spans go out every second */
#define HOPS 5

/* A percentile of each round's latencies. */
struct quantile {
    const char *name;
    double percent;
    enum target_kind kind;
    double target;
    struct series ours, limit;
};

static void measure_limit(struct mesh *mesh, int count, double *ms) {
    limit_steps(mesh_servers(mesh), count, ms);
    for (int i = 0; i < count; i++)
        ms[i] *= HOPS;
}

static void place_idle(struct mesh *mesh, const char *prefix, int count, FILE *log, double *ms) {
    struct load_result result = {0};
    struct load_options load = system_load(mesh);
    load.prefix = prefix;
    load.count = (uint64_t)count;
    load.log = log;
    if (!load_run_idle(&load, &result) || result.accepted != load.count)
        fixture_fail("an order was not accepted or did not end");
    for (int i = 0; i < count; i++)
        ms[i] = result.latencies_us[i] / 1e3;
    load_result_fini(&result);
}

static void measure_ours(struct mesh *mesh, int count, double *ms) {
    char log_path[512];
    snprintf(log_path, sizeof(log_path), "%s/load.log", servers_dir(mesh_servers(mesh)));
    FILE *log = fopen(log_path, "w");
    if (log == NULL)
        fixture_fail("cannot write %s", log_path);
    system_launch_all(mesh);
    place_idle(mesh, "warm-", ORDERS_WARMING_UP, log, ms);
    place_idle(mesh, "idle-", count, log, ms);
    fclose(log);
    system_require_invariants(mesh, log_path);
}

/* Of orders of their own, on a mesh that exports its spans. */
static void measure_hops(const struct bench_options *options) {
    struct http_sink *collector = http_sink_start();
    double ms[ORDERS_TRACED];
    setenv("OM_OTLP_URL", http_sink_url(collector), 1);
    struct mesh *mesh = system_prepare(options);
    system_launch_all(mesh);
    place_idle(mesh, "warm-", ORDERS_WARMING_UP, NULL, ms);
    clock_sleep_ms(EXPORTED_MS);
    http_sink_keep_all(collector);
    place_idle(mesh, "traced-", ORDERS_TRACED, NULL, ms);
    clock_sleep_ms(EXPORTED_MS);
    mesh_stop(&mesh);
    unsetenv("OM_OTLP_URL");
    struct buf body = http_sink_body(collector);
    bench_say("an idle order, traced: %.2f ms; from the POST on",
              percentile(ms, ORDERS_TRACED, 50));
    hops_report(options, "latency_idle", buf_slice(&body), ORDERS_TRACED);
    buf_fini(&body);
    http_sink_stop(&collector);
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int count = options.is_quick ? ORDERS_QUICK : ORDERS;
    double ours[ORDERS], limit[ORDERS];
    struct quantile quantiles[] = {
        {.name = "latency_idle_p50", .percent = 50, .kind = TARGET_RATIO_AT_MOST, .target = 3},
        {.name = "latency_idle_p99", .percent = 99, .kind = TARGET_OURS_AT_MOST, .target = 20}};
    const int quantile_count = sizeof(quantiles) / sizeof(quantiles[0]);
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        measure_limit(mesh, count, limit);
        measure_ours(mesh, count, ours);
        mesh_stop(&mesh);
        for (struct quantile *q = quantiles; q < quantiles + quantile_count; q++) {
            series_add(&q->ours, percentile(ours, count, q->percent));
            series_add(&q->limit, percentile(limit, count, q->percent));
            bench_say("%s %d/%d: limit %.2f, ours %.2f ms", q->name, round, options.rounds,
                      q->limit.values[round - 1], q->ours.values[round - 1]);
        }
    }
    for (struct quantile *q = quantiles; q < quantiles + quantile_count; q++)
        bench_report(&options, &(struct bench_result){.name = q->name,
                                                      .unit = "ms",
                                                      .ours = &q->ours,
                                                      .limit = &q->limit,
                                                      .kind = q->kind,
                                                      .target = TARGET_OF_BOTH(q->target)});
    measure_hops(&options);
    return 0;
}
