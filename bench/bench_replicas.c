/*
 * replicas: three of each service on three NATS servers with three replicas of each stream, against
 * one of each on one server. All share one machine, so that what is measured is what the copies and
 * the agreement between them cost.
 */
#include "bench/parts/cpu.h"
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"

#define SECONDS 30
#define SECONDS_QUICK 10
#define REPLICAS 3

static void launch_replicas(struct mesh *mesh) {
    for (int part = 0; part < MESH_PART_COUNT; part++)
        for (int more = 1; more < REPLICAS && part != MESH_GATEWAY; more++)
            mesh_launch_replica(mesh, (enum mesh_part)part);
}

static double measure(const struct bench_options *options, bool has_replicas) {
    const struct flow_load load = {.seconds = options->is_quick ? SECONDS_QUICK : SECONDS};
    struct mesh *mesh = has_replicas ? system_prepare_cluster(options) : system_prepare(options);
    system_launch_all(mesh);
    if (has_replicas)
        launch_replicas(mesh);
    struct flow *flow = flow_start(mesh);
    struct cpu_sample before = cpu_sample_take();
    struct flow_result result = flow_run(flow, &load);
    struct cpu_sample after = cpu_sample_take();
    const struct cpu_use use = {.bench = has_replicas ? "replicas" : "replicas, one of each",
                                .before = &before,
                                .after = &after,
                                .orders = (int64_t)result.accepted};
    (void)cpu_report(options, &use);
    double rate = result.rate;
    flow_check(flow);
    flow_result_fini(&result);
    flow_stop(&flow);
    mesh_stop(&mesh);
    return rate;
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    struct series ours = {0}, limit = {0};
    for (int round = 1; round <= options.rounds; round++) {
        series_add(&limit, measure(&options, false));
        series_add(&ours, measure(&options, true));
        bench_say("replicas %d/%d: one of each %.0f, three of each %.0f orders/s", round,
                  options.rounds, limit.values[round - 1], ours.values[round - 1]);
    }
    bench_report(&options, &(struct bench_result){.name = "replicas",
                                                  .unit = "orders/s",
                                                  .ours = &ours,
                                                  .limit = &limit,
                                                  .kind = TARGET_RATIO_AT_LEAST,
                                                  .target = TARGET_OF_BOTH(0.8)});
    return 0;
}
