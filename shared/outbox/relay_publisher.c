#include "shared/outbox/relay_publisher.h"

#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/nats/messaging_span.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/relay_strand.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(batches, "ordermesh_relay_batches_total", "result",
               "Atomic batches of outbox rows: stored, or refused and then published one by one.");
METRIC_STARTS(batches, "stored", "refused");

#define ACK_TIMEOUT_MS 5000
/* Up to this many rows, sending each at once beats waiting for the flusher's millisecond. */
#define SMALL_PASS_ROWS 16

/* A connection and where the parts that it published are acknowledged. Both are one connection's,
   since a server takes a subscription and a publish of two connections in any order: the answer
   could come before anybody listens. */
struct lane {
    natsConnection *connection;
    char *inbox;
    natsSubscription *acks; /* NULL: not yet; nats.c renews it with the connection */
};

struct relay_publisher {
    struct nats_client *nats;
    struct lane small, large; /* for passes of up to SMALL_PASS_ROWS rows, and for the others */
    struct lane *lane;        /* of this pass */
    uint64_t part_number;
    const struct relay_row *rows;
    size_t row_count;
    struct pass_acks acked;
    struct relay_strands strands;  /* of this pass */
    int64_t until_us, deadline_us; /* monotonic: of our leadership, and of the next answer */
    int64_t batches_from_us;       /* monotonic: no batch before */
    uint64_t repeats_until;        /* transactions */
    int64_t generation;
    int64_t sent_us;
    bool had_batch; /* some of the pass was stored as one */
};

struct relay_publisher *relay_publisher_create(struct nats_client *nats) {
    struct relay_publisher *publisher = mem_alloc(sizeof(*publisher));
    publisher->nats = nats;
    publisher->small = (struct lane){nats_client_fast(nats), nats_client_inbox(nats), NULL};
    publisher->large = (struct lane){nats_client_bulk(nats), nats_client_inbox(nats), NULL};
    return publisher;
}

static void lane_fini(struct lane *lane, struct nats_client *nats) {
    nats_client_unsubscribe(nats, &lane->acks);
    free(lane->inbox);
}

void relay_publisher_destroy(struct relay_publisher **publisher) {
    struct relay_publisher *p = *publisher;
    *publisher = NULL;
    if (p == NULL)
        return;
    lane_fini(&p->small, p->nats);
    lane_fini(&p->large, p->nats);
    relay_strands_fini(&p->strands);
    free(p);
}

void relay_publisher_repeat(struct relay_publisher *publisher, uint64_t until, int64_t generation) {
    publisher->repeats_until = until;
    publisher->generation = generation;
}

/* Each part is acknowledged at <inbox>.<number>, so that a late answer is never taken for that of
   another part. */
static enum status subscribe(struct lane *lane, struct error *error) {
    if (lane->acks != NULL)
        return STATUS_OK;
    struct buf subject = {0};
    buf_printf(&subject, "%s.*", lane->inbox);
    natsStatus s = natsConnection_SubscribeSync(&lane->acks, lane->connection, subject.ptr);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(lane->acks, -1, -1);
    buf_fini(&subject);
    return nats_error(error, s, "subscribing to acknowledgements");
}

/* --- sending ---------------------------------------------------------------------------------- */

/* The event's id, or that of its repetition. */
#define MSG_ID_SIZE (UUID_TEXT_SIZE + 24)
static void format_msg_id(const struct relay_publisher *publisher, const struct relay_row *row,
                          char *msg_id) {
    uuid_format(&row->event_id, msg_id);
    if (row->xid < publisher->repeats_until)
        snprintf(msg_id + UUID_TEXT_LEN, MSG_ID_SIZE - UUID_TEXT_LEN, ".%" PRId64,
                 publisher->generation);
}

static enum status make_message(struct relay_publisher *publisher, struct relay_strand *strand,
                                int at, natsMsg **message, struct error *error) {
    const struct relay_row *row = &publisher->rows[strand->rows[at]];
    bool is_last = at == strand->end - 1;
    char subject[128], traceparent[TRACEPARENT_SIZE], msg_id[MSG_ID_SIZE];
    snprintf(subject, sizeof(subject), "%.*s", SLICE_ARG(row->subject));
    snprintf(traceparent, sizeof(traceparent), "%.*s", SLICE_ARG(row->traceparent));
    format_msg_id(publisher, row, msg_id);
    const char *reply = strand->is_batch && !is_last ? NULL : strand->reply.ptr;
    enum status status = nats_event_message(message, subject, reply, row->payload, msg_id,
                                            strand->stream, traceparent, error);
    if (status == STATUS_OK)
        pass_acks_sent(&publisher->acked, strand->stream, &row->event_id);
    if (status != STATUS_OK || !strand->is_batch)
        return status;
    status = atomic_batch_mark(&strand->batch, *message, is_last, error);
    if (status != STATUS_OK)
        natsMsg_Destroy(*message);
    return status;
}

static enum status publish_row(struct relay_publisher *publisher, struct relay_strand *strand,
                               int at, struct error *error) {
    natsMsg *message = NULL;
    enum status status = make_message(publisher, strand, at, &message, error);
    if (status != STATUS_OK)
        return status;
    bool is_commit = strand->is_batch && at == strand->end - 1;
    if (is_commit)
        failpoint("relay.before_commit");
    natsStatus s = NATS_OK;
    if (clock_monotonic_us() >= publisher->until_us)
        status = error_set(error, STATUS_UNAVAILABLE, "held up for too long to be the leader");
    else
        s = natsConnection_PublishMsg(publisher->lane->connection, message);
    natsMsg_Destroy(message);
    if (strand->is_batch && !is_commit)
        failpoint("relay.in_batch");
    return status == STATUS_OK ? nats_error(error, s, "publishing") : status;
}

/* Publishes the part under way, as a batch or one by one. */
static enum status send_part(struct relay_publisher *publisher, struct relay_strand *strand,
                             bool is_batch, struct error *error) {
    strand->is_batch = is_batch;
    strand->unanswered = is_batch ? 1 : strand->end - strand->begin;
    atomic_batch_begin(&strand->batch);
    buf_clear(&strand->reply);
    buf_printf(&strand->reply, "%s.%" PRIu64, publisher->lane->inbox, ++publisher->part_number);
    enum status status = STATUS_OK;
    for (int at = strand->begin; at < strand->end && status == STATUS_OK; at++)
        status = publish_row(publisher, strand, at, error);
    publisher->deadline_us = clock_monotonic_us() + ACK_TIMEOUT_MS * INT64_C(1000);
    return status;
}

static enum status send_next_part(struct relay_publisher *publisher, struct relay_strand *strand,
                                  struct error *error) {
    bool has_batches = clock_monotonic_us() >= publisher->batches_from_us &&
                       atomic_batch_is_supported(nats_client_server_version(publisher->nats));
    if (!relay_strand_advance(strand, publisher->rows, has_batches))
        return STATUS_OK;
    bool is_batch = has_batches && strand->end - strand->begin >= ATOMIC_BATCH_LEAST;
    return send_part(publisher, strand, is_batch, error);
}

enum status relay_publisher_send(struct relay_publisher *publisher, const struct relay_row *rows,
                                 size_t row_count, int64_t until_us, struct error *error) {
    publisher->rows = rows;
    publisher->row_count = row_count;
    publisher->acked = (struct pass_acks){0};
    publisher->until_us = until_us;
    publisher->sent_us = clock_now_us();
    publisher->had_batch = false;
    publisher->lane = row_count <= SMALL_PASS_ROWS ? &publisher->small : &publisher->large;
    enum status status = relay_strands_take(&publisher->strands, rows, row_count, error);
    if (status == STATUS_OK && row_count > 0)
        status = subscribe(publisher->lane, error);
    for (size_t i = 0; i < publisher->strands.count && status == STATUS_OK; i++)
        status = send_next_part(publisher, &publisher->strands.items[i], error);
    return status;
}

/* --- acknowledgements ------------------------------------------------------------------------- */

/* Of `stream`, or of all that have yet to answer: "ORDERS", or "ORDERS, INVENTORY". */
static enum status say_failure(const struct relay_publisher *publisher, const char *stream,
                               const char *what, const char *detail, struct error *error) {
    struct buf streams = {0};
    for (size_t i = 0; i < publisher->strands.count; i++) {
        const struct relay_strand *strand = &publisher->strands.items[i];
        if (stream == NULL ? !relay_strand_is_done(strand) : strand->stream == stream)
            buf_printf(&streams, "%s%s", streams.len > 0 ? ", " : "", strand->stream);
    }
    (void)error_set(error, STATUS_UNAVAILABLE, "the stream %s %s%s%s", streams.ptr, what, detail,
                    nats_client_denial_hint(publisher->nats));
    buf_fini(&streams);
    return STATUS_UNAVAILABLE;
}

/* A batch that is refused follows one by one: then each row has an answer of its own. */
static enum status take_batch_answer(struct relay_publisher *publisher, struct relay_strand *strand,
                                     const struct pub_ack *ack, struct error *error) {
    failpoint("relay.after_commit");
    enum atomic_batch_verdict verdict = atomic_batch_judge(&strand->batch, ack);
    bool is_stored = verdict == ATOMIC_BATCH_STORED;
    metric_add(&batches, metric_slot(&batches, is_stored ? "stored" : "refused"), 1);
    if (is_stored) {
        publisher->had_batch = true;
        pass_acks_stored(&publisher->acked, slice_of(strand->stream), ack->sequence,
                         ack->batch_count, false);
        return send_next_part(publisher, strand, error);
    }
    log_info("a batch is published one by one", LOG_TEXT("stream", strand->stream),
             LOG_INT("count", strand->end - strand->begin), LOG_INT("code", ack->error_code),
             LOG_TEXT("reason", ack->error_text));
    if (verdict == ATOMIC_BATCH_UNKNOWN)
        publisher->batches_from_us = clock_monotonic_us() + ATOMIC_BATCH_REST_MS * INT64_C(1000);
    return send_part(publisher, strand, false, error);
}

/* A refusal of the server has an error in its JSON; a stream that is not there gives an empty
   answer. */
static enum status take_row_answer(struct relay_publisher *publisher, struct relay_strand *strand,
                                   struct slice text, struct error *error) {
    struct pub_ack ack = {0};
    char detail[200];
    if (memmem(text.ptr, text.len, "\"error\"", 7) == NULL) {
        pass_acks_read(&publisher->acked, text);
        return strand->unanswered == 0 ? send_next_part(publisher, strand, error) : STATUS_OK;
    }
    enum status status = pub_ack_parse(text, &ack, error);
    if (status != STATUS_OK)
        return status;
    snprintf(detail, sizeof(detail), "%s (%d)", ack.error_text, ack.error_code);
    return say_failure(publisher, strand->stream, "refuses: ", detail, error);
}

static enum status take_answer(struct relay_publisher *publisher, struct relay_strand *strand,
                               struct slice text, struct error *error) {
    struct pub_ack ack = {0};
    if (text.len == 0)
        return say_failure(publisher, strand->stream, "is missing, or has no leader", "", error);
    strand->unanswered--;
    if (!strand->is_batch)
        return take_row_answer(publisher, strand, text, error);
    enum status status = pub_ack_parse(text, &ack, error);
    return status == STATUS_OK ? take_batch_answer(publisher, strand, &ack, error) : status;
}

static int count_unanswered(const struct relay_publisher *publisher) {
    int count = 0;
    for (size_t i = 0; i < publisher->strands.count; i++)
        count += publisher->strands.items[i].unanswered;
    return count;
}

/* While many are to come we nap between looks instead of being woken for every single one. */
static natsStatus next_ack(struct relay_publisher *publisher, natsMsg **message) {
    int64_t left_ms = (publisher->deadline_us - clock_monotonic_us()) / 1000;
    if (count_unanswered(publisher) <= SMALL_PASS_ROWS)
        return natsSubscription_NextMsg(message, publisher->lane->acks, left_ms > 0 ? left_ms : 0);
    natsStatus s;
    while ((s = natsSubscription_NextMsg(message, publisher->lane->acks, 0)) == NATS_TIMEOUT &&
           clock_monotonic_us() < publisher->deadline_us)
        clock_sleep_ms(1);
    return s;
}

static void trace_row(const struct relay_row *row, int64_t started_us) {
    char subject[128], msg_id[UUID_TEXT_SIZE];
    struct trace parent;
    if (!trace_parse(row->traceparent, &parent) || !span_is_recorded(&parent))
        return;
    snprintf(subject, sizeof(subject), "%.*s", SLICE_ARG(row->subject));
    uuid_format(&row->event_id, msg_id);
    struct span span = span_start(SPAN_PRODUCER, &parent);
    span.started_us = started_us;
    messaging_span_sent(&span, subject, msg_id, NULL);
}

static void trace_rows(const struct relay_publisher *publisher) {
    for (size_t i = 0; span_sink != NULL && i < publisher->row_count; i++)
        trace_row(&publisher->rows[i], publisher->sent_us);
}

/* An answer to a part of a pass before is passed over. */
static enum status await_answer(struct relay_publisher *publisher, struct error *error) {
    natsMsg *message = NULL;
    natsStatus s = next_ack(publisher, &message);
    /* An answer that no stream listens does not name its part: those still to come are kept away
       from later passes. */
    if (s == NATS_NO_RESPONDERS) {
        nats_client_unsubscribe(publisher->nats, &publisher->lane->acks);
        return say_failure(publisher, NULL, "is missing, or has no leader", "", error);
    }
    if (s != NATS_OK)
        return say_failure(publisher, NULL, "does not acknowledge: ", natsStatus_GetText(s), error);
    enum status status = STATUS_OK;
    struct slice text = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
    for (size_t i = 0; i < publisher->strands.count; i++) {
        struct relay_strand *strand = &publisher->strands.items[i];
        if (strand->unanswered > 0 && strcmp(natsMsg_GetSubject(message), strand->reply.ptr) == 0) {
            status = take_answer(publisher, strand, text, error);
            break;
        }
    }
    natsMsg_Destroy(message);
    return status;
}

enum status relay_publisher_await(struct relay_publisher *publisher, struct error *error) {
    publisher->deadline_us = clock_monotonic_us() + ACK_TIMEOUT_MS * INT64_C(1000);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count_unanswered(publisher) > 0)
        status = await_answer(publisher, error);
    if (status == STATUS_OK)
        trace_rows(publisher);
    if (status == STATUS_OK && publisher->row_count > 0)
        log_debug("events are published", LOG_INT("count", (int64_t)publisher->row_count));
    return status;
}

const struct pass_acks *relay_publisher_acks(const struct relay_publisher *publisher) {
    return &publisher->acked;
}

bool relay_publisher_had_batch(const struct relay_publisher *publisher) {
    return publisher->had_batch;
}
