#include "shared/outbox/relay_publisher.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/nats/messaging_span.h"
#include "shared/observe/log.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACK_TIMEOUT_MS 5000
/* Up to this many rows, sending each at once beats waiting for the flusher's millisecond. */
#define SMALL_PASS_ROWS 16

/* A connection and where the passes that it published are acknowledged. Both are one connection's,
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
    uint64_t pass_number;
    struct buf reply; /* where this pass is acknowledged */
    const struct pg_result *rows;
    int row_count;
    int64_t sent_us;
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
    buf_fini(&p->reply);
    free(p);
}

/* Acknowledgements come to <inbox>.<pass>, so that a late one is never taken for another pass's. */
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

static enum status publish_row(const struct relay_publisher *publisher, int row,
                               struct error *error) {
    const struct pg_result *rows = publisher->rows;
    char subject[128], traceparent[TRACEPARENT_SIZE], msg_id[UUID_TEXT_SIZE];
    struct slice named = pg_get_slice(rows, row, RELAY_READ_SUBJECT);
    struct slice traced = pg_get_slice(rows, row, RELAY_READ_TRACEPARENT);
    enum event_type type;
    if (!event_type_of_subject(named, &type))
        return error_set(error, STATUS_INTERNAL, "no stream for subject %.*s", SLICE_ARG(named));
    snprintf(subject, sizeof(subject), "%.*s", SLICE_ARG(named));
    snprintf(traceparent, sizeof(traceparent), "%.*s", SLICE_ARG(traced));
    struct uuid id = pg_get_uuid(rows, row, RELAY_READ_EVENT_ID);
    uuid_format(&id, msg_id);

    natsMsg *message = NULL;
    enum status status = nats_event_message(&message, subject, publisher->reply.ptr,
                                            pg_get_slice(rows, row, RELAY_READ_PAYLOAD), msg_id,
                                            event_info(type)->stream, traceparent, error);
    if (status != STATUS_OK)
        return status;
    natsStatus s = natsConnection_PublishMsg(publisher->lane->connection, message);
    natsMsg_Destroy(message);
    return nats_error(error, s, "publishing");
}

enum status relay_publisher_send(struct relay_publisher *publisher, const struct pg_result *rows,
                                 int row_count, int64_t until_us, struct error *error) {
    publisher->rows = rows;
    publisher->row_count = row_count;
    publisher->sent_us = clock_now_us();
    if (row_count == 0)
        return STATUS_OK;
    publisher->lane = row_count <= SMALL_PASS_ROWS ? &publisher->small : &publisher->large;
    enum status status = subscribe(publisher->lane, error);
    buf_clear(&publisher->reply);
    buf_printf(&publisher->reply, "%s.%" PRIu64, publisher->lane->inbox, ++publisher->pass_number);
    for (int i = 0; i < row_count && status == STATUS_OK; i++) {
        if (clock_monotonic_us() >= until_us)
            return error_set(error, STATUS_UNAVAILABLE, "held up for too long to be the leader");
        status = publish_row(publisher, i, error);
    }
    return status;
}

/* The streams of the pass, for people: "ORDERS", or "ORDERS, INVENTORY". */
static void name_streams(const struct relay_publisher *publisher, struct buf *out) {
    for (int row = 0; row < publisher->row_count; row++) {
        enum event_type type;
        if (!event_type_of_subject(pg_get_slice(publisher->rows, row, RELAY_READ_SUBJECT), &type))
            continue;
        const char *stream = event_info(type)->stream;
        if (out->len == 0 || strstr(out->ptr, stream) == NULL)
            buf_printf(out, "%s%s", out->len > 0 ? ", " : "", stream);
    }
}

static enum status say_failure(const struct relay_publisher *publisher, struct error *error,
                               const char *what, const char *detail) {
    struct buf streams = {0};
    name_streams(publisher, &streams);
    (void)error_set(error, STATUS_UNAVAILABLE, "the stream %s %s%s", streams.ptr, what, detail);
    buf_fini(&streams);
    return STATUS_UNAVAILABLE;
}

/* OK: stored, now or before. A refusal of the server has an error in its JSON; a stream that is not
   there gives an empty answer. */
static enum status check_ack(const struct relay_publisher *publisher, natsMsg *message,
                             struct error *error) {
    struct slice text = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
    struct pub_ack ack = {0};
    char detail[200];
    if (text.len == 0)
        return say_failure(publisher, error, "is missing, or has no leader", "");
    if (memmem(text.ptr, text.len, "\"error\"", 7) == NULL)
        return STATUS_OK;
    enum status status = pub_ack_parse(text, &ack, error);
    if (status != STATUS_OK)
        return status;
    snprintf(detail, sizeof(detail), "%s (%d)", ack.error_text, ack.error_code);
    return say_failure(publisher, error, "refuses: ", detail);
}

/* A large pass naps between looks instead of being woken for every single acknowledgement. */
static natsStatus next_ack(struct relay_publisher *publisher, int64_t left_ms, natsMsg **message) {
    if (publisher->row_count <= SMALL_PASS_ROWS)
        return natsSubscription_NextMsg(message, publisher->lane->acks, left_ms);
    int64_t until_us = clock_monotonic_us() + left_ms * 1000;
    natsStatus s;
    while ((s = natsSubscription_NextMsg(message, publisher->lane->acks, 0)) == NATS_TIMEOUT &&
           clock_monotonic_us() < until_us)
        clock_sleep_ms(1);
    return s;
}

static void trace_row(const struct pg_result *rows, int row, int64_t started_us) {
    char subject[128], msg_id[UUID_TEXT_SIZE];
    struct trace parent;
    if (!trace_parse(pg_get_slice(rows, row, RELAY_READ_TRACEPARENT), &parent) ||
        !span_is_recorded(&parent))
        return;
    snprintf(subject, sizeof(subject), "%.*s",
             SLICE_ARG(pg_get_slice(rows, row, RELAY_READ_SUBJECT)));
    struct uuid id = pg_get_uuid(rows, row, RELAY_READ_EVENT_ID);
    uuid_format(&id, msg_id);
    struct span span = span_start(SPAN_PRODUCER, &parent);
    span.started_us = started_us;
    messaging_span_sent(&span, subject, msg_id, NULL);
}

static void trace_rows(const struct relay_publisher *publisher) {
    for (int i = 0; span_sink != NULL && i < publisher->row_count; i++)
        trace_row(publisher->rows, i, publisher->sent_us);
}

enum status relay_publisher_await(struct relay_publisher *publisher, struct error *error) {
    int64_t deadline_us = clock_monotonic_us() + ACK_TIMEOUT_MS * INT64_C(1000);
    enum status status = STATUS_OK;
    for (int acked = 0; acked < publisher->row_count && status == STATUS_OK;) {
        int64_t left_ms = (deadline_us - clock_monotonic_us()) / 1000;
        natsMsg *message = NULL;
        natsStatus s = next_ack(publisher, left_ms > 0 ? left_ms : 0, &message);
        /* An answer that no stream listens does not name its pass: those still to come are kept
           away from later passes. */
        if (s == NATS_NO_RESPONDERS) {
            nats_client_unsubscribe(publisher->nats, &publisher->lane->acks);
            return say_failure(publisher, error, "is missing, or has no leader", "");
        }
        if (s != NATS_OK)
            return say_failure(publisher, error, "does not acknowledge: ", natsStatus_GetText(s));
        if (strcmp(natsMsg_GetSubject(message), publisher->reply.ptr) == 0) {
            status = check_ack(publisher, message, error);
            acked++;
        }
        natsMsg_Destroy(message);
    }
    if (status == STATUS_OK)
        trace_rows(publisher);
    if (status == STATUS_OK && publisher->row_count > 0)
        log_debug("events are published", LOG_INT("count", publisher->row_count));
    return status;
}
