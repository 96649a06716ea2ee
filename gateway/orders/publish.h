/*
 * The commands into JetStream: commands.order.submit makes an order, under the order's id, so that
 * the stream drops what is sent twice; commands.order.cancel asks for its end, under an id that
 * derives from the order's.
 *
 * A command is sent again, after 50 ms, while its stream has no leader to store it, and when its
 * acknowledgement is lost. Its id makes it one command all the same. When OM_PUBLISH_TIMEOUT_MS are
 * over it is given up. Once an acknowledgement was missed, the failure is TIMEOUT: the command may
 * have been stored.
 *
 * Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_ORDERS_PUBLISH_H
#define OM_GATEWAY_ORDERS_PUBLISH_H

#include "gateway/customers/seal_look.h"
#include "gateway/link/broker.h"
#include "gateway/orders/order_request.h"
#include "gateway/orders/publish_health.h"
#include "shared/base/slice.h"
#include "shared/contract/event.h"
#include "shared/crypto/crypto.h"
#include "shared/observe/span.h"

struct publish_options {
    h2o_context_t *context;
    struct broker_lane *broker;
    const struct key_ring *keys; /* seal personal data, with the order's */
    struct publish_health *health;
    int64_t timeout_ms; /* until a command is given up */
};

/* All that a loop needs to send commands; everything given is borrowed. */
struct publish_lane;
struct publish_lane *publish_lane_create(const struct publish_options *options);
void publish_lane_destroy(struct publish_lane **lane);

/* An order to be. Borrowed until it is stored or given up. */
struct submission {
    const struct order_request *request; /* its snapshot names the order, tenant and flow */
    const char *key_hash;                /* hex, or NULL without an Idempotency-Key */
    bool is_key_unguarded;               /* another order may have the key */
    const struct seal_look *seal;        /* ended; seals the personal data, if any */
};

/* The wish to cancel an order. */
struct cancellation {
    struct uuid order_id;
    struct slice tenant; /* borrowed until it is stored or given up */
};

/* `failure` is NULL once the stream holds the command, whose message's body is `command`. */
typedef void (*publish_fn)(void *closure, const struct error *failure, struct slice command);

/* A command on its way. Embed it, zeroed; its members are publish.c's. */
struct publication {
    struct publish_lane *lane;
    struct broker_call *call; /* a place in flight, or the try that is; NULL between tries */
    enum event_type type;
    union {
        struct submission submission;
        struct cancellation cancellation;
    };
    struct uuid id;       /* the command's */
    struct trace trace;   /* of the request */
    struct span span;     /* of the way into the stream */
    struct buf body;      /* of its message */
    bool is_sent;         /* `call` is under way */
    bool may_be_stored;   /* one that was sent has not been answered */
    struct error failure; /* of the last try */
    h2o_timer_t again, deadline;
    publish_fn fn;
    void *closure;
};

/* Takes a place in flight. OVERLOADED: none is free; UNAVAILABLE: not connected. */
enum status publish_open(struct publish_lane *lane, struct publication *publication) MUST_CHECK;
/* Gives the place back, if it is not used. */
void publish_drop(struct publication *publication);

/* Use the place that publish_open() took. `fn` is called once, and may be before they return. */
void publish_order(struct publication *publication, const struct submission *submission,
                   const struct trace *trace, publish_fn fn, void *closure);
void publish_cancel(struct publication *publication, const struct cancellation *cancellation,
                    const struct trace *trace, publish_fn fn, void *closure);

#endif
