/* Whether the order service has yet to read commands, as JetStream tells of its consumer. Pure. */
#ifndef OM_GATEWAY_ORDERS_INTAKE_PENDING_H
#define OM_GATEWAY_ORDERS_INTAKE_PENDING_H

#include "shared/base/slice.h"

/* `answer` is that of $JS.API.CONSUMER.LIST.ORDERS. True where it cannot be told. */
bool intake_is_pending(struct slice answer);

#endif
