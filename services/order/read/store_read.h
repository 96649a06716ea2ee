/* The SQL of readers of orders, outside a transaction. */
#ifndef OM_SERVICES_ORDER_READ_STORE_READ_H
#define OM_SERVICES_ORDER_READ_STORE_READ_H

#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

/* The order that is asked for; it must be of this tenant and customer. An empty `customer` stands
   for any. */
struct order_sought {
    struct uuid id;
    struct slice tenant, customer;
};

/* One order for a reader, appended to `reply` as JSON: whole, or its status only. NOT_FOUND when
   there is no such order of that tenant and customer. */
enum status order_store_read(struct pg *pg, const struct order_sought *sought, struct buf *reply,
                             struct error *error) MUST_CHECK;
enum status order_store_read_status(struct pg *pg, const struct order_sought *sought,
                                    struct buf *reply, struct error *error) MUST_CHECK;
/* An order's history, for those that follow it: its status and the timeline in the order applied,
   to which entries are only ever added. */
enum status order_store_read_history(struct pg *pg, const struct order_sought *sought,
                                     struct buf *reply, struct error *error) MUST_CHECK;

/* Appends {"submit":[id],"cancel":[id]}: of the orders asked for those that are not there, and
   those whose end nobody has wished, as far as is committed. */
enum status order_store_read_missing(struct pg *pg, struct pg_array *submits,
                                     struct pg_array *cancels, struct buf *reply,
                                     struct error *error) MUST_CHECK;

/* An order's place in lists. */
struct order_place {
    int64_t accepted_at_us;
    struct uuid id;
};

/* A page of a list by time of acceptance. An empty text filters by nothing. */
struct order_list {
    struct slice tenant, customer, status, reason;
    struct slice search;    /* within the id or the customer, in either case */
    int64_t from_us, to_us; /* accepted from, and before */
    bool is_oldest_first;
    int64_t limit;
    struct order_place after;
};

/* Writes the member "orders". `*goes_on` says whether a further page from `*end` may find more; a
   page can have fewer orders than its limit, or none, and yet not be the last. */
enum status order_store_list(struct pg *pg, const struct order_list *list, struct json_writer *w,
                             bool *goes_on, struct order_place *end,
                             struct error *error) MUST_CHECK;

#endif
