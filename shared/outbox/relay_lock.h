/*
 * Who relays a schema: the one session that holds its advisory lock. Blocks for a statement.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_LOCK_H
#define OM_SHARED_OUTBOX_RELAY_LOCK_H

#include "shared/base/buf.h"
#include "shared/pg/pg.h"

/* Takes the lock if nobody has it; *session is ours either way. */
enum status relay_lock_try(struct pg *pg, const char *schema, bool *is_taken, int64_t *session,
                           struct error *error) MUST_CHECK;
/* Appends the session that has it, in words; nothing when none has. */
enum status relay_lock_holder(struct pg *pg, const char *schema, struct buf *holder,
                              struct error *error) MUST_CHECK;

#endif
