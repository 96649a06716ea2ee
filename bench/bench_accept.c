/*
 * accept: distinct-key POSTs to 202 over 64 connections while no service runs, against one order a
 * transaction in pgbench. Every 202 must be one command of the ORDERS stream, which keeps the
 * gateway's probes, too.
 */
#include "bench/parts/cpu.h"
#include "bench/parts/harness.h"
#include "bench/parts/limits.h"
#include "bench/parts/system.h"

#include <inttypes.h>

#define SECONDS 10
#define SECONDS_QUICK 4
#define LIMIT_CLIENTS 32

static double accept_orders(const struct bench_options *options, struct mesh *mesh, int seconds) {
    struct load_result result = {0};
    struct load_options load = system_load(mesh);
    load.seconds = seconds;
    system_launch(mesh, MESH_GATEWAY);
    struct cpu_sample before = cpu_sample_take();
    if (!load_run(&load, &result))
        fixture_fail("the load client is out of sockets");
    struct cpu_sample after = cpu_sample_take();
    system_require_accepted(&result);
    cpu_report(options, &(struct cpu_use){.bench = "accept",
                                          .before = &before,
                                          .after = &after,
                                          .orders = (int64_t)result.accepted});

    struct limit_nats nats = limit_connect(mesh_servers(mesh));
    uint64_t stored = limit_subject_messages(&nats, "COMMANDS", "commands.order.submit");
    limit_disconnect(&nats);
    if (stored != result.accepted)
        fixture_fail("%" PRIu64 " orders were accepted, %" PRIu64 " are stored", result.accepted,
                     stored);
    double rate = (double)result.accepted / result.elapsed_s;
    load_result_fini(&result);
    return rate;
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int seconds = options.is_quick ? SECONDS_QUICK : SECONDS;
    struct series ours = {0}, limit = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        series_add(&limit,
                   limit_orders(mesh_servers(mesh), &(struct limit_script){.file = "accept.sql",
                                                                           .clients = LIMIT_CLIENTS,
                                                                           .seconds = seconds}));
        series_add(&ours, accept_orders(&options, mesh, seconds));
        bench_say("accept %d/%d: limit %.0f, ours %.0f orders/s", round, options.rounds,
                  limit.values[round - 1], ours.values[round - 1]);
        mesh_stop(&mesh);
    }
    bench_report(&options,
                 &(struct bench_result){.name = "accept",
                                        .unit = "orders/s",
                                        .ours = &ours,
                                        .limit = &limit,
                                        .kind = TARGET_RATIO_AT_LEAST,
                                        .target = {[BENCH_LAZY] = 1.5, [BENCH_SHIPPED] = 1.0}});
    return 0;
}
