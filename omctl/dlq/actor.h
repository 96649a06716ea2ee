/* Who acts, for the audit. */
#ifndef OM_OMCTL_DLQ_ACTOR_H
#define OM_OMCTL_DLQ_ACTOR_H

#include "shared/json/json.h"

/* Adds "actor": the user of this machine. */
void actor_put(struct json_writer *w);

#endif
