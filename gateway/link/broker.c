#include "gateway/link/broker.h"

#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/base/waker.h"
#include "shared/nats/service_error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES_MAX = 256,
    TOKEN_HEX_LEN = 16,
    REPLY_SIZE = 128,
    FAST_MOST = 4, /* up to so many messages go out one by one, at once; more share their writes */
    IDLE_TURN_MS = 100,
    UNSUBSCRIBE_MS = 1000
};

/* One call's name on the wire: which lane, which place in its table, and which use of that place,
   so that an answer after the time-out meets nobody. */
union token {
    struct {
        uint32_t generation;
        uint16_t place;
        uint16_t lane;
    } part;
    uint64_t number;
};

struct broker_call {
    struct broker_lane *lane;
    union token token;
    bool is_sent;
    enum broker_kind kind;
    broker_fn fn;
    void *closure;
    h2o_timeout_entry_t timeout;
    struct broker_call *next_free;
    char reply[REPLY_SIZE];
};

/* A message on its way to the publisher; the call may be gone before it is sent. */
struct outgoing {
    struct outgoing *next;
    natsMsg *message;
    uint64_t token;
    int64_t deadline_us;
    enum broker_kind kind;
};

struct outbound {
    struct outgoing *first, **last;
    size_t count;
};

/* An answer, or a failure, on its way to the lane. */
struct incoming {
    h2o_multithread_message_t super;
    uint64_t token;
    enum status status;
    natsMsg *message; /* owned; NULL for a failure */
};

struct broker_lane {
    struct broker *broker;
    h2o_context_t *context;
    h2o_multithread_receiver_t receiver;
    h2o_timeout_t timeouts[BROKER_KINDS];
    h2o_timeout_entry_t flush_entry;
    struct outbound outbound; /* of this turn of the loop */
    struct broker_call *calls;
    struct broker_call *free_calls;
};

struct broker {
    struct broker_options options;
    char *inbox;
    natsSubscription *subscription;
    atomic_bool is_connected, is_unsubscribed;
    atomic_size_t in_flight;
    struct broker_lane *lanes;
    pthread_t publisher;
    struct waker waker; /* guards what follows */
    struct outbound outbound;
    bool is_stopping;
};

/* --- queue of outgoing messages --------------------------------------------------------------- */

static void outbound_init(struct outbound *outbound) {
    *outbound = (struct outbound){.last = &outbound->first};
}

static void outbound_append(struct outbound *to, struct outbound *from) {
    if (from->count == 0)
        return;
    *to->last = from->first;
    to->last = from->last;
    to->count += from->count;
    outbound_init(from);
}

static void outgoing_free(struct outgoing *outgoing) {
    natsMsg_Destroy(outgoing->message);
    free(outgoing);
}

/* --- publisher thread ------------------------------------------------------------------------- */

static void deliver(struct broker *broker, uint64_t number, enum status status, natsMsg *message) {
    union token token = {.number = number};
    if (token.part.lane >= broker->options.lane_count) {
        natsMsg_Destroy(message);
        return;
    }
    struct incoming *incoming = mem_alloc(sizeof(*incoming));
    incoming->token = number;
    incoming->status = status;
    incoming->message = message;
    h2o_multithread_send_message(&broker->lanes[token.part.lane].receiver, &incoming->super);
}

/* A message that waited longer than its caller did is not sent: the caller has been told that it
   failed. */
static void publish_one(struct broker *broker, natsConnection *connection,
                        struct outgoing *outgoing, int64_t now_us) {
    if (outgoing->deadline_us <= now_us)
        return;
    natsStatus s = natsConnection_PublishMsg(connection, outgoing->message);
    if (s != NATS_OK) {
        atomic_store(&broker->is_connected, false);
        deliver(broker, outgoing->token, STATUS_UNAVAILABLE, NULL);
        return;
    }
    if (outgoing->kind == BROKER_PUBLISH)
        failpoint("gateway.after_publish");
}

static void publish_all(struct broker *broker, struct outbound *outbound) {
    bool is_small = outbound->count <= FAST_MOST;
    natsConnection *connection =
        is_small ? nats_client_fast(broker->options.nats) : nats_client_bulk(broker->options.nats);
    int64_t now_us = clock_monotonic_us();
    for (struct outgoing *one = outbound->first, *next; one != NULL; one = next) {
        next = one->next;
        publish_one(broker, connection, one, now_us);
        outgoing_free(one);
    }
    outbound_init(outbound);
}

/* Waits until there is something to send, a turn has passed, or the end. False: the end. */
static bool take_outbound(struct broker *broker, struct outbound *taken) {
    int64_t until_us = clock_monotonic_us() + IDLE_TURN_MS * 1000;
    waker_lock(&broker->waker);
    while (broker->outbound.count == 0 && !broker->is_stopping &&
           waker_wait(&broker->waker, until_us))
        continue;
    outbound_append(taken, &broker->outbound);
    bool goes_on = !broker->is_stopping || taken->count > 0;
    waker_unlock(&broker->waker);
    return goes_on;
}

static void *run_publisher(void *closure) {
    struct broker *broker = closure;
    struct outbound outbound;
    outbound_init(&outbound);
    while (take_outbound(broker, &outbound)) {
        atomic_store(&broker->is_connected, nats_client_is_connected(broker->options.nats));
        publish_all(broker, &outbound);
    }
    return NULL;
}

/* --- answers (nats.c's threads) --------------------------------------------------------------- */

static bool token_parse(const char *subject, uint64_t *number) {
    size_t len = strlen(subject);
    if (len < TOKEN_HEX_LEN)
        return false;
    char *end;
    *number = strtoull(subject + len - TOKEN_HEX_LEN, &end, 16);
    return *end == '\0';
}

static void on_answer(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                      void *closure) {
    (void)connection;
    (void)subscription;
    struct broker *broker = closure;
    uint64_t number;
    if (!token_parse(natsMsg_GetSubject(message), &number)) {
        natsMsg_Destroy(message);
        return;
    }
    enum status status = STATUS_OK;
    const char *code;
    if (natsMsg_IsNoResponders(message))
        status = STATUS_UNAVAILABLE;
    else if (natsMsgHeader_Get(message, "Nats-Service-Error-Code", &code) == NATS_OK)
        status = service_error_status(code);
    deliver(broker, number, status, message);
}

static void on_unsubscribed(void *closure) {
    struct broker *broker = closure;
    atomic_store(&broker->is_unsubscribed, true);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static void call_free(struct broker_call *call) {
    struct broker_lane *lane = call->lane;
    h2o_timeout_unlink(&call->timeout);
    call->is_sent = false;
    call->token.part.generation++;
    call->next_free = lane->free_calls;
    lane->free_calls = call;
    atomic_fetch_sub(&lane->broker->in_flight, 1);
}

static void call_end(struct broker_call *call, const struct broker_answer *answer) {
    broker_fn fn = call->fn;
    void *closure = call->closure;
    call_free(call);
    fn(closure, answer);
}

static void on_call_timeout(h2o_timeout_entry_t *entry) {
    struct broker_call *call = H2O_STRUCT_FROM_MEMBER(struct broker_call, timeout, entry);
    call_end(call, &(struct broker_answer){.status = STATUS_TIMEOUT, .body = {"", 0}});
}

static void take_incoming(struct broker_lane *lane, const struct incoming *incoming) {
    union token token = {.number = incoming->token};
    if (token.part.place >= lane->broker->options.max_in_flight)
        return;
    struct broker_call *call = &lane->calls[token.part.place];
    if (!call->is_sent || call->token.number != incoming->token)
        return;
    struct broker_answer answer = {.status = incoming->status, .body = {"", 0}};
    if (incoming->status == STATUS_OK)
        answer.body = (struct slice){natsMsg_GetData(incoming->message),
                                     (size_t)natsMsg_GetDataLength(incoming->message)};
    else if (incoming->message != NULL)
        (void)natsMsgHeader_Get(incoming->message, "Nats-Service-Error", &answer.why);
    if (call->kind == BROKER_SURVEY && answer.status == STATUS_OK)
        call->fn(call->closure, &answer);
    else
        call_end(call, &answer);
}

static void on_incoming(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
    struct broker_lane *lane = H2O_STRUCT_FROM_MEMBER(struct broker_lane, receiver, receiver);
    while (!h2o_linklist_is_empty(messages)) {
        struct incoming *incoming =
            H2O_STRUCT_FROM_MEMBER(struct incoming, super.link, messages->next);
        h2o_linklist_unlink(&incoming->super.link);
        take_incoming(lane, incoming);
        natsMsg_Destroy(incoming->message);
        free(incoming);
    }
}

static void on_flush(h2o_timeout_entry_t *entry) {
    struct broker_lane *lane = H2O_STRUCT_FROM_MEMBER(struct broker_lane, flush_entry, entry);
    struct broker *broker = lane->broker;
    waker_lock(&broker->waker);
    bool was_empty = broker->outbound.count == 0;
    outbound_append(&broker->outbound, &lane->outbound);
    if (was_empty)
        waker_wake(&broker->waker);
    waker_unlock(&broker->waker);
}

struct broker_lane *broker_lane_open(struct broker *broker, size_t index, h2o_context_t *context) {
    struct broker_lane *lane = &broker->lanes[index];
    lane->context = context;
    h2o_timeout_init(context->loop, &lane->timeouts[BROKER_PUBLISH],
                     (uint64_t)broker->options.publish_timeout_ms);
    h2o_timeout_init(context->loop, &lane->timeouts[BROKER_REQUEST],
                     (uint64_t)broker->options.request_timeout_ms);
    h2o_timeout_init(context->loop, &lane->timeouts[BROKER_SURVEY], BROKER_SURVEY_MS);
    lane->flush_entry.cb = on_flush;
    h2o_multithread_register_receiver(context->queue, &lane->receiver, on_incoming);
    return lane;
}

static void lane_init(struct broker_lane *lane, struct broker *broker, size_t index) {
    size_t count = broker->options.max_in_flight;
    lane->broker = broker;
    outbound_init(&lane->outbound);
    lane->calls = mem_alloc(count * sizeof(*lane->calls));
    for (size_t i = count; i-- > 0;) {
        struct broker_call *call = &lane->calls[i];
        call->lane = lane;
        call->token.part.lane = (uint16_t)index;
        call->token.part.place = (uint16_t)i;
        call->timeout.cb = on_call_timeout;
        call->next_free = lane->free_calls;
        lane->free_calls = call;
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Services may publish to where they answer, but not to where the server acknowledges: no service
   can pretend that an order is stored. */
static const char *const reply_tokens[BROKER_KINDS] = {
    [BROKER_PUBLISH] = "stored", [BROKER_REQUEST] = "answers", [BROKER_SURVEY] = "answers"};

enum status broker_call_open(struct broker_lane *lane, enum broker_kind kind,
                             struct broker_call **call) {
    struct broker *broker = lane->broker;
    if (!broker_is_connected(broker))
        return STATUS_UNAVAILABLE;
    if (atomic_fetch_add(&broker->in_flight, 1) >= broker->options.max_in_flight) {
        atomic_fetch_sub(&broker->in_flight, 1);
        return STATUS_OVERLOADED;
    }
    struct broker_call *taken = lane->free_calls;
    lane->free_calls = taken->next_free;
    taken->kind = kind;
    snprintf(taken->reply, sizeof(taken->reply), "%s.%s.%016llx", broker->inbox, reply_tokens[kind],
             (unsigned long long)taken->token.number);
    *call = taken;
    return STATUS_OK;
}

const char *broker_call_reply(const struct broker_call *call) {
    return call->reply;
}

void broker_call_send(struct broker_call *call, natsMsg *message, broker_fn fn, void *closure) {
    struct broker_lane *lane = call->lane;
    h2o_timeout_t *timeout = &lane->timeouts[call->kind];
    call->is_sent = true;
    call->fn = fn;
    call->closure = closure;
    h2o_timeout_link(lane->context->loop, timeout, &call->timeout);

    struct outgoing *outgoing = mem_alloc(sizeof(*outgoing));
    outgoing->message = message;
    outgoing->token = call->token.number;
    outgoing->deadline_us = clock_monotonic_us() + (int64_t)timeout->timeout * 1000;
    outgoing->kind = call->kind;
    *lane->outbound.last = outgoing;
    lane->outbound.last = &outgoing->next;
    lane->outbound.count++;
    if (!h2o_timeout_is_linked(&lane->flush_entry))
        h2o_timeout_link(lane->context->loop, &lane->context->zero_timeout, &lane->flush_entry);
}

void broker_call_drop(struct broker_call **call) {
    if (*call != NULL)
        call_free(*call);
    *call = NULL;
}

static enum status ask(struct broker_lane *lane, enum broker_kind kind,
                       const struct broker_question *question, broker_fn fn, void *closure) {
    struct broker_call *call;
    enum status status = broker_call_open(lane, kind, &call);
    if (status != STATUS_OK)
        return status;
    natsMsg *message = NULL;
    natsStatus s = natsMsg_Create(&message, question->subject, broker_call_reply(call),
                                  question->body.ptr, (int)question->body.len);
    if (s == NATS_OK && question->traceparent != NULL)
        s = natsMsgHeader_Set(message, "traceparent", question->traceparent);
    if (s != NATS_OK) {
        natsMsg_Destroy(message);
        broker_call_drop(&call);
        return nats_error(NULL, s, "making a request");
    }
    broker_call_send(call, message, fn, closure);
    return STATUS_OK;
}

enum status broker_request(struct broker_lane *lane, const struct broker_question *question,
                           broker_fn fn, void *closure) {
    return ask(lane, BROKER_REQUEST, question, fn, closure);
}

enum status broker_survey(struct broker_lane *lane, const char *subject, broker_fn fn,
                          void *closure) {
    const struct broker_question question = {subject, NULL, {"", 0}};
    return ask(lane, BROKER_SURVEY, &question, fn, closure);
}

/* --- lifecycle -------------------------------------------------------------------------------- */

bool broker_is_connected(const struct broker *broker) {
    return atomic_load(&broker->is_connected);
}

static enum status subscribe(struct broker *broker, struct error *error) {
    broker->inbox = nats_client_inbox(broker->options.nats);
    if (strlen(broker->inbox) + sizeof(".answers.") + TOKEN_HEX_LEN >= REPLY_SIZE)
        return error_set(error, STATUS_INVALID, "the inbox's name is too long");
    struct buf subject = {0};
    buf_printf(&subject, "%s.*.*", broker->inbox);
    natsStatus s =
        natsConnection_Subscribe(&broker->subscription, nats_client_fast(broker->options.nats),
                                 subject.ptr, on_answer, broker);
    buf_fini(&subject);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(broker->subscription, -1, -1);
    return nats_error(error, s, "subscribing for answers");
}

static enum status start_publisher(struct broker *broker, struct error *error) {
    int failure = pthread_create(&broker->publisher, NULL, run_publisher, broker);
    if (failure != 0)
        return error_set(error, STATUS_INTERNAL, "starting the publisher: %s", strerror(failure));
    return STATUS_OK;
}

enum status broker_create(const struct broker_options *options, struct broker **broker,
                          struct error *error) {
    if (options->lane_count > LANES_MAX || options->max_in_flight > UINT16_MAX)
        return error_set(error, STATUS_INVALID, "too many threads or requests in flight");
    struct broker *made = mem_alloc(sizeof(*made));
    made->options = *options;
    waker_init(&made->waker);
    outbound_init(&made->outbound);
    atomic_store(&made->is_connected, nats_client_is_connected(options->nats));
    made->lanes = mem_alloc(options->lane_count * sizeof(*made->lanes));
    for (size_t i = 0; i < options->lane_count; i++)
        lane_init(&made->lanes[i], made, i);
    enum status status = subscribe(made, error);
    if (status == STATUS_OK)
        status = start_publisher(made, error);
    if (status != STATUS_OK) {
        nats_client_unsubscribe(options->nats, &made->subscription);
        broker_destroy(&made);
        return status;
    }
    *broker = made;
    return STATUS_OK;
}

void broker_stop(struct broker *broker) {
    waker_lock(&broker->waker);
    broker->is_stopping = true;
    waker_wake(&broker->waker);
    waker_unlock(&broker->waker);
    pthread_join(broker->publisher, NULL);

    natsSubscription_SetOnCompleteCB(broker->subscription, on_unsubscribed, broker);
    natsSubscription_Unsubscribe(broker->subscription);
    for (int waited_ms = 0; waited_ms < UNSUBSCRIBE_MS; waited_ms++) {
        if (atomic_load(&broker->is_unsubscribed))
            break;
        clock_sleep_ms(1);
    }
    nats_client_unsubscribe(broker->options.nats, &broker->subscription);
}

void broker_destroy(struct broker **broker) {
    struct broker *b = *broker;
    *broker = NULL;
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->options.lane_count; i++)
        free(b->lanes[i].calls);
    waker_fini(&b->waker);
    free(b->lanes);
    free(b->inbox);
    free(b);
}
