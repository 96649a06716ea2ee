/*
 * The SQL of pieces that are cancelled before they are sent. What is written is queued into an open
 * transaction that holds the order's lock (line_store.h); the database refuses more pieces of a
 * line than were ordered. Results live in the arena given.
 */
#ifndef OM_SERVICES_ORDER_LINES_CANCEL_STORE_H
#define OM_SERVICES_ORDER_LINES_CANCEL_STORE_H

#include "services/order/lines/line_store.h"
#include "shared/contract/lines_cancelled.h"

/* The words of line_cancels.status. */
#define LINE_CANCEL_REQUESTED "REQUESTED" /* shipping decides */
#define LINE_CANCEL_CANCELLED "CANCELLED"
#define LINE_CANCEL_WHOLE "WHOLE" /* all that was left: the order itself is cancelled */

struct line_cancel {
    struct uuid id, order_id;
    const char *status; /* to store */
    struct slice reason;
    struct slice items; /* JSON of what is asked for */
};

/* How an order stands that pieces are to be cancelled of. */
struct line_stand {
    enum order_status status;
    unsigned steps;
    bool is_held; /* nobody has heard of it yet (store_keys.h) */
};

/* NOT_FOUND: there is none of this id. */
enum status cancel_store_find(struct pg *pg, const struct uuid *id, struct arena *arena,
                              struct line_cancel *found, struct error *error) MUST_CHECK;
enum status cancel_store_read_stand(struct pg *pg, const struct uuid *order_id,
                                    struct line_stand *stand, struct error *error) MUST_CHECK;
/* With the pieces that were taken of `lines`, which count as cancelled at once if it is. */
enum status cancel_store_add(struct pg *pg, const struct line_cancel *added,
                             const struct order_lines *lines, struct error *error) MUST_CHECK;

/* All pieces of an order that are cancelled, under the id and the reason of the first request. */
enum status cancel_store_load(struct pg *pg, const struct uuid *order_id, struct arena *arena,
                              struct lines_cancelled *cancelled, struct error *error) MUST_CHECK;
/* Shipping has not sent the pieces of a request; nothing where that is known. */
enum status cancel_store_settle(struct pg *pg, const struct uuid *id,
                                struct error *error) MUST_CHECK;
/* It has sent those of this order's request that it was asked about. */
enum status cancel_store_refuse(struct pg *pg, const struct uuid *order_id,
                                struct error *error) MUST_CHECK;

/* Appends a request as JSON, with the lines of its order as they stand. */
enum status cancel_store_read(struct pg *pg, const struct uuid *id, struct buf *reply,
                              struct error *error) MUST_CHECK;

#endif
