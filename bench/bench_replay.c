/*
 * replay: one order under one key, sent again and again over 64 connections, against what h2o and
 * json-c take of the same requests without Redis or anything else. Only answers that are said to be
 * replayed count: when Redis takes longer than its time the gateway publishes once more under the
 * order's id, and the stream still holds the order once.
 */
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"
#include "bench/parts/limit_http.h"
#include "bench/parts/limits.h"

#include <inttypes.h>

#define SECONDS 10
#define SECONDS_QUICK 4
#define PREFIX "replayed-"

static double measure_limit(const struct load_options *load, uint16_t port) {
    struct load_options options = *load;
    struct load_result result = {0};
    options.port = port;
    if (!load_run(&options, &result))
        fixture_fail("the load client is out of sockets");
    system_require_accepted(&result);
    double rate = (double)result.accepted / result.elapsed_s;
    load_result_fini(&result);
    return rate;
}

/* The order itself, so that what follows are repetitions only. */
static void place_once(const struct load_options *load) {
    struct load_options options = *load;
    struct load_result result = {0};
    options.count = 1;
    if (!load_run(&options, &result))
        fixture_fail("the load client is out of sockets");
    system_require_accepted(&result);
    load_result_fini(&result);
}

static double replay(const struct load_options *load) {
    struct load_result result = {0};
    if (!load_run(load, &result))
        fixture_fail("the load client is out of sockets");
    system_require_accepted(&result);
    if (result.replayed != result.accepted)
        bench_say("  %" PRIu64 " of %" PRIu64 " were accepted without Redis, which was too slow",
                  result.accepted - result.replayed, result.accepted);
    double rate = (double)result.replayed / result.elapsed_s;
    load_result_fini(&result);
    return rate;
}

static void require_one_order(struct servers *servers) {
    struct limit_nats nats = limit_connect(servers);
    uint64_t stored = limit_subject_messages(&nats, "COMMANDS", "commands.order.submit");
    limit_disconnect(&nats);
    if (stored != 1)
        fixture_fail("one order is stored %" PRIu64 " times", stored);
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    struct series ours = {0}, limit = {0};
    uint16_t limit_port = limit_http_start();
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        struct load_options load = system_load(mesh);
        load.prefix = PREFIX;
        load.is_one_order = true;
        load.seconds = options.is_quick ? SECONDS_QUICK : SECONDS;
        series_add(&limit, measure_limit(&load, limit_port));
        system_launch(mesh, MESH_GATEWAY);
        place_once(&load);
        series_add(&ours, replay(&load));
        require_one_order(mesh_servers(mesh));
        bench_say("replay %d/%d: limit %.0f, ours %.0f requests/s", round, options.rounds,
                  limit.values[round - 1], ours.values[round - 1]);
        mesh_stop(&mesh);
    }
    bench_report(&options, &(struct bench_result){.name = "replay",
                                                  .unit = "requests/s",
                                                  .ours = &ours,
                                                  .limit = &limit,
                                                  .kind = TARGET_RATIO_AT_LEAST,
                                                  .target = TARGET_OF_BOTH(0.4)});
    return 0;
}
