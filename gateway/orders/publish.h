/*
 * The commands into JetStream: orders.cmd.submit makes an order, its id the order id, so that the
 * stream drops what is sent twice; orders.cmd.cancel asks for its end. Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_ORDERS_PUBLISH_H
#define OM_GATEWAY_ORDERS_PUBLISH_H

#include "gateway/link/broker.h"
#include "gateway/orders/order_request.h"
#include "shared/base/crypto.h"
#include "shared/contract/event.h"
#include "shared/observe/span.h"

/* Memory used again from order to order; zero-initialize, one a loop. */
struct publish_buffers {
    struct buf contact, sealed, data, envelope;
};

struct submission {
    const struct order_request *request; /* its snapshot names the order, tenant and flow */
    const struct key_ring *keys;         /* seals the personal data */
    const char *key_hash;                /* hex, or NULL without an Idempotency-Key */
    struct trace trace;
};

/* Sends it on `call`, which is used up unless this fails; `fn` gets the PubAck. */
enum status publish_order(struct publish_buffers *buffers, struct broker_call *call,
                          const struct submission *submission, broker_fn fn, void *closure,
                          struct error *error) MUST_CHECK;
/* The wish to cancel an order: orders.cmd.cancel under an id that derives from the order's, so that
   a repetition is the same command. */
struct cancellation {
    struct uuid order_id;
    struct slice tenant;
    struct trace trace;
};

/* As publish_order(). */
enum status publish_cancel(struct publish_buffers *buffers, struct broker_call *call,
                           const struct cancellation *cancellation, broker_fn fn, void *closure,
                           struct error *error) MUST_CHECK;
/* Ends the PRODUCER span of the event `id`; `error` is NULL once it is stored. */
void publish_span_end(const struct span *span, enum event_type type, const struct uuid *id,
                      const struct error *error);
/* OK when the answer says that the stream holds the order. */
enum status publish_judge(const struct broker_answer *answer, struct error *error) MUST_CHECK;

#endif
