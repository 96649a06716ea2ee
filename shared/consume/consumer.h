/*
 * The consumer loop: one batch, one transaction, and the only place that acknowledges.
 *
 *     take what is queued, up to batch_max -> decode -> [prepare, commit] -> [call]
 *       -> BEGIN -> inbox (drops duplicates) -> apply(batch) -> outbox -> COMMIT -> ack all
 *
 * A handler is given all events of its types in a batch, in stream order, and sets each delivery's
 * outcome (it starts as DONE):
 *
 *     DONE         effects are in the transaction            ack after commit
 *     RETRY        cannot go on yet                          NAK with 1, 2, 4 s; counts
 *     REJECT       can never succeed                         failure report, TERM
 *     UNAVAILABLE  (returned as status) a dependency is down the batch is held with heartbeats
 *
 * A handler that returns DATA has its batch retried event by event, so that one bad event holds
 * back no other; SERIALIZATION is retried at once. Each consumer runs on its own thread with its
 * own connection; handlers of one consumer never run at the same time, those of two may.
 */
#ifndef OM_SHARED_CONSUME_CONSUMER_H
#define OM_SHARED_CONSUME_CONSUMER_H

#include "shared/base/buf.h"
#include "shared/consume/delivery.h"
#include "shared/contract/updates.h"
#include "shared/outbox/outbox.h"
#include "shared/pg/pg.h"

/* What a handler works on. Everything is valid until apply returns. */
struct batch {
    struct delivery **items;
    size_t count;
    struct arena *arena;     /* for the batch's own memory */
    struct pg *pg;           /* the open transaction; NULL in call() */
    struct outbox *outbox;   /* NULL in prepare() and call() */
    struct updates *updates; /* published after the commit; may be NULL */
    void *context;           /* service.context */
};

typedef enum status (*batch_fn)(struct batch *batch, struct error *error);

struct handler {
    /* Optional: its own transaction before call(), such as recording an intent. Repeatable. */
    batch_fn prepare;
    /* Optional: external calls outside any transaction. Repeatable: idempotency keys. */
    batch_fn call;
    /* The transaction with inbox and outbox. Given new events only, duplicates dropped. */
    batch_fn apply;
    /* Optional: false acknowledges the event unseen, without inbox or transaction. Pure. */
    bool (*wants)(const struct event *event);
    /* Skips the inbox: the handler has a unique key of its own (the submit command). */
    bool has_own_dedup;
};

struct handler_row {
    enum event_type type;
    const struct handler *handler;
};

/* Rows are in causal order: within one batch, earlier rows' handlers run first. Neighbouring rows
   with the same handler are handed over together, in stream order. Types not listed are
   acknowledged and ignored. */
struct consumer_spec {
    const char *stream;
    const char *durable;
    const struct handler_row *rows;
    size_t row_count;
};

struct consumer;
struct nats_client;

struct consumer_options {
    struct nats_client *nats;
    const char *database_url;
    const char *service;
    const char *instance;
    void *context;
    int64_t batch_max;
    void (*committed)(
        void *closure); /* after each commit that wrote outbox rows; wakes the relay */
    void *committed_closure;
};

/* `spec` and `options`' pointers are borrowed until destroy. start() returns when the thread runs.
 */
struct consumer *consumer_create(const struct consumer_spec *spec,
                                 const struct consumer_options *options);
enum status consumer_start(struct consumer *consumer, struct error *error) MUST_CHECK;
void consumer_drain(struct consumer *consumer); /* stop fetching, finish what was fetched; async */
bool consumer_is_stopped(const struct consumer *consumer);
bool consumer_is_ready(const struct consumer *consumer); /* bound, and not holding a batch */
void consumer_destroy(struct consumer **consumer);       /* joins the thread */

#endif
