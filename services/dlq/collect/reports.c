#include "services/dlq/collect/reports.h"

#include "services/dlq/collect/batch_reader.h"
#include "services/dlq/collect/examiner.h"
#include "services/dlq/index/index.h"

#define ARENA_CHUNK_BYTES (64 * 1024)
#define BATCH_MOST 256

struct reports {
    struct pg *pg;
    struct arena *arena;
    struct report batch[BATCH_MOST];
    size_t count;
};

static bool is_about_the_same(const struct report *a, const struct report *b) {
    return a->sequence == b->sequence && slice_equal(a->stream, b->stream) &&
           slice_equal(a->consumer, b->consumer);
}

/* Of several about one message the last one counts. */
static void add(struct reports *reports, const struct report *report) {
    size_t at = 0;
    while (at < reports->count && !is_about_the_same(&reports->batch[at], report))
        at++;
    reports->batch[at] = *report;
    if (at == reports->count)
        reports->count++;
}

static void parse_all(struct reports *reports, natsMsg *const *messages, size_t count) {
    arena_reset(reports->arena);
    reports->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct report report;
        struct error why = {0};
        struct slice body = {natsMsg_GetData(messages[i]),
                             (size_t)natsMsg_GetDataLength(messages[i])};
        if (report_parse(slice_of(natsMsg_GetSubject(messages[i])), body, reports->arena, &report,
                         &why) == STATUS_OK)
            add(reports, &report);
        else
            examiner_refuse("malformed_report", &why);
    }
}

static enum status take(void *closure, natsMsg *const *messages, size_t count,
                        struct error *error) {
    struct reports *reports = closure;
    parse_all(reports, messages, count);
    enum status status = pg_begin(reports->pg, error);
    if (status == STATUS_OK)
        status = index_note_reports(reports->pg, reports->batch, reports->count, error);
    if (status == STATUS_OK)
        status = pg_commit(reports->pg, error);
    if (status != STATUS_OK)
        pg_rollback(reports->pg);
    return status;
}

void reports_run(struct worker *worker) {
    const struct worker_options *options = worker_options(worker);
    struct reports reports = {
        .pg = pg_create(options->config->database_url, "dlq/reports"),
        .arena = arena_create(ARENA_CHUNK_BYTES),
    };
    batch_reader_run(worker, &(struct batch_reader){
                                 .stream = "FAILURES",
                                 .durable = "dlq",
                                 .batch_max = BATCH_MOST,
                                 .take = take,
                                 .closure = &reports,
                             });
    pg_destroy(&reports.pg);
    arena_destroy(&reports.arena);
}
