#include "shared/service/micro.h"

#include "shared/base/clock.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/consume/awaited.h"
#include "shared/contract/event.h"
#include "shared/contract/label.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/nats/service_error.h"
#include "shared/observe/log.h"
#include "shared/observe/span.h"
#include "shared/pg/pg_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_GROUP "q"
#define ARENA_CHUNK_BYTES (64 * 1024)
#define FLUSH_TIMEOUT_MS 5000
#define DRAIN_MS 1000
#define IDLE_CONNECTION_MS INT64_C(60000)
#define LAST_REQUEST_MS INT64_C(10000)
/* So long a failure shows that no request follows. */
#define FAILURE_SHOWS_US INT64_C(5000000)

enum verb { VERB_PING, VERB_INFO, VERB_STATS, VERB_COUNT };
static const char *const verb_names[VERB_COUNT] = {"PING", "INFO", "STATS"};
static const char *const response_types[VERB_COUNT] = {
    "io.nats.micro.v1.ping_response",
    "io.nats.micro.v1.info_response",
    "io.nats.micro.v1.stats_response",
};

enum scope { SCOPE_ALL, SCOPE_NAME, SCOPE_ID, SCOPE_COUNT };

struct subscription {
    natsSubscription *handle;
    atomic_bool is_over; /* nats.c has made its last call */
};

/* One endpoint at work: nats.c calls it on a thread of its own, one request at a time. */
struct endpoint_state {
    struct micro *micro;
    const struct endpoint *endpoint;
    struct subscription subscription;
    struct replica_reader *replica; /* NULL: it reads none */
    struct arena *arena;
    struct buf reply;
    struct hindrance hindrance; /* of the last request, if a dependency failed it at failed_us */
    _Atomic int64_t failed_us;
    pthread_mutex_t mutex; /* guards the figures below */
    int64_t requests;
    int64_t errors;
    int64_t processing_ns;
    char last_error[160];
};

struct micro {
    struct micro_options options;
    char id[33];
    char started[RFC3339_SIZE];
    struct subscription protocol[VERB_COUNT][SCOPE_COUNT];
    struct endpoint_state *endpoints;
    size_t endpoint_count;
    struct pg_pool *pool; /* NULL: endpoints get no pg */
};

/* --- the service protocol: PING, INFO, STATS -------------------------------------------------- */

static void write_consumers(const struct service *service, struct json_writer *w) {
    struct buf names = {0};
    for (size_t i = 0; i < service->consumer_count; i++)
        buf_printf(&names, "%s%s/%s", i > 0 ? " " : "", service->consumers[i].stream,
                   service->consumers[i].durable);
    if (names.len > 0)
        json_put_string(w, LABEL_CONSUMERS, buf_slice(&names));
    buf_fini(&names);
}

/* Of the events that it publishes. */
static void write_schemas(const struct service *service, struct json_writer *w) {
    struct buf schemas = {0};
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        if (strcmp(event_info((enum event_type)type)->source, service->name) != 0)
            continue;
        if (schemas.len > 0)
            buf_append_char(&schemas, ' ');
        event_schema((enum event_type)type, &schemas);
    }
    if (schemas.len > 0)
        json_put_string(w, LABEL_SCHEMAS, buf_slice(&schemas));
    buf_fini(&schemas);
}

static void write_labels(const struct service *service, struct json_writer *w) {
    json_key(w, "metadata");
    json_begin_object(w);
    json_put_text(w, LABEL_OWNER, service->name);
    write_consumers(service, w);
    write_schemas(service, w);
    json_end_object(w);
}

static void write_identity(const struct micro *micro, enum verb verb, struct json_writer *w) {
    json_put_text(w, "name", micro->options.service->name);
    json_put_text(w, "id", micro->id);
    json_put_text(w, "version", micro->options.version);
    write_labels(micro->options.service, w);
    json_put_text(w, "type", response_types[verb]);
}

static void write_endpoint_info(const struct endpoint *endpoint, struct json_writer *w) {
    json_put_text(w, "name", endpoint->name);
    json_put_text(w, "subject", endpoint->subject);
    json_put_text(w, "queue_group", QUEUE_GROUP);
}

static void write_info(struct micro *micro, struct json_writer *w) {
    json_put_text(w, "description", micro->options.service->description);
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < micro->endpoint_count; i++) {
        json_begin_object(w);
        write_endpoint_info(micro->endpoints[i].endpoint, w);
        json_put_raw(w, "metadata", SLICE_LITERAL("{}"));
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_stats(struct micro *micro, struct json_writer *w) {
    struct error why = {0};
    json_put_text(w, "started", micro->started);
    if (micro->options.is_ready != NULL &&
        !micro->options.is_ready(micro->options.is_ready_closure, &why))
        json_put_text(w, "not_ready", why.text);
    awaited_write(w);
    json_key(w, "endpoints");
    json_begin_array(w);
    for (size_t i = 0; i < micro->endpoint_count; i++) {
        struct endpoint_state *state = &micro->endpoints[i];
        pthread_mutex_lock(&state->mutex);
        int64_t average_ns = state->requests > 0 ? state->processing_ns / state->requests : 0;
        json_begin_object(w);
        write_endpoint_info(state->endpoint, w);
        json_put_int(w, "num_requests", state->requests);
        json_put_int(w, "num_errors", state->errors);
        json_put_text(w, "last_error", state->last_error);
        json_put_int(w, "processing_time", state->processing_ns);
        json_put_int(w, "average_processing_time", average_ns);
        json_end_object(w);
        pthread_mutex_unlock(&state->mutex);
    }
    json_end_array(w);
}

static void answer_protocol(natsConnection *connection, natsMsg *request, struct micro *micro,
                            enum verb verb) {
    struct buf body = {0};
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    write_identity(micro, verb, &w);
    if (verb == VERB_INFO)
        write_info(micro, &w);
    else if (verb == VERB_STATS)
        write_stats(micro, &w);
    json_end_object(&w);
    if (natsMsg_GetReply(request) != NULL)
        natsConnection_Publish(connection, natsMsg_GetReply(request), body.ptr, (int)body.len);
    buf_fini(&body);
    natsMsg_Destroy(request);
}

static void on_ping(natsConnection *c, natsSubscription *s, natsMsg *request, void *micro) {
    (void)s;
    answer_protocol(c, request, micro, VERB_PING);
}

static void on_info(natsConnection *c, natsSubscription *s, natsMsg *request, void *micro) {
    (void)s;
    answer_protocol(c, request, micro, VERB_INFO);
}

static void on_stats(natsConnection *c, natsSubscription *s, natsMsg *request, void *micro) {
    (void)s;
    answer_protocol(c, request, micro, VERB_STATS);
}

static natsStatus subscribe_protocol(struct micro *micro) {
    static const natsMsgHandler handlers[VERB_COUNT] = {on_ping, on_info, on_stats};
    natsConnection *connection = nats_client_bulk(micro->options.nats);
    const char *name = micro->options.service->name;
    natsStatus s = NATS_OK;
    for (int verb = 0; verb < VERB_COUNT; verb++) {
        char subjects[SCOPE_COUNT][160];
        snprintf(subjects[SCOPE_ALL], sizeof(subjects[0]), "$SRV.%s", verb_names[verb]);
        snprintf(subjects[SCOPE_NAME], sizeof(subjects[0]), "$SRV.%s.%s", verb_names[verb], name);
        snprintf(subjects[SCOPE_ID], sizeof(subjects[0]), "$SRV.%s.%s.%s", verb_names[verb], name,
                 micro->id);
        for (int scope = 0; scope < SCOPE_COUNT && s == NATS_OK; scope++)
            s = natsConnection_Subscribe(&micro->protocol[verb][scope].handle, connection,
                                         subjects[scope], handlers[verb], micro);
    }
    return s;
}

/* --- endpoints -------------------------------------------------------------------------------- */

static void publish_reply(struct endpoint_state *state, natsMsg *request, enum status status,
                          const struct error *error) {
    natsMsg *reply = NULL;
    char code[16];
    struct slice body = status == STATUS_OK ? buf_slice(&state->reply) : SLICE_LITERAL("{}");
    if (natsMsg_GetReply(request) == NULL)
        return;
    natsStatus s = natsMsg_Create(&reply, natsMsg_GetReply(request), NULL, body.ptr, (int)body.len);
    snprintf(code, sizeof(code), "%d", service_error_code(status));
    if (s == NATS_OK && status != STATUS_OK)
        s = natsMsgHeader_Set(reply, "Nats-Service-Error", error->text);
    if (s == NATS_OK && status != STATUS_OK)
        s = natsMsgHeader_Set(reply, "Nats-Service-Error-Code", code);
    if (s == NATS_OK)
        s = natsConnection_PublishMsg(nats_client_fast(state->micro->options.nats), reply);
    if (s != NATS_OK)
        log_warn("a reply could not be sent", LOG_TEXT("endpoint", state->endpoint->subject),
                 LOG_TEXT("status", natsStatus_GetText(s)));
    natsMsg_Destroy(reply);
}

static void note_dependency(struct endpoint_state *state, enum status status,
                            const struct error *error) {
    if (status != STATUS_UNAVAILABLE) {
        hindrance_clear(&state->hindrance);
        return;
    }
    atomic_store(&state->failed_us, clock_monotonic_us());
    hindrance_set(&state->hindrance, error);
}

static void count_request(struct endpoint_state *state, int64_t started_us, enum status status,
                          const struct error *error) {
    pthread_mutex_lock(&state->mutex);
    state->requests++;
    state->processing_ns += (clock_monotonic_us() - started_us) * 1000;
    if (status != STATUS_OK) {
        state->errors++;
        snprintf(state->last_error, sizeof(state->last_error), "%d:%.150s",
                 service_error_code(status), error->text);
    }
    pthread_mutex_unlock(&state->mutex);
}

/* Of the asker's trace, if it has one (https://opentelemetry.io/docs/specs/semconv/rpc/). */
static struct span start_span(natsMsg *request) {
    struct trace parent;
    const char *text = NULL;
    if (natsMsgHeader_Get(request, "traceparent", &text) == NATS_OK &&
        trace_parse(slice_of(text), &parent))
        return span_start(SPAN_SERVER, &parent);
    return span_start_root(SPAN_SERVER);
}

static void end_span(const struct endpoint_state *state, const struct span *span,
                     enum status status, const struct error *error) {
    trace_set_current(NULL);
    span_end(
        span, state->endpoint->subject, SPAN_TEXT("rpc.system.name", "nats"),
        SPAN_TEXT("rpc.method", state->endpoint->subject),
        SPAN_ERROR(status != STATUS_OK && service_error_code(status) >= 500 ? error->text : NULL));
}

/* The replica's trouble is nobody's: then the database is asked. */
static enum status ask_replica(struct endpoint_state *state, struct endpoint_call *call,
                               struct error *error) {
    struct pg *primary = call->pg;
    call->pg = replica_take(state->replica, primary);
    enum status status = STATUS_UNAVAILABLE;
    if (call->pg != NULL) {
        status = state->endpoint->handle(call, error);
        if (status != STATUS_UNAVAILABLE && status != STATUS_SERIALIZATION)
            return status;
        replica_give_up(state->replica, error);
        buf_clear(call->reply);
    }
    call->pg = primary;
    return STATUS_UNAVAILABLE;
}

static enum status handle(struct endpoint_state *state, struct endpoint_call *call,
                          struct error *error) {
    enum status status =
        state->replica != NULL ? ask_replica(state, call, error) : STATUS_UNAVAILABLE;
    if (status != STATUS_UNAVAILABLE)
        return status;
    status = state->endpoint->handle(call, error);
    if (status == STATUS_UNAVAILABLE && call->pg != NULL && !pg_is_connected(call->pg)) {
        /* The connection may have been closed while it was idle. */
        buf_clear(call->reply);
        status = state->endpoint->handle(call, error);
    }
    return status;
}

static void on_request(natsConnection *connection, natsSubscription *subscription, natsMsg *request,
                       void *closure) {
    (void)connection;
    (void)subscription;
    struct endpoint_state *state = closure;
    struct pg_pool *pool = state->micro->pool;
    struct error error = {0};
    int64_t started_us = clock_monotonic_us();
    struct span span = start_span(request);
    trace_set_current(&span.trace);
    arena_reset(state->arena);
    buf_clear(&state->reply);
    struct endpoint_call call = {
        .request = {natsMsg_GetData(request), (size_t)natsMsg_GetDataLength(request)},
        .pg = pool != NULL ? pg_pool_take(pool) : NULL,
        .nats = state->micro->options.nats,
        .context = state->micro->options.context,
        .arena = state->arena,
        .reply = &state->reply,
    };
    struct pg *pg = call.pg;
    enum status status = handle(state, &call, &error);
    if (pg != NULL)
        pg_pool_give(pool, pg);
    if (call.has_committed && state->micro->options.committed != NULL)
        state->micro->options.committed(state->micro->options.committed_closure);
    publish_reply(state, request, status, &error);
    note_dependency(state, status, &error);
    count_request(state, started_us, status, &error);
    end_span(state, &span, status, &error);
    natsMsg_Destroy(request);
}

static bool reads_replica(const struct micro_options *options, const struct endpoint *endpoint) {
    const char *const *name = options->service->replica_reads;
    while (options->replica != NULL && name != NULL && *name != NULL) {
        if (strcmp(*name++, endpoint->name) == 0)
            return true;
    }
    return false;
}

static natsStatus subscribe_endpoints(struct micro *micro) {
    const struct service *service = micro->options.service;
    natsStatus s = NATS_OK;
    micro->endpoints = mem_alloc((service->endpoint_count + 1) * sizeof(*micro->endpoints));
    for (size_t i = 0; i < service->endpoint_count && s == NATS_OK; i++) {
        struct endpoint_state *state = &micro->endpoints[i];
        state->micro = micro;
        state->endpoint = &service->endpoints[i];
        state->arena = arena_create(ARENA_CHUNK_BYTES);
        pthread_mutex_init(&state->mutex, NULL);
        hindrance_init(&state->hindrance);
        if (reads_replica(&micro->options, state->endpoint))
            state->replica =
                replica_reader_create(micro->options.replica, state->endpoint->subject);
        micro->endpoint_count++;
        s = natsConnection_QueueSubscribe(&state->subscription.handle,
                                          nats_client_fast(micro->options.nats),
                                          state->endpoint->subject, QUEUE_GROUP, on_request, state);
    }
    return s;
}

bool micro_is_ready(struct micro *micro, struct error *why) {
    int64_t since_us = clock_monotonic_us() - FAILURE_SHOWS_US;
    for (size_t i = 0; i < micro->endpoint_count; i++) {
        struct endpoint_state *state = &micro->endpoints[i];
        struct error hindrance;
        if (!hindrance_read(&state->hindrance, &hindrance) ||
            atomic_load(&state->failed_us) < since_us)
            continue;
        error_fill(why, STATUS_UNAVAILABLE, "requests to %s fail: %s", state->endpoint->subject,
                   hindrance.text);
        return false;
    }
    return true;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

enum status micro_create(const struct micro_options *options, struct micro **micro,
                         struct error *error) {
    struct micro *made = mem_alloc(sizeof(*made));
    struct uuid id = uuid_v7();
    made->options = *options;
    for (size_t i = 0; i < sizeof(id.bytes); i++)
        snprintf(made->id + 2 * i, 3, "%02x", id.bytes[i]);
    clock_format(clock_now_us(), made->started);
    if (options->database_url != NULL)
        made->pool = pg_pool_create(options->database_url, "endpoints",
                                    options->service->endpoint_count, IDLE_CONNECTION_MS);
    natsStatus s = subscribe_endpoints(made);
    if (s == NATS_OK)
        s = subscribe_protocol(made);
    /* Once the server has answered, it knows of the subscriptions. */
    if (s == NATS_OK)
        s = natsConnection_FlushTimeout(nats_client_fast(options->nats), FLUSH_TIMEOUT_MS);
    if (s == NATS_OK)
        s = natsConnection_FlushTimeout(nats_client_bulk(options->nats), FLUSH_TIMEOUT_MS);
    if (s != NATS_OK) {
        micro_destroy(&made);
        return nats_error(error, s, "subscribing the service's endpoints");
    }
    *micro = made;
    return STATUS_OK;
}

static void on_over(void *is_over) {
    atomic_store((atomic_bool *)is_over, true);
}

static bool wait_over(struct subscription *subscription, int64_t until_us) {
    while (!atomic_load(&subscription->is_over) && clock_monotonic_us() < until_us)
        clock_sleep_ms(1);
    return atomic_load(&subscription->is_over);
}

static void begin_end(struct subscription *subscription, int64_t until_us) {
    (void)until_us;
    if (natsSubscription_SetOnCompleteCB(subscription->handle, on_over, &subscription->is_over) !=
        NATS_OK)
        atomic_store(&subscription->is_over, true); /* it has ended with its connection */
    natsSubscription_Drain(subscription->handle);
}

/* Waits for nats.c's last call, which uses our memory. Without the broker there is no draining:
   then what has come already is dropped, but for the request at work. */
static void finish_end(struct subscription *subscription, int64_t until_us) {
    if (!wait_over(subscription, until_us)) {
        natsSubscription_Unsubscribe(subscription->handle);
        if (!wait_over(subscription, until_us + LAST_REQUEST_MS * 1000)) {
            log_warn("a request took too long; leaving");
            _exit(1);
        }
    }
    natsSubscription_Destroy(subscription->handle);
}

static void each_subscription(struct micro *micro, void (*act)(struct subscription *, int64_t),
                              int64_t until_us) {
    for (int verb = 0; verb < VERB_COUNT; verb++)
        for (int scope = 0; scope < SCOPE_COUNT; scope++)
            if (micro->protocol[verb][scope].handle != NULL)
                act(&micro->protocol[verb][scope], until_us);
    for (size_t i = 0; i < micro->endpoint_count; i++)
        if (micro->endpoints[i].subscription.handle != NULL)
            act(&micro->endpoints[i].subscription, until_us);
}

void micro_destroy(struct micro **micro) {
    struct micro *m = *micro;
    *micro = NULL;
    if (m == NULL)
        return;
    int64_t until_us = clock_monotonic_us() + DRAIN_MS * 1000;
    each_subscription(m, begin_end, until_us);
    each_subscription(m, finish_end, until_us);
    for (size_t i = 0; i < m->endpoint_count; i++) {
        struct endpoint_state *state = &m->endpoints[i];
        replica_reader_destroy(&state->replica);
        arena_destroy(&state->arena);
        buf_fini(&state->reply);
        pthread_mutex_destroy(&state->mutex);
        hindrance_fini(&state->hindrance);
    }
    pg_pool_destroy(&m->pool);
    free(m->endpoints);
    free(m);
}
