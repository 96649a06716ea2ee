/*
 * A handler's input and its declaration: a batch of deliveries, each a message as the handler gets
 * it and what the handler says of it, and for each type of event the functions that deal with it
 * (consumer.h calls them). Plain values; a batch belongs to the thread of its consumer.
 */
#ifndef OM_SHARED_CONSUME_BATCH_H
#define OM_SHARED_CONSUME_BATCH_H

#include "shared/base/arena.h"
#include "shared/contract/event.h"
#include "shared/contract/updates.h"
#include "shared/outbox/outbox.h"
#include "shared/pg/pg.h"

struct nats_client;

/* --- deliveries ------------------------------------------------------------------------------- */

enum outcome { OUTCOME_DONE, OUTCOME_EARLY, OUTCOME_RETRY, OUTCOME_REJECT };

/* One message in a batch. */
struct delivery {
    struct event event;   /* zero where the stream's messages are no events */
    struct slice subject; /* as it came, and so the payload */
    struct slice payload;
    enum outcome outcome;
    struct error error; /* why EARLY, RETRY or REJECT; becomes the failure report */
    int attempt;        /* 1 for the first delivery */
    /* Its place in the stream, and when it was stored there; a message sent again has those of its
       first one, and its event's time. */
    uint64_t sequence;
    int64_t stored_us;
    bool has_waited;   /* it was EARLY before */
    bool is_duplicate; /* the inbox knows the event: no handler gets it */
    bool is_discarded; /* operators have: it counts as one */
    void *state;       /* the handler's own, from prepare to apply */
};

/* Marks one delivery, with the reason kept for the failure report: (delivery, status, format, ...)
 */
#define delivery_reject(delivery, ...) delivery_mark(delivery, OUTCOME_REJECT, __VA_ARGS__)
#define delivery_retry(delivery, ...) delivery_mark(delivery, OUTCOME_RETRY, __VA_ARGS__)
/* What it follows is not here yet: nothing failed. (delivery, format, ...) */
#define delivery_early(delivery, ...)                                                              \
    delivery_mark(delivery, OUTCOME_EARLY, STATUS_NOT_FOUND, __VA_ARGS__)
/* Who knows whether it is early does not answer, which is not the event's fault however long it
   lasts. (delivery, format, ...) */
#define delivery_await_answer(delivery, ...)                                                       \
    delivery_mark(delivery, OUTCOME_EARLY, STATUS_UNAVAILABLE, __VA_ARGS__)
void delivery_mark(struct delivery *delivery, enum outcome outcome, enum status status,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* delivery_retry() for what an attempt failed with. */
void delivery_fail(struct delivery *delivery, enum status status, const struct error *error);

/* --- batches of them, and who takes them ------------------------------------------------------ */

/* The work of a handler. Everything is valid until the handler returns. */
struct batch {
    struct delivery **items;
    size_t count;
    struct arena *arena;      /* for the batch's own memory */
    struct pg *pg;            /* with the open transaction in apply(); NULL in call() */
    struct outbox *outbox;    /* NULL in prepare() and call() */
    struct updates *updates;  /* published after the commit; may be NULL */
    struct nats_client *nats; /* for call(), take_raw(), and a periodic's ask(), only */
    void *context;            /* service.context */
};

typedef enum status (*batch_fn)(struct batch *batch, struct error *error);

/* How an event that comes again is kept from a second effect. */
enum handler_once {
    /* The inbox takes each event in the batch's transaction, and knows it from then on. */
    ONCE_BY_INBOX,
    /* The effect is the same however often and in whatever order events come. Nothing is written
       into the inbox. All may run once more, after a rollback, when it turns out that operators had
       discarded one of the events. */
    ONCE_BY_EFFECT,
    /* The handler has a unique key of its own, of events that no outbox sends again. */
    ONCE_BY_OWN_KEY,
};

struct handler {
    /* Optional: before call(), such as recording an intent. Begins and commits by itself on
       batch.pg; what it leaves open when it fails is rolled back. Repeatable. */
    batch_fn prepare;
    /* Optional: external calls outside any transaction. Repeatable: idempotency keys. */
    batch_fn call;
    /* The transaction with inbox and outbox. Given new events only, duplicates dropped, as far as
       `once` knows them. */
    batch_fn apply;
    /* Optional: false acknowledges the event unseen, without inbox or transaction. Pure. */
    bool (*wants)(const struct event *event);
    enum handler_once once;
    /* No customer waits for it: its consumers ask for what has come only so often, and make larger
       batches (intake.h). 0: as it comes. */
    int64_t patience_ms;
    /* Instead of all others, and in the spec's only row, where the stream's messages are no events:
       is given all of them as they came, `raw_most` at once, and makes its own transactions on
       batch.pg. Repeatable. Such a message is neither in the inbox nor reported; one that fails
       alone comes again. */
    batch_fn take_raw;
    int64_t raw_most;
};

struct handler_row {
    enum event_type type; /* EVENT_TYPE_COUNT: no event's */
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

/* Runs a statement whose only parameter, $1::uuid[], is the order of each event of the batch: one
   that has several events is there several times. Blocks as pg_query() does. */
enum status batch_query_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) MUST_CHECK;
/* The same, but *result is as with pg_queue_into(). */
enum status batch_queue_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) MUST_CHECK;

static inline bool consumer_spec_is_raw(const struct consumer_spec *spec) {
    return spec->rows[0].handler->take_raw != NULL;
}

static inline int64_t consumer_spec_patience_ms(const struct consumer_spec *spec) {
    return spec->rows[0].handler->patience_ms;
}

#endif
