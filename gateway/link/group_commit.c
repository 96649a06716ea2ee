#include "gateway/link/group_commit.h"

#include "gateway/link/pace.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/nats/atomic_batch.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <pthread.h>
#include <stdlib.h>

METRIC_HISTOGRAM_SIZE(group_sizes, "ordermesh_command_group_size", "way",
                      "Orders and cancels that were published together: batch or singly.");

#define PATIENCE_US 250000

/* An atomic batch that is not answered yet. */
struct flight {
    struct flight *next;
    struct atomic_batch batch;
    struct outbound commands;
    uint64_t token;      /* of the last one, whose answer is the batch's */
    int64_t deadline_us; /* of the last of its callers */
};

/* The commands that were sent last. */
struct group {
    bool is_batch;
    uint64_t token; /* a batch's */
    size_t count, unanswered;
    int64_t sent_us, answered_us;
    size_t enough; /* for the next one to go at once; 0: not known yet */
};

struct group_commit {
    struct group_commit_options options;
    unsigned batch_slot, singly_slot;
    /* the publisher thread's */
    struct outbound waiting;
    bool is_supported;
    uint64_t epoch; /* of the connection of which that is known */
    /* everybody's, with the lock */
    pthread_mutex_t lock;
    struct flight *flights;
    struct outbound refused; /* batches' commands, which go message by message */
    struct group last;
    struct pace pace;
    int64_t rest_until_us; /* the stream takes no batches */
};

/* --- what is under way (with the lock) -------------------------------------------------------- */

static struct flight *take_flight(struct group_commit *group, uint64_t token) {
    struct flight **link = &group->flights;
    while (*link != NULL && (*link)->token != token)
        link = &(*link)->next;
    struct flight *flight = *link;
    if (flight != NULL)
        *link = flight->next;
    return flight;
}

static void flight_free(struct flight *flight) {
    outbound_free(&flight->commands);
    free(flight);
}

/* A late answer to an earlier single command may be counted for one of the last ones: the next
   group goes a little too early then. True: that was the last one. */
static bool note_answer(struct group_commit *group, const struct flight *flight) {
    struct group *last = &group->last;
    bool is_its_own =
        flight == NULL ? !last->is_batch : last->is_batch && last->token == flight->token;
    if (!is_its_own || last->unanswered == 0 || --last->unanswered > 0)
        return false;
    int64_t now_us = clock_monotonic_us();
    last->answered_us = now_us;
    pace_note(&group->pace, last->is_batch, last->count, now_us - last->sent_us, now_us);
    return true;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void refuse(struct group_commit *group, struct flight *flight, bool is_unknown,
                   const char *why) {
    if (is_unknown)
        log_info("the stream takes no atomic batches, so that orders go one by one",
                 LOG_TEXT("why", why));
    else
        log_debug("an atomic batch was refused", LOG_TEXT("why", why));
    pthread_mutex_lock(&group->lock);
    if (is_unknown)
        group->rest_until_us = clock_monotonic_us() + ATOMIC_BATCH_REST_MS * INT64_C(1000);
    outbound_append(&group->refused, &flight->commands);
    pthread_mutex_unlock(&group->lock);
}

static void judge(struct group_commit *group, struct flight *flight, natsMsg *answer) {
    const struct group_commit_options *to = &group->options;
    struct error error = {0};
    struct pub_ack ack = {0};
    struct slice body = {natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
    if (natsMsg_IsNoResponders(answer)) {
        to->deliver_all(to->deliver_closure, &flight->commands, STATUS_UNAVAILABLE);
        return;
    }
    if (pub_ack_parse(body, &ack, &error) != STATUS_OK) {
        refuse(group, flight, false, error.text);
        return;
    }
    enum atomic_batch_verdict verdict = atomic_batch_judge(&flight->batch, &ack);
    if (verdict == ATOMIC_BATCH_STORED)
        to->deliver_all(to->deliver_closure, &flight->commands, STATUS_OK);
    else
        refuse(group, flight, verdict == ATOMIC_BATCH_UNKNOWN, ack.error_text);
}

bool group_commit_answer(struct group_commit *group, uint64_t token, natsMsg *answer) {
    pthread_mutex_lock(&group->lock);
    struct flight *flight = take_flight(group, token);
    bool is_free = note_answer(group, flight), was_batch = flight != NULL;
    pthread_mutex_unlock(&group->lock);
    if (was_batch) {
        judge(group, flight, answer);
        natsMsg_Destroy(answer);
        flight_free(flight);
    }
    if (is_free || was_batch)
        group->options.wake(group->options.wake_closure);
    return was_batch;
}

/* --- sending (the publisher thread) ----------------------------------------------------------- */

static void begin_group(struct group_commit *group, const struct group *begun,
                        struct flight *flight) {
    pthread_mutex_lock(&group->lock);
    group->last = *begun;
    group->last.sent_us = clock_monotonic_us();
    if (flight != NULL) {
        flight->next = group->flights;
        group->flights = flight;
    }
    pthread_mutex_unlock(&group->lock);
}

/* What did not get out is not waited for. */
static void end_group(struct group_commit *group) {
    pthread_mutex_lock(&group->lock);
    group->last.unanswered = 0;
    pthread_mutex_unlock(&group->lock);
}

static bool publish_one(natsConnection *connection, const struct outgoing *outgoing) {
    natsMsg *message = NULL;
    struct error error;
    if (outgoing_message(outgoing, true, &message, &error) != STATUS_OK)
        return false;
    natsStatus s = natsConnection_PublishMsg(connection, message);
    natsMsg_Destroy(message);
    if (s == NATS_OK)
        failpoint("gateway.after_publish");
    return s == NATS_OK;
}

/* `is_group`: the next group waits until these are answered. */
static bool send_singly(struct group_commit *group, struct outbound *commands, bool is_group) {
    const struct group_commit_options *to = &group->options;
    size_t count = commands->count;
    natsConnection *connection = outgoing_connection(group->options.nats, count);
    bool is_well = true;
    metric_observe(&group_sizes, group->singly_slot, (double)count);
    if (is_group)
        begin_group(group, &(struct group){.count = count, .unanswered = count}, NULL);
    for (struct outgoing *one; (one = outbound_pop(commands)) != NULL;) {
        if (!publish_one(connection, one)) {
            to->deliver(to->deliver_closure, one->token, STATUS_UNAVAILABLE, NULL);
            is_well = false;
        }
        outgoing_free(one);
    }
    if (!is_well)
        end_group(group);
    return is_well;
}

/* When the last message is out, the flight is the answer's. */
static bool publish_flight(natsConnection *connection, struct flight *flight) {
    size_t left = flight->commands.count;
    const size_t half = left / 2;
    bool is_well = true;
    for (const struct outgoing *one = flight->commands.first, *next; left > 0 && is_well; left--) {
        natsMsg *message = NULL;
        struct error error;
        if (left == half)
            failpoint("gateway.in_batch");
        if (left == 1)
            failpoint("gateway.before_commit");
        next = one->next;
        is_well = outgoing_message(one, left == 1, &message, &error) == STATUS_OK &&
                  atomic_batch_mark(&flight->batch, message, left == 1, &error) == STATUS_OK &&
                  natsConnection_PublishMsg(connection, message) == NATS_OK;
        natsMsg_Destroy(message);
        one = next;
    }
    return is_well;
}

static struct flight *flight_of(struct outbound *commands) {
    struct flight *flight = mem_alloc(sizeof(*flight));
    atomic_batch_begin(&flight->batch);
    outbound_init(&flight->commands);
    outbound_append(&flight->commands, commands);
    for (const struct outgoing *one = flight->commands.first; one != NULL; one = one->next) {
        flight->token = one->token;
        if (one->deadline_us > flight->deadline_us)
            flight->deadline_us = one->deadline_us;
    }
    return flight;
}

/* A batch that did not get out whole goes like one that is refused. */
static void send_batch(struct group_commit *group, struct outbound *commands) {
    const size_t count = commands->count;
    struct flight *flight = flight_of(commands);
    const uint64_t token = flight->token;
    metric_observe(&group_sizes, group->batch_slot, (double)count);
    begin_group(group,
                &(struct group){.is_batch = true, .token = token, .count = count, .unanswered = 1},
                flight);
    natsConnection *connection = outgoing_connection(group->options.nats, count);
    if (publish_flight(connection, flight)) {
        outgoing_flush(connection);
        for (size_t i = 0; i < count; i++)
            failpoint("gateway.after_publish");
        return;
    }
    end_group(group);
    pthread_mutex_lock(&group->lock);
    flight = take_flight(group, token);
    if (flight != NULL)
        outbound_append(&group->refused, &flight->commands);
    pthread_mutex_unlock(&group->lock);
    if (flight != NULL)
        flight_free(flight);
}

/* --- which, and when (the publisher thread) --------------------------------------------------- */

/* Moves commands whose callers still wait, as many as a batch may have. */
static void take_live(struct outbound *from, struct outbound *to, int64_t now_us) {
    size_t bytes = 0;
    while (from->count > 0 && to->count < PACE_GROUP_MOST &&
           bytes + from->first->command.body.len <= ATOMIC_BATCH_BYTES_MAX) {
        struct outgoing *one = outbound_pop(from);
        if (one->deadline_us <= now_us) {
            outgoing_free(one);
            continue;
        }
        bytes += one->command.body.len;
        outbound_push(to, one);
    }
}

static void ask_version(struct group_commit *group, uint64_t epoch) {
    group->epoch = epoch;
    group->is_supported =
        atomic_batch_is_supported(nats_client_server_version(group->options.nats));
    pthread_mutex_lock(&group->lock);
    group->pace = (struct pace){0};
    group->rest_until_us = 0;
    pthread_mutex_unlock(&group->lock);
}

enum way { WAY_AT_ONCE, WAY_SINGLY, WAY_BATCH };

static enum way choose(struct group_commit *group, size_t count, int64_t now_us) {
    uint64_t epoch = nats_client_epoch(group->options.nats);
    if (epoch != group->epoch)
        ask_version(group, epoch);
    enum way way = WAY_SINGLY;
    pthread_mutex_lock(&group->lock);
    if (!group->is_supported || now_us < group->rest_until_us ||
        pace_is_hopeless(&group->pace, now_us))
        way = WAY_AT_ONCE;
    else if (pace_wants_batch(&group->pace, count, now_us))
        way = WAY_BATCH;
    pthread_mutex_unlock(&group->lock);
    return way;
}

static bool send_next(struct group_commit *group, int64_t now_us) {
    struct outbound commands;
    outbound_init(&commands);
    take_live(&group->waiting, &commands, now_us);
    if (commands.count == 0)
        return true;
    enum way way = choose(group, commands.count, now_us);
    if (way != WAY_BATCH)
        return send_singly(group, &commands, way == WAY_SINGLY);
    send_batch(group, &commands);
    return true;
}

static bool send_refused(struct group_commit *group, int64_t now_us) {
    struct outbound commands;
    outbound_init(&commands);
    pthread_mutex_lock(&group->lock);
    take_live(&group->refused, &commands, now_us);
    pthread_mutex_unlock(&group->lock);
    return commands.count == 0 ||
           (send_singly(group, &commands, true) && send_refused(group, now_us));
}

/* Nobody waits any more for a batch whose answer was lost. */
static void drop_overdue(struct group_commit *group, int64_t now_us) {
    pthread_mutex_lock(&group->lock);
    for (struct flight **link = &group->flights; *link != NULL;) {
        struct flight *flight = *link;
        if (flight->deadline_us > now_us) {
            link = &flight->next;
            continue;
        }
        *link = flight->next;
        flight_free(flight);
    }
    pthread_mutex_unlock(&group->lock);
}

/* Until there is something to send. */
static const struct group_commit_pause no_pause = {INT64_MAX, 1};

/* Those who were just answered come again: the next batch waits until as many have come, while it
   is to gather. Otherwise two halves of the clients would wait for each other. */
static struct group_commit_pause gathering(struct group *last, size_t waiting) {
    if (last->enough == 0)
        last->enough =
            waiting + last->count < PACE_GROUP_MOST ? waiting + last->count : PACE_GROUP_MOST;
    if (waiting >= last->enough)
        return no_pause;
    int64_t gather_us = atomic_batch_gather_us(last->answered_us - last->sent_us);
    return (struct group_commit_pause){last->answered_us + gather_us, last->enough - waiting};
}

/* How long the last group keeps the next one waiting. While it is under way, more commands change
   nothing. */
static struct group_commit_pause pause_now(struct group_commit *group, int64_t now_us) {
    struct group_commit_pause pause = no_pause;
    pthread_mutex_lock(&group->lock);
    struct group *last = &group->last;
    if (last->unanswered > 0)
        pause = (struct group_commit_pause){last->sent_us + PATIENCE_US, SIZE_MAX};
    else if (last->is_batch && last->answered_us > 0)
        pause = gathering(last, group->waiting.count);
    pthread_mutex_unlock(&group->lock);
    return pause.until_us > now_us ? pause : no_pause;
}

static bool is_none(const struct group_commit_pause *pause) {
    return pause->until_us == no_pause.until_us;
}

bool group_commit_go_on(struct group_commit *group, struct group_commit_pause *pause) {
    int64_t now_us = clock_monotonic_us();
    drop_overdue(group, now_us);
    bool is_well = send_refused(group, now_us);
    *pause = pause_now(group, now_us);
    for (; group->waiting.count > 0 && is_none(pause); *pause = pause_now(group, now_us))
        is_well = send_next(group, now_us) && send_refused(group, now_us) && is_well;
    return is_well;
}

void group_commit_add(struct group_commit *group, struct outbound *commands) {
    outbound_append(&group->waiting, commands);
}

void group_commit_flush(struct group_commit *group) {
    int64_t now_us = clock_monotonic_us();
    (void)send_refused(group, now_us);
    if (group->waiting.count > 0)
        (void)send_singly(group, &group->waiting, false);
}

/* --- lifecycle -------------------------------------------------------------------------------- */

struct group_commit *group_commit_create(const struct group_commit_options *options) {
    struct group_commit *group = mem_alloc(sizeof(*group));
    group->options = *options;
    group->batch_slot = metric_slot(&group_sizes, "batch");
    group->singly_slot = metric_slot(&group_sizes, "singly");
    outbound_init(&group->waiting);
    outbound_init(&group->refused);
    pthread_mutex_init(&group->lock, NULL);
    ask_version(group, nats_client_epoch(options->nats));
    return group;
}

void group_commit_destroy(struct group_commit **group) {
    struct group_commit *g = *group;
    *group = NULL;
    if (g == NULL)
        return;
    outbound_free(&g->waiting);
    outbound_free(&g->refused);
    for (struct flight *flight = g->flights, *next; flight != NULL; flight = next) {
        next = flight->next;
        flight_free(flight);
    }
    pthread_mutex_destroy(&g->lock);
    free(g);
}
