/*
 * Making the analytics projection again from the streams, while the service goes on.
 *
 * The streams are replayed into tables of the schema analytics_rebuild by the service's own code.
 * Then, in one transaction that holds the service's writers out for a moment, what has come since
 * is replayed too and the new tables take the old ones' place. An event that is in the new tables
 * although the service has yet to apply it does no harm: facts join (services/analytics/facts.h).
 * Facts from before a stream's first message are taken over from the old tables.
 *
 * Only one rebuild runs at a time; one that was interrupted left the old tables as they were.
 * Blocks.
 */
#ifndef OM_OMCTL_STREAMS_REBUILD_H
#define OM_OMCTL_STREAMS_REBUILD_H

#include "omctl/command/command.h"
#include "shared/nats/nats_client.h"

#include <stdio.h>

struct rebuild_result {
    int64_t events;  /* replayed */
    int64_t skipped; /* not readable, as the service would have rejected them */
    int64_t kept;    /* orders of which something older than the streams was taken over */
};

/* `database_url` is that of the schema's owner. Progress goes to `progress`. CONFLICT: another
   rebuild is at work. */
enum status rebuild_analytics(struct nats_client *nats, const char *database_url, FILE *progress,
                              struct rebuild_result *result, struct error *error) MUST_CHECK;

int rebuild_command(const struct omctl_config *config, int argc, char **argv);

#endif
