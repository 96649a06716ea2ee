/*
 * e2e: orders a second from POST to COMPLETED, sustained, against the saga's SQL alone.
 *
 * The client keeps at most ORDERS_UNDER_WAY orders accepted and not completed, so what is measured
 * is a rate the whole system keeps up, not a backlog growing. Completions are counted as their
 * events arrive; those that arrive after the measured time do not count.
 */
#include "bench/cpu.h"
#include "bench/harness.h"
#include "bench/limits.h"
#include "bench/system.h"

#include "shared/base/clock.h"

#include <inttypes.h>
#include <stdatomic.h>

#define SECONDS 60
#define SECONDS_QUICK 15
#define LIMIT_SECONDS 10
#define LIMIT_SECONDS_QUICK 4
#define ORDERS_UNDER_WAY 4096
#define DRAIN_MS 60000
#define COMPLETED_SUBJECT "orders.evt.completed"

static atomic_uint_fast64_t completed;

static void on_completed(natsConnection *connection, natsSubscription *subscription,
                         natsMsg *message, void *closure) {
    (void)connection;
    (void)subscription;
    (void)closure;
    atomic_fetch_add(&completed, 1);
    natsMsg_Destroy(message);
}

static uint64_t allowance(void *closure) {
    (void)closure;
    return atomic_load(&completed) + ORDERS_UNDER_WAY;
}

static bool all_completed(void *closure) {
    const struct load_result *result = closure;
    return atomic_load(&completed) >= result->accepted;
}

/* Places orders for `seconds` and returns how many were completed a second in that time. */
static double place_orders(struct mesh *mesh, int seconds, FILE *log) {
    struct load_result result = {0};
    struct load_options load = system_load(mesh);
    load.seconds = seconds;
    load.allowance = allowance;
    load.log = log;
    struct cpu_sample before = cpu_sample_take();
    if (!load_run(&load, &result))
        fixture_fail("the load client is out of sockets");
    uint64_t in_time = atomic_load(&completed);
    struct cpu_sample after = cpu_sample_take();
    system_require_accepted(&result);
    cpu_report(&before, &after, (int64_t)in_time);

    int64_t drain_from_us = clock_monotonic_us();
    if (!wait_until(all_completed, &result, DRAIN_MS))
        fixture_fail("%" PRIu64 " orders were accepted, %" PRIuFAST64 " completed", result.accepted,
                     atomic_load(&completed));
    bench_say("  %" PRIu64 " orders, the last %" PRIu64 " of them drained in %.2f s",
              result.accepted, result.accepted - in_time,
              (double)(clock_monotonic_us() - drain_from_us) / 1e6);
    double rate = (double)in_time / result.elapsed_s;
    load_result_fini(&result);
    return rate;
}

static double complete_orders(struct mesh *mesh, int seconds) {
    char log_path[512];
    snprintf(log_path, sizeof(log_path), "%s/load.log", servers_dir(mesh_servers(mesh)));
    FILE *log = fopen(log_path, "w");
    if (log == NULL)
        fixture_fail("cannot write %s", log_path);
    system_launch_all(mesh);
    struct limit_nats nats = limit_connect(mesh_servers(mesh));
    natsSubscription *subscription = NULL;
    atomic_store(&completed, 0);
    if (natsConnection_Subscribe(&subscription, nats.connection, COMPLETED_SUBJECT, on_completed,
                                 NULL) != NATS_OK ||
        natsSubscription_SetPendingLimits(subscription, -1, -1) != NATS_OK)
        fixture_fail("cannot subscribe to %s", COMPLETED_SUBJECT);
    double rate = place_orders(mesh, seconds, log);
    fclose(log);
    natsSubscription_Destroy(subscription);
    limit_disconnect(&nats);
    system_require_invariants(mesh, log_path);
    return rate;
}

static double saga_limit(struct mesh *mesh, int orders_a_run, int clients, int seconds) {
    return limit_orders(mesh_servers(mesh), &(struct limit_script){.file = "saga.sql",
                                                                   .clients = clients,
                                                                   .seconds = seconds,
                                                                   .orders_a_run = orders_a_run});
}

static void report(const struct bench_options *options, const char *name, double target,
                   const struct series *ours, const struct series *limit) {
    bench_report(options, &(struct bench_result){.name = name,
                                                 .unit = "orders/s",
                                                 .ours = ours,
                                                 .limit = limit,
                                                 .kind = TARGET_RATIO_AT_LEAST,
                                                 .target = target});
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int seconds = options.is_quick ? SECONDS_QUICK : SECONDS;
    int limit_seconds = options.is_quick ? LIMIT_SECONDS_QUICK : LIMIT_SECONDS;
    struct series ours = {0}, batched = {0}, single = {0};
    for (int round = 1; round <= options.rounds; round++) {
        struct mesh *mesh = system_prepare();
        series_add(&batched, saga_limit(mesh, 256, 4, limit_seconds));
        series_add(&single, saga_limit(mesh, 1, 8, limit_seconds));
        series_add(&ours, complete_orders(mesh, seconds));
        bench_say("e2e %d/%d: limits %.0f batched, %.0f single, ours %.0f orders/s", round,
                  options.rounds, batched.values[round - 1], single.values[round - 1],
                  ours.values[round - 1]);
        mesh_stop(&mesh);
    }
    report(&options, "e2e", 0.2, &ours, &batched);
    report(&options, "e2e_single", 4, &ours, &single);
    return 0;
}
