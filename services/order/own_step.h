/*
 * An order steps by an event of the service's own that an endpoint's caller waits for, in the
 * endpoint's transaction: as any other event it goes through order_fsm.h, joins the timeline and is
 * announced. Blocks as pg_query() does.
 */
#ifndef OM_SERVICES_ORDER_OWN_STEP_H
#define OM_SERVICES_ORDER_OWN_STEP_H

#include "services/order/handler.h"
#include "shared/service/service.h"

struct own_step {
    enum event_type event; /* above EVENT_TYPE_COUNT, or EVENT_ORDER_CANCEL */
    struct uuid order_id;
    struct slice details;           /* JSON; empty without any */
    const struct order_lines *left; /* as in struct own_event */
    struct updates *updates;
};

/* CONFLICT: where the order stands, nothing comes of it, which is not said of EVENT_ORDER_CANCEL.
   The caller holds the order's lock. */
enum status own_step_take(struct pg *pg, struct arena *arena, const struct own_step *step,
                          struct error *error) MUST_CHECK;

#endif
