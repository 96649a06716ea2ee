/* The SQL of readers of orders, outside a transaction. */
#ifndef OM_SERVICES_ORDER_READ_STORE_READ_H
#define OM_SERVICES_ORDER_READ_STORE_READ_H

#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"
#include "shared/query/order_filter.h"

/* The order that is asked for; it must be of this tenant and customer. An empty `customer` stands
   for any. */
struct order_sought {
    struct uuid id;
    struct slice tenant, customer;
    int64_t reservation_limit_s; /* of an unpaid reservation; 0: nobody says */
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

/* Writes the member "orders". `*goes_on` says whether a further page from `*end` may find more; a
   page can have fewer orders than its limit, or none, and yet not be the last. Of more than 10,000
   orders whose ids begin alike the first ones by their ids are looked at. A filter's payment is not
   looked at. */
enum status order_store_list(struct pg *pg, const struct order_filter *list, struct json_writer *w,
                             bool *goes_on, struct order_place *end,
                             struct error *error) MUST_CHECK;
/* Writes the member "orders": those of `ids`, in their order, that are like the filter. */
enum status order_store_list_ids(struct pg *pg, const struct order_filter *list,
                                 struct pg_array *ids, struct json_writer *w,
                                 struct error *error) MUST_CHECK;

#endif
