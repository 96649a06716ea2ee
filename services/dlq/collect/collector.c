#include "services/dlq/collect/collector.h"

#include "services/dlq/collect/batch_reader.h"
#include "services/dlq/collect/examiner.h"
#include "services/dlq/collect/settings.h"
#include "services/dlq/collect/sweep.h"

#define ARENA_CHUNK_BYTES (64 * 1024)

struct collector {
    struct examiner *examiner;
    struct sweep *sweep;
    struct arena *arena;
};

/* The broker terminates a delivery whose message was replaced meanwhile, as reports are. */
static bool is_of_a_replaced_report(const struct notice *notice) {
    return notice->kind == NOTICE_TERMINATED && slice_is(notice->stream, "FAILURES");
}

static enum status take(void *closure, natsMsg *const *messages, size_t count,
                        struct error *error) {
    struct collector *collector = closure;
    struct notice notices[EXAMINER_MOST];
    size_t notice_count = 0;
    arena_reset(collector->arena);
    for (size_t i = 0; i < count; i++) {
        struct error why = {0};
        struct slice body = {natsMsg_GetData(messages[i]),
                             (size_t)natsMsg_GetDataLength(messages[i])};
        struct notice *notice = &notices[notice_count];
        if (notice_parse_advisory(slice_of(natsMsg_GetSubject(messages[i])), body, collector->arena,
                                  notice, &why) != STATUS_OK)
            examiner_refuse("malformed", &why);
        else if (!is_of_a_replaced_report(notice))
            notice_count++;
    }
    return examiner_take(collector->examiner, notices, notice_count, error);
}

static void between(void *closure, bool has_backlog) {
    struct collector *collector = closure;
    sweep_turn(collector->sweep, has_backlog);
}

void collector_run(struct worker *worker) {
    const struct worker_options *options = worker_options(worker);
    const struct dlq_settings *settings = options->context;
    struct collector collector = {
        .examiner = examiner_create(options->nats, options->config->database_url),
        .arena = arena_create(ARENA_CHUNK_BYTES),
    };
    collector.sweep = sweep_create(collector.examiner, settings->grace_ms);
    batch_reader_run(worker, &(struct batch_reader){
                                 .stream = "ADVISORIES",
                                 .durable = "dlq",
                                 .batch_max = EXAMINER_MOST,
                                 .take = take,
                                 .between = between,
                                 .closure = &collector,
                             });
    sweep_destroy(&collector.sweep);
    examiner_destroy(&collector.examiner);
    arena_destroy(&collector.arena);
}
