/*
 * A reservation has an end: an order whose goods are reserved, and whose payment has neither been
 * made nor authorized within OM_RESERVATION_LIMIT_S, fails with payment_timeout, and so gives its
 * goods back. The limit counts as the watchdog's (watchdog.h), which ends every order in any case,
 * and is never longer.
 *
 * Any number of instances: orders that somebody else is working on wait for the next turn.
 */
#ifndef OM_SERVICES_ORDER_UNPAID_H
#define OM_SERVICES_ORDER_UNPAID_H

#include "services/order/watchdog.h"

extern const struct periodic unpaid_watch;

/* Seconds that an unpaid reservation may last. */
int64_t unpaid_limit_s(const struct order_settings *settings);

#endif
