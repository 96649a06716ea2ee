/*
 * latency_idle: one order at a time, from sending the POST to reading COMPLETED, against five times
 * a committed row and a synchronous publish: the hops an order cannot do without.
 *
 * The client asks for the order's status again and again with a short pause (load_run_idle()), so
 * the figures include the last look's own round trip.
 */
#include "bench/harness.h"
#include "bench/limits.h"
#include "bench/system.h"
#include "tests/support/load/load_idle.h"

#define ORDERS 300
#define ORDERS_QUICK 100
#define ORDERS_WARMING_UP 20
#define HOPS 5

/* A percentile of each round's latencies. */
struct quantile {
    const char *name;
    double percent;
    double target_ms;
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

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int count = options.is_quick ? ORDERS_QUICK : ORDERS;
    double ours[ORDERS], limit[ORDERS];
    struct quantile quantiles[] = {{.name = "latency_idle_p50", .percent = 50, .target_ms = 8},
                                   {.name = "latency_idle_p99", .percent = 99, .target_ms = 20}};
    const int quantile_count = sizeof(quantiles) / sizeof(quantiles[0]);
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare();
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
                                                      .kind = TARGET_OURS_AT_MOST,
                                                      .target = q->target_ms});
    return 0;
}
