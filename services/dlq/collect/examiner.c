#include "services/dlq/collect/examiner.h"

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/collect/examiner_item.h"
#include "services/dlq/collect/report_lag.h"
#include "services/dlq/index/store_chance.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(entries_total, "ordermesh_dlq_entries_total", "stream",
               "Dead letters written to the DLQ streams.");
METRIC_COUNTER(swept_total, "ordermesh_dlq_swept_total", "stream",
               "Of these, the ones found by a failure report that no advisory followed.");
METRIC_COUNTER(refused_total, "ordermesh_dlq_refused_total", "reason",
               "Advisories and reports that the facts do not bear out.");

#define ARENA_CHUNK_BYTES (256 * 1024)
#define WRONG_LAST_SEQUENCE 10071
/* Each round settles a notice of every entry; only a DLQ stream written to from many sides at once
   takes more than a few. */
#define ROUNDS_MOST 64

struct examiner {
    struct nats_client *nats;
    struct pg *pg;
    struct request_batch *requests;
    struct arena *arena;
    struct item *items[EXAMINER_MOST]; /* of this call */
    size_t item_count;
    struct item *round[EXAMINER_MOST]; /* of this round: no two of one message or entry */
    size_t round_count;
    struct consumer_facts facts[EXAMINER_MOST];
    size_t facts_count;
    struct index_change changes[EXAMINER_MOST];
    size_t change_count;
    struct chance chances[EXAMINER_MOST];
    size_t chance_count;
    struct stored_message
        found[EXAMINER_MOST]; /* entries read back; some changes borrow from them */
    size_t found_count;
};

struct examiner *examiner_create(struct nats_client *nats, const char *database_url) {
    struct examiner *examiner = mem_alloc(sizeof(*examiner));
    examiner->nats = nats;
    examiner->pg = pg_create(database_url, "dlq/examiner");
    examiner->requests = request_batch_create(nats);
    examiner->arena = arena_create(ARENA_CHUNK_BYTES);
    return examiner;
}

void examiner_destroy(struct examiner **examiner) {
    struct examiner *i = *examiner;
    *examiner = NULL;
    if (i == NULL)
        return;
    request_batch_destroy(&i->requests);
    pg_destroy(&i->pg);
    arena_destroy(&i->arena);
    free(i);
}

struct pg *examiner_pg(struct examiner *examiner) {
    return examiner->pg;
}

struct request_batch *examiner_requests(struct examiner *examiner) {
    return examiner->requests;
}

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

/* --- the round: who is in it ---------------------------------------------------------------------
 */

static void begin_round(struct examiner *examiner) {
    examiner->round_count = 0;
    examiner->change_count = 0;
    examiner->chance_count = 0;
    for (size_t i = 0; i < examiner->item_count; i++) {
        struct item *item = examiner->items[i];
        bool waits = item->is_settled;
        for (size_t k = 0; k < examiner->round_count && !waits; k++)
            waits = item_is_same_message(examiner->round[k], item);
        if (!waits)
            examiner->round[examiner->round_count++] = item;
    }
}

/* Leaves only what is neither settled nor a second message of an entry in this round. */
static void thin_round(struct examiner *examiner) {
    size_t kept = 0;
    for (size_t i = 0; i < examiner->round_count; i++) {
        struct item *item = examiner->round[i];
        bool leaves = item->is_settled;
        for (size_t k = 0; k < kept && !leaves; k++)
            leaves = item->id.len > 0 && slice_equal(examiner->round[k]->id, item->id);
        if (!leaves)
            examiner->round[kept++] = item;
    }
    examiner->round_count = kept;
}

static void end_round(struct examiner *examiner) {
    for (size_t i = 0; i < examiner->item_count; i++)
        stored_message_fini(&examiner->items[i]->original);
    for (size_t i = 0; i < examiner->found_count; i++)
        stored_message_fini(&examiner->found[i]);
    examiner->found_count = 0;
    request_batch_clear(examiner->requests);
}

/* --- what is known, and what the server says -----------------------------------------------------
 */

static const struct consumer_facts *facts_of(struct examiner *examiner,
                                             const struct notice *notice) {
    for (size_t i = 0; i < examiner->facts_count; i++) {
        if (slice_equal(examiner->facts[i].stream, notice->stream) &&
            slice_equal(examiner->facts[i].consumer, notice->consumer))
            return &examiner->facts[i];
    }
    struct consumer_facts *facts = &examiner->facts[examiner->facts_count++];
    *facts = (struct consumer_facts){.stream = notice->stream, .consumer = notice->consumer};
    return facts;
}

static enum status read_facts(struct examiner *examiner, struct error *error) {
    examiner->facts_count = 0;
    for (size_t i = 0; i < examiner->round_count; i++)
        examiner->round[i]->facts = facts_of(examiner, &examiner->round[i]->notice);
    return consumer_facts_read(examiner->requests, examiner->arena, examiner->facts,
                               examiner->facts_count, error);
}

static enum status drop_known(struct examiner *examiner, struct error *error) {
    struct index_key keys[EXAMINER_MOST];
    struct index_known known[EXAMINER_MOST];
    for (size_t i = 0; i < examiner->round_count; i++)
        keys[i] = item_key(examiner->round[i]);
    enum status status =
        index_find_known(examiner->pg, keys, examiner->round_count, examiner->arena, known, error);
    for (size_t i = 0; i < examiner->round_count && status == STATUS_OK; i++) {
        struct item *item = examiner->round[i];
        /* What failed before this consumer was made, was of a stream that is gone. */
        item->is_settled = known[i].is_known && known[i].failed_at_us >= item->facts->created_us;
        status = item_join_report(item, known[i].report, examiner->arena, error);
    }
    return status;
}

static void check_facts(struct examiner *examiner) {
    for (size_t i = 0; i < examiner->round_count; i++) {
        const char *reason = examiner->round[i]->is_settled ? NULL : item_doubt(examiner->round[i]);
        if (reason != NULL)
            refuse(examiner->round[i], reason);
    }
    thin_round(examiner);
}

/* --- the original and its report -----------------------------------------------------------------
 */

static void ask_message(struct examiner *examiner, const char *stream, struct buf *body) {
    struct buf subject = {0};
    stored_message_get_subject(&subject, stream);
    request_batch_add(examiner->requests, subject.ptr, buf_slice(body));
    buf_fini(&subject);
    buf_clear(body);
}

static enum status read_originals(struct examiner *examiner, struct error *error) {
    struct buf body = {0};
    request_batch_clear(examiner->requests);
    for (size_t i = 0; i < examiner->round_count; i++) {
        const struct notice *notice = &examiner->round[i]->notice;
        stored_message_by_sequence(&body, notice->sequence);
        ask_message(examiner, arena_copy(examiner->arena, notice->stream), &body);
    }
    buf_fini(&body);
    enum status status = request_batch_run(examiner->requests, error);
    for (size_t i = 0; i < examiner->round_count && status == STATUS_OK; i++) {
        struct item *item = examiner->round[i];
        status = stored_message_parse(request_batch_reply(examiner->requests, i), &item->original,
                                      error);
        if (status == STATUS_NOT_FOUND) {
            refuse(item, "missing");
            status = STATUS_OK;
        } else if (status == STATUS_OK &&
                   !consumer_facts_take_subject(item->facts, slice_of(item->original.subject))) {
            refuse(item, "wrong_subject");
        }
    }
    thin_round(examiner);
    return status;
}

/* A consumer that could read the event names its report by the event's id, else by the sequence. */
static void ask_report(struct examiner *examiner, struct item *item) {
    struct buf subject = {0}, body = {0};
    for (int by_sequence = 0; by_sequence < 2; by_sequence++) {
        item_report_subject(item, by_sequence, &subject);
        stored_message_by_subject(&body, subject.ptr);
        ask_message(examiner, "FAILURES", &body);
        buf_clear(&subject);
    }
    buf_fini(&subject);
    buf_fini(&body);
}

static enum status take_report(struct examiner *examiner, struct item *item, size_t index,
                               struct error *error) {
    struct stored_message message = {0};
    enum status status =
        stored_message_parse(request_batch_reply(examiner->requests, index), &message, error);
    if (status == STATUS_OK)
        item_take_report(item, &message, examiner->arena);
    stored_message_fini(&message);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The reports' own way may be slower than the advisories': what is not in the table is looked for
   in the stream. */
static enum status read_reports(struct examiner *examiner, struct error *error) {
    size_t asked = 0;
    struct item *askers[EXAMINER_MOST];
    request_batch_clear(examiner->requests);
    for (size_t i = 0; i < examiner->round_count; i++) {
        if (!item_left_no_word(examiner->round[i]))
            continue;
        ask_report(examiner, examiner->round[i]);
        askers[asked++] = examiner->round[i];
    }
    enum status status = asked > 0 ? request_batch_run(examiner->requests, error) : STATUS_OK;
    for (size_t i = 0; i < 2 * asked && status == STATUS_OK; i++)
        status = take_report(examiner, askers[i / 2], i, error);
    return status;
}

/* A consumer may name its report by an id that only the body has: such a one is in the index, once
   it has been read. */
static enum status await_reports(struct examiner *examiner, struct error *error) {
    struct index_key keys[EXAMINER_MOST];
    struct index_known known[EXAMINER_MOST];
    struct item *without[EXAMINER_MOST];
    size_t count = 0;
    for (size_t i = 0; i < examiner->round_count; i++) {
        if (!item_left_no_word(examiner->round[i]))
            continue;
        keys[count] = item_key(examiner->round[i]);
        without[count++] = examiner->round[i];
    }
    if (count == 0)
        return STATUS_OK;
    enum status status = report_lag_wait(examiner->requests, error);
    if (status == STATUS_OK)
        status = index_find_known(examiner->pg, keys, count, examiner->arena, known, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = item_join_report(without[i], known[i].report, examiner->arena, error);
    return status;
}

static void name_entries(struct examiner *examiner) {
    size_t most = (size_t)natsConnection_GetMaxPayload(nats_client_fast(examiner->nats));
    for (size_t i = 0; i < examiner->round_count; i++) {
        const char *reason = item_name_entry(examiner->round[i], examiner->arena);
        if (reason == NULL && entry_size_most(&examiner->round[i]->original) > most)
            reason = "too_large";
        if (reason != NULL)
            refuse(examiner->round[i], reason);
    }
    thin_round(examiner);
}

/* --- second chances ------------------------------------------------------------------------------
 */

static void put_off(struct examiner *examiner) {
    for (size_t i = 0; i < examiner->round_count; i++) {
        struct item *item = examiner->round[i];
        if (!item_has_a_chance(item))
            continue;
        item->is_settled = true;
        examiner->chances[examiner->chance_count++] = (struct chance){
            .key = item_key(item), .entry_id = item->id, .created_us = item->facts->created_us};
    }
    thin_round(examiner);
}

/* --- verdicts ------------------------------------------------------------------------------------
 */

static void add_change(struct examiner *examiner, const struct index_change *change) {
    assert(examiner->change_count < EXAMINER_MOST);
    examiner->changes[examiner->change_count++] = *change;
}

/* A failure of an entry that stays as it is. */
static void note_failure(struct examiner *examiner, struct item *item,
                         const struct entry_row *row) {
    item->entry.generation = row->generation;
    item->is_settled = true;
    add_change(examiner, &(struct index_change){.id = item->id,
                                                .entry = &item->entry,
                                                .dlq_sequence = row->dlq_sequence});
}

static enum status decide(struct examiner *examiner, struct error *error) {
    struct slice ids[EXAMINER_MOST];
    struct entry_row rows[EXAMINER_MOST];
    bool found[EXAMINER_MOST];
    struct pg_result *result = NULL;
    for (size_t i = 0; i < examiner->round_count; i++)
        ids[i] = examiner->round[i]->id;
    enum status status =
        index_find_entries(examiner->pg, ids, examiner->round_count, rows, found, &result, error);
    for (size_t i = 0; i < examiner->round_count && status == STATUS_OK; i++) {
        struct item *item = examiner->round[i];
        const struct failed_message message = item_failed_message(item, found[i] ? &rows[i] : NULL);
        item->verdict = verdict_of(found[i] ? &rows[i] : NULL, &message);
        if (!item->verdict.is_new)
            note_failure(examiner, item, &rows[i]);
    }
    pg_result_free(&result);
    thin_round(examiner);
    return status;
}

/* --- publishing ----------------------------------------------------------------------------------
 */

static enum status add_publish(struct examiner *examiner, struct item *item, struct error *error) {
    natsMsg *message = NULL;
    item->entry.generation = item->verdict.generation;
    /* What the stream said last counts more than the index. */
    uint64_t expected = item->is_corrected ? item->last_sequence : item->verdict.expected_sequence;
    enum status status =
        entry_message(&item->entry, &item->original, expected,
                      request_batch_next_reply(examiner->requests), &message, error);
    if (status == STATUS_OK)
        request_batch_add_message(examiner->requests, message);
    return status;
}

static void note_published(struct examiner *examiner, struct item *item, uint64_t dlq_sequence) {
    struct buf stream = {0};
    buf_append_slice(&stream, item->notice.stream);
    metric_add(&entries_total, metric_slot(&entries_total, stream.ptr), 1);
    if (item->notice.kind == NOTICE_REPORT)
        metric_add(&swept_total, metric_slot(&swept_total, stream.ptr), 1);
    buf_fini(&stream);
    log_warn("a dead letter", LOG_SLICE("entry", item->id),
             LOG_INT("generation", item->entry.generation),
             LOG_TEXT("reason", dead_reason_text(item->entry.reason)),
             LOG_SLICE("text", item->entry.error));
    item->is_settled = true;
    add_change(examiner, &(struct index_change){.id = item->id,
                                                .entry = &item->entry,
                                                .dlq_sequence = dlq_sequence,
                                                .order_id = item_order_id(item),
                                                .is_entry = true});
}

static enum status take_ack(struct examiner *examiner, struct item *item, size_t index,
                            struct error *error) {
    struct pub_ack ack = {0};
    enum status status = pub_ack_parse(request_batch_reply(examiner->requests, index), &ack, error);
    if (status != STATUS_OK)
        return status;
    if (ack.error_code == 0)
        note_published(examiner, item, ack.sequence);
    else if (ack.error_code != WRONG_LAST_SEQUENCE)
        return error_set(error, STATUS_UNAVAILABLE, "writing a dead letter: %s", ack.error_text);
    return STATUS_OK;
}

static enum status publish(struct examiner *examiner, struct error *error) {
    enum status status = STATUS_OK;
    if (examiner->round_count == 0)
        return STATUS_OK;
    request_batch_clear(examiner->requests);
    for (size_t i = 0; i < examiner->round_count && status == STATUS_OK; i++)
        status = add_publish(examiner, examiner->round[i], error);
    if (status != STATUS_OK)
        return status;
    failpoint("dlq.before_publish");
    status = request_batch_run(examiner->requests, error);
    failpoint("dlq.after_publish");
    for (size_t i = 0; i < examiner->round_count && status == STATUS_OK; i++)
        status = take_ack(examiner, examiner->round[i], i, error);
    thin_round(examiner);
    return status;
}

/* --- what was there already ----------------------------------------------------------------------
 */

/* An entry that the index does not know as it is: from another instance, from before a crash, or
   from before the index was lost. Ours, if it is of the same message; otherwise the item is decided
   again with it. */
static enum status adopt(struct examiner *examiner, struct item *item,
                         struct stored_message *message, struct error *error) {
    struct entry *entry = arena_alloc(examiner->arena, sizeof(*entry));
    enum status status = entry_parse(message, entry, error);
    if (status != STATUS_OK)
        return status;
    item->last_sequence = message->sequence;
    item->is_settled = entry->sequence == item->notice.sequence &&
                       entry->published_at_us == item->original.time_us;
    add_change(examiner, &(struct index_change){.id = item->id,
                                                .entry = entry,
                                                .dlq_sequence = message->sequence,
                                                .order_id = item_order_id(item),
                                                .is_entry = true});
    return STATUS_OK;
}

static enum status take_last(struct examiner *examiner, struct item *item, size_t index,
                             struct error *error) {
    struct stored_message *message = &examiner->found[examiner->found_count];
    enum status status =
        stored_message_parse(request_batch_reply(examiner->requests, index), message, error);
    item->is_corrected = true;
    item->last_sequence = 0;
    if (status == STATUS_NOT_FOUND) /* expired or purged: the subject begins anew */
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    examiner->found_count++;
    return adopt(examiner, item, message, error);
}

static enum status look_back(struct examiner *examiner, struct error *error) {
    struct buf subject = {0}, body = {0}, stream = {0};
    if (examiner->round_count == 0)
        return STATUS_OK;
    request_batch_clear(examiner->requests);
    for (size_t i = 0; i < examiner->round_count; i++) {
        buf_clear(&subject);
        buf_clear(&stream);
        entry_write_subject(&examiner->round[i]->entry, &subject);
        buf_printf(&stream, "%.*s_DLQ", SLICE_ARG(examiner->round[i]->notice.stream));
        stored_message_by_subject(&body, subject.ptr);
        ask_message(examiner, stream.ptr, &body);
    }
    buf_fini(&subject);
    buf_fini(&body);
    buf_fini(&stream);
    enum status status = request_batch_run(examiner->requests, error);
    for (size_t i = 0; i < examiner->round_count && status == STATUS_OK; i++)
        status = take_last(examiner, examiner->round[i], i, error);
    return status;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

static enum status record(struct examiner *examiner, struct error *error) {
    struct index_key settled[EXAMINER_MOST];
    size_t count = 0;
    for (size_t i = 0; i < examiner->item_count; i++) {
        if (examiner->items[i]->is_settled)
            settled[count++] = item_key(examiner->items[i]);
    }
    enum status status = pg_begin(examiner->pg, error);
    if (status == STATUS_OK)
        status = index_write(examiner->pg, examiner->changes, examiner->change_count, settled,
                             count, error);
    if (status == STATUS_OK)
        status = store_chance_note(examiner->pg, examiner->chances, examiner->chance_count, error);
    if (status == STATUS_OK)
        status = pg_commit(examiner->pg, error);
    if (status != STATUS_OK)
        pg_rollback(examiner->pg);
    return status;
}

static enum status run_round(struct examiner *examiner, struct error *error) {
    begin_round(examiner);
    enum status status = read_facts(examiner, error);
    if (status == STATUS_OK)
        status = drop_known(examiner, error);
    if (status == STATUS_OK) {
        check_facts(examiner);
        status = read_originals(examiner, error);
    }
    if (status == STATUS_OK)
        status = read_reports(examiner, error);
    if (status == STATUS_OK)
        status = await_reports(examiner, error);
    if (status == STATUS_OK) {
        name_entries(examiner);
        put_off(examiner);
        status = decide(examiner, error);
    }
    if (status == STATUS_OK)
        status = publish(examiner, error);
    if (status == STATUS_OK)
        status = look_back(examiner, error);
    if (status == STATUS_OK)
        status = record(examiner, error);
    end_round(examiner);
    return status;
}

static bool all_settled(const struct examiner *examiner) {
    for (size_t i = 0; i < examiner->item_count; i++) {
        if (!examiner->items[i]->is_settled)
            return false;
    }
    return true;
}

enum status examiner_take(struct examiner *examiner, const struct notice *notices, size_t count,
                          struct error *error) {
    enum status status = STATUS_OK;
    assert(count <= EXAMINER_MOST);
    arena_reset(examiner->arena);
    examiner->item_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct item *item = arena_alloc(examiner->arena, sizeof(*item));
        item->notice = notices[i];
        examiner->items[examiner->item_count++] = item;
    }
    for (int round = 0; !all_settled(examiner) && status == STATUS_OK; round++) {
        if (round == ROUNDS_MOST)
            return error_set(error, STATUS_UNAVAILABLE, "others write the same entries");
        status = run_round(examiner, error);
    }
    return status;
}
