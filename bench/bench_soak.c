/*
 * soak: a million orders through one system. What each process holds of memory, descriptors and
 * threads in the end, against what it held after the first of them; and the bytes that an order
 * takes in every store.
 *
 * Memory that grows with what the servers themselves cache (nats-server, PostgreSQL, Redis) is
 * reported, and judged by nobody: the figures are those of the services and the gateway.
 */
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"
#include "bench/parts/stores.h"
#include "bench/parts/tasks.h"

#include "shared/base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS 1000000
#define ORDERS_QUICK 6000
#define WARM_UP 20000
#define WARM_UP_QUICK 6000
#define PORTIONS 20 /* looked at after each */
#define PORTIONS_QUICK 2
#define REST_MS 2000     /* before a look, so that what is under way has ended */
#define LAST_REST_MS 500 /* of the buffers' writing */
#define NAMES_MAX 64
#define MEGABYTE 1048576.0

struct vitals {
    int count;
    struct {
        char name[TASK_NAME_SIZE];
        struct task_vitals sum; /* of all processes of this name */
    } rows[NAMES_MAX];
};

static struct task_vitals *row_of(struct vitals *vitals, const char *name) {
    for (int i = 0; i < vitals->count; i++)
        if (strcmp(vitals->rows[i].name, name) == 0)
            return &vitals->rows[i].sum;
    if (vitals->count == NAMES_MAX)
        fixture_fail("more than %d names of processes", NAMES_MAX);
    snprintf(vitals->rows[vitals->count].name, TASK_NAME_SIZE, "%s", name);
    return &vitals->rows[vitals->count++].sum;
}

static void add_vitals(struct task_vitals *sum, const struct task_vitals *more) {
    sum->private_bytes += more->private_bytes;
    sum->descriptors += more->descriptors;
    sum->threads += more->threads;
}

static struct vitals take_vitals(void) {
    struct vitals vitals = {0};
    clock_sleep_ms(REST_MS);
    struct tasks *tasks = tasks_read();
    for (int i = 0; i < tasks->count; i++) {
        struct task_vitals more = task_vitals_read(&tasks->rows[i]);
        add_vitals(row_of(&vitals, tasks->rows[i].name), &more);
    }
    free(tasks);
    return vitals;
}

/* Not the bench's own process, which remembers every order. */
static bool is_ours(const char *name) {
    return strncmp(name, "om-", 3) == 0 && strncmp(name, "om-bench", 8) != 0;
}

static struct task_vitals ours_of(const struct vitals *vitals) {
    struct task_vitals sum = {0};
    for (int i = 0; i < vitals->count; i++)
        if (is_ours(vitals->rows[i].name))
            add_vitals(&sum, &vitals->rows[i].sum);
    return sum;
}

/* --- what is reported ------------------------------------------------------------------------- */

static void report_vitals(const struct bench_options *options, struct vitals *start,
                          const struct vitals *end, uint64_t orders) {
    bench_say("  %-34s %10s %10s %8s %8s", "process", "MB before", "MB after", "files", "threads");
    for (int i = 0; i < end->count; i++) {
        const struct task_vitals *now = &end->rows[i].sum;
        const struct task_vitals *then = row_of(start, end->rows[i].name);
        bench_say("  %-34s %10.1f %10.1f %3" PRId64 "/%3" PRId64 "  %3" PRId64 "/%3" PRId64,
                  end->rows[i].name, (double)then->private_bytes / MEGABYTE,
                  (double)now->private_bytes / MEGABYTE, then->descriptors, now->descriptors,
                  then->threads, now->threads);
        bench_append(options, "vitals", "soak",
                     "\"process\":\"%s\",\"orders\":%" PRIu64 ",\"bytes\":[%" PRId64 ",%" PRId64
                     "],\"descriptors\":[%" PRId64 ",%" PRId64 "],\"threads\":[%" PRId64 ",%" PRId64
                     "]",
                     end->rows[i].name, orders, then->private_bytes, now->private_bytes,
                     then->descriptors, now->descriptors, then->threads, now->threads);
    }
}

static void report_stores(const struct bench_options *options, const struct stores *start,
                          const struct stores *end, uint64_t orders) {
    double total = 0;
    for (int i = 0; i < end->count; i++) {
        const struct store *store = &end->items[i];
        double each =
            (double)(store->bytes - stores_bytes(start, store->kind, store->name)) / (double)orders;
        if (each < 0.5)
            continue;
        total += each;
        bench_say("  %-12s %-34s %8.0f bytes an order", store->kind, store->name, each);
        bench_append(options, "bytes", "soak",
                     "\"store\":\"%s\",\"name\":\"%s\",\"bytes\":%.1f,\"orders\":%" PRIu64,
                     store->kind, store->name, each, orders);
    }
    bench_say("  %-47s %8.0f bytes an order", "all", total);
}

struct figures {
    struct series memory, memory_before;
    struct series descriptors, descriptors_before;
    struct series threads, threads_before;
};

static void add_figures(struct figures *figures, const struct vitals *start,
                        const struct vitals *end) {
    struct task_vitals then = ours_of(start), now = ours_of(end);
    series_add(&figures->memory_before, (double)then.private_bytes / MEGABYTE);
    series_add(&figures->memory, (double)now.private_bytes / MEGABYTE);
    series_add(&figures->descriptors_before, (double)then.descriptors);
    series_add(&figures->descriptors, (double)now.descriptors);
    series_add(&figures->threads_before, (double)then.threads);
    series_add(&figures->threads, (double)now.threads);
}

static void place(struct flow *flow, uint64_t count) {
    struct flow_result result = flow_run(flow, &(struct flow_load){.count = count});
    flow_result_fini(&result);
}

static void soak(const struct bench_options *options, struct figures *figures) {
    uint64_t orders = options->is_quick ? ORDERS_QUICK : ORDERS;
    uint64_t portions = options->is_quick ? PORTIONS_QUICK : PORTIONS;
    struct mesh *mesh = system_prepare(options);
    system_launch_all(mesh);
    struct flow *flow = flow_start(mesh);
    int64_t from_us = clock_now_us();
    place(flow, options->is_quick ? WARM_UP_QUICK : WARM_UP);
    struct vitals start = take_vitals(), end = start;
    struct stores before = stores_read(mesh_servers(mesh));
    for (uint64_t portion = 1; portion <= portions; portion++) {
        place(flow, orders / portions);
        end = take_vitals();
        bench_say("  after %" PRIu64 " orders ours hold %.1f MB, %.1f after the first",
                  portion * orders / portions, (double)ours_of(&end).private_bytes / MEGABYTE,
                  (double)ours_of(&start).private_bytes / MEGABYTE);
        bench_append(options, "soak", "soak", "\"orders\":%" PRIu64 ",\"bytes\":%" PRId64,
                     portion * orders / portions, ours_of(&end).private_bytes);
    }
    clock_sleep_ms(LAST_REST_MS);
    struct stores after = stores_read(mesh_servers(mesh));
    report_vitals(options, &start, &end, orders);
    report_stores(options, &before, &after, orders);
    add_figures(figures, &start, &end);
    if (options->is_quick)
        flow_check(flow);
    else
        system_require_each_once(mesh, from_us, flow_accepted(flow));
    flow_stop(&flow);
    mesh_stop(&mesh);
}

static void report(const struct bench_options *options, const char *name, const char *unit,
                   const struct series *ours, const struct series *limit, double target) {
    bench_report(options, &(struct bench_result){.name = name,
                                                 .unit = unit,
                                                 .ours = ours,
                                                 .limit = limit,
                                                 .kind = TARGET_RATIO_AT_MOST,
                                                 .target = TARGET_OF_BOTH(target)});
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    bench_options_take_long(&options);
    struct figures f = {0};
    for (int round = 1; round <= options.rounds; round++)
        soak(&options, &f);
    report(&options, "soak_memory", "MB", &f.memory, &f.memory_before, 1.1);
    report(&options, "soak_descriptors", "files", &f.descriptors, &f.descriptors_before, 1);
    report(&options, "soak_threads", "threads", &f.threads, &f.threads_before, 1);
    return 0;
}
