/*
 * Tells customers what became of their orders: once an order, kind and channel, unless the process
 * dies between sending and recording it; then once more.
 */
#ifndef OM_SERVICES_NOTIFICATION_HANDLER_H
#define OM_SERVICES_NOTIFICATION_HANDLER_H

#include "services/notification/channel.h"
#include "shared/consumer.h"
#include "shared/crypto.h"

#define NOTIFICATION_CHANNELS_MAX 2

/* The handler's context. */
struct notification {
    /* In this order: the last one can hardly fail, so that a repetition after an outage of the
       first repeats nothing. */
    struct channel *channels[NOTIFICATION_CHANNELS_MAX];
    size_t channel_count;
    struct key_ring *ring; /* opens the customer's address; NULL: addresses stay sealed */
};

/* order.confirmed, order.failed, order.cancelled, shipping.shipped */
extern const struct handler notification_handler;

#endif
