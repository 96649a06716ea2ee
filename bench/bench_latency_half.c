/*
 * latency_half: p99 from when an order was to be sent to its end, in an open loop at half of the
 * rate that the same system keeps up, against the p99 of an idle system. Beside it the curve: the
 * latencies at several parts of that rate.
 */
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"

#define RATE_SECONDS 30
#define RATE_SECONDS_QUICK 8
#define SECONDS 30
#define SECONDS_QUICK 6
#define IDLE_RATE 20 /* the one before has ended long since */
#define HALF 0.5

static const double percents[] = {50, 90, 99, 99.9, 100};
static const double parts[] = {0.25, HALF, 0.75, 0.9};

static double sustained_rate(const struct bench_options *options, struct flow *flow) {
    const struct flow_load load = {.seconds =
                                       options->is_quick ? RATE_SECONDS_QUICK : RATE_SECONDS};
    struct flow_result result = flow_run(flow, &load);
    double rate = result.rate;
    flow_result_fini(&result);
    return rate;
}

/* Returns the p99 in ms, and appends the curve's point. */
static double p99_at(const struct bench_options *options, struct flow *flow, double part,
                     double rate) {
    const struct flow_load load = {.seconds = options->is_quick ? SECONDS_QUICK : SECONDS,
                                   .rate = rate,
                                   .has_latencies = true};
    struct flow_result result = flow_run(flow, &load);
    double ms[sizeof(percents) / sizeof(percents[0])];
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        ms[i] = percentile(result.latencies_ms, result.latency_count, percents[i]);
    bench_say("  %.0f orders/s: p50 %.2f, p90 %.2f, p99 %.2f, p99.9 %.2f, most %.2f ms", rate,
              ms[0], ms[1], ms[2], ms[3], ms[4]);
    bench_append(options, "latency", "latency_half",
                 "\"part\":%g,\"rate\":%.1f,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,"
                 "\"p999_ms\":%.3f,\"most_ms\":%.3f",
                 part, rate, ms[0], ms[1], ms[2], ms[3], ms[4]);
    flow_result_fini(&result);
    return ms[2];
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    struct series ours = {0}, idle = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        system_launch_all(mesh);
        struct flow *flow = flow_start(mesh);
        double rate = sustained_rate(&options, flow);
        series_add(&idle, p99_at(&options, flow, 0, IDLE_RATE));
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            double p99 = p99_at(&options, flow, parts[i], rate * parts[i]);
            if (parts[i] == HALF)
                series_add(&ours, p99);
        }
        bench_say("latency_half %d/%d: %.0f orders/s are sustained; p99 idle %.2f, at half %.2f ms",
                  round, options.rounds, rate, idle.values[round - 1], ours.values[round - 1]);
        flow_check(flow);
        flow_stop(&flow);
        mesh_stop(&mesh);
    }
    bench_report(&options, &(struct bench_result){.name = "latency_half",
                                                  .unit = "ms",
                                                  .ours = &ours,
                                                  .limit = &idle,
                                                  .kind = TARGET_RATIO_AT_MOST,
                                                  .target = TARGET_OF_BOTH(5)});
    return 0;
}
