/*
 * What a handler is given and what it declares: a batch of deliveries, and for each type of event
 * the functions that deal with it (consumer.h calls them). Plain values; a batch belongs to the
 * thread of its consumer.
 */
#ifndef OM_SHARED_CONSUME_BATCH_H
#define OM_SHARED_CONSUME_BATCH_H

#include "shared/base/arena.h"
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

#endif
