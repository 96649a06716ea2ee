/*
 * Tells customers what became of their orders: once an order, kind and channel, unless the process
 * dies between sending and recording it; then once more.
 *
 * The log is written at once. A notice for another system is put into a queue (queue.h), which one
 * sender a channel empties (sender.h): a channel that is slow or down holds neither the events nor
 * the other channels.
 */
#ifndef OM_SERVICES_NOTIFICATION_HANDLER_H
#define OM_SERVICES_NOTIFICATION_HANDLER_H

#include "services/notification/queue.h"
#include "shared/consume/batch.h"
#include "shared/crypto/crypto.h"

/* The handler's context. */
struct notification {
    struct channel *channels[NOTIFY_CHANNEL_COUNT]; /* NULL: not configured; the log always is */
    unsigned defaults; /* NOTIFY_BIT()s of orders that do not say how */
    int64_t give_up_s; /* how old a notice gets before it is FAILED */
    struct notice_rate rates[NOTIFY_CHANNEL_COUNT];
    struct key_ring *ring; /* opens the customer's address; NULL: addresses stay sealed */
    struct sender *senders[NOTIFY_CHANNEL_COUNT]; /* NULL: the log, which the handler writes */
};

/* order.confirmed, order.failed, order.cancelled, shipping.shipped */
extern const struct handler notification_handler;

#endif
