/* An endpoint's transaction. Blocks as pg_query() does; errors are those of the function given. */
#ifndef OM_SHARED_SERVICE_TRANSACTION_H
#define OM_SHARED_SERVICE_TRANSACTION_H

#include "shared/service/service.h"

/* Decides and stores inside an open transaction. Repeatable. */
typedef enum status (*transact_fn)(struct pg *pg, struct arena *arena, void *state,
                                   struct error *error);

/* Commits what `decide` does, or leaves nothing of it. Where another transaction was first
   (SERIALIZATION), it is decided again on what that one left, a few times. */
enum status transact(struct endpoint_call *call, transact_fn decide, void *state,
                     struct error *error) MUST_CHECK;

#endif
