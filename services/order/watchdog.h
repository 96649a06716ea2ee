/*
 * Nothing hangs: an order that has not ended within its limit is told that its time is up, and the
 * table in order_fsm.h says what follows, in the same transaction with its events.
 *
 * The limit counts from when the order service took the order in, and only while the service could
 * work: a turn is taken while a process is ready, and after a gap without turns every open order
 * has its whole limit again. So neither an outage nor a long stop fails what was waiting for its
 * end.
 *
 * Any number of instances: each turn belongs to whoever locks it, and orders that somebody else is
 * working on wait for the next.
 */
#ifndef OM_SERVICES_ORDER_WATCHDOG_H
#define OM_SERVICES_ORDER_WATCHDOG_H

#include "services/order/catalog/product_source.h"
#include "shared/service/periodic.h"

/* The order service's configuration, and its handlers' context. */
struct order_settings {
    int64_t saga_limit_s;
    int64_t reservation_limit_s; /* unpaid.h; 0: as saga_limit_s */
    int64_t return_days;         /* 0: without a limit */
    products_fn ask_products;
};

extern const struct periodic watchdog;

#endif
