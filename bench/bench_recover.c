/*
 * recover: under load each process is killed in turn, servers included, and started again. Then
 * everything but the gateway is killed while 50,000 orders come in; the time from the start of the
 * services until all have ended, against what the rate before the first kill would take for as
 * many. The checker finds what was lost or done twice.
 */
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"

#include "shared/base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#define BACKLOG 50000
#define BACKLOG_QUICK 4000
#define RATE_SECONDS 30
#define RATE_SECONDS_QUICK 8
#define BETWEEN_KILLS_MS 1500
#define BETWEEN_KILLS_QUICK_MS 300
#define DEAD_MS 200
#define READY_MS 60000
#define LOAD_PART 0.5 /* of the rate that is sustained */

struct load_thread {
    pthread_t thread;
    struct flow *flow;
    struct flow_load load;
    atomic_bool is_over;
};

static void *place(void *closure) {
    struct load_thread *load = closure;
    struct flow_result result = flow_run(load->flow, &load->load);
    flow_result_fini(&result);
    atomic_store(&load->is_over, true);
    return NULL;
}

static void await_ready(struct mesh *mesh) {
    if (!mesh_await_ready(mesh, READY_MS))
        fixture_fail("not ready, see %s", servers_dir(mesh_servers(mesh)));
}

static void kill_each(struct mesh *mesh, const struct load_thread *load, int64_t pause_ms) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        clock_sleep_ms(pause_ms);
        mesh_kill(mesh, (enum mesh_part)part);
        clock_sleep_ms(DEAD_MS);
        mesh_launch(mesh, (enum mesh_part)part, NULL);
        await_ready(mesh);
    }
    for (int server = 0; server < SERVER_COUNT; server++) {
        clock_sleep_ms(pause_ms);
        servers_kill(mesh_servers(mesh), (enum server)server);
        clock_sleep_ms(DEAD_MS);
        servers_restart(mesh_servers(mesh), (enum server)server);
        await_ready(mesh);
    }
    if (atomic_load(&load->is_over))
        bench_say("  the load was over before the last kill");
}

static double sustained_rate(const struct bench_options *options, struct flow *flow) {
    const struct flow_load load = {.seconds =
                                       options->is_quick ? RATE_SECONDS_QUICK : RATE_SECONDS};
    struct flow_result result = flow_run(flow, &load);
    double rate = result.rate;
    flow_result_fini(&result);
    return rate;
}

/* Processes are killed and started on this thread, since they end with the one that started them.
 */
static void kill_under_load(const struct bench_options *options, struct mesh *mesh,
                            struct flow *flow, double rate) {
    int64_t pause_ms = options->is_quick ? BETWEEN_KILLS_QUICK_MS : BETWEEN_KILLS_MS;
    int kills = MESH_PART_COUNT + SERVER_COUNT;
    struct load_thread load = {
        .flow = flow,
        .load = {.seconds = (double)(kills * (pause_ms + DEAD_MS)) / 1e3 * 2,
                 .rate = rate * LOAD_PART,
                 .tolerates = true},
    };
    if (pthread_create(&load.thread, NULL, place, &load) != 0)
        fixture_fail("no thread for the load");
    kill_each(mesh, &load, pause_ms);
    pthread_join(load.thread, NULL);
}

/* Seconds until the last of the orders has ended. */
static double drain(struct mesh *mesh, struct flow *flow, uint64_t backlog) {
    for (int part = 0; part < MESH_PART_COUNT; part++)
        if (part != MESH_GATEWAY)
            mesh_kill(mesh, (enum mesh_part)part);
    struct flow_result placed =
        flow_run(flow, &(struct flow_load){.count = backlog, .is_backlog = true});
    flow_result_fini(&placed);
    int64_t from_us = clock_monotonic_us();
    for (int part = 0; part < MESH_PART_COUNT; part++)
        if (part != MESH_GATEWAY)
            mesh_launch(mesh, (enum mesh_part)part, NULL);
    flow_await_ends(flow);
    return (double)(clock_monotonic_us() - from_us) / 1e6;
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    uint64_t backlog = options.is_quick ? BACKLOG_QUICK : BACKLOG;
    struct series ours = {0}, limit = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare(&options);
        system_launch_all(mesh);
        struct flow *flow = flow_start(mesh);
        double rate = sustained_rate(&options, flow);
        kill_under_load(&options, mesh, flow, rate);
        series_add(&limit, (double)backlog / rate);
        series_add(&ours, drain(mesh, flow, backlog));
        bench_say("recover %d/%d: at %.0f orders/s %" PRIu64 " orders take %.1f s, ours %.1f s",
                  round, options.rounds, rate, backlog, limit.values[round - 1],
                  ours.values[round - 1]);
        await_ready(mesh);
        flow_check(flow);
        flow_stop(&flow);
        mesh_stop(&mesh);
    }
    bench_report(&options, &(struct bench_result){.name = "recover",
                                                  .unit = "s",
                                                  .ours = &ours,
                                                  .limit = &limit,
                                                  .kind = TARGET_RATIO_AT_MOST,
                                                  .target = TARGET_OF_BOTH(1.5)});
    return 0;
}
