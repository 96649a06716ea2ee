/*
 * Which gateway looks after the kept commands (kept_command.h): a lease in Redis, which ends by
 * itself within 5 s of its holder's end. Each renewal also measures what is kept, for this
 * gateway's metrics, and sees that it does not outgrow OM_COMMAND_KEPT_BYTES.
 *
 * Loop thread; nothing blocks.
 */
#ifndef OM_GATEWAY_KEPT_KEPT_LEASE_H
#define OM_GATEWAY_KEPT_KEPT_LEASE_H

#include "gateway/lane/lane.h"

struct kept_lease;

struct kept_lease *kept_lease_create(struct lane *lane);
/* After the lane's connection to Redis. */
void kept_lease_destroy(struct kept_lease **lease);

/* `fn` is called once, and may be before this returns. */
void kept_lease_renew(struct kept_lease *lease, void (*fn)(void *closure), void *closure);
bool kept_lease_is_mine(const struct kept_lease *lease);
/* Unix time by Redis' clock, by which commands are kept; never before the oldest of them. */
int64_t kept_lease_now_ms(const struct kept_lease *lease);

#endif
