/*
 * poison: events of which one in a hundred is poison, through one consumer while om-dlq collects
 * what it gives up, against the same consumer and as many healthy events. Each poison must be one
 * dead letter in the end.
 */
#include "bench/parts/consuming.h"
#include "bench/parts/harness.h"
#include "bench/parts/limits.h"
#include "bench/parts/system.h"
#include "shared/base/clock.h"
#include "shared/observe/log.h"

#include <inttypes.h>

#define EVENTS 100000
#define EVENTS_QUICK 25000
#define POISON_EACH 100
#define COLLECT_MS 60000

struct collection {
    struct limit_nats nats;
    uint64_t expected, found;
};

static bool is_collected(void *closure) {
    struct collection *collection = closure;
    collection->found = limit_stream_messages(&collection->nats, "ORDERS_DLQ");
    return collection->found >= collection->expected;
}

static void require_collected(struct servers *servers, uint64_t expected) {
    struct collection collection = {.nats = limit_connect(servers), .expected = expected};
    int64_t started_us = clock_monotonic_us();
    (void)wait_until(is_collected, &collection, COLLECT_MS);
    if (collection.found != expected)
        fixture_fail("%" PRIu64 " poisons became %" PRIu64 " dead letters", expected,
                     collection.found);
    if (expected > 0)
        bench_say("  all %" PRIu64 " poisons were dead letters %.2f s later", expected,
                  (double)(clock_monotonic_us() - started_us) / 1e6);
    limit_disconnect(&collection.nats);
}

static double measure(const struct bench_options *options, int64_t events, int poison_each) {
    const struct consuming consuming = {.events = events, .poison_each = poison_each};
    struct mesh *mesh = system_prepare(options);
    struct servers *servers = mesh_servers(mesh);
    consuming_fill(servers, &consuming);
    system_launch(mesh, MESH_DLQ);
    double rate = consuming_run(servers, &consuming);
    require_collected(servers, poison_each > 0 ? (uint64_t)(events / poison_each) : 0);
    mesh_stop(&mesh);
    return rate;
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int64_t events = options.is_quick ? EVENTS_QUICK : EVENTS;
    struct series ours = {0}, clean = {0};
    log_init("bench", "poison", LOG_LEVEL_ERROR);
    for (int round = 1; round <= options.rounds; round++) {
        series_add(&clean, measure(&options, events, 0));
        series_add(&ours, measure(&options, events, POISON_EACH));
        bench_say("poison %d/%d: clean %.0f, with poison %.0f events/s", round, options.rounds,
                  clean.values[round - 1], ours.values[round - 1]);
    }
    bench_report(&options, &(struct bench_result){.name = "poison",
                                                  .unit = "events/s",
                                                  .ours = &ours,
                                                  .limit = &clean,
                                                  .kind = TARGET_RATIO_AT_LEAST,
                                                  .target = TARGET_OF_BOTH(0.9)});
    return 0;
}
