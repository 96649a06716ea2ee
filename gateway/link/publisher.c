#include "gateway/link/publisher.h"

#include "gateway/link/group_commit.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/base/waker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_TURN_MS 100

struct publisher {
    struct publisher_options options;
    struct group_commit *group;
    atomic_bool is_connected;
    pthread_t thread;
    struct waker waker; /* guards what follows */
    struct outbound outbound;
    size_t enough; /* so many are worth being woken for */
    bool has_news, is_stopping;
};

/* A message that waited longer than its caller did is not sent: the caller has been told that it
   failed. */
static bool publish_one(struct publisher *publisher, natsConnection *connection,
                        const struct outgoing *outgoing, int64_t now_us) {
    const struct publisher_options *to = &publisher->options;
    if (outgoing->deadline_us <= now_us ||
        natsConnection_PublishMsg(connection, outgoing->message) == NATS_OK)
        return true;
    to->deliver(to->closure, outgoing->token, STATUS_UNAVAILABLE, NULL);
    return false;
}

/* Leaves no messages, and the commands to their group. */
static bool publish_messages(struct publisher *publisher, struct outbound *outbound) {
    natsConnection *connection = outgoing_connection(publisher->options.nats, outbound->count);
    int64_t now_us = clock_monotonic_us();
    struct outbound commands;
    bool is_well = true;
    outbound_init(&commands);
    for (struct outgoing *one; (one = outbound_pop(outbound)) != NULL;) {
        if (one->message == NULL) {
            outbound_push(&commands, one);
            continue;
        }
        is_well = publish_one(publisher, connection, one, now_us) && is_well;
        outgoing_free(one);
    }
    group_commit_add(publisher->group, &commands);
    return is_well;
}

/* Waits until there is something to do, for a turn at most. False: the end. */
static bool take_outbound(struct publisher *publisher, struct outbound *taken,
                          const struct group_commit_pause *pause) {
    int64_t until_us = clock_monotonic_us() + IDLE_TURN_MS * 1000;
    if (pause->until_us < until_us)
        until_us = pause->until_us;
    waker_lock(&publisher->waker);
    publisher->enough = pause->commands;
    while (publisher->outbound.count < publisher->enough && !publisher->has_news &&
           !publisher->is_stopping && waker_wait(&publisher->waker, until_us))
        continue;
    outbound_append(taken, &publisher->outbound);
    publisher->has_news = false;
    bool goes_on = !publisher->is_stopping || taken->count > 0;
    waker_unlock(&publisher->waker);
    return goes_on;
}

static void *run(void *closure) {
    struct publisher *publisher = closure;
    struct outbound outbound;
    struct group_commit_pause pause = {INT64_MAX, 1};
    outbound_init(&outbound);
    while (take_outbound(publisher, &outbound, &pause)) {
        atomic_store(&publisher->is_connected, nats_client_is_connected(publisher->options.nats));
        bool is_well = publish_messages(publisher, &outbound);
        if (!group_commit_go_on(publisher->group, &pause) || !is_well)
            atomic_store(&publisher->is_connected, false);
    }
    group_commit_flush(publisher->group);
    return NULL;
}

static void wake(void *closure) {
    struct publisher *publisher = closure;
    waker_lock(&publisher->waker);
    publisher->has_news = true;
    waker_wake(&publisher->waker);
    waker_unlock(&publisher->waker);
}

static bool has_message(const struct outbound *outbound) {
    const struct outgoing *one = outbound->first;
    while (one != NULL && one->message == NULL)
        one = one->next;
    return one != NULL;
}

/* A command that its group does not wait for wakes nobody. */
void publisher_send(struct publisher *publisher, struct outbound *outbound) {
    bool is_news = has_message(outbound);
    waker_lock(&publisher->waker);
    outbound_append(&publisher->outbound, outbound);
    publisher->has_news |= is_news;
    if (is_news || publisher->outbound.count >= publisher->enough)
        waker_wake(&publisher->waker);
    waker_unlock(&publisher->waker);
}

bool publisher_answer(struct publisher *publisher, uint64_t token, natsMsg *answer) {
    return group_commit_answer(publisher->group, token, answer);
}

bool publisher_is_connected(const struct publisher *publisher) {
    return atomic_load(&publisher->is_connected);
}

enum status publisher_create(const struct publisher_options *options, struct publisher **publisher,
                             struct error *error) {
    struct publisher *made = mem_alloc(sizeof(*made));
    made->options = *options;
    waker_init(&made->waker);
    outbound_init(&made->outbound);
    atomic_store(&made->is_connected, nats_client_is_connected(options->nats));
    made->group = group_commit_create(&(struct group_commit_options){
        .nats = options->nats,
        .deliver = options->deliver,
        .deliver_all = options->deliver_all,
        .deliver_closure = options->closure,
        .wake = wake,
        .wake_closure = made,
    });
    int failure = pthread_create(&made->thread, NULL, run, made);
    if (failure != 0) {
        publisher_destroy(&made);
        return error_set(error, STATUS_INTERNAL, "starting the publisher: %s", strerror(failure));
    }
    *publisher = made;
    return STATUS_OK;
}

void publisher_stop(struct publisher *publisher) {
    waker_lock(&publisher->waker);
    publisher->is_stopping = true;
    waker_wake(&publisher->waker);
    waker_unlock(&publisher->waker);
    pthread_join(publisher->thread, NULL);
}

void publisher_destroy(struct publisher **publisher) {
    struct publisher *p = *publisher;
    *publisher = NULL;
    if (p == NULL)
        return;
    group_commit_destroy(&p->group);
    outbound_free(&p->outbound);
    waker_fini(&p->waker);
    free(p);
}
