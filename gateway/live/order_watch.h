/*
 * Orders that somebody watches, and their history so far as event stream text.
 *
 * All watchers of one order that may see the same of it share one watch: it is read once, and kept
 * up by the order service's updates (feed.h). Where an update is missing it is read again; and now
 * and then without one, since updates may be lost. Entries are only ever added to a history, so a
 * watcher needs no more than the number of those it has sent.
 *
 * One table for each lane. Loop thread only; nothing blocks.
 */
#ifndef OM_GATEWAY_LIVE_ORDER_WATCH_H
#define OM_GATEWAY_LIVE_ORDER_WATCH_H

#include "gateway/lane/caller.h"
#include "gateway/lane/lane.h"
#include "gateway/link/feed.h"
#include "shared/base/buf.h"

struct order_watches;
struct order_watch;

struct order_watches *order_watches_create(struct lane *lane, struct feed_lane *feed);
/* Loops must have ended: watches that are left stay as they are. */
void order_watches_destroy(struct order_watches **watches);
/* Takes the feed's news, other than those of all orders. */
void order_watches_hear(struct order_watches *watches, const struct feed_news *news);

enum order_watch_state {
    ORDER_WATCH_READING, /* not known yet */
    ORDER_WATCH_KNOWN,
    ORDER_WATCH_FAILED, /* not there, or cannot be read: order_watch_failure() */
};

/* Embed it; `watch` is there between join and leave. */
struct order_watcher {
    struct order_watch *watch;
    struct order_watcher *next;
    /* Something is new. This watcher and any other, of whichever order, may leave meanwhile. */
    void (*on_news)(struct order_watcher *watcher);
};

/* Joins the watch of an order, as the caller may see it; it may be known already. `on_news` may
   come before this returns. */
void order_watch_join(struct order_watches *watches, const struct caller *caller,
                      const struct uuid *order_id, struct order_watcher *watcher);
void order_watch_leave(struct order_watcher *watcher); /* also one that has not joined */

enum order_watch_state order_watch_state(const struct order_watch *watch);
/* The broker's status that made it fail. */
enum status order_watch_failure(const struct order_watch *watch);
/* How many entries the history has, and the order's version. 0: it has been accepted, no more. */
size_t order_watch_count(const struct order_watch *watch);
int64_t order_watch_version(const struct order_watch *watch);
bool order_watch_has_ended(const struct order_watch *watch);
/* Appends the entries behind the first `sent`, and how the order stands. */
void order_watch_write(const struct order_watch *watch, size_t sent, struct buf *out);

#endif
