#include "gateway/orders/publish_health.h"

#include "shared/base/clock.h"
#include "shared/base/hindrance.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/nats/jetstream_code.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

METRIC_GAUGE(refused, "ordermesh_orders_refused", "",
             "1 while the last order, cancel or probe was not stored by its stream.");

/* A probe is like an order: its body, and more than its head has less. */
enum {
    TURN_MS = 1000,
    IDLE_US = 2000000,
    DENIED_US = 15000000,
    PROBE_BYTES = 1024,
    HEAD_BYTES = 512
};

struct publish_health {
    struct nats_client *nats;
    struct hindrance trouble;
    atomic_int_fast64_t said_us; /* monotonic */
    atomic_size_t probe_bytes;
};

struct publish_health *publish_health_create(struct nats_client *nats) {
    struct publish_health *health = mem_alloc(sizeof(*health));
    health->nats = nats;
    hindrance_init(&health->trouble);
    atomic_store(&health->said_us, clock_monotonic_us());
    atomic_store(&health->probe_bytes, PROBE_BYTES);
    metric_set(&refused, 0, 0);
    return health;
}

void publish_health_destroy(struct publish_health **health) {
    if (*health != NULL)
        hindrance_fini(&(*health)->trouble);
    free(*health);
    *health = NULL;
}

static const char *stream_name(void) {
    return event_info(EVENT_ORDER_SUBMIT)->stream;
}

static enum status judge(const struct publish_health *health, const struct broker_answer *answer,
                         struct pub_ack *ack, struct error *error) {
    if (answer->status == STATUS_UNAVAILABLE)
        return error_set(error, STATUS_UNAVAILABLE, "the stream %s is missing, or has no leader",
                         stream_name());
    if (answer->status != STATUS_OK)
        return error_set(error, answer->status, "the stream %s does not acknowledge: %s%s",
                         stream_name(), status_text(answer->status),
                         nats_client_denial_hint(health->nats));
    if (answer->is_stored)
        return STATUS_OK;
    enum status status = pub_ack_parse(answer->body, ack, error);
    if (status == STATUS_OK && ack->error_code != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "the stream %s refuses: %s (%d)",
                           stream_name(), ack->error_text, ack->error_code);
    return status;
}

/* Of a message that was too large the probe must be no smaller, or it would be stored. */
static size_t probe_size(const struct pub_ack *ack, size_t size) {
    bool is_size =
        ack->error_code == JETSTREAM_MESSAGE_TOO_LARGE && size + HEAD_BYTES > PROBE_BYTES;
    return is_size ? size + HEAD_BYTES : PROBE_BYTES;
}

/* A probe may be published where orders may not. */
static bool is_denied(const struct publish_health *health) {
    int64_t at_us = nats_client_denied_us(health->nats, event_info(EVENT_ORDER_SUBMIT)->subject);
    return at_us > 0 && clock_monotonic_us() - at_us < DENIED_US;
}

enum status publish_health_judge(struct publish_health *health, const struct broker_answer *answer,
                                 size_t size, struct error *error) {
    struct error before;
    struct pub_ack ack = {0};
    enum status status = judge(health, answer, &ack, error);
    bool was_bad = hindrance_read(&health->trouble, &before);
    atomic_store(&health->said_us, clock_monotonic_us());
    if (status == STATUS_OK && size == 0 && was_bad && is_denied(health))
        return status;
    if (size > 0)
        atomic_store(&health->probe_bytes, probe_size(&ack, size));
    if (status != STATUS_OK)
        hindrance_set(&health->trouble, error);
    else if (was_bad)
        hindrance_clear(&health->trouble);
    metric_set(&refused, 0, status != STATUS_OK);
    if (status == STATUS_OK && was_bad)
        log_info("orders are stored again");
    else if (status != STATUS_OK)
        log_warn("orders are not stored", LOG_ERROR(error));
    return status;
}

bool publish_health_is_good(struct publish_health *health, struct error *why) {
    return !hindrance_read(&health->trouble, why);
}

/* --- asking ----------------------------------------------------------------------------------- */

struct publish_probe {
    struct publish_health *health;
    h2o_context_t *context;
    struct broker_lane *broker;
    struct broker_call *call; /* NULL: none is under way */
    struct delay turns;
    h2o_timer_t turn;
};

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct publish_probe *probe = closure;
    struct error error;
    probe->call = NULL;
    (void)!publish_health_judge(probe->health, answer, 0, &error);
}

static void ask(struct publish_probe *probe, const char *id) {
    struct broker_call *call;
    natsMsg *message = NULL;
    if (broker_call_open(probe->broker, BROKER_PUBLISH, &call) != STATUS_OK)
        return;
    size_t size = atomic_load(&probe->health->probe_bytes);
    char *body = mem_alloc(size);
    memset(body, ' ', size);
    natsStatus s =
        natsMsg_Create(&message, "commands.probe", broker_call_reply(call), body, (int)size);
    free(body);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(message, "Nats-Msg-Id", id);
    if (s == NATS_OK)
        s = natsMsgHeader_Set(message, "Nats-Expected-Stream", stream_name());
    if (s != NATS_OK) {
        natsMsg_Destroy(message);
        broker_call_drop(&call);
        return;
    }
    probe->call = call;
    broker_call_send(call, message, on_answer, probe);
}

static void take_turn(h2o_timer_t *entry) {
    struct publish_probe *probe = H2O_STRUCT_FROM_MEMBER(struct publish_probe, turn, entry);
    struct uuid unique = uuid_v7();
    char id[UUID_TEXT_SIZE];
    struct error why;
    int64_t quiet_us = clock_monotonic_us() - atomic_load(&probe->health->said_us);
    uuid_format(&unique, id);
    if (probe->call == NULL && !publish_health_is_good(probe->health, &why))
        ask(probe, id);
    else if (probe->call == NULL && quiet_us >= IDLE_US)
        ask(probe, "commands.probe");
    timer_start(&probe->turn, &probe->turns);
}

struct publish_probe *publish_probe_create(struct publish_health *health, h2o_context_t *context,
                                           struct broker_lane *broker) {
    struct publish_probe *probe = mem_alloc(sizeof(*probe));
    probe->health = health;
    probe->context = context;
    probe->broker = broker;
    delay_init(&probe->turns, context->loop, TURN_MS);
    probe->turn.cb = take_turn;
    timer_start(&probe->turn, &probe->turns);
    return probe;
}

void publish_probe_destroy(struct publish_probe **probe) {
    struct publish_probe *p = *probe;
    *probe = NULL;
    if (p == NULL)
        return;
    broker_call_drop(&p->call);
    timer_stop(&p->turn);
    delay_fini(&p->turns);
    free(p);
}
