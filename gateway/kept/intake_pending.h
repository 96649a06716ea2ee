/* Whether the order service has yet to read commands, as JetStream tells of its consumer. Pure. */
#ifndef OM_GATEWAY_KEPT_INTAKE_PENDING_H
#define OM_GATEWAY_KEPT_INTAKE_PENDING_H

#include "shared/base/slice.h"

#include <stdint.h>

/* `answer` is that of $JS.API.CONSUMER.LIST.COMMANDS. True where it cannot be told. */
bool intake_is_pending(struct slice answer);
/* Whether all up to `sequence` of its stream was taken in, or given up. False where it cannot be
   told. */
bool intake_has_passed(struct slice answer, uint64_t sequence);

#endif
