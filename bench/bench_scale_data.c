/*
 * scale_data: orders a second, every list, filter and report, and every statement of the services,
 * with ten million old orders (old_orders.sql), against a system with ten thousand, so that a page
 * is full in both.
 *
 * Each page's median and each statement's pages of the database a call are reported. Old orders are
 * no client's, so that not the checker but a count tells whether each new one is completed, paid,
 * shipped and told of once.
 */
#include "bench/parts/cpu.h"
#include "bench/parts/flow.h"
#include "bench/parts/harness.h"
#include "bench/parts/limits.h"
#include "bench/parts/pages.h"
#include "bench/parts/statements.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"

#include <inttypes.h>

#define ROWS 10000000
#define ROWS_QUICK 200000
#define ROWS_EMPTY 10000
#define SECONDS 30
#define SECONDS_QUICK 8
#define TIMES 11
#define TIMES_QUICK 5
#define TURNS_MS 5000           /* two turns of the watchdog */
#define PAGE_MS 100             /* the slowest page's median */
#define PAGES_NOTED 20.0        /* a statement that touches fewer is as it was */
#define GROWTH_NOTED 2.0        /* and one whose pages grew less than so many times */
#define STATEMENT_TEXT_MOST 160 /* of its name in the result */

struct look {
    double rate, cpu_us; /* CPU an order */
    struct pages pages;
    struct statements statements;
};

static void fill(struct mesh *mesh, int64_t rows) {
    char log_path[512], define[48];
    struct servers *servers = mesh_servers(mesh);
    snprintf(log_path, sizeof(log_path), "%s/old_orders.log", servers_dir(servers));
    snprintf(define, sizeof(define), "rows=%" PRId64, rows);
    int64_t from_us = clock_monotonic_us();
    limit_psql(servers, (const char *[]){"-v", define, "-f", OM_SOURCE_DIR "/bench/old_orders.sql"},
               4, log_path);
    bench_say("  %" PRId64 " old orders in %.0f s", rows,
              (double)(clock_monotonic_us() - from_us) / 1e6);
}

static struct look look_at(const struct bench_options *options, int64_t rows) {
    struct look look = {0};
    struct mesh *mesh = system_prepare(options);
    statements_count(mesh_servers(mesh));
    fill(mesh, rows);
    const struct flow_load load = {.seconds = options->is_quick ? SECONDS_QUICK : SECONDS};
    statements_forget(mesh_servers(mesh));
    system_launch_all(mesh);
    struct flow *flow = flow_start(mesh);
    int64_t from_us = clock_now_us();
    struct cpu_sample before = cpu_sample_take();
    struct flow_result result = flow_run(flow, &load);
    struct cpu_sample after = cpu_sample_take();
    look.rate = result.rate;
    look.cpu_us = cpu_total(&before, &after) * 1e6 / (double)result.accepted;
    system_require_each_once(mesh, from_us, result.accepted);
    look.pages = pages_ask(mesh, options->is_quick ? TIMES_QUICK : TIMES);
    clock_sleep_ms(TURNS_MS);
    look.statements = statements_read(mesh_servers(mesh));
    flow_result_fini(&result);
    flow_stop(&flow);
    mesh_stop(&mesh);
    return look;
}

/* --- what is reported ------------------------------------------------------------------------- */

/* Returns the slowest page's place. */
static int report_pages(const struct bench_options *options, const struct pages *empty,
                        const struct pages *old) {
    int slowest = 0;
    for (int i = 0; i < old->count; i++) {
        const struct page *page = &old->items[i];
        if (page->ms > old->items[slowest].ms)
            slowest = i;
        bench_say("  %8.2f ms, %8.2f with few orders: %s", page->ms, empty->items[i].ms,
                  page->path);
        bench_append(options, "page", "scale_data", "\"path\":\"%s\",\"ms\":%.3f,\"few_ms\":%.3f",
                     page->path, page->ms, empty->items[i].ms);
    }
    return slowest;
}

static void report_statement(const struct bench_options *options, const struct statement *now,
                             const struct statement *before) {
    struct buf name = {0};
    struct json_writer w = json_writer(&name);
    json_string(&w, buf_slice(&now->name));
    bench_append(options, "statement", "scale_data",
                 "\"statement\":%s,\"calls\":%" PRId64 ",\"pages\":%.1f,\"few_pages\":%.1f,"
                 "\"ms\":%.3f,\"few_ms\":%.3f",
                 name.ptr, now->calls, now->pages, before->pages, now->ms, before->ms);
    buf_fini(&name);
    double growth = now->pages / (before->pages > 1 ? before->pages : 1);
    if (now->pages >= PAGES_NOTED && growth >= GROWTH_NOTED)
        bench_say("  %.1f pages a call, %.1f with few orders (%.2f ms, %.2f): %.*s", now->pages,
                  before->pages, now->ms, before->ms, STATEMENT_TEXT_MOST, now->name.ptr);
}

static void report_statements(const struct bench_options *options, const struct statements *empty,
                              const struct statements *old) {
    for (size_t i = 0; i < old->count; i++) {
        const struct statement *before = statements_find(empty, old->items[i].text.ptr);
        if (before != NULL)
            report_statement(options, &old->items[i], before);
    }
}

struct figures {
    struct series ours, empty;
    struct series page, empty_page;
};

static void measure(const struct bench_options *options, struct figures *figures) {
    struct look empty = look_at(options, ROWS_EMPTY);
    struct look old = look_at(options, options->is_quick ? ROWS_QUICK : ROWS);
    bench_say("  CPU an order: %.0f us, with few orders %.0f", old.cpu_us, empty.cpu_us);
    series_add(&figures->empty, empty.rate);
    series_add(&figures->ours, old.rate);
    int slowest = report_pages(options, &empty.pages, &old.pages);
    report_statements(options, &empty.statements, &old.statements);
    series_add(&figures->page, old.pages.items[slowest].ms);
    series_add(&figures->empty_page, empty.pages.items[slowest].ms);
    statements_fini(&empty.statements);
    statements_fini(&old.statements);
}

int main(int argc, char **argv) {
    struct bench_options options = bench_options_parse(argc, argv);
    bench_options_take_long(&options);
    struct figures f = {0};
    for (int round = 1; round <= options.rounds; round++) {
        measure(&options, &f);
        bench_say("scale_data %d/%d: with few orders %.0f, with many %.0f orders/s; slowest page"
                  " %.2f ms",
                  round, options.rounds, f.empty.values[round - 1], f.ours.values[round - 1],
                  f.page.values[round - 1]);
    }
    bench_report(&options, &(struct bench_result){.name = "scale_data",
                                                  .unit = "orders/s",
                                                  .ours = &f.ours,
                                                  .limit = &f.empty,
                                                  .kind = TARGET_RATIO_AT_LEAST,
                                                  .target = TARGET_OF_BOTH(0.9)});
    bench_report(&options, &(struct bench_result){.name = "scale_data_page",
                                                  .unit = "ms",
                                                  .ours = &f.page,
                                                  .limit = &f.empty_page,
                                                  .kind = TARGET_OURS_AT_MOST,
                                                  .target = TARGET_OF_BOTH(PAGE_MS)});
    return 0;
}
