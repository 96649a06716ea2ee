/*
 * relay: committed outbox rows into JetStream until every one is acknowledged, against JetStream's
 * own asynchronous publish with Nats-Msg-Id of as many messages of the same payload size.
 */
#include "bench/parts/harness.h"
#include "bench/parts/limits.h"
#include "bench/parts/relaying.h"
#include "bench/parts/system.h"

#include "shared/base/clock.h"
#include "shared/observe/log.h"
#include "shared/outbox/relay.h"

#include <inttypes.h>
#include <stdio.h>

#define ROWS 200000
#define ROWS_QUICK 50000
#define RELAY_LIMIT_MS 120000
#define RELAY_BATCH_MAX 512 /* the default of OM_RELAY_BATCH_MAX */
#define RELAY_POLL_MS 100

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

static bool relay_has_stopped(void *closure) {
    return relay_is_stopped(closure);
}

/* A relay told to drain publishes all that is committed, sees it acknowledged, and stops. */
static double relay_all(struct servers *servers, int64_t rows) {
    struct error error;
    struct nats_client *nats;
    require_ok(nats_client_create(
                   &(struct nats_client_options){
                       .url = servers_nats_url(servers),
                       .user = "operator",
                       .password_file = servers_nats_password_file(servers, "operator"),
                       .name = "bench-relay",
                   },
                   &nats, &error),
               &error);
    struct relay *relay = relay_create(&(struct relay_options){
        .nats = nats,
        .database_url = servers_role_url(servers, "om_orders"),
        .schema = "orders",
        .batch_max = RELAY_BATCH_MAX,
        .poll_ms = RELAY_POLL_MS,
    });
    int64_t started_us = clock_monotonic_us();
    require_ok(relay_start(relay, &error), &error);
    relay_drain(relay);
    if (!wait_until(relay_has_stopped, relay, RELAY_LIMIT_MS))
        fixture_fail("the relay did not finish");
    double seconds = (double)(clock_monotonic_us() - started_us) / 1e6;
    relay_destroy(&relay);
    nats_client_destroy(&nats);
    return (double)rows / seconds;
}

static void require_stored(struct servers *servers, int64_t rows) {
    struct limit_nats nats = limit_connect(servers);
    uint64_t stored = limit_stream_messages(&nats, "ORDERS");
    limit_disconnect(&nats);
    if (stored != (uint64_t)rows)
        fixture_fail("%" PRId64 " outbox rows became %" PRIu64 " messages", rows, stored);
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int64_t rows = options.is_quick ? ROWS_QUICK : ROWS;
    struct series ours = {0}, limit = {0};
    log_init("bench", "relay", LOG_LEVEL_WARN);
    for (int round = 1; round <= options.rounds; round++) {
        struct servers *servers = system_servers(&options);
        size_t bytes = relaying_fill(servers, rows);
        series_add(&limit, limit_publish(servers, rows, bytes));
        series_add(&ours, relay_all(servers, rows));
        require_stored(servers, rows);
        bench_say("relay %d/%d: limit %.0f, ours %.0f messages/s of %zu bytes", round,
                  options.rounds, limit.values[round - 1], ours.values[round - 1], bytes);
        servers_stop(&servers);
    }
    bench_report(&options,
                 &(struct bench_result){.name = "relay",
                                        .unit = "messages/s",
                                        .ours = &ours,
                                        .limit = &limit,
                                        .kind = TARGET_RATIO_AT_LEAST,
                                        .target = {[BENCH_LAZY] = 0.7, [BENCH_SHIPPED] = 3}});
    return 0;
}
