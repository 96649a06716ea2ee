/* The SQL of an order's lines, and of the order behind them, in an endpoint's open transaction.
   Results live in the arena given. */
#ifndef OM_SERVICES_ORDER_LINES_LINE_STORE_H
#define OM_SERVICES_ORDER_LINES_LINE_STORE_H

#include "services/order/read/store_read.h"
#include "shared/contract/order_lines.h"
#include "shared/contract/order_terms.h"

/* Locks the order that is asked for, so that of several who want its pieces one after the other
   decides. NOT_FOUND: there is none of that tenant and customer. */
enum status line_store_lock_order(struct pg *pg, const struct order_sought *sought,
                                  struct error *error) MUST_CHECK;
/* The order's lines, without what is cancelled: of each what is left is what nobody has sent back
   or is about to. */
enum status line_store_load(struct pg *pg, const struct uuid *order_id, struct arena *arena,
                            struct order_lines *lines, struct error *error) MUST_CHECK;

#endif
