/* Who acts, for the audit. */
#ifndef OM_OMCTL_DLQ_ACTOR_H
#define OM_OMCTL_DLQ_ACTOR_H

#include "shared/json/json.h"

/* Appends the name of the user of this machine. */
void actor_name(struct buf *name);
/* Adds it as "actor". */
void actor_put(struct json_writer *w);

#endif
