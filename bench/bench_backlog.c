/*
 * backlog: how fast the order service relays while five million rows wait, and while somebody's
 * transaction that wrote to the outbox is open, against how fast it does with a table that has no
 * other rows than those it relays meanwhile.
 */
#include "bench/parts/harness.h"
#include "bench/parts/relaying.h"
#include "bench/parts/system.h"

#include "shared/pg/pg.h"

#include <inttypes.h>

#define WAITING 5000000
#define WAITING_QUICK 250000
#define ROWS 100000 /* relayed in the time that is measured, at most */
#define ROWS_QUICK 25000
#define SECONDS 20 /* at most */
#define SECONDS_QUICK 5

struct figures {
    struct series empty, waiting, open;
};

/* With fresh tables and streams each time. */
static double measure(const struct bench_options *options, int64_t waiting, bool is_open) {
    int64_t rows = options->is_quick ? ROWS_QUICK : ROWS;
    struct mesh *mesh = system_prepare(options);
    struct pg *open = is_open ? relaying_open(mesh_servers(mesh)) : NULL;
    relaying_fill(mesh_servers(mesh), waiting > rows ? waiting : rows);
    double rate = relaying_measure(mesh, rows, options->is_quick ? SECONDS_QUICK : SECONDS);
    if (is_open)
        relaying_end(&open);
    mesh_stop(&mesh);
    return rate;
}

static void report(const struct bench_options *options, const char *name, const struct series *ours,
                   const struct series *limit, double target) {
    bench_report(options, &(struct bench_result){.name = name,
                                                 .unit = "messages/s",
                                                 .ours = ours,
                                                 .limit = limit,
                                                 .kind = TARGET_RATIO_AT_LEAST,
                                                 .target = TARGET_OF_BOTH(target)});
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    int64_t waiting = options.is_quick ? WAITING_QUICK : WAITING;
    struct figures f = {0};
    for (int round = 1; round <= options.rounds; round++) {
        series_add(&f.empty, measure(&options, 0, false));
        series_add(&f.waiting, measure(&options, waiting, false));
        series_add(&f.open, measure(&options, 0, true));
        bench_say("backlog %d/%d: %.0f messages/s, with %" PRId64
                  " rows waiting %.0f, with a transaction open %.0f",
                  round, options.rounds, f.empty.values[round - 1], waiting,
                  f.waiting.values[round - 1], f.open.values[round - 1]);
    }
    report(&options, "backlog", &f.waiting, &f.empty, 0.85);
    report(&options, "backlog_open", &f.open, &f.empty, 0.7);
    return 0;
}
