#include "gateway/link/broker.h"

#include "gateway/link/publisher.h"
#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/service_error.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LANES_MAX = 256, TOKEN_HEX_LEN = 16, UNSUBSCRIBE_MS = 1000 };

/* One call's name on the wire: its kind, which lane, which place in its table, and which use of
   that place, so that an answer after the time-out meets nobody. */
union token {
    struct {
        uint32_t generation;
        uint16_t place;
        uint8_t lane;
        uint8_t kind;
    } part;
    uint64_t number;
};

struct broker_call {
    struct broker_lane *lane;
    union token token;
    bool is_sent;
    broker_fn fn;
    void *closure;
    h2o_timer_t timeout;
    struct broker_call *next_free;
    char reply[REPLY_SIZE];
};

/* An answer, or a failure, on its way to the lane. */
struct incoming {
    h2o_multithread_message_t super;
    enum status status;
    uint64_t token;
    natsMsg *message;         /* owned; NULL for a failure */
    struct outbound commands; /* all these have this answer; none: the token's call */
};

struct broker_lane {
    struct broker *broker;
    h2o_context_t *context;
    h2o_multithread_receiver_t receiver;
    struct delay timeouts[BROKER_KINDS];
    h2o_timer_t flush_entry;
    struct outbound outbound; /* of this turn of the loop */
    struct broker_call *calls;
    struct broker_call *free_calls;
};

struct broker {
    struct broker_options options;
    char *inbox;
    natsSubscription *subscription;
    atomic_bool is_unsubscribed;
    atomic_size_t in_flight;
    struct broker_lane *lanes;
    struct publisher *publisher;
};

/* --- answers (the publisher's thread and nats.c's) -------------------------------------------- */

static struct incoming *incoming_create(enum status status) {
    struct incoming *incoming = mem_alloc(sizeof(*incoming));
    incoming->status = status;
    outbound_init(&incoming->commands);
    return incoming;
}

static void deliver(void *closure, uint64_t number, enum status status, natsMsg *message) {
    struct broker *broker = closure;
    union token token = {.number = number};
    if (token.part.lane >= broker->options.lane_count) {
        natsMsg_Destroy(message);
        return;
    }
    struct incoming *incoming = incoming_create(status);
    incoming->token = number;
    incoming->message = message;
    h2o_multithread_send_message(&broker->lanes[token.part.lane].receiver, &incoming->super);
}

/* Each lane is woken once. */
static void deliver_all(void *closure, struct outbound *commands, enum status status) {
    struct broker *broker = closure;
    struct incoming *by_lane[LANES_MAX] = {NULL};
    for (struct outgoing *one; (one = outbound_pop(commands)) != NULL;) {
        union token token = {.number = one->token};
        struct incoming **incoming = &by_lane[token.part.lane];
        if (*incoming == NULL)
            *incoming = incoming_create(status);
        outbound_push(&(*incoming)->commands, one);
    }
    for (size_t i = 0; i < broker->options.lane_count; i++)
        if (by_lane[i] != NULL)
            h2o_multithread_send_message(&broker->lanes[i].receiver, &by_lane[i]->super);
}

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
    union token token = {.number = number};
    enum status status = STATUS_OK;
    const char *code;
    if (token.part.kind == BROKER_COMMAND && publisher_answer(broker->publisher, number, message))
        return;
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
    timer_stop(&call->timeout);
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

static void on_call_timeout(h2o_timer_t *entry) {
    struct broker_call *call = H2O_STRUCT_FROM_MEMBER(struct broker_call, timeout, entry);
    call_end(call, &(struct broker_answer){.status = STATUS_TIMEOUT, .body = {"", 0}});
}

/* NULL: it has ended. */
static struct broker_call *find_call(struct broker_lane *lane, uint64_t number) {
    union token token = {.number = number};
    if (token.part.place >= lane->broker->options.max_in_flight)
        return NULL;
    struct broker_call *call = &lane->calls[token.part.place];
    return call->is_sent && call->token.number == number ? call : NULL;
}

static void take_commands(struct broker_lane *lane, struct outbound *commands, enum status status) {
    const struct broker_answer answer = {
        .status = status, .is_stored = status == STATUS_OK, .body = {"", 0}};
    for (struct outgoing *one; (one = outbound_pop(commands)) != NULL;) {
        struct broker_call *call = find_call(lane, one->token);
        if (call != NULL)
            call_end(call, &answer);
        outgoing_free(one);
    }
}

static void take_incoming(struct broker_lane *lane, const struct incoming *incoming) {
    struct broker_call *call = find_call(lane, incoming->token);
    if (call == NULL)
        return;
    struct broker_answer answer = {.status = incoming->status, .body = {"", 0}};
    if (incoming->status == STATUS_OK)
        answer.body = (struct slice){natsMsg_GetData(incoming->message),
                                     (size_t)natsMsg_GetDataLength(incoming->message)};
    else if (incoming->message != NULL)
        (void)natsMsgHeader_Get(incoming->message, "Nats-Service-Error", &answer.why);
    if (call->token.part.kind == BROKER_SURVEY && answer.status == STATUS_OK)
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
        if (incoming->commands.count > 0)
            take_commands(lane, &incoming->commands, incoming->status);
        else
            take_incoming(lane, incoming);
        natsMsg_Destroy(incoming->message);
        free(incoming);
    }
}

static void on_flush(h2o_timer_t *entry) {
    struct broker_lane *lane = H2O_STRUCT_FROM_MEMBER(struct broker_lane, flush_entry, entry);
    publisher_send(lane->broker->publisher, &lane->outbound);
}

struct broker_lane *broker_lane_open(struct broker *broker, size_t index, h2o_context_t *context) {
    struct broker_lane *lane = &broker->lanes[index];
    lane->context = context;
    delay_init(&lane->timeouts[BROKER_COMMAND], context->loop,
               (uint64_t)broker->options.publish_timeout_ms);
    delay_init(&lane->timeouts[BROKER_PUBLISH], context->loop,
               (uint64_t)broker->options.publish_timeout_ms);
    delay_init(&lane->timeouts[BROKER_REQUEST], context->loop,
               (uint64_t)broker->options.request_timeout_ms);
    delay_init(&lane->timeouts[BROKER_SURVEY], context->loop, BROKER_SURVEY_MS);
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
        call->token.part.lane = (uint8_t)index;
        call->token.part.place = (uint16_t)i;
        call->timeout.cb = on_call_timeout;
        call->next_free = lane->free_calls;
        lane->free_calls = call;
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Services may publish to where they answer, but not to where the server acknowledges: no service
   can pretend that an order is stored. */
static const char *const reply_tokens[BROKER_KINDS] = {[BROKER_COMMAND] = "stored",
                                                       [BROKER_PUBLISH] = "stored",
                                                       [BROKER_REQUEST] = "answers",
                                                       [BROKER_SURVEY] = "answers"};

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
    taken->token.part.kind = (uint8_t)kind;
    snprintf(taken->reply, sizeof(taken->reply), "%s.%s.%016llx", broker->inbox, reply_tokens[kind],
             (unsigned long long)taken->token.number);
    *call = taken;
    return STATUS_OK;
}

const char *broker_call_reply(const struct broker_call *call) {
    return call->reply;
}

static void hand_over(struct broker_call *call, struct outgoing *outgoing, broker_fn fn,
                      void *closure) {
    struct broker_lane *lane = call->lane;
    struct delay *timeout = &lane->timeouts[call->token.part.kind];
    call->is_sent = true;
    call->fn = fn;
    call->closure = closure;
    timer_start(&call->timeout, timeout);

    outgoing->token = call->token.number;
    outgoing->deadline_us = clock_monotonic_us() + (int64_t)delay_ms(timeout) * 1000;
    outbound_push(&lane->outbound, outgoing);
    if (!timer_is_running(&lane->flush_entry))
        timer_start_now(&lane->flush_entry, lane->context);
}

void broker_call_send(struct broker_call *call, natsMsg *message, broker_fn fn, void *closure) {
    hand_over(call, outgoing_of_message(message), fn, closure);
}

void broker_call_command(struct broker_call *call, const struct command *command, broker_fn fn,
                         void *closure) {
    hand_over(call, outgoing_of_command(command, call->reply), fn, closure);
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
    return publisher_is_connected(broker->publisher);
}

enum status broker_check_rights(const struct broker *broker, struct error *error) {
    return nats_client_check_rights(broker->options.nats, error);
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

enum status broker_create(const struct broker_options *options, struct broker **broker,
                          struct error *error) {
    if (options->lane_count > LANES_MAX || options->max_in_flight > UINT16_MAX)
        return error_set(error, STATUS_INVALID, "too many threads or requests in flight");
    struct broker *made = mem_alloc(sizeof(*made));
    made->options = *options;
    made->lanes = mem_alloc(options->lane_count * sizeof(*made->lanes));
    for (size_t i = 0; i < options->lane_count; i++)
        lane_init(&made->lanes[i], made, i);
    enum status status =
        publisher_create(&(struct publisher_options){options->nats, deliver, deliver_all, made},
                         &made->publisher, error);
    if (status == STATUS_OK)
        status = subscribe(made, error);
    if (status != STATUS_OK) {
        if (made->publisher != NULL)
            publisher_stop(made->publisher);
        nats_client_unsubscribe(options->nats, &made->subscription);
        broker_destroy(&made);
        return status;
    }
    *broker = made;
    return STATUS_OK;
}

void broker_stop(struct broker *broker) {
    publisher_stop(broker->publisher);
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
    publisher_destroy(&b->publisher);
    free(b->lanes);
    free(b->inbox);
    free(b);
}
