/*
 * e2e: orders a second from POST to COMPLETED, sustained, against the saga's SQL alone; and the
 * processor's time that an order takes, in all processes, against what its SQL takes.
 */
#include "bench/parts/cpu.h"
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"
#include "bench/parts/limits.h"

#include <inttypes.h>

#define SECONDS 60
#define SECONDS_QUICK 15
#define LIMIT_SECONDS 10
#define LIMIT_SECONDS_QUICK 4

/* A figure a round for each of what is compared. */
struct figures {
    struct series ours, batched, single; /* orders a second */
    struct series cpu, batched_cpu;      /* microseconds an order */
};

static double saga_limit(struct mesh *mesh, int orders_a_run, int clients, int seconds) {
    return limit_orders(mesh_servers(mesh), &(struct limit_script){.file = "saga.sql",
                                                                   .clients = clients,
                                                                   .seconds = seconds,
                                                                   .orders_a_run = orders_a_run});
}

/* The limit's processor's time is that of the servers and of pgbench. */
static void measure_limits(const struct bench_options *options, struct mesh *mesh,
                           struct figures *figures) {
    int seconds = options->is_quick ? LIMIT_SECONDS_QUICK : LIMIT_SECONDS;
    struct cpu_sample before = cpu_sample_take();
    double rate = saga_limit(mesh, 256, 4, seconds);
    struct cpu_sample after = cpu_sample_take();
    const struct cpu_use use = {.bench = "saga.sql",
                                .before = &before,
                                .after = &after,
                                .orders = (int64_t)(rate * seconds)};
    series_add(&figures->batched, rate);
    series_add(&figures->batched_cpu, cpu_report(options, &use));
    series_add(&figures->single, saga_limit(mesh, 1, 8, seconds));
}

static void measure_ours(const struct bench_options *options, struct mesh *mesh,
                         struct figures *figures) {
    const struct flow_load load = {.seconds = options->is_quick ? SECONDS_QUICK : SECONDS};
    system_launch_all(mesh);
    struct flow *flow = flow_start(mesh);
    struct cpu_sample before = cpu_sample_take();
    struct flow_result result = flow_run(flow, &load);
    struct cpu_sample after = cpu_sample_take();
    const struct cpu_use use = {
        .bench = "e2e", .before = &before, .after = &after, .orders = (int64_t)result.accepted};
    series_add(&figures->ours, result.rate);
    series_add(&figures->cpu, cpu_report(options, &use));
    bench_say("  %" PRIu64 " orders, the last %" PRIu64 " of them drained in %.2f s",
              result.accepted, result.accepted - result.in_time, result.drain_s);
    flow_check(flow);
    flow_result_fini(&result);
    flow_stop(&flow);
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    struct figures f = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        measure_limits(&options, mesh, &f);
        measure_ours(&options, mesh, &f);
        bench_say("e2e %d/%d: limits %.0f batched, %.0f single, ours %.0f orders/s", round,
                  options.rounds, f.batched.values[round - 1], f.single.values[round - 1],
                  f.ours.values[round - 1]);
        mesh_stop(&mesh);
    }
    bench_report(&options,
                 &(struct bench_result){.name = "e2e",
                                        .unit = "orders/s",
                                        .ours = &f.ours,
                                        .limit = &f.batched,
                                        .kind = TARGET_RATIO_AT_LEAST,
                                        .target = {[BENCH_LAZY] = 0.25, [BENCH_SHIPPED] = 0.15}});
    bench_report(&options,
                 &(struct bench_result){.name = "e2e_single",
                                        .unit = "orders/s",
                                        .ours = &f.ours,
                                        .limit = &f.single,
                                        .kind = TARGET_RATIO_AT_LEAST,
                                        .target = {[BENCH_LAZY] = 5, [BENCH_SHIPPED] = 3}});
    bench_report(&options,
                 &(struct bench_result){.name = "e2e_cpu",
                                        .unit = "us/order",
                                        .ours = &f.cpu,
                                        .limit = &f.batched_cpu,
                                        .kind = TARGET_OURS_AT_MOST,
                                        .target = {[BENCH_LAZY] = 960, [BENCH_SHIPPED] = 1000}});
    return 0;
}
