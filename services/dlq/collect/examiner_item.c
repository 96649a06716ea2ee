#include "services/dlq/collect/examiner_item.h"

#include "services/dlq/replay/republish.h"
#include "shared/crypto/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERATION_MOST 1000000

bool item_is_same_message(const struct item *a, const struct item *b) {
    return a->notice.sequence == b->notice.sequence &&
           slice_equal(a->notice.stream, b->notice.stream) &&
           slice_equal(a->notice.consumer, b->notice.consumer);
}

void item_note(struct item *item, const struct entry *failure, uint64_t dlq_sequence,
               bool is_new_entry) {
    item->failure = failure;
    item->failure_sequence = dlq_sequence;
    item->is_new_entry = is_new_entry;
}

/* --- doubts ----------------------------------------------------------------------------------- */

static bool used_up_deliveries(const struct item *item) {
    const struct notice *notice = &item->notice;
    if (notice->kind == NOTICE_TERMINATED ||
        (notice->kind == NOTICE_REPORT && notice->report->outcome == REPORT_REJECT))
        return true;
    return item->facts->max_deliver > 0 && notice->deliveries >= item->facts->max_deliver;
}

const char *item_doubt(const struct item *item) {
    if (!item->facts->has_dlq)
        return "unknown_stream";
    if (!item->facts->exists)
        return "unknown_consumer";
    if (item->notice.sequence > item->facts->delivered)
        return "not_delivered";
    return used_up_deliveries(item) ? NULL : "too_few_deliveries";
}

/* --- the report ------------------------------------------------------------------------------- */

/* Of several about one message, under its event's id or its sequence, the last one counts. */
static void take_later(struct item *item, const struct report *report) {
    if (item->report == NULL || report->time_us > item->report->time_us)
        item->report = report;
}

enum status item_join_report(struct item *item, struct slice report, struct arena *arena,
                             struct error *error) {
    if (item->report == NULL)
        item->report = item->notice.report;
    if (report.len == 0)
        return STATUS_OK;
    struct report *read = arena_alloc(arena, sizeof(*read));
    enum status status = report_read(report, arena, read, error);
    if (status == STATUS_OK)
        take_later(item, read);
    return status;
}

/* The event's id by the headers: a publisher of ours makes it the message's, with the generation of
   what is published again behind it (shared/outbox/setback.h). */
static bool header_event_id(const struct item *item, struct slice *id) {
    struct slice rest;
    if (!header_find(buf_slice(&item->original.headers), "Nats-Msg-Id", &rest))
        return false;
    struct slice event_id = slice_take_until(&rest, '.');
    uint64_t generation;
    bool is_whole = rest.ptr == NULL || slice_parse_uint(rest, UINT64_MAX, &generation);
    if (!is_whole || event_id.len != UUID_TEXT_LEN || !event_id_is_valid(event_id))
        return false;
    *id = event_id;
    return true;
}

void item_take_report(struct item *item, const struct stored_message *message,
                      struct arena *arena) {
    struct report *report = arena_alloc(arena, sizeof(*report));
    struct error ignored = {0}; /* a forged one is as good as none */
    if (report_parse(slice_of(message->subject), buf_slice(&message->body), arena, report,
                     &ignored) == STATUS_OK &&
        report->sequence == item->notice.sequence)
        take_later(item, report);
}

bool item_left_no_word(const struct item *item) {
    const struct report *report = item->report;
    bool is_later_due = item->notice.kind == NOTICE_TERMINATED ||
                        (item->notice.kind == NOTICE_MAX_DELIVERIES && report != NULL &&
                         report->attempt < item->notice.deliveries);
    return report == NULL || (is_later_due && report->outcome == REPORT_RETRY);
}

bool item_has_a_chance(const struct item *item) {
    return item->notice.kind == NOTICE_MAX_DELIVERIES && item_left_no_word(item) &&
           !item->ends_its_reader && republish_fits(&item->original);
}

/* --- the name --------------------------------------------------------------------------------- */

static bool is_alone(const struct item *item) {
    struct slice value;
    return header_find(buf_slice(&item->original.headers), "Om-Replay-Alone", &value);
}

/* Om-Replay-Of: <entry id> and Nats-Msg-Id: <entry id>.replay.<generation> make a replay of ours; a
   second chance replays none. */
static bool read_replay(const struct item *item, struct slice *event_id, int *generation) {
    struct slice block = buf_slice(&item->original.headers), of, rest, msg_id;
    uint64_t number = 1;
    if (!header_find(block, "Om-Replay-Of", &of))
        return false;
    rest = of;
    if (!slice_equal(slice_take_until(&rest, '.'), item->notice.stream) ||
        !slice_equal(slice_take_until(&rest, '.'), item->notice.consumer) ||
        !event_id_is_valid(rest))
        return false;
    *event_id = rest;
    if (header_find(block, "Nats-Msg-Id", &msg_id) && msg_id.len > of.len) {
        struct slice behind = {msg_id.ptr + of.len, msg_id.len - of.len};
        if (!slice_take_prefix(&behind, ".replay.") ||
            !slice_parse_uint(behind, GENERATION_MOST, &number) || number == 0)
            number = 1;
    }
    *generation = is_alone(item) ? 0 : (int)number;
    return true;
}

void item_report_subject(const struct item *item, bool by_sequence, struct buf *out) {
    struct slice id;
    int generation;
    buf_printf(out, "failures.%.*s.%.*s.", SLICE_ARG(item->notice.stream),
               SLICE_ARG(item->notice.consumer));
    if (!by_sequence && (read_replay(item, &id, &generation) || header_event_id(item, &id)))
        buf_append_slice(out, id);
    else
        buf_printf(out, "seq-%" PRIu64, item->notice.sequence);
}

static struct slice event_id_of(struct item *item, struct arena *arena) {
    struct slice id;
    struct buf sequence = {0};
    item->replay_of = 0;
    item->is_chance = false;
    if (read_replay(item, &id, &item->replay_of)) {
        item->is_chance = is_alone(item);
    } else if (item->report != NULL) {
        return item->report->event_id;
    } else if (!header_event_id(item, &id)) {
        buf_printf(&sequence, "seq-%" PRIu64, item->notice.sequence);
        id = buf_slice(&sequence);
    }
    id = arena_slice(arena, id);
    buf_fini(&sequence);
    return id;
}

static const char *reason_of(const struct item *item, struct slice *reason) {
    const struct report *report = item->report;
    if (report != NULL && report->outcome == REPORT_DONE)
        return "done";
    if (report != NULL && report->outcome == REPORT_REJECT)
        *reason = REASON_REJECTED;
    else if (item->notice.kind == NOTICE_TERMINATED)
        return "unreported";
    else
        *reason = report != NULL ? REASON_MAX_DELIVERIES : REASON_NO_REPORT;
    return NULL;
}

/* A header's value is one line. */
static struct slice one_line(struct slice text, struct arena *arena) {
    char *copy = arena_copy(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)copy[i] < ' ')
            copy[i] = ' ';
    }
    return (struct slice){copy, text.len};
}

static struct slice error_text(const struct item *item, struct arena *arena) {
    struct buf text = {0};
    const struct notice *notice = &item->notice;
    if (item->report == NULL)
        buf_printf(&text,
                   "no failure report: the consumer crashed or lost it on each of %d deliveries%s",
                   notice->deliveries, item->is_chance ? ", also when it was sent by itself" : "");
    else if (item->report->attempt < notice->deliveries)
        buf_printf(&text, "%.*s (attempt %d of %d; it crashed or lost its report after that)",
                   SLICE_ARG(item->report->text), item->report->attempt, notice->deliveries);
    else
        buf_append_slice(&text, item->report->text);
    struct slice line = one_line(buf_slice(&text), arena);
    buf_fini(&text);
    return line;
}

const char *item_name_entry(struct item *item, struct arena *arena) {
    const struct notice *notice = &item->notice;
    struct slice reason;
    const char *refusal = reason_of(item, &reason);
    if (refusal != NULL)
        return refusal;
    const struct report *report = item->report;
    struct slice event_id = event_id_of(item, arena); /* first: it tells a second chance */
    item->entry = (struct entry){
        .stream = notice->stream,
        .consumer = notice->consumer,
        .event_id = event_id,
        .subject = arena_slice(arena, slice_of(item->original.subject)),
        .sequence = notice->sequence,
        .deliveries = notice->deliveries,
        .reason = reason,
        .error_code = report != NULL ? one_line(report->code, arena) : SLICE_LITERAL(""),
        .error = error_text(item, arena),
        .service = report != NULL ? one_line(report->service, arena) : SLICE_LITERAL(""),
        .instance = report != NULL ? one_line(report->instance, arena) : SLICE_LITERAL(""),
        .failed_at_us = report != NULL ? report->time_us : notice->time_us,
        .published_at_us = item->original.time_us,
    };
    struct buf id = {0};
    entry_write_id(&item->entry, &id);
    item->id = arena_slice(arena, buf_slice(&id));
    buf_fini(&id);
    return NULL;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static bool is_next_generation(const struct item *item, const struct entry_row *row) {
    bool is_event = item->entry.event_id.len == UUID_TEXT_LEN;
    bool is_of_this_stream = row->failed_at_us >= item->facts->created_us;
    if (!is_of_this_stream && !is_event && item->replay_of == 0)
        return true;
    if (is_of_this_stream && item->notice.sequence <= row->sequence)
        return false;
    if (row->is_dead)
        return item->replay_of == row->generation;
    return item->replay_of == 0 || item->replay_of >= row->generation;
}

void item_judge(struct item *item, const struct entry_row *row) {
    bool is_new = row == NULL || is_next_generation(item, row);
    item->entry.generation = row == NULL ? 1 : row->generation + is_new;
    if (!item->is_corrected)
        item->expected_sequence = row == NULL ? 0 : row->dlq_sequence;
    if (is_new)
        return;
    item->is_settled = true;
    item_note(item, &item->entry, row->dlq_sequence, false);
}

/* --- the rest --------------------------------------------------------------------------------- */

struct slice item_order_id(const struct item *item) {
    static const char key[] = "\"subject\":\"";
    const struct buf *body = &item->original.body;
    struct uuid uuid;
    const char *at = body->len > 0 ? memmem(body->ptr, body->len, key, sizeof(key) - 1) : NULL;
    if (at == NULL)
        return SLICE_LITERAL("");
    at += sizeof(key) - 1;
    struct slice id = {at, UUID_TEXT_LEN};
    bool is_whole = at + UUID_TEXT_LEN <= body->ptr + body->len;
    return is_whole && uuid_parse(id, &uuid) ? id : SLICE_LITERAL("");
}
