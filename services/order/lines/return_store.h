/*
 * The SQL of returns. What is written is queued into an open transaction that holds the order's
 * lock (line_store.h); the database refuses more pieces of a line than were ordered. Results live
 * in the arena given.
 */
#ifndef OM_SERVICES_ORDER_LINES_RETURN_STORE_H
#define OM_SERVICES_ORDER_LINES_RETURN_STORE_H

#include "services/order/lines/line_store.h"

enum return_status {
    RETURN_REQUESTED,
    RETURN_RECEIVED, /* its money is to be given back */
    RETURN_RETURNED,
    RETURN_REFUSED,
    RETURN_STATUS_COUNT
};

struct order_return {
    struct uuid id, order_id;
    enum return_status status;
    struct slice reason;
    struct slice items;    /* JSON of what is announced */
    struct slice received; /* JSON of what came back; empty before */
};

/* Pieces of one line that have come back. */
struct line_receipt {
    int64_t restocked, written_off;
};

/* NOT_FOUND: there is none of this id. */
enum status return_store_find(struct pg *pg, const struct uuid *id, struct arena *arena,
                              struct order_return *found, struct error *error) MUST_CHECK;
/* Whether the order was completed within so many days; true without a limit (0). */
enum status return_store_is_in_time(struct pg *pg, const struct uuid *order_id, int64_t days,
                                    bool *is_in_time, struct error *error) MUST_CHECK;
/* With the pieces that were taken of `lines`. */
enum status return_store_add(struct pg *pg, const struct order_return *added,
                             const struct order_lines *lines, struct error *error) MUST_CHECK;
/* Leaves in `lines` only what the return announced: as many are left of each. */
enum status return_store_load_announced(struct pg *pg, const struct uuid *id,
                                        struct order_lines *lines, struct error *error) MUST_CHECK;
/* `receipts` has one for each line; what was announced and has not come may be sent again. */
enum status return_store_receive(struct pg *pg, const struct order_return *received,
                                 const struct line_receipt *receipts, size_t count,
                                 struct error *error) MUST_CHECK;
enum status return_store_refuse(struct pg *pg, const struct order_return *refused,
                                struct slice note, struct error *error) MUST_CHECK;
/* Its money was given back; nothing where that is known. */
enum status return_store_note_refund(struct pg *pg, const struct uuid *id, int64_t refunded_minor,
                                     struct error *error) MUST_CHECK;

/* Appends {"returns":[...]} of the order, or one of them where `id` is not NULL. NOT_FOUND: there
   is no such order, or no such return of it. */
enum status return_store_read(struct pg *pg, const struct order_sought *sought,
                              const struct uuid *id, struct buf *reply,
                              struct error *error) MUST_CHECK;

#endif
