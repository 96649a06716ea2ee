#include "services/dlq/collect/examiner.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/collect/enter_once.h"
#include "services/dlq/collect/examiner_index.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/nats/consumer_progress.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <assert.h>
#include <stdlib.h>

METRIC_COUNTER(refused_total, "ordermesh_dlq_refused_total", "reason",
               "Advisories and reports that the facts do not bear out.");
METRIC_STARTS(refused_total, "malformed", "malformed_report", "unknown_stream", "unknown_consumer",
              "not_delivered", "missing", "wrong_subject", "too_large", "done", "unreported");

/* Each round settles a notice of every entry; only a DLQ stream written to from many sides at once
   takes more than a few. */
#define ROUNDS_MOST 64
/* Of one message's deliveries, so many are looked after. */
#define MARKS_MOST 16
#define REPORTS_WAIT_US INT64_C(2000000)
#define NAP_MS 20

/* The work on one call's notices. */
struct examination {
    struct nats_client *nats;
    struct pg *pg;
    struct request_batch *requests;
    struct arena *arena;
    struct item *items[EXAMINER_MOST]; /* of this call */
    size_t item_count;
    struct item *round[EXAMINER_MOST]; /* in work in this round: no two of one message or entry */
    size_t round_count;
    struct consumer_facts facts[EXAMINER_MOST];
    size_t facts_count;
};

void examiner_refuse(const char *reason, const struct error *error) {
    metric_add(&refused_total, metric_slot(&refused_total, reason), 1);
    log_warn("a notice is refused", LOG_TEXT("reason", reason), LOG_ERROR(error));
}

static void refuse(struct item *item, const char *reason) {
    const struct notice *notice = &item->notice;
    metric_add(&refused_total, metric_slot(&refused_total, reason), 1);
    log_warn("a notice is refused", LOG_TEXT("reason", reason), LOG_SLICE("stream", notice->stream),
             LOG_SLICE("consumer", notice->consumer),
             LOG_INT("streamSequence", (int64_t)notice->sequence));
    item->is_settled = true;
}

/* --- the round: who is in it ------------------------------------------------------------------ */

static void begin_round(struct examination *examination) {
    examination->round_count = 0;
    for (size_t i = 0; i < examination->item_count; i++) {
        struct item *item = examination->items[i];
        bool waits = item->is_settled;
        item->facts = NULL;
        item->failure = NULL;
        item->is_put_off = false;
        for (size_t k = 0; k < examination->round_count && !waits; k++)
            waits = item_is_same_message(examination->round[k], item);
        if (!waits)
            examination->round[examination->round_count++] = item;
    }
}

/* Leaves only what is neither settled nor a second message of an entry in this round. */
static void thin_round(struct examination *examination) {
    size_t kept = 0;
    for (size_t i = 0; i < examination->round_count; i++) {
        struct item *item = examination->round[i];
        bool leaves = item->is_settled;
        for (size_t k = 0; k < kept && !leaves; k++)
            leaves = item->id.len > 0 && slice_equal(examination->round[k]->id, item->id);
        if (!leaves)
            examination->round[kept++] = item;
    }
    examination->round_count = kept;
}

/* --- what is known, and what the server says -------------------------------------------------- */

static const struct consumer_facts *facts_of(struct examination *examination,
                                             const struct notice *notice) {
    for (size_t i = 0; i < examination->facts_count; i++) {
        if (slice_equal(examination->facts[i].stream, notice->stream) &&
            slice_equal(examination->facts[i].consumer, notice->consumer))
            return &examination->facts[i];
    }
    struct consumer_facts *facts = &examination->facts[examination->facts_count++];
    *facts = (struct consumer_facts){.stream = notice->stream, .consumer = notice->consumer};
    return facts;
}

static bool has_events(struct slice stream) {
    int type = 0;
    while (type < EVENT_TYPE_COUNT && !slice_is(stream, event_info((enum event_type)type)->stream))
        type++;
    return type < EVENT_TYPE_COUNT;
}

/* What failed in a stream of events waits for the stream of its dead letters. */
static enum status read_facts(struct examination *examination, struct error *error) {
    examination->facts_count = 0;
    for (size_t i = 0; i < examination->round_count; i++)
        examination->round[i]->facts = facts_of(examination, &examination->round[i]->notice);
    enum status status = consumer_facts_read(examination->requests, examination->arena,
                                             examination->facts, examination->facts_count, error);
    for (size_t i = 0; i < examination->facts_count && status == STATUS_OK; i++) {
        const struct consumer_facts *facts = &examination->facts[i];
        if (!facts->has_dlq && has_events(facts->stream))
            status =
                error_set(error, STATUS_UNAVAILABLE,
                          "stream %.*s_DLQ is missing: dead letters are held until it is there;"
                          " run `omctl provision`",
                          SLICE_ARG(facts->stream));
    }
    return status;
}

static enum status check_facts(struct examination *examination, struct error *error) {
    enum status status = examiner_index_find_known(
        examination->pg, examination->round, examination->round_count, examination->arena, error);
    for (size_t i = 0; i < examination->round_count && status == STATUS_OK; i++) {
        struct item *item = examination->round[i];
        const char *reason = item->is_settled ? NULL : item_doubt(item);
        if (reason != NULL)
            refuse(item, reason);
    }
    thin_round(examination);
    return status;
}

/* --- the original and its report -------------------------------------------------------------- */

static enum status read_originals(struct examination *examination, struct error *error) {
    request_batch_clear(examination->requests);
    for (size_t i = 0; i < examination->round_count; i++) {
        const struct notice *notice = &examination->round[i]->notice;
        stored_message_ask(examination->requests, notice->stream, notice->sequence);
    }
    enum status status = request_batch_run(examination->requests, error);
    for (size_t i = 0; i < examination->round_count && status == STATUS_OK; i++) {
        struct item *item = examination->round[i];
        status = stored_message_parse(request_batch_reply(examination->requests, i),
                                      &item->original, error);
        if (status == STATUS_NOT_FOUND) {
            refuse(item, "missing");
            status = STATUS_OK;
        } else if (status == STATUS_OK &&
                   !consumer_facts_take_subject(item->facts, slice_of(item->original.subject))) {
            refuse(item, "wrong_subject");
        }
    }
    thin_round(examination);
    return status;
}

static size_t list_without_word(struct examination *examination, struct item **items) {
    size_t count = 0;
    for (size_t i = 0; i < examination->round_count; i++) {
        if (item_left_no_word(examination->round[i]))
            items[count++] = examination->round[i];
    }
    return count;
}

static enum status take_report(struct examination *examination, struct item *item, size_t index,
                               struct error *error) {
    struct stored_message message = {0};
    enum status status =
        stored_message_parse(request_batch_reply(examination->requests, index), &message, error);
    if (status == STATUS_OK)
        item_take_report(item, &message, examination->arena);
    stored_message_fini(&message);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The reports' own way may be slower than the advisories': what is not in the table is looked for
   in the stream. A consumer that could read the event names its report by the event's id, else by
   the sequence. */
static enum status read_reports(struct examination *examination, struct error *error) {
    struct item *items[EXAMINER_MOST];
    size_t count = list_without_word(examination, items);
    struct buf subject = {0};
    request_batch_clear(examination->requests);
    for (size_t i = 0; i < 2 * count; i++) {
        buf_clear(&subject);
        item_report_subject(items[i / 2], i % 2 == 1, &subject);
        stored_message_ask_last(examination->requests, SLICE_LITERAL("FAILURES"), subject.ptr);
    }
    buf_fini(&subject);
    enum status status = count > 0 ? request_batch_run(examination->requests, error) : STATUS_OK;
    for (size_t i = 0; i < 2 * count && status == STATUS_OK; i++)
        status = take_report(examination, items[i / 2], i, error);
    return status;
}

/* Returns when all reports stored before the call are in the index, which they may reach later than
   the advisory that follows from them; or after a while: then what is wanting is found by the
   sweep.
 */
static enum status await_reading(struct nats_client *nats, struct error *error) {
    int64_t until_us = clock_monotonic_us() + REPORTS_WAIT_US;
    struct consumer_fence stored = {0}, read;
    struct consumer_progress progress;
    enum status status;
    while ((status = consumer_progress_read(nats, "FAILURES", "dlq", &progress, error)) ==
               STATUS_OK &&
           !consumer_fence_pass(&stored, &progress, 0, &read) && clock_monotonic_us() < until_us)
        clock_sleep_ms(NAP_MS);
    return status;
}

/* A consumer may name its report by an id that only the body has: such a one is in the index, once
   it has been read. */
static enum status await_reports(struct examination *examination, struct error *error) {
    struct item *items[EXAMINER_MOST];
    size_t count = list_without_word(examination, items);
    if (count == 0)
        return STATUS_OK;
    enum status status = await_reading(examination->nats, error);
    if (status == STATUS_OK)
        status =
            examiner_index_find_known(examination->pg, items, count, examination->arena, error);
    thin_round(examination);
    return status;
}

/* --- names and second chances ----------------------------------------------------------------- */

static enum status name_entries(struct examination *examination, struct error *error) {
    (void)error;
    size_t most = (size_t)natsConnection_GetMaxPayload(nats_client_fast(examination->nats));
    for (size_t i = 0; i < examination->round_count; i++) {
        struct item *item = examination->round[i];
        const char *reason = item_name_entry(item, examination->arena);
        if (reason == NULL && entry_size_most(&item->original) > most)
            reason = "too_large";
        if (reason != NULL)
            refuse(item, reason);
    }
    thin_round(examination);
    return STATUS_OK;
}

static int marks_of(const struct item *item) {
    int64_t most = item->facts->max_deliver;
    bool is_silent_chance =
        item->is_chance && item->notice.kind == NOTICE_MAX_DELIVERIES && item_left_no_word(item);
    return !is_silent_chance ? 0 : most < MARKS_MOST ? (int)most : MARKS_MOST;
}

static void ask_for_marks(struct examination *examination, const struct item *item) {
    struct buf subject = {0};
    for (int attempt = 1; attempt <= marks_of(item); attempt++) {
        buf_clear(&subject);
        item_report_subject(item, true, &subject);
        buf_printf(&subject, ".%d", attempt);
        stored_message_ask_last(examination->requests, SLICE_LITERAL("FAILURES"), subject.ptr);
    }
    buf_fini(&subject);
}

/* Whose mark it is; empty where there is none. */
static enum status read_mark(struct examination *examination, size_t index, struct slice *reader,
                             struct error *error) {
    struct stored_message mark = {0};
    enum status status =
        stored_message_parse(request_batch_reply(examination->requests, index), &mark, error);
    *reader = arena_slice(examination->arena, buf_slice(&mark.body));
    stored_message_fini(&mark);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Was a chance begun each time, by a process that did not live to begin another? */
static enum status read_marks_of(struct examination *examination, size_t *index, struct item *item,
                                 struct error *error) {
    struct slice readers[MARKS_MOST];
    enum status status = STATUS_OK;
    int count = marks_of(item);
    item->ends_its_reader = count > 0;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        status = read_mark(examination, (*index)++, &readers[i], error);
        item->ends_its_reader &= status == STATUS_OK && readers[i].len > 0;
        for (int k = 0; k < i && status == STATUS_OK; k++)
            item->ends_its_reader &= !slice_equal(readers[k], readers[i]);
    }
    return status;
}

static enum status read_marks(struct examination *examination, struct error *error) {
    size_t count = 0, index = 0;
    request_batch_clear(examination->requests);
    for (size_t i = 0; i < examination->round_count; i++) {
        ask_for_marks(examination, examination->round[i]);
        count += (size_t)marks_of(examination->round[i]);
    }
    enum status status = count > 0 ? request_batch_run(examination->requests, error) : STATUS_OK;
    for (size_t i = 0; i < examination->round_count && status == STATUS_OK; i++)
        status = read_marks_of(examination, &index, examination->round[i], error);
    return status;
}

static enum status put_off(struct examination *examination, struct error *error) {
    enum status status = read_marks(examination, error);
    for (size_t i = 0; i < examination->round_count && status == STATUS_OK; i++) {
        struct item *item = examination->round[i];
        item->is_settled = item->is_put_off = item_has_a_chance(item);
    }
    thin_round(examination);
    return status;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum status decide(struct examination *examination, struct error *error) {
    enum status status =
        examiner_index_decide(examination->pg, examination->round, examination->round_count, error);
    thin_round(examination);
    return status;
}

static enum status enter(struct examination *examination, struct error *error) {
    enum status status =
        enter_once(examination->requests, examination->round, examination->round_count, error);
    thin_round(examination);
    if (status == STATUS_OK)
        status = enter_look_back(examination->requests, examination->round,
                                 examination->round_count, examination->arena, error);
    return status;
}

/* All that were in this round. */
static enum status record(struct examination *examination, struct error *error) {
    struct item *items[EXAMINER_MOST];
    size_t count = 0;
    for (size_t i = 0; i < examination->item_count; i++)
        if (examination->items[i]->facts != NULL)
            items[count++] = examination->items[i];
    return examiner_index_write(examination->pg, items, count, error);
}

static enum status run_round(struct examination *examination, struct error *error) {
    static enum status (*const steps[])(struct examination *, struct error *) = {
        read_facts,   check_facts, read_originals, read_reports, await_reports,
        name_entries, put_off,     decide,         enter,        record,
    };
    enum status status = STATUS_OK;
    begin_round(examination);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == STATUS_OK; i++)
        status = steps[i](examination, error);
    for (size_t i = 0; i < examination->item_count; i++) {
        stored_message_fini(&examination->items[i]->original);
        stored_message_fini(&examination->items[i]->found);
    }
    request_batch_clear(examination->requests);
    return status;
}

static bool all_settled(const struct examination *examination) {
    for (size_t i = 0; i < examination->item_count; i++) {
        if (!examination->items[i]->is_settled)
            return false;
    }
    return true;
}

static enum status run_rounds(struct examination *examination, struct error *error) {
    enum status status = STATUS_OK;
    for (int round = 0; !all_settled(examination) && status == STATUS_OK; round++) {
        if (round == ROUNDS_MOST)
            return error_set(error, STATUS_UNAVAILABLE, "others write the same entries");
        status = run_round(examination, error);
    }
    return status;
}

enum status examiner_take(const struct examiner *examiner, const struct notice *notices,
                          size_t count, struct error *error) {
    struct examination *examination = mem_alloc(sizeof(*examination));
    assert(count <= EXAMINER_MOST);
    examination->nats = examiner->nats;
    examination->pg = examiner->pg;
    examination->arena = examiner->arena;
    examination->requests = request_batch_create(examiner->nats);
    for (size_t i = 0; i < count; i++) {
        struct item *item = arena_alloc(examiner->arena, sizeof(*item));
        item->notice = notices[i];
        examination->items[examination->item_count++] = item;
    }
    enum status status = run_rounds(examination, error);
    request_batch_destroy(&examination->requests);
    free(examination);
    return status;
}
