#include "services/dlq/collect/enter_once.h"

#include "shared/base/failpoint.h"
#include "shared/contract/event.h"
#include "shared/nats/jetstream_code.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

METRIC_COUNTER(entries_total, "ordermesh_dlq_entries_total", "stream",
               "Dead letters written to the DLQ streams.");
#define STREAM_OF(id, type, subject, stream, source, version) stream,
METRIC_STARTS(entries_total, EVENT_TABLE(STREAM_OF));
METRIC_COUNTER(swept_total, "ordermesh_dlq_swept_total", "stream",
               "Of these, the ones found by a failure report that no advisory followed.");
METRIC_STARTS(swept_total, EVENT_TABLE(STREAM_OF));
#undef STREAM_OF

/* --- publishing ------------------------------------------------------------------------------- */

static enum status add_publish(struct request_batch *requests, struct item *item,
                               struct error *error) {
    natsMsg *message = NULL;
    enum status status = entry_message(&item->entry, &item->original, item->expected_sequence,
                                       request_batch_next_reply(requests), &message, error);
    if (status == STATUS_OK)
        request_batch_add_message(requests, message);
    return status;
}

static void note_entered(struct item *item, uint64_t dlq_sequence) {
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
    item_note(item, &item->entry, dlq_sequence, true);
}

static enum status take_ack(struct slice reply, struct item *item, struct error *error) {
    struct pub_ack ack = {0};
    enum status status = pub_ack_parse(reply, &ack, error);
    if (status != STATUS_OK)
        return status;
    if (ack.error_code == 0)
        note_entered(item, ack.sequence);
    else if (ack.error_code != JETSTREAM_WRONG_LAST_SEQUENCE &&
             ack.error_code != JETSTREAM_WRONG_LAST_SEQUENCE_UNNAMED)
        return error_set(error, STATUS_UNAVAILABLE, "writing a dead letter: %s", ack.error_text);
    return STATUS_OK;
}

enum status enter_once(struct request_batch *requests, struct item *const *items, size_t count,
                       struct error *error) {
    enum status status = STATUS_OK;
    if (count == 0)
        return STATUS_OK;
    request_batch_clear(requests);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = add_publish(requests, items[i], error);
    if (status != STATUS_OK)
        return status;
    failpoint("dlq.before_publish");
    status = request_batch_run(requests, error);
    failpoint("dlq.after_publish");
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = take_ack(request_batch_reply(requests, i), items[i], error);
    return status;
}

/* --- what was there already ------------------------------------------------------------------- */

/* An entry that the index does not know as it is: from another instance, from before a crash, or
   from before the index was lost. Ours, if it is of the same message; otherwise the item is decided
   again with it. */
static enum status adopt(struct item *item, struct arena *arena, struct error *error) {
    struct entry *entry = arena_alloc(arena, sizeof(*entry));
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

static enum status take_last(struct slice reply, struct item *item, struct arena *arena,
                             struct error *error) {
    enum status status = stored_message_parse(reply, &item->found, error);
    item->is_corrected = true;
    item->expected_sequence = 0;
    if (status == STATUS_NOT_FOUND) /* expired or purged: the subject begins anew */
        return STATUS_OK;
    return status == STATUS_OK ? adopt(item, arena, error) : status;
}

static void ask_last(struct request_batch *requests, const struct item *item) {
    struct buf subject = {0}, stream = {0};
    entry_write_subject(&item->entry, &subject);
    entry_write_stream(item->notice.stream, &stream);
    stored_message_ask_last(requests, buf_slice(&stream), subject.ptr);
    buf_fini(&subject);
    buf_fini(&stream);
}

enum status enter_look_back(struct request_batch *requests, struct item *const *items, size_t count,
                            struct arena *arena, struct error *error) {
    if (count == 0)
        return STATUS_OK;
    request_batch_clear(requests);
    for (size_t i = 0; i < count; i++)
        ask_last(requests, items[i]);
    enum status status = request_batch_run(requests, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = take_last(request_batch_reply(requests, i), items[i], arena, error);
    return status;
}
