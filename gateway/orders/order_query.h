/* The query of a list of orders: which parameters there are, and what is wrong with those given.
   Pure. */
#ifndef OM_GATEWAY_ORDERS_ORDER_QUERY_H
#define OM_GATEWAY_ORDERS_ORDER_QUERY_H

#include "gateway/reply/query.h"
#include "shared/json/json.h"

enum order_parameter {
    ORDER_CUSTOMER_ID,
    ORDER_STATUS,
    ORDER_REASON,
    ORDER_SEARCH,
    ORDER_ID_PREFIX,
    ORDER_SKU,
    ORDER_CURRENCY,
    ORDER_MIN_TOTAL,
    ORDER_MAX_TOTAL,
    ORDER_TRACKING_NUMBER,
    ORDER_PAYMENT_ID,
    ORDER_FROM,
    ORDER_TO,
    ORDER_SORT,
    ORDER_LIMIT,
    ORDER_CURSOR,
    ORDER_PARAMETERS
};

/* Before the cursors of what was found by the index: base64url has no such letter. */
#define ORDER_FOUND_MARK "~"
#define ORDER_CURSOR_RULE "cursor: must be the nextCursor of a page with the same filter and sort"

struct order_query {
    struct query_parameter parameters[ORDER_PARAMETERS];
};

/* Values are the arena's. INVALID names the parameter. */
enum status order_query_parse(struct slice text, struct arena *arena, struct order_query *query,
                              struct error *error) MUST_CHECK;
struct slice order_query_value(const struct order_query *query, enum order_parameter parameter);
/* Its index finds what the query asks for sooner than a walk over all orders does, or alone. */
bool order_query_is_found(const struct order_query *query);
/* By the number of a parcel or a payment. */
bool order_query_has_reference(const struct order_query *query);
/* Writes a parameter as a member of the question to a service, unless it was not given. */
void order_query_put(const struct order_query *query, enum order_parameter parameter,
                     struct json_writer *w);

#endif
