/*
 * consume: events through inbox, effect, outbox and acknowledgement, against the same SQL in
 * batches of 256 by pgbench, on one connection like ours.
 */
#include "bench/parts/consuming.h"
#include "bench/parts/harness.h"
#include "bench/parts/limits.h"
#include "bench/parts/system.h"
#include "shared/observe/log.h"

#define EVENTS 200000
#define EVENTS_QUICK 50000
#define LIMIT_SECONDS 10
#define LIMIT_SECONDS_QUICK 4

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    const struct consuming consuming = {.events = options.is_quick ? EVENTS_QUICK : EVENTS};
    const struct limit_script script = {
        .file = "consume.sql",
        .clients = 1,
        .seconds = options.is_quick ? LIMIT_SECONDS_QUICK : LIMIT_SECONDS,
        .orders_a_run = 256,
    };
    struct series ours = {0}, limit = {0};
    log_init("bench", "consume", LOG_LEVEL_ERROR);
    for (int round = 1; round <= options.rounds; round++) {
        struct servers *servers = system_servers(&options);
        consuming_fill(servers, &consuming);
        series_add(&limit, limit_orders(servers, &script));
        series_add(&ours, consuming_run(servers, &consuming));
        bench_say("consume %d/%d: limit %.0f, ours %.0f events/s", round, options.rounds,
                  limit.values[round - 1], ours.values[round - 1]);
        servers_stop(&servers);
    }
    bench_report(&options, &(struct bench_result){.name = "consume",
                                                  .unit = "events/s",
                                                  .ours = &ours,
                                                  .limit = &limit,
                                                  .kind = TARGET_RATIO_AT_LEAST,
                                                  .target = TARGET_OF_BOTH(0.8)});
    return 0;
}
