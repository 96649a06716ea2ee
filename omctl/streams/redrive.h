/*
 * Redriving an outbox: setting its relay's cursor back, so that past events are published again.
 *
 * The relay's leader notices that the row is not what it wrote and takes it over; nothing needs a
 * restart. Events go out under their old ids: consumers whose inbox has them drop them, and so does
 * a consumer that an operator discarded one at. Blocks.
 */
#ifndef OM_OMCTL_STREAMS_REDRIVE_H
#define OM_OMCTL_STREAMS_REDRIVE_H

#include "omctl/command/command.h"
#include "shared/pg/pg.h"

struct redriven {
    int64_t events;    /* will be published again */
    int64_t discarded; /* dead letters that would have come back by it */
};

/* Sets the cursor of `schema` back to the first transaction since `since_us` (1970, UTC). Where the
   database was restored to another cluster, the outbox first takes on that one's transaction ids:
   then no relay may be running. INVALID: no such schema. */
enum status redrive_outbox(struct pg *pg, const char *schema, int64_t since_us,
                           struct redriven *redriven, struct error *error) MUST_CHECK;

int redrive_command(const struct omctl_config *config, int argc, char **argv);

#endif
