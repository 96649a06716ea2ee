#include "services/dlq/collect/reports.h"

#include "services/dlq/collect/examiner.h"
#include "services/dlq/index/index.h"

static bool is_about_the_same(const struct report *a, const struct report *b) {
    return a->sequence == b->sequence && slice_equal(a->stream, b->stream) &&
           slice_equal(a->consumer, b->consumer);
}

/* Of several about one message the last one counts. */
static size_t add(struct report *reports, size_t count, const struct report *report) {
    size_t at = 0;
    while (at < count && !is_about_the_same(&reports[at], report))
        at++;
    reports[at] = *report;
    return at == count ? count + 1 : count;
}

enum status reports_take(struct batch *batch, struct error *error) {
    struct report *reports = arena_alloc(batch->arena, batch->count * sizeof(*reports));
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct delivery *delivery = batch->items[i];
        struct report report;
        struct error why = {0};
        if (report_parse(delivery->subject, delivery->payload, batch->arena, &report, &why) ==
            STATUS_OK)
            count = add(reports, count, &report);
        else
            examiner_refuse("malformed_report", &why);
    }
    enum status status = pg_begin(batch->pg, error);
    if (status == STATUS_OK)
        status = index_note_reports(batch->pg, reports, count, error);
    return status == STATUS_OK ? pg_commit(batch->pg, error) : status;
}
