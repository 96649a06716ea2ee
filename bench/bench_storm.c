/*
 * storm: a bug makes dead letters of 50,000 events, is fixed, and they are replayed at 1,000 a
 * second while orders come in at a set rate (tests/support/mesh/storm.h). The figure is those
 * orders' p99 from acceptance to completion, next to what it was before the storm.
 */
#include "bench/parts/harness.h"
#include "bench/parts/system.h"
#include "tests/support/mesh/storm.h"

#include <inttypes.h>

#define ENTRIES 50000
#define ENTRIES_QUICK 10000
#define REPLAY_RATE 1000
#define LIVE_RATE 100
#define SETTLE_MS 60000

static struct storm_result run(const struct bench_options *bench, int entries) {
    const struct storm_options options = {
        .orders = entries / 2,
        .replay_rate = REPLAY_RATE,
        .live_rate = LIVE_RATE,
        .live_orders = entries / REPLAY_RATE * LIVE_RATE,
    };
    struct storm_result result;
    struct mesh *mesh = system_prepare(bench);
    struct clients *clients = clients_create(mesh);
    system_launch_all(mesh);
    storm_run(mesh, clients, &options, &result);
    if (!clients_check(clients, SETTLE_MS))
        fixture_fail("an invariant is broken");
    clients_destroy(&clients);
    mesh_stop(&mesh);
    return result;
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    struct series before = {0}, during = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct storm_result result = run(&options, options.is_quick ? ENTRIES_QUICK : ENTRIES);
        series_add(&before, result.before.p99_ms);
        series_add(&during, result.during.p99_ms);
        bench_say("storm %d/%d: %" PRId64 " dead letters in %.1f s (%.0f/s), replayed in %.1f s;"
                  " p50/p99 before %.1f/%.1f ms, during %.1f/%.1f ms",
                  round, options.rounds, result.entries, result.collect_s,
                  (double)result.entries / result.collect_s, result.replay_s, result.before.p50_ms,
                  result.before.p99_ms, result.during.p50_ms, result.during.p99_ms);
    }
    bench_report(&options, &(struct bench_result){.name = "storm",
                                                  .unit = "ms",
                                                  .ours = &during,
                                                  .limit = &before,
                                                  .kind = TARGET_RATIO_AT_MOST,
                                                  .target = TARGET_OF_BOTH(2)});
    return 0;
}
