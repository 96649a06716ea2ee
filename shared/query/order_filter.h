/*
 * Which orders somebody looks for, and which page of them: the question that lists and finds are
 * asked by NATS, {"tenant","customerId"?,"status"?,"reason"?,"search"?,"idPrefix"?,"sku"?,
 * "currency"?,"minTotalMinor"?,"maxTotalMinor"?,"trackingNumber"?,"paymentId"?,"from"?,"to"?,
 * "sort"? createdAt|-createdAt,"limit"? 1 to 200,"cursor"?,"after"?}.
 *
 * Texts borrow from the question. Values only; thread safe; nothing blocks.
 */
#ifndef OM_SHARED_QUERY_ORDER_FILTER_H
#define OM_SHARED_QUERY_ORDER_FILTER_H

#include "shared/crypto/uuid.h"
#include "shared/json/json.h"

#define ORDER_PAGE_MOST 200
#define ORDER_REFERENCE_MAX 255 /* bytes of a tracking number or a payment's id */

/* So much of an id is asked for at least: it leaves one order in 65,536. */
#define ORDER_ID_PREFIX_LEAST 4

/* An order's place in a listing. */
struct order_place {
    int64_t at_us;
    struct uuid id;
};

/* An empty text filters by nothing. */
struct order_filter {
    struct slice tenant, customer, status, reason;
    struct slice search; /* within the id or the customer, in either case */
    struct slice id_prefix;
    struct slice sku, currency;
    struct slice tracking_number, payment_id;
    int64_t least_minor, most_minor; /* the total, both included */
    int64_t from_us, to_us;          /* from, and before */
    bool is_oldest_first;
    int64_t limit;
    struct order_place after; /* the page begins behind it */
};

/* INVALID names the member that is wrong. The page is the first one. */
enum status order_filter_read(struct json_object *question, struct order_filter *filter,
                              struct error *error) MUST_CHECK;
bool order_filter_has_amount(const struct order_filter *filter);
/* The ids that begin like `text`: the least and the greatest. False when none does, or it is
   shorter than ORDER_ID_PREFIX_LEAST. */
bool order_id_prefix_parse(struct slice text, struct uuid *least, struct uuid *most);

/* Where a walk begins: behind the page before, and within the time asked for. Of two conditions on
   the side where it begins PostgreSQL may take the wider one, and walk to the other. */
struct order_place order_filter_begin(const struct order_filter *filter);

/* Appends the listing's name, for its cursors: `kind`, the filter and its sort, but not the size of
   its pages. */
void order_filter_scope(const struct order_filter *filter, const char *kind, struct buf *scope);
/* Goes to the page that the question's cursor names, or else to behind the order that "after"
   names,
   "<time>/<id>". INVALID for a cursor of another scope. */
enum status order_filter_open(struct json_object *question, struct slice scope,
                              struct order_filter *filter, struct error *error) MUST_CHECK;
/* Writes the member "nextCursor": of the page behind `end`. */
void order_filter_put_next(struct json_writer *w, struct slice scope,
                           const struct order_place *end);

#endif
