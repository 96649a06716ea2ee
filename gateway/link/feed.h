/*
 * The order service's updates of orders (shared/contract/updates.h), brought to the lanes that have
 * somebody watching.
 *
 * One subscription a process, on `updates.*`, and only while anybody watches: otherwise NATS drops
 * the messages where they are published. Each lane says which orders it watches; an update of
 * another order costs a look into a table. A lane that watches all orders gets a summary of each
 * second instead, with a sample of the updates: its cost does not grow with the orders.
 *
 * Updates can be lost, with the connection or before the subscription stands: then every lane is
 * told to read the orders it watches.
 *
 * feed_create/stop/destroy belong to the main thread; the rest to the lanes' loops, and the
 * callbacks run there. Nothing blocks a loop.
 */
#ifndef OM_GATEWAY_LINK_FEED_H
#define OM_GATEWAY_LINK_FEED_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"

#include "shared/loop/loop.h"

struct feed;
struct feed_lane;

/* Of all orders at most so many updates a second are shown one by one. */
#define FEED_SAMPLE_MOST 20

enum status feed_create(struct nats_client *nats, size_t lane_count, struct feed **feed,
                        struct error *error) MUST_CHECK;
/* Ends the thread and the subscription. Loops must have ended. */
void feed_stop(struct feed *feed);
void feed_destroy(struct feed **feed);

enum feed_kind {
    FEED_UPDATE, /* of a watched order: `order_id`, and the body in `text` */
    FEED_MISSED, /* there may have been updates that nobody saw */
    FEED_SECOND, /* of all orders: `text` is event stream text */
};

struct feed_news {
    enum feed_kind kind;
    struct uuid order_id;
    struct slice text; /* valid during the callback */
};

typedef void (*feed_fn)(void *closure, const struct feed_news *news);

/* Lane `index` for the loop of `context`; call it on that loop's thread. */
struct feed_lane *feed_lane_open(struct feed *feed, size_t index, h2o_context_t *context,
                                 feed_fn fn, void *closure);

/* A watched order; embed it. Several may watch the same. */
struct feed_watch {
    struct uuid order_id;
    size_t lane;
    struct feed_watch *next;
};

void feed_watch(struct feed_lane *lane, struct feed_watch *watch, const struct uuid *order_id);
void feed_unwatch(struct feed_lane *lane, struct feed_watch *watch);
/* Every call of the first wants one of the second. */
void feed_watch_all(struct feed_lane *lane);
void feed_unwatch_all(struct feed_lane *lane);

#endif
