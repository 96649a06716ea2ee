/*
 * The SQL of refunds in part. What is asked for is reserved on its payment at once; the database
 * refuses more than was taken. Results live in the arena given. Payments are locked in the order of
 * their ids.
 */
#ifndef OM_SERVICES_PAYMENT_REFUND_STORE_H
#define OM_SERVICES_PAYMENT_REFUND_STORE_H

#include "services/payment/payment_fsm.h"
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/contract/order_lines.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg.h"

/* The words of refunds.status. */
#define REFUND_PENDING "PENDING"
#define REFUND_REFUNDED "REFUNDED"
#define REFUND_REFUSED "REFUSED"

struct refund {
    struct uuid id, order_id;
    int64_t amount_minor;
    struct slice reason, status;
    struct slice items; /* JSON of the wishes that it is for; empty where it is for an amount */
    bool is_return;     /* its id is that of the return that it is for */
};

/* What of a payment was taken, and is given back or to be. */
struct refundable {
    enum payment_status status;
    struct slice currency;
    int64_t captured_minor, refunded_minor;
};

/* --- asking for one, in an open transaction --- */

/* NOT_FOUND: the order has no payment. */
enum status refund_store_lock(struct pg *pg, const struct uuid *order_id, struct arena *arena,
                              struct refundable *payment, struct error *error) MUST_CHECK;
/* NOT_FOUND: there is none of this id. */
enum status refund_store_find(struct pg *pg, const struct uuid *id, struct arena *arena,
                              struct refund *refund, struct error *error) MUST_CHECK;
/* Sets what is left of each line to what of it was not given back yet, and nothing is taken. */
enum status refund_store_read_lines(struct pg *pg, const struct uuid *order_id,
                                    struct order_lines *lines, struct error *error) MUST_CHECK;
/* Queues the refund, and notes the pieces that were taken of `lines`, which is empty for an amount.
 */
enum status refund_store_add(struct pg *pg, const struct refund *refund,
                             const struct order_lines *lines, struct error *error) MUST_CHECK;

/* --- looking at them --- */

/* Appends a JSON array of an order's refunds, oldest first; all that an administrator sees of each,
   or what its customer does. */
enum status refund_store_list(struct pg *pg, const struct uuid *order_id, bool is_whole,
                              struct buf *out, struct error *error) MUST_CHECK;
/* How old the oldest one is that is not settled, in seconds; 0: there is none. */
enum status refund_store_oldest(struct pg *pg, int64_t *age_s, struct error *error) MUST_CHECK;

/* --- making those that are due --- */

struct due_refund {
    struct refund refund;
    struct slice currency, charge_id;
    int attempt;
    /* answered: */
    const char *outcome; /* REFUND_REFUNDED or REFUND_REFUSED; NULL: to be asked for again */
    const char *refund_id, *code;
};

struct due_refunds {
    struct due_refund *items;
    size_t count;
};

/* Takes those that are due, outside a transaction, and puts off their next turn: 1, 2, 4 s and so
   on, up to five minutes. One that nobody has an answer for within 23 hours stays as it is, since
   the provider forgets its key then. */
enum status refund_store_take_due(struct pg *pg, struct arena *arena, struct due_refunds *due,
                                  struct error *error) MUST_CHECK;

/* A refund that this transaction has settled; the payment's amounts are those after it. */
struct settled_refund {
    struct uuid id;
    int64_t captured_minor, refunded_minor; /* refunded: what the provider has given back so far */
};
struct settled_refunds {
    struct settled_refund *items;
    size_t count;
};

/* Stores the outcomes, each once: *settled are those that had none before. What was refused is
   there to be given back again. */
enum status refund_store_settle(struct pg *pg, const struct due_refunds *due, struct arena *arena,
                                struct settled_refunds *settled, struct error *error) MUST_CHECK;

#endif
