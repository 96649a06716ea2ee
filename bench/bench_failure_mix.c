/*
 * failure_mix: orders of which one in ten is declined and one in twenty is out of stock, against as
 * many that all complete, on the same system in turn. The checker knows how each must end.
 */
#include "bench/parts/flow.h"

#define SECONDS 30
#define SECONDS_QUICK 8
#define DECLINED 10
#define OUT_OF_STOCK 5

static double rate_of(struct flow *flow, const struct flow_load *load) {
    struct flow_result result = flow_run(flow, load);
    double rate = result.rate;
    flow_result_fini(&result);
    return rate;
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    const double seconds = options.is_quick ? SECONDS_QUICK : SECONDS;
    const struct flow_load healthy = {.seconds = seconds};
    const struct flow_load mixed = {
        .seconds = seconds, .declined = DECLINED, .out_of_stock = OUT_OF_STOCK};
    struct series ours = {0}, limit = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        system_launch_all(mesh);
        struct flow *flow = flow_start(mesh);
        series_add(&limit, rate_of(flow, &healthy));
        series_add(&ours, rate_of(flow, &mixed));
        bench_say("failure_mix %d/%d: all well %.0f, with failures %.0f orders/s", round,
                  options.rounds, limit.values[round - 1], ours.values[round - 1]);
        flow_check(flow);
        flow_stop(&flow);
        mesh_stop(&mesh);
    }
    bench_report(&options, &(struct bench_result){.name = "failure_mix",
                                                  .unit = "orders/s",
                                                  .ours = &ours,
                                                  .limit = &limit,
                                                  .kind = TARGET_RATIO_AT_LEAST,
                                                  .target = TARGET_OF_BOTH(0.8)});
    return 0;
}
