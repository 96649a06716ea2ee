#include "shared/nats/pull.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/observe/log.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_TIMEOUT_MS 2000
#define PULL_EXPIRES_MS 30000
#define PULL_HEARTBEAT_MS 5000
/* Two heartbeats missed: whatever was asked for is not coming. */
#define SILENCE_US (INT64_C(2) * PULL_HEARTBEAT_MS * 1000)

struct pull {
    struct nats_client *nats;
    char *stream;
    char *durable;
    char *next_subject;
    char *inbox;
    natsSubscription *subscription;
    int64_t batch_max;
    int64_t ack_wait_ms;
    int64_t deliveries_max;
    int64_t credit; /* asked for and not yet received */
    int64_t heard_us;
    uint64_t epoch;
    bool is_draining;
};

static char *join_subject(const char *prefix, const char *stream, const char *durable) {
    struct buf subject = {0};
    buf_printf(&subject, "%s%s.%s", prefix, stream, durable);
    return subject.ptr;
}

struct pull *pull_create(struct nats_client *nats, const char *stream, const char *durable,
                         int64_t batch_max) {
    struct pull *pull = mem_alloc(sizeof(*pull));
    pull->nats = nats;
    pull->stream = mem_copy(slice_of(stream));
    pull->durable = mem_copy(slice_of(durable));
    pull->next_subject = join_subject("$JS.API.CONSUMER.MSG.NEXT.", stream, durable);
    pull->inbox = nats_client_inbox(nats);
    pull->batch_max = batch_max;
    return pull;
}

void pull_destroy(struct pull **pull) {
    struct pull *p = *pull;
    *pull = NULL;
    if (p == NULL)
        return;
    nats_client_unsubscribe(p->nats, &p->subscription);
    free(p->stream);
    free(p->durable);
    free(p->next_subject);
    free(p->inbox);
    free(p);
}

static enum status read_consumer_info(struct pull *pull, struct slice reply, struct error *error) {
    struct json_object *root = NULL, *config = NULL, *refused = NULL;
    enum status status = json_parse(reply, &root, error);
    if (status != STATUS_OK)
        return status;
    int64_t ack_wait_ns = 0, deliveries_max = 0;
    if (json_get_object(root, "error", &refused, NULL) == STATUS_OK)
        status = error_set(error, STATUS_NOT_FOUND,
                           "consumer %s of stream %s is missing; run `omctl provision`",
                           pull->durable, pull->stream);
    if (status == STATUS_OK)
        status = json_get_object(root, "config", &config, error);
    if (status == STATUS_OK)
        status = json_get_int64(config, "ack_wait", &ack_wait_ns, error);
    if (status == STATUS_OK)
        status = json_get_int64(config, "max_deliver", &deliveries_max, error);
    json_object_put(root);
    if (status != STATUS_OK)
        return status;
    pull->ack_wait_ms = ack_wait_ns / 1000000;
    pull->deliveries_max = deliveries_max;
    return STATUS_OK;
}

static enum status fetch_consumer_info(struct pull *pull, struct error *error) {
    char *subject = join_subject("$JS.API.CONSUMER.INFO.", pull->stream, pull->durable);
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(pull->nats), subject, "",
                                                REQUEST_TIMEOUT_MS);
    free(subject);
    if (s != NATS_OK) {
        nats_error(error, s, "asking for the consumer");
        return STATUS_UNAVAILABLE;
    }
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    enum status status = read_consumer_info(pull, text, error);
    natsMsg_Destroy(reply);
    return status;
}

enum status pull_open(struct pull *pull, struct error *error) {
    enum status status = fetch_consumer_info(pull, error);
    if (status != STATUS_OK || pull->subscription != NULL)
        return status;
    natsStatus s = natsConnection_SubscribeSync(&pull->subscription, nats_client_fast(pull->nats),
                                                pull->inbox);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(pull->subscription, -1, -1);
    return nats_error(error, s, "subscribing");
}

int64_t pull_ack_wait_ms(const struct pull *pull) {
    return pull->ack_wait_ms;
}

bool pull_is_last_delivery(const struct pull *pull, int64_t deliveries) {
    return pull->deliveries_max > 0 && deliveries >= pull->deliveries_max;
}

/* Pulls die with their connection, and silently when the consumer is deleted. */
static void forget_lost_pulls(struct pull *pull, int64_t now_us) {
    uint64_t epoch = nats_client_epoch(pull->nats);
    if (epoch != pull->epoch || now_us > pull->heard_us + SILENCE_US) {
        pull->credit = 0;
        pull->heard_us = now_us;
    }
    pull->epoch = epoch;
}

void pull_request(struct pull *pull) {
    int64_t now_us = clock_monotonic_us();
    forget_lost_pulls(pull, now_us);
    if (pull->is_draining || pull->credit >= pull->batch_max)
        return;
    char body[160];
    snprintf(body, sizeof(body),
             "{\"batch\":%" PRId64 ",\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64 "}",
             pull->batch_max, INT64_C(1000000) * PULL_EXPIRES_MS,
             INT64_C(1000000) * PULL_HEARTBEAT_MS);
    natsStatus s = natsConnection_PublishRequestString(nats_client_fast(pull->nats),
                                                       pull->next_subject, pull->inbox, body);
    if (s == NATS_OK)
        pull->credit += pull->batch_max;
}

/* A status message: 100 heartbeat, 404/408 the pull ended, 409 the consumer changed, 503 nobody
   answers. Nats-Pending-Messages has the number that the ended pull still owed. */
static enum status take_status(struct pull *pull, natsMsg *message, struct error *error) {
    const char *code = NULL, *owed = NULL;
    natsMsgHeader_Get(message, "Status", &code);
    natsMsgHeader_Get(message, "Nats-Pending-Messages", &owed);
    if (code == NULL || strcmp(code, "100") == 0)
        return STATUS_OK;
    uint64_t ended = (uint64_t)pull->credit;
    (void)slice_parse_uint(slice_of(owed), ended, &ended);
    pull->credit -= (int64_t)ended;
    if (strcmp(code, "408") == 0 || strcmp(code, "404") == 0)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "pull from %s/%s ended with status %s",
                     pull->stream, pull->durable, code);
}

enum status pull_collect(struct pull *pull, int64_t wait_ms, natsMsg **message,
                         struct error *error) {
    while (true) {
        natsMsg *got = NULL;
        natsStatus s = natsSubscription_NextMsg(&got, pull->subscription, wait_ms);
        if (s == NATS_TIMEOUT)
            return STATUS_TIMEOUT;
        if (s != NATS_OK && pull->is_draining)
            return STATUS_CLOSED;
        if (s != NATS_OK)
            return nats_error(error, s, "taking a message");
        pull->heard_us = clock_monotonic_us();
        if (strcmp(natsMsg_GetSubject(got), pull->inbox) != 0) {
            if (pull->credit > 0)
                pull->credit--;
            *message = got;
            return STATUS_OK;
        }
        enum status status = take_status(pull, got, error);
        natsMsg_Destroy(got);
        if (status != STATUS_OK)
            return status;
        if (pull->credit == 0)
            pull_request(pull);
    }
}

void pull_drain(struct pull *pull) {
    pull->is_draining = true;
    if (pull->subscription != NULL)
        natsSubscription_Drain(pull->subscription);
}

bool pull_parse_metadata(const char *ack_subject, struct pull_metadata *metadata) {
    struct slice tokens[16], rest = slice_of(ack_subject);
    size_t count = 0;
    while (rest.ptr != NULL && count < 16)
        tokens[count++] = slice_take_until(&rest, '.');
    /* $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, the
       newer form with domain and account hash before the stream. */
    size_t at;
    if (count == 9)
        at = 4;
    else if (count >= 11)
        at = 6;
    else
        return false;
    if (!slice_is(tokens[0], "$JS") || !slice_is(tokens[1], "ACK"))
        return false;
    struct pull_metadata read;
    uint64_t deliveries;
    if (!slice_parse_uint(tokens[at], INT_MAX, &deliveries) ||
        !slice_parse_uint(tokens[at + 1], UINT64_MAX, &read.stream_sequence) ||
        !slice_parse_uint(tokens[at + 4], UINT64_MAX, &read.pending))
        return false;
    read.deliveries = (int)deliveries;
    *metadata = read;
    return true;
}

/* Lost acknowledgements are no error: the message comes again and the inbox knows it. */
static void answer(struct pull *pull, natsMsg *message, const char *body) {
    natsConnection_PublishString(nats_client_bulk(pull->nats), natsMsg_GetReply(message), body);
}

void pull_ack(struct pull *pull, natsMsg *message) {
    answer(pull, message, "+ACK");
}

void pull_nak(struct pull *pull, natsMsg *message, int64_t delay_ms) {
    char body[64];
    snprintf(body, sizeof(body), "-NAK {\"delay\":%" PRId64 "}", delay_ms * 1000000);
    answer(pull, message, body);
}

/* An older server takes a TERM with a reason for no acknowledgement at all. */
void pull_term(struct pull *pull, natsMsg *message, const char *reason) {
    struct buf body = {0};
    buf_append_text(&body, "+TERM");
    if (nats_client_server_version(pull->nats) >= NATS_SERVER_VERSION(2, 10, 4))
        buf_printf(&body, " %s", reason);
    answer(pull, message, body.ptr);
    buf_fini(&body);
}

void pull_in_progress(struct pull *pull, natsMsg *message) {
    answer(pull, message, "+WPI");
}
