/*
 * What becomes of kept commands (kept_command.h). Each second one gateway of all, which has the
 * lease in Redis, walks through them and asks the order service which have not taken effect. The
 * others need not be kept any more.
 *
 * A command that is missing may still be on its way. It is published again only if the broker does
 * not have it: the order service's consumer was through with all that the stream held when the
 * command had been in it, a while ago, and the command is no dead letter, so that what an operator
 * discarded stays so. Its message id tells how often that was, since the stream may still know the
 * first one; the order's id makes it one command all the same. Each time the grace is twice as
 * long. Two gateways that both believe to have the lease do no harm.
 *
 * Loop thread, of one loop; nothing blocks.
 */
#ifndef OM_GATEWAY_KEPT_KEPT_SWEEP_H
#define OM_GATEWAY_KEPT_KEPT_SWEEP_H

#include "gateway/lane/lane.h"

struct kept_sweep;

/* `lane` has its parts, and is borrowed. */
struct kept_sweep *kept_sweep_create(struct lane *lane);
/* After the lane's connection to Redis. */
void kept_sweep_destroy(struct kept_sweep **sweep);

#endif
