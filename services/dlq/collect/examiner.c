#include "services/dlq/collect/examiner.h"

#include "services/dlq/collect/examiner_index.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/contract/event.h"
#include "shared/nats/consumer_progress.h"
#include "shared/nats/jetstream_code.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <assert.h>

METRIC_COUNTER(entries_total, "ordermesh_dlq_entries_total", "stream",
               "Dead letters written to the DLQ streams.");
#define STREAM_OF(id, type, subject, stream, source, version) stream,
METRIC_STARTS(entries_total, EVENT_TABLE(STREAM_OF));
METRIC_COUNTER(swept_total, "ordermesh_dlq_swept_total", "stream",
               "Of these, the ones found by a failure report that no advisory followed.");
METRIC_STARTS(swept_total, EVENT_TABLE(STREAM_OF));
#undef STREAM_OF
METRIC_COUNTER(refused_total, "ordermesh_dlq_refused_total", "reason",
               "Advisories and reports that the facts do not bear out.");
METRIC_STARTS(refused_total, "malformed", "malformed_report", "unknown_stream", "unknown_consumer",
              "not_delivered", "missing", "wrong_subject", "too_large", "done", "unreported");

/* Each round settles a notice of every entry; only a DLQ stream written to from many sides at once
   takes more than a few. */
#define ROUNDS_MOST 64
#define REPORTS_WAIT_US INT64_C(2000000)
#define NAP_MS 20

/* The work on one call's notices. */
struct examination {
    struct examiner by;
    struct request_batch *requests;
    struct item items[EXAMINER_MOST]; /* of this call */
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
        struct item *item = &examination->items[i];
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

/* The answer to the nth question about an item; what is kept of it lives in the arena. */
struct answer {
    size_t nth;
    struct slice reply;
    struct arena *arena;
};

/* Adds a question about an item, or several, or none. */
typedef void (*ask_fn)(struct request_batch *requests, struct item *item);
/* Takes in an answer. NOT_FOUND is one, too. */
typedef enum status (*take_fn)(struct item *item, const struct answer *answer, struct error *error);

/* Asks the broker about all in the round at once. */
static enum status ask_each(struct examination *examination, ask_fn ask, take_fn take,
                            struct error *error) {
    struct request_batch *requests = examination->requests;
    size_t ends[EXAMINER_MOST], at = 0;
    request_batch_clear(requests);
    for (size_t i = 0; i < examination->round_count; i++) {
        ask(requests, examination->round[i]);
        ends[i] = request_batch_count(requests);
    }
    enum status status = request_batch_run(requests, error);
    for (size_t i = 0; i < examination->round_count && status == STATUS_OK; i++) {
        struct answer answer = {.arena = examination->by.arena};
        for (; at < ends[i] && status == STATUS_OK; at++, answer.nth++) {
            answer.reply = request_batch_reply(requests, at);
            status = take(examination->round[i], &answer, error);
            if (status == STATUS_NOT_FOUND)
                status = STATUS_OK;
        }
    }
    return status;
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
    enum status status = consumer_facts_read(examination->requests, examination->by.arena,
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

static enum status find_known(struct examination *examination, struct error *error) {
    return examiner_index_find_known(examination->by.pg, examination->round,
                                     examination->round_count, examination->by.arena, error);
}

static enum status check_facts(struct examination *examination, struct error *error) {
    (void)error;
    for (size_t i = 0; i < examination->round_count; i++) {
        const char *reason = item_doubt(examination->round[i]);
        if (reason != NULL)
            refuse(examination->round[i], reason);
    }
    return STATUS_OK;
}

/* --- the original and its report -------------------------------------------------------------- */

static void ask_original(struct request_batch *requests, struct item *item) {
    stored_message_ask(requests, item->notice.stream, item->notice.sequence);
}

static enum status take_original(struct item *item, const struct answer *answer,
                                 struct error *error) {
    enum status status = stored_message_parse(answer->reply, &item->original, error);
    if (status == STATUS_NOT_FOUND)
        refuse(item, "missing");
    else if (status == STATUS_OK &&
             !consumer_facts_take_subject(item->facts, slice_of(item->original.subject)))
        refuse(item, "wrong_subject");
    return status;
}

/* For the last message of FAILURES about the original; `attempt` 0: the report. */
static void ask_failures(struct request_batch *requests, const struct item *item, bool by_sequence,
                         int attempt) {
    struct buf subject = {0};
    item_report_subject(item, by_sequence, &subject);
    if (attempt > 0)
        buf_printf(&subject, ".%d", attempt);
    stored_message_ask_last(requests, SLICE_LITERAL("FAILURES"), subject.ptr);
    buf_fini(&subject);
}

/* A consumer that could read the event names its report by the event's id, else by the sequence. */
static void ask_report(struct request_batch *requests, struct item *item) {
    if (item_left_no_word(item)) {
        ask_failures(requests, item, false, 0);
        ask_failures(requests, item, true, 0);
    }
}

static enum status take_report(struct item *item, const struct answer *answer,
                               struct error *error) {
    struct stored_message message = {0};
    enum status status = stored_message_parse(answer->reply, &message, error);
    if (status == STATUS_OK)
        item_take_report(item, &message, answer->arena);
    stored_message_fini(&message);
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
    size_t at = 0;
    while (at < examination->round_count && !item_left_no_word(examination->round[at]))
        at++;
    if (at == examination->round_count)
        return STATUS_OK;
    enum status status = await_reading(examination->by.nats, error);
    return status == STATUS_OK ? find_known(examination, error) : status;
}

/* --- names and second chances ----------------------------------------------------------------- */

static enum status name_entries(struct examination *examination, struct error *error) {
    (void)error;
    size_t most = (size_t)natsConnection_GetMaxPayload(nats_client_fast(examination->by.nats));
    for (size_t i = 0; i < examination->round_count; i++) {
        struct item *item = examination->round[i];
        const char *reason = item_name_entry(item, examination->by.arena);
        if (reason == NULL && entry_size_most(&item->original) > most)
            reason = "too_large";
        if (reason != NULL)
            refuse(item, reason);
    }
    return STATUS_OK;
}

/* Was a chance that left no word begun each time, by a process that did not live to begin another?
 */
static void ask_marks(struct request_batch *requests, struct item *item) {
    item->ends_its_reader = item->is_chance && item->notice.kind == NOTICE_MAX_DELIVERIES &&
                            item_left_no_word(item) && item->facts->max_deliver > 0;
    for (int attempt = 1;
         item->ends_its_reader && attempt <= item->facts->max_deliver && attempt <= ITEM_MARKS_MOST;
         attempt++)
        ask_failures(requests, item, true, attempt);
}

static enum status take_mark(struct item *item, const struct answer *answer, struct error *error) {
    struct stored_message mark = {0};
    enum status status = stored_message_parse(answer->reply, &mark, error);
    item->marks[answer->nth] = arena_slice(answer->arena, buf_slice(&mark.body));
    item->ends_its_reader &= item->marks[answer->nth].len > 0;
    for (size_t i = 0; i < answer->nth; i++)
        item->ends_its_reader &= !slice_equal(item->marks[i], item->marks[answer->nth]);
    stored_message_fini(&mark);
    return status;
}

static enum status put_off(struct examination *examination, struct error *error) {
    (void)error;
    for (size_t i = 0; i < examination->round_count; i++) {
        struct item *item = examination->round[i];
        item->is_settled = item->is_put_off = item_has_a_chance(item);
    }
    return STATUS_OK;
}

/* --- publishing: each entry once -------------------------------------------------------------- */

static enum status decide(struct examination *examination, struct error *error) {
    return examiner_index_decide(examination->by.pg, examination->round, examination->round_count,
                                 error);
}

static void ask_publish(struct request_batch *requests, struct item *item) {
    const char *reply = request_batch_next_reply(requests);
    failpoint("dlq.before_publish");
    request_batch_add_message(
        requests, entry_message(&item->entry, &item->original, item->expected_sequence, reply));
}

static void note_entered(struct item *item, uint64_t dlq_sequence) {
    struct buf stream = {0};
    buf_append_slice(&stream, item->notice.stream);
    metric_add(&entries_total, metric_slot(&entries_total, stream.ptr), 1);
    if (item->notice.kind == NOTICE_REPORT)
        metric_add(&swept_total, metric_slot(&swept_total, stream.ptr), 1);
    buf_fini(&stream);
    log_warn("a dead letter", LOG_SLICE("entry", item->id),
             LOG_INT("generation", item->entry.generation), LOG_SLICE("reason", item->entry.reason),
             LOG_SLICE("text", item->entry.error));
    item->is_settled = true;
    item_note(item, &item->entry, dlq_sequence, true);
}

/* Not settled by it: another entry is there. */
static enum status take_ack(struct item *item, const struct answer *answer, struct error *error) {
    struct pub_ack ack = {0};
    failpoint("dlq.after_publish");
    enum status status = pub_ack_parse(answer->reply, &ack, error);
    if (status != STATUS_OK)
        return status;
    if (ack.error_code == 0)
        note_entered(item, ack.sequence);
    else if (ack.error_code != JETSTREAM_WRONG_LAST_SEQUENCE &&
             ack.error_code != JETSTREAM_WRONG_LAST_SEQUENCE_UNNAMED)
        return error_set(error, STATUS_UNAVAILABLE, "writing a dead letter: %s", ack.error_text);
    return STATUS_OK;
}

static void ask_last(struct request_batch *requests, struct item *item) {
    struct buf subject = {0}, stream = {0};
    entry_write_subject(&item->entry, &subject);
    entry_write_stream(item->notice.stream, &stream);
    stored_message_ask_last(requests, buf_slice(&stream), subject.ptr);
    buf_fini(&subject);
    buf_fini(&stream);
}

/* The entry that an item met, which the index does not know as it is: from another instance, from
   before a crash, or from before the index was lost. Ours, if it is of the same message; otherwise
   the item is decided again with it. NOT_FOUND, as it has expired or was purged: the subject begins
   anew. */
static enum status take_last(struct item *item, const struct answer *answer, struct error *error) {
    struct entry *entry = arena_alloc(answer->arena, sizeof(*entry));
    item->is_corrected = true;
    item->expected_sequence = 0;
    enum status status = stored_message_parse(answer->reply, &item->found, error);
    if (status != STATUS_OK)
        return status;
    if (entry_parse(&item->found, entry, error) != STATUS_OK) {
        error->status = STATUS_DATA; /* somebody else's message: it will never be an entry */
        return STATUS_DATA;
    }
    item->expected_sequence = item->found.sequence;
    item->is_settled = entry->sequence == item->notice.sequence &&
                       entry->published_at_us == item->original.time_us;
    item_note(item, entry, item->found.sequence, true);
    return STATUS_OK;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* All that were in this round. */
static enum status record(struct examination *examination, struct error *error) {
    struct item *items[EXAMINER_MOST];
    size_t count = 0;
    for (size_t i = 0; i < examination->item_count; i++)
        if (examination->items[i].facts != NULL)
            items[count++] = &examination->items[i];
    return examiner_index_write(examination->by.pg, items, count, error);
}

static enum status run_round(struct examination *examination, struct error *error) {
    static const struct {
        enum status (*run)(struct examination *, struct error *);
        ask_fn ask; /* instead */
        take_fn take;
    } steps[] = {
        {.run = read_facts},
        {.run = find_known},
        {.run = check_facts},
        {.ask = ask_original, .take = take_original},
        /* The reports' own way may be slower than the advisories': what is not in the table is
           looked for in the stream. */
        {.ask = ask_report, .take = take_report},
        {.run = await_reports},
        {.run = name_entries},
        {.ask = ask_marks, .take = take_mark},
        {.run = put_off},
        {.run = decide},
        {.ask = ask_publish, .take = take_ack},
        {.ask = ask_last, .take = take_last},
        {.run = record},
    };
    enum status status = STATUS_OK;
    begin_round(examination);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == STATUS_OK; i++) {
        status = steps[i].run != NULL ? steps[i].run(examination, error)
                                      : ask_each(examination, steps[i].ask, steps[i].take, error);
        thin_round(examination);
    }
    for (size_t i = 0; i < examination->item_count; i++) {
        stored_message_fini(&examination->items[i].original);
        stored_message_fini(&examination->items[i].found);
    }
    return status;
}

static bool all_settled(const struct examination *examination) {
    size_t at = 0;
    while (at < examination->item_count && examination->items[at].is_settled)
        at++;
    return at == examination->item_count;
}

enum status examiner_take(const struct examiner *examiner, const struct notice *notices,
                          size_t count, struct error *error) {
    struct examination *examination = arena_alloc(examiner->arena, sizeof(*examination));
    enum status status = STATUS_OK;
    assert(count <= EXAMINER_MOST);
    examination->by = *examiner;
    examination->requests = request_batch_create(examiner->nats);
    examination->item_count = count;
    for (size_t i = 0; i < count; i++)
        examination->items[i].notice = notices[i];
    for (int round = 0; !all_settled(examination) && status == STATUS_OK; round++)
        status = round < ROUNDS_MOST
                     ? run_round(examination, error)
                     : error_set(error, STATUS_UNAVAILABLE, "others write the same entries");
    request_batch_destroy(&examination->requests);
    return status;
}
