#include "shared/nats/pull.h"

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/consumer_info.h"
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
#define ACK_SUBJECT_SIZE 256
#define IN_PROGRESS "+WPI"
/* Two heartbeats missed: whatever was asked for is not coming. */
#define SILENCE_US (INT64_C(2) * PULL_HEARTBEAT_MS * 1000)
/* A paused consumer keeps its heartbeats, and a missing one is silent: so it is asked after. */
#define ASK_EVERY_US INT64_C(2000000)
#define ANSWER_MOST_US INT64_C(6000000)
/* A refused acknowledgement is tried again as often as the consumer is asked after. */
#define REFUSED_US (INT64_C(2) * ASK_EVERY_US + 1000000)

struct pull {
    struct nats_client *nats;
    char *stream;
    char *durable;
    char *next_subject;
    char *info_subject;
    char *inbox;
    natsSubscription *subscription;
    int64_t batch_max;
    _Atomic int64_t ack_wait_ms;
    _Atomic int64_t deliveries_max;
    struct subject_list needs;
    char created[sizeof(((struct consumer_info *)NULL)->created)];
    char ack_subject[ACK_SUBJECT_SIZE]; /* of the last message; "" before there was one */
    struct error trouble;               /* with the consumer; OK for none */
    int64_t asked_us;
    int64_t unanswered_us; /* when the first question was asked that has no answer; 0 for none */
    int64_t credit;        /* asked for and not yet received */
    int64_t pause_us;      /* from one pull to the next; 0: one follows another */
    int64_t next_us;       /* no pull before */
    int64_t heard_us;
    int64_t word_us; /* the same, but that a silence does not begin anew with what is asked again */
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
    pull->info_subject = join_subject("$JS.API.CONSUMER.INFO.", stream, durable);
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
    free(p->info_subject);
    free(p->inbox);
    free(p);
}

/* --- the consumer itself ---------------------------------------------------------------------- */

static enum status judge_info(const struct consumer_info *info, struct error *error) {
    if (info->is_useless)
        return error_set(error, STATUS_UNAVAILABLE,
                         "its filter leaves out all that it is for; run `omctl provision`");
    if (!info->is_paused)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "it is paused until %s; run `omctl provision`",
                     info->paused_until);
}

/* What was asked of a consumer that has been made anew since is not coming. */
static enum status take_info(struct pull *pull, natsMsg *reply, struct error *error) {
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    const struct consumer_use use = {pull->needs, pull->batch_max,
                                     INT64_C(1000000) * PULL_EXPIRES_MS};
    struct consumer_info info;
    enum status status = consumer_info_parse(text, &use, &info, error);
    if (status != STATUS_OK)
        return status;
    if (strcmp(pull->created, info.created) != 0)
        pull->credit = 0;
    memcpy(pull->created, info.created, sizeof(pull->created));
    atomic_store(&pull->ack_wait_ms, info.ack_wait_ms);
    atomic_store(&pull->deliveries_max, info.deliveries_max);
    return judge_info(&info, error);
}

static enum status fetch_info(struct pull *pull, struct error *error) {
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(pull->nats),
                                                pull->info_subject, "", REQUEST_TIMEOUT_MS);
    if (s != NATS_OK) {
        nats_error(error, s, "asking for the consumer");
        return STATUS_UNAVAILABLE;
    }
    enum status status = take_info(pull, reply, error);
    natsMsg_Destroy(reply);
    return status;
}

/* The server refuses acknowledgements, and nobody hears of it but by the connection's errors. */
static bool is_ack_refused(const struct pull *pull) {
    int64_t refused_us =
        pull->ack_subject[0] == '\0' ? 0 : nats_client_denied_us(pull->nats, pull->ack_subject);
    return refused_us > 0 && clock_monotonic_us() < refused_us + REFUSED_US;
}

/* The answer comes in by the pull's own inbox: nobody waits for it. Whether acknowledgements are
   taken again shows by one that changes nothing. */
static void ask_after_consumer(struct pull *pull) {
    int64_t now_us = clock_monotonic_us();
    if (pull->is_draining || now_us < pull->asked_us + ASK_EVERY_US)
        return;
    pull->asked_us = now_us;
    if (pull->unanswered_us == 0)
        pull->unanswered_us = now_us;
    else if (now_us > pull->unanswered_us + ANSWER_MOST_US)
        error_fill(&pull->trouble, STATUS_UNAVAILABLE, "JetStream does not answer");
    natsConnection_PublishRequestString(nats_client_fast(pull->nats), pull->info_subject,
                                        pull->inbox, "");
    if (is_ack_refused(pull))
        natsConnection_PublishString(nats_client_fast(pull->nats), pull->ack_subject, IN_PROGRESS);
}

static void take_answer(struct pull *pull, natsMsg *reply) {
    struct error trouble = {0};
    pull->unanswered_us = 0;
    pull->trouble.status = take_info(pull, reply, &trouble);
    memcpy(pull->trouble.text, trouble.text, sizeof(trouble.text));
}

static void note_word(struct pull *pull) {
    pull->heard_us = pull->word_us = clock_monotonic_us();
}

enum status pull_trouble(const struct pull *pull, struct error *error) {
    if (pull->trouble.status != STATUS_OK)
        *error = pull->trouble;
    else if (nats_client_denied_us(pull->nats, pull->next_subject) > pull->word_us)
        return error_set(error, STATUS_UNAVAILABLE,
                         "NATS does not let this user ask for its messages: give it its rights "
                         "again (`omctl nats-users`)");
    else if (is_ack_refused(pull))
        return error_set(error, STATUS_UNAVAILABLE,
                         "NATS does not let this user acknowledge its messages: give it its rights "
                         "again (`omctl nats-users`)");
    return pull->trouble.status;
}

void pull_doubt(struct pull *pull, const char *text) {
    if (pull->trouble.status != STATUS_OK)
        return;
    error_fill(&pull->trouble, STATUS_UNAVAILABLE, "%s", text);
    pull->asked_us = 0;
}

static enum status subscribe(struct pull *pull, struct error *error) {
    free(pull->inbox);
    pull->inbox = nats_client_inbox(pull->nats);
    natsStatus s = natsConnection_SubscribeSync(&pull->subscription, nats_client_fast(pull->nats),
                                                pull->inbox);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(pull->subscription, -1, -1);
    return nats_error(error, s, "subscribing");
}

enum status pull_open(struct pull *pull, struct error *error) {
    enum status status = fetch_info(pull, error);
    if (status == STATUS_OK && pull->subscription == NULL)
        status = subscribe(pull, error);
    return status;
}

/* To the server a pull ends with its inbox. What has come to that comes again after ack_wait. */
static void end_pulls(struct pull *pull) {
    nats_client_unsubscribe(pull->nats, &pull->subscription);
    pull->credit = 0;
}

void pull_set_needs(struct pull *pull, const struct subject_list *needs) {
    pull->needs = *needs;
}

int64_t pull_ack_wait_ms(const struct pull *pull) {
    return atomic_load(&pull->ack_wait_ms);
}

bool pull_is_last_delivery(const struct pull *pull, int64_t deliveries) {
    int64_t most = atomic_load(&pull->deliveries_max);
    return most > 0 && deliveries >= most;
}

/* Pulls die with their connection, and silently when the consumer is deleted. */
static void forget_lost_pulls(struct pull *pull, int64_t now_us) {
    uint64_t epoch = nats_client_epoch(pull->nats);
    bool is_silent = now_us > pull->heard_us + SILENCE_US;
    if (is_silent && pull->credit > 0 && epoch == pull->epoch)
        log_warn("no word of what was asked for; it is asked for again",
                 LOG_TEXT("stream", pull->stream), LOG_TEXT("consumer", pull->durable));
    if (epoch != pull->epoch || is_silent) {
        pull->credit = 0;
        pull->heard_us = now_us;
    }
    pull->epoch = epoch;
}

void pull_set_pause(struct pull *pull, int64_t pause_ms) {
    pull->pause_us = pause_ms * 1000;
}

bool pull_is_asking(const struct pull *pull) {
    return pull->credit > 0;
}

int64_t pull_rest_ms(const struct pull *pull) {
    int64_t rest_us = pull->next_us - clock_monotonic_us();
    return pull->credit > 0 || rest_us <= 0 ? 0 : rest_us / 1000 + 1;
}

static bool is_enough(const struct pull *pull, int64_t now_us) {
    if (pull->pause_us == 0)
        return pull->credit >= pull->batch_max;
    return pull->credit > 0 || now_us < pull->next_us;
}

/* A pull that does not wait waits all the same for the first message, until it expires. What is not
   acknowledged uses up its deliveries, so nothing is asked for while that is refused. */
void pull_request(struct pull *pull) {
    int64_t now_us = clock_monotonic_us();
    forget_lost_pulls(pull, now_us);
    bool is_refused = is_ack_refused(pull);
    if (is_refused && pull->credit > 0)
        end_pulls(pull);
    if (pull->is_draining || is_refused || is_enough(pull, now_us))
        return;
    char body[160];
    snprintf(body, sizeof(body),
             "{\"batch\":%" PRId64 ",\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64
             ",\"no_wait\":%s}",
             pull->batch_max, INT64_C(1000000) * PULL_EXPIRES_MS,
             INT64_C(1000000) * PULL_HEARTBEAT_MS, pull->pause_us > 0 ? "true" : "false");
    pull->next_us = now_us + pull->pause_us;
    natsStatus s = natsConnection_PublishRequestString(nats_client_fast(pull->nats),
                                                       pull->next_subject, pull->inbox, body);
    if (s == NATS_OK)
        pull->credit += pull->batch_max;
}

/* A status message: 100 heartbeat, 404/408 the pull ended, 409 the consumer changed, 503 nobody
   answers. Nats-Pending-Messages has the number that the ended pull still owed. Without a status it
   is the answer about the consumer, which says nothing of the pulls: those may be lost. */
static enum status take_status(struct pull *pull, natsMsg *message, struct error *error) {
    const char *code = NULL, *owed = NULL;
    natsMsgHeader_Get(message, "Status", &code);
    natsMsgHeader_Get(message, "Nats-Pending-Messages", &owed);
    if (code == NULL)
        take_answer(pull, message);
    else
        note_word(pull);
    if (code == NULL || strcmp(code, "100") == 0)
        return STATUS_OK;
    uint64_t ended = (uint64_t)pull->credit;
    (void)slice_parse_uint(slice_of(owed), ended, &ended);
    pull->credit -= (int64_t)ended;
    if (strcmp(code, "408") == 0 || strcmp(code, "404") == 0)
        return STATUS_OK;
    pull->asked_us = 0; /* why, it is asked at once */
    if (pull_trouble(pull, error) != STATUS_OK)
        return error->status;
    const char *why = NULL;
    natsMsgHeader_Get(message, "Description", &why);
    return error_set(error, STATUS_UNAVAILABLE,
                     "a pull ended with status %s %s: look at `omctl provision --check`", code,
                     why != NULL ? why : "");
}

static void keep_ack_subject(struct pull *pull, struct slice subject) {
    if (subject.len >= sizeof(pull->ack_subject))
        return;
    memcpy(pull->ack_subject, subject.ptr, subject.len);
    pull->ack_subject[subject.len] = '\0';
}

enum status pull_collect(struct pull *pull, int64_t wait_ms, natsMsg **message,
                         struct error *error) {
    if (pull->subscription == NULL && pull->is_draining)
        return STATUS_CLOSED;
    if (pull->subscription == NULL && subscribe(pull, error) != STATUS_OK)
        return error->status;
    ask_after_consumer(pull);
    while (true) {
        natsMsg *got = NULL;
        natsStatus s = natsSubscription_NextMsg(&got, pull->subscription, wait_ms);
        if (s == NATS_TIMEOUT)
            return pull_trouble(pull, error) == STATUS_OK ? STATUS_TIMEOUT : error->status;
        if (s != NATS_OK && pull->is_draining)
            return STATUS_CLOSED;
        if (s != NATS_OK)
            return nats_error(error, s, "taking a message");
        if (strcmp(natsMsg_GetSubject(got), pull->inbox) != 0) {
            note_word(pull);
            keep_ack_subject(pull, slice_of(natsMsg_GetReply(got)));
            if (pull->credit > 0 && --pull->credit == 0)
                pull->next_us = 0;
            *message = got;
            return STATUS_OK;
        }
        enum status status = take_status(pull, got, error);
        natsMsg_Destroy(got);
        if (status != STATUS_OK)
            return status;
        if (pull->credit == 0 && pull->trouble.status == STATUS_OK)
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
    uint64_t deliveries, stored_ns;
    if (!slice_parse_uint(tokens[at], INT_MAX, &deliveries) ||
        !slice_parse_uint(tokens[at + 1], UINT64_MAX, &read.stream_sequence) ||
        !slice_parse_uint(tokens[at + 3], INT64_MAX, &stored_ns) ||
        !slice_parse_uint(tokens[at + 4], UINT64_MAX, &read.pending))
        return false;
    read.deliveries = (int)deliveries;
    read.stored_us = (int64_t)(stored_ns / 1000);
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
    answer(pull, message, IN_PROGRESS);
}
