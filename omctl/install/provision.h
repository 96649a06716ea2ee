/*
 * Provisioning: makes a server's streams and consumers agree with the files of a directory.
 *
 * <directory>/streams/<STREAM>.json and <directory>/consumers/<STREAM>.<durable>.json are in the
 * format of `nats stream add --config` and `nats consumer add --config`. What they declare is the
 * whole of it: a field that somebody set and no file declares goes back to the server's default,
 * and a paused consumer is resumed. Left alone, and named, is what belongs to who runs the servers:
 * labels (`metadata`), the places for replicas (`placement`), and without an override how many
 * there are (`num_replicas` of streams). Nothing is deleted: a field that the server cannot change
 * in place is named with what to do. Running it again changes nothing. A check names each
 * difference, and streams and durable consumers too many.
 *
 * Blocks; waits up to 30 s for JetStream to answer.
 */
#ifndef OM_OMCTL_INSTALL_PROVISION_H
#define OM_OMCTL_INSTALL_PROVISION_H

#include "omctl/command/command.h"
#include "omctl/install/resource.h"
#include "shared/nats/nats_client.h"

#include <stdio.h>

struct provision_options {
    const char *directory;
    bool check_only; /* change nothing, print what differs */
    struct resource_overrides overrides;
    FILE *out; /* a line about each stream and consumer that is not as declared */
};

struct provision_result {
    size_t created;
    size_t updated;
    size_t unchanged;
    size_t differing; /* check_only: missing or with other values */
    size_t extra;     /* streams and consumers that no file declares */
    size_t refused;   /* the server cannot change it in place, or ignored a field */
};

enum status provision_run(struct nats_client *nats, const struct provision_options *options,
                          struct provision_result *result, struct error *error) MUST_CHECK;

int provision_command(const struct omctl_config *config, int argc, char **argv);

#endif
