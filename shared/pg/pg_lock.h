/*
 * Locks by name, of one session in a database: advisory locks, which end with their session. Blocks
 * for a statement.
 */
#ifndef OM_SHARED_PG_PG_LOCK_H
#define OM_SHARED_PG_PG_LOCK_H

#include "shared/base/buf.h"
#include "shared/pg/pg.h"

/* Takes the lock unless another session has it; what has it already keeps it. *session is ours
   either way: it is another one when the connection was opened anew. */
enum status pg_lock_try(struct pg *pg, const char *name, bool *is_taken, int64_t *session,
                        struct error *error) MUST_CHECK;
/* Appends the session that has it, in words; nothing when none has. */
enum status pg_lock_holder(struct pg *pg, const char *name, struct buf *holder,
                           struct error *error) MUST_CHECK;

#endif
