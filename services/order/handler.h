/* How orders go on: the other services' events drive order_fsm.h, and feed the catalog. */
#ifndef OM_SERVICES_ORDER_HANDLER_H
#define OM_SERVICES_ORDER_HANDLER_H

#include "shared/consume/batch.h"
#include "shared/contract/lines_cancelled.h"

/* An event of the order service's own that somebody waits for: delivery->state of one whose type is
   above EVENT_TYPE_COUNT, where it has any. */
struct own_event {
    struct slice details;           /* JSON: what the announcement that it leads to tells besides */
    const struct order_lines *left; /* ORDER_LINES_WANTED: what would be left; else NULL */
    bool is_taken;                  /* it did something */
};

extern const struct handler step_handler;     /* reserved, succeeded, shipped */
extern const struct handler progress_handler; /* what else happens to stock, money and parcel */
extern const struct handler catalog_handler;  /* inventory.product_changed */
/* order.cancel: its id derives from the order's, so the table's rows are what drops repeats. A wish
   that comes before its order is kept for it (store_cancel.h). */
extern const struct handler cancel_handler;

#endif
