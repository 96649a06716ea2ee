#include "shared/outbox/setback.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/request_batch.h"
#include "shared/nats/stored_message.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/checkpoint.h"
#include "shared/outbox/stream/stream_fill.h"
#include "shared/pg/pg_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(setbacks, "ordermesh_outbox_setbacks_total", "kind",
               "Losses of a stream that were noticed and are published again, by what happened.");
METRIC_STARTS(setbacks, "set_back", "purged");

#define LOOK_INTERVAL_MS 5000
/* A leader that has only been elected may not know all yet: what it misses is looked for twice. */
#define LOOK_AGAIN_MS 1000
/* What is published into a stream that is not filled yet may reach nobody, and is known to it then.
 */
#define BLIND_LOOKS_MOST 2
/* A server that does not answer, such as to who lacks the right, would hold up each look. One that
   only hung is soon looked at again. */
#define LOOK_LATER_MOST_MS 60000
/* Of a stream that was set back this much is put back that all consumers were done with. */
#define HISTORY_S 3600
#define ASKED_AT_ONCE 16

struct setback {
    struct nats_client *nats;
    struct pg *pg;
    const char *schema;
    const char *commands;
    struct request_batch *requests;
    struct stream_marks marks;
    int64_t look_due_us;            /* monotonic */
    uint64_t epoch;                 /* of the connection, when it was looked last */
    bool is_seen;                   /* all streams were well then */
    bool is_connected_anew;         /* since all streams were looked at */
    int blind_looks;                /* since then */
    struct backoff patience;        /* with a server that does not answer */
    char missing[STREAM_NAME_SIZE]; /* a stream that was not there at the last look; "": none */
};

struct setback *setback_create(struct nats_client *nats, struct pg *pg, const char *schema,
                               const char *commands) {
    struct setback *setback = mem_alloc(sizeof(*setback));
    setback->nats = nats;
    setback->pg = pg;
    setback->schema = schema;
    setback->commands = commands;
    setback->requests = request_batch_create(nats);
    setback->is_connected_anew = true;
    setback->patience =
        (struct backoff){.least_ms = LOOK_INTERVAL_MS, .most_ms = LOOK_LATER_MOST_MS};
    return setback;
}

void setback_destroy(struct setback **setback) {
    if (*setback != NULL)
        request_batch_destroy(&(*setback)->requests);
    free(*setback);
    *setback = NULL;
}

/* What was learned of a stream holds on where nobody else has moved its mark since. */
static void keep_known(struct stream_marks *marks, const struct stream_marks *before) {
    for (size_t i = 0; i < before->count; i++) {
        const struct stream_mark *known = &before->items[i];
        struct stream_mark *mark = stream_marks_find(marks, known->stream);
        if (mark != NULL && stream_mark_is_same(mark, known))
            *mark = *known;
    }
}

enum status setback_load(struct setback *setback, struct slice acknowledged, struct error *error) {
    const struct stream_marks before = setback->marks;
    stream_marks_parse(&setback->marks, acknowledged);
    keep_known(&setback->marks, &before);
    setback->look_due_us = 0;
    setback->is_seen = false;
    return checkpoint_read_floors(setback->pg, &setback->marks, error);
}

void setback_save(const struct setback *setback, struct buf *acknowledged) {
    stream_marks_format(&setback->marks, acknowledged);
}

/* --- asking the server ------------------------------------------------------------------------ */

/* What the stream has at a sequence; MARKED_THERE: an event of ours or somebody's, with its id. */
static enum marked_message read_event(struct slice reply, struct uuid *id) {
    struct stored_message message = {0};
    struct slice text;
    struct error error;
    enum status status = stored_message_parse(reply, &message, &error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? MARKED_MISSING : MARKED_UNKNOWN;
    bool is_event = header_find(buf_slice(&message.headers), "Nats-Msg-Id", &text) &&
                    text.len >= UUID_TEXT_LEN &&
                    uuid_parse((struct slice){text.ptr, UUID_TEXT_LEN}, id);
    stored_message_fini(&message);
    return is_event ? MARKED_THERE : MARKED_OTHER;
}

static enum marked_message read_message(struct slice reply, const struct uuid *event_id) {
    struct uuid id;
    enum marked_message found = read_event(reply, &id);
    bool is_another = found == MARKED_THERE && uuid_compare(&id, event_id) != 0;
    return is_another ? MARKED_OTHER : found;
}

static enum status ask_stream(struct setback *setback, const struct stream_mark *mark,
                              struct stream_facts *facts, enum marked_message *message,
                              struct error *error) {
    struct request_batch *requests = setback->requests;
    request_batch_clear(requests);
    request_batch_add(requests, slice_of(""), "$JS.API.STREAM.INFO.%s", mark->stream);
    if (mark->has_event)
        stored_message_ask(requests, slice_of(mark->stream), mark->sequence);
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = stream_facts_parse(request_batch_reply(requests, 0), facts, error);
    if (status == STATUS_OK)
        *message = mark->has_event ? read_message(request_batch_reply(requests, 1), &mark->event_id)
                                   : MARKED_UNKNOWN;
    return status;
}

/* Asked before the stream is, so that what a purge made of the consumers is not taken for work that
   was done. */
static enum status ask_floor(struct setback *setback, const struct stream_mark *mark,
                             uint64_t *floor, struct error *error) {
    *floor = mark->floor;
    if (mark->floor >= mark->sequence)
        return STATUS_OK;
    request_batch_clear(setback->requests);
    request_batch_add(setback->requests, slice_of(""), "$JS.API.CONSUMER.LIST.%s", mark->stream);
    enum status status = request_batch_run(setback->requests, error);
    uint64_t lowest = 0;
    if (status == STATUS_OK)
        status = stream_floor_parse(request_batch_reply(setback->requests, 0), mark->sequence,
                                    &lowest, error);
    if (status == STATUS_OK && lowest > *floor)
        *floor = lowest;
    return status;
}

/* --- repairing -------------------------------------------------------------------------------- */

/* The first of rows from..to that the stream still has, or -1. */
static enum status find_among(struct setback *setback, const char *stream,
                              const struct pg_result *rows, int from, int to, int *found,
                              struct error *error) {
    request_batch_clear(setback->requests);
    for (int row = from; row < to; row++)
        stored_message_ask(setback->requests, slice_of(stream),
                           (uint64_t)pg_get_int64(rows, row, CHECKPOINT_SEQUENCE));
    enum status status = request_batch_run(setback->requests, error);
    for (int row = from; status == STATUS_OK && row < to && *found < 0; row++) {
        struct slice reply = request_batch_reply(setback->requests, (size_t)(row - from));
        bool has_event = !pg_is_null(rows, row, CHECKPOINT_EVENT_ID);
        struct uuid id = {0};
        if (has_event)
            id = pg_get_uuid(rows, row, CHECKPOINT_EVENT_ID);
        if (!has_event || read_message(reply, &id) == MARKED_THERE)
            *found = row;
    }
    return status;
}

static enum status find_survivor(struct setback *setback, const char *stream,
                                 const struct pg_result *rows, struct slice *survivor,
                                 struct error *error) {
    int found = -1, count = pg_rows(rows);
    enum status status = STATUS_OK;
    for (int row = 0; row < count && found < 0 && status == STATUS_OK; row += ASKED_AT_ONCE) {
        int end = row + ASKED_AT_ONCE < count ? row + ASKED_AT_ONCE : count;
        status = find_among(setback, stream, rows, row, end, &found, error);
    }
    if (found >= 0)
        *survivor = pg_get_slice(rows, found, CHECKPOINT_TAKEN_AT);
    return status;
}

/* Where no checkpoint is, all that can be done is to go on from here. */
static enum status go_on(struct stream_mark *mark, const struct stream_facts *facts,
                         const struct error *cause) {
    log_error("a stream lost events, and they are not published again",
              LOG_TEXT("stream", mark->stream), LOG_ERROR(cause));
    mark->sequence = facts->last_sequence;
    mark->has_event = false;
    stream_mark_see(mark, facts);
    return STATUS_OK;
}

static enum status go_back(struct setback *setback, struct stream_mark *mark,
                           const struct stream_facts *facts, bool is_purged, struct slice survivor,
                           const struct setback_place *place, bool *was_moved,
                           struct error *error) {
    const char *kind = is_purged ? "purged" : "set_back";
    uint64_t acknowledged = mark->sequence;
    char since[CHECKPOINT_TIME_SIZE];
    const struct rewind rewind = {
        .schema = setback->schema,
        .marks = &setback->marks,
        .mark = mark,
        .last_sequence = facts->last_sequence,
        .survivor = survivor,
        .history_s = is_purged ? 0 : HISTORY_S,
        .is_purged = is_purged,
        .saved_next_xid = place->saved_next_xid,
        .session = place->session,
    };
    enum status status = checkpoint_rewind(setback->pg, &rewind, since, error);
    if (status == STATUS_NOT_FOUND)
        return go_on(mark, facts, error);
    *was_moved = status == STATUS_OK || status == STATUS_CONFLICT;
    if (status == STATUS_CONFLICT)
        return STATUS_OK; /* the next look sees it again */
    if (status != STATUS_OK)
        return status;
    metric_add(&setbacks, metric_slot(&setbacks, kind), 1);
    log_warn("a stream lost events, and they are published again", LOG_TEXT("stream", mark->stream),
             LOG_TEXT("kind", kind), LOG_INT("acknowledged", (int64_t)acknowledged),
             LOG_INT("firstSequence", (int64_t)facts->first_sequence),
             LOG_INT("lastSequence", (int64_t)facts->last_sequence), LOG_TEXT("since", since));
    return STATUS_OK;
}

static enum status repair_set_back(struct setback *setback, struct stream_mark *mark,
                                   const struct stream_facts *facts,
                                   const struct setback_place *place, bool *was_moved,
                                   struct error *error) {
    struct pg_result *rows = NULL;
    struct slice survivor = SLICE_LITERAL("");
    enum status status =
        checkpoint_list(setback->pg, mark->stream, facts->last_sequence, &rows, error);
    if (status == STATUS_OK)
        status = find_survivor(setback, mark->stream, rows, &survivor, error);
    if (status == STATUS_OK)
        status = go_back(setback, mark, facts, false, survivor, place, was_moved, error);
    pg_result_free(&rows);
    return status;
}

/* What all consumers were done with needs no repair. */
static enum status repair_purged(struct setback *setback, struct stream_mark *mark,
                                 enum stream_verdict verdict, const struct stream_facts *facts,
                                 const struct setback_place *place, bool *was_moved,
                                 struct error *error) {
    uint64_t gone = facts->first_sequence - 1;
    if (verdict == STREAM_THINNED || gone > mark->sequence)
        gone = mark->sequence;
    if (mark->floor < gone)
        return go_back(setback, mark, facts, true, slice_of(""), place, was_moved, error);
    log_info("a stream was purged of what nobody waited for", LOG_TEXT("stream", mark->stream),
             LOG_INT("firstSequence", (int64_t)facts->first_sequence));
    if (mark->sequence < facts->first_sequence)
        mark->has_event = false;
    stream_mark_see(mark, facts);
    return STATUS_OK;
}

/* --- looking ---------------------------------------------------------------------------------- */

static void look_later(struct setback *setback, int64_t pause_ms) {
    setback->look_due_us = clock_monotonic_us() + pause_ms * 1000;
}

/* The broker's trouble, which is no reason to stop for long: publishing says the same where it
   matters. */
static enum status say_blind(struct setback *setback, const char *stream, const struct error *cause,
                             struct error *error) {
    setback->is_seen = false;
    if (cause->status == STATUS_NOT_FOUND)
        snprintf(setback->missing, sizeof(setback->missing), "%s", stream);
    log_info("a stream could not be looked at", LOG_TEXT("stream", stream), LOG_ERROR(cause));
    bool is_connected = nats_client_is_connected(setback->nats);
    if (setback->is_connected_anew &&
        (!is_connected || setback->blind_looks++ < BLIND_LOOKS_MOST)) {
        look_later(setback, 0);
        return error_set(error, STATUS_UNAVAILABLE, "%s", cause->text);
    }
    if (cause->status == STATUS_TIMEOUT)
        look_later(setback, backoff_next(&setback->patience));
    return STATUS_OK;
}

/* Asks about a stream, and about its consumers before. */
static enum status see(struct setback *setback, const struct stream_mark *mark,
                       enum stream_verdict *verdict, struct stream_facts *facts, uint64_t *floor,
                       struct error *error) {
    enum marked_message message;
    enum status status = ask_floor(setback, mark, floor, error);
    if (status == STATUS_OK)
        status = ask_stream(setback, mark, facts, &message, error);
    if (status == STATUS_OK)
        *verdict = stream_mark_judge(mark, facts, message, clock_now_us());
    return status;
}

static enum status look_at(struct setback *setback, struct stream_mark *mark,
                           const struct setback_place *place, bool *was_moved,
                           struct error *error) {
    enum stream_verdict verdict;
    struct stream_facts facts;
    struct error cause;
    uint64_t floor;
    bool was_young = true;
    enum status status = see(setback, mark, &verdict, &facts, &floor, &cause);
    if (status == STATUS_OK && verdict == STREAM_SET_BACK) {
        clock_sleep_ms(LOOK_AGAIN_MS);
        status = see(setback, mark, &verdict, &facts, &floor, &cause);
    }
    if (status == STATUS_OK && setback->is_connected_anew)
        status = stream_fill(setback->nats, setback->requests, mark->stream, &cause);
    if (status != STATUS_OK)
        return say_blind(setback, mark->stream, &cause, error);
    if (verdict == STREAM_SET_BACK)
        return repair_set_back(setback, mark, &facts, place, was_moved, error);
    if (verdict == STREAM_SHORTER)
        status = checkpoint_was_young(setback->pg, mark, &facts, &was_young, error);
    if (status != STATUS_OK)
        return status;
    if (verdict == STREAM_THINNED || (verdict == STREAM_SHORTER && was_young))
        return repair_purged(setback, mark, verdict, &facts, place, was_moved, error);
    mark->floor = floor;
    stream_mark_see(mark, &facts);
    return STATUS_OK;
}

/* What is lost of it comes from where its commands are kept. */
static enum status fill_commands(struct setback *setback, struct error *error) {
    struct error cause;
    if (setback->commands == NULL || !setback->is_connected_anew ||
        stream_fill(setback->nats, setback->requests, setback->commands, &cause) == STATUS_OK)
        return STATUS_OK;
    return say_blind(setback, setback->commands, &cause, error);
}

enum status setback_look(struct setback *setback, const struct setback_place *place,
                         bool *was_moved, struct error *error) {
    uint64_t epoch = nats_client_epoch(setback->nats);
    if (clock_monotonic_us() < setback->look_due_us && epoch == setback->epoch)
        return STATUS_OK;
    if (epoch != setback->epoch)
        setback->is_connected_anew = true;
    setback->epoch = epoch;
    setback->is_seen = true;
    setback->missing[0] = '\0';
    look_later(setback, LOOK_INTERVAL_MS);
    enum status status = fill_commands(setback, error);
    for (size_t i = 0; i < setback->marks.count && status == STATUS_OK && !*was_moved; i++)
        status = look_at(setback, &setback->marks.items[i], place, was_moved, error);
    if (status == STATUS_OK && !*was_moved && setback->is_seen)
        setback->is_connected_anew = false;
    if (!setback->is_connected_anew)
        setback->blind_looks = 0;
    if (setback->is_seen)
        backoff_reset(&setback->patience);
    return status;
}

bool setback_has_looked(const struct setback *setback) {
    return nats_client_is_connected(setback->nats) &&
           nats_client_epoch(setback->nats) == setback->epoch;
}

const char *setback_missing(const struct setback *setback) {
    return setback->missing[0] != '\0' ? setback->missing : NULL;
}

/* --- acknowledgements ------------------------------------------------------------------------- */

/* All below the cursor was published before this pass. */
static enum status begin(struct setback *setback, const struct stream_acks *acks,
                         const struct relay_cursor *cursor, struct error *error) {
    struct stream_mark *mark =
        acks->lowest != 0 ? stream_marks_add(&setback->marks, acks->stream) : NULL;
    if (mark == NULL)
        return STATUS_OK;
    mark->sequence = acks->lowest - 1;
    mark->seen.sequence = acks->lowest;
    mark->seen.acked_us = clock_now_us();
    mark->checkpointed_us = clock_monotonic_us();
    look_later(setback, 0);
    return checkpoint_write(setback->pg, mark, cursor, error);
}

static enum status repair_now(struct setback *setback, struct stream_mark *mark,
                              const struct setback_place *place, bool *was_moved,
                              struct error *error) {
    struct stream_facts facts;
    enum marked_message message;
    enum status status = ask_stream(setback, mark, &facts, &message, error);
    if (status != STATUS_OK)
        return status;
    return repair_set_back(setback, mark, &facts, place, was_moved, error);
}

/* With duplicates the stream is asked which message is the last. Where it does not say, the mark
   waits for a later pass. */
static void ask_for_top(struct setback *setback, struct stream_mark *mark, uint64_t top) {
    struct uuid id;
    struct error error;
    request_batch_clear(setback->requests);
    stored_message_ask(setback->requests, slice_of(mark->stream), top);
    if (request_batch_run(setback->requests, &error) == STATUS_OK &&
        read_event(request_batch_reply(setback->requests, 0), &id) == MARKED_THERE)
        stream_mark_put(mark, top, &id, clock_now_us());
}

static enum status take_stream(struct setback *setback, const struct stream_acks *acks,
                               const struct setback_place *before, bool *was_moved,
                               struct error *error) {
    struct stream_mark *mark = stream_marks_find(&setback->marks, acks->stream);
    if (mark == NULL) {
        enum status status = begin(setback, acks, before->cursor, error);
        mark = stream_marks_find(&setback->marks, acks->stream);
        if (status != STATUS_OK || mark == NULL)
            return status;
    }
    if (!stream_mark_take(mark, acks, setback->is_seen, clock_now_us()))
        return repair_now(setback, mark, before, was_moved, error);
    if (setback->is_seen && acks->has_duplicates && acks->top > mark->sequence)
        ask_for_top(setback, mark, acks->top);
    return STATUS_OK;
}

/* What was acknowledged on an earlier connection may be gone again. */
static enum status check_connection(const struct setback *setback, struct error *error) {
    if (setback_has_looked(setback))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "NATS is not connected, or was connected to anew");
}

enum status setback_take(struct setback *setback, const struct pass_acks *acks,
                         const struct setback_place *before, bool *was_moved, struct error *error) {
    enum status status = check_connection(setback, error);
    for (size_t i = 0; i < acks->count && status == STATUS_OK && !*was_moved; i++)
        status = take_stream(setback, &acks->items[i], before, was_moved, error);
    return status == STATUS_OK ? check_connection(setback, error) : status;
}

enum status setback_checkpoint(struct setback *setback, const struct relay_cursor *cursor,
                               struct error *error) {
    enum status status = STATUS_OK;
    int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < setback->marks.count && status == STATUS_OK; i++) {
        struct stream_mark *mark = &setback->marks.items[i];
        if (!mark->is_latest || now_us < mark->checkpointed_us + CHECKPOINT_INTERVAL_US)
            continue;
        mark->checkpointed_us = now_us;
        status = checkpoint_write(setback->pg, mark, cursor, error);
    }
    return status;
}
