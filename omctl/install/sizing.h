/*
 * What streams may hold. nats/sizing.json is the table, and each file in nats/streams has its
 * number (`max_bytes`), which a server sets aside: all together must be below its max_file_store.
 *
 * An installation that says how much that is has its streams' limits in the files' proportion, four
 * fifths of it together. The rest is for consumers, for what was deleted and not given back to the
 * disk yet, and for streams of the operator's own.
 */
#ifndef OM_OMCTL_INSTALL_SIZING_H
#define OM_OMCTL_INSTALL_SIZING_H

#include "omctl/install/resource.h"
#include "omctl/streams/jetstream.h"
#include "shared/nats/nats_client.h"

#include <stdio.h>

/* As max_file_store in nats-server's configuration: "9GB", "512MB", "1GiB" (powers of 1024), "9G"
   (of 1000), or bytes. */
enum status sizing_parse(const char *text, int64_t *bytes, struct error *error) MUST_CHECK;

void sizing_share(const struct resources *resources, int64_t store_bytes);

/* A stream that would be above three quarters of a lower limit keeps the limit that it has, and
   `out` says so: it would soon take nothing, and a 2.9 server would even delete what is too much.
   Asks the server; blocks. */
enum status sizing_spare(struct nats_client *nats, struct resources *resources, FILE *out,
                         struct error *error) MUST_CHECK;

/* The server has no room for a limit; one that has set more aside than it may store by now has none
   for any change. */
bool sizing_is_short(const struct jetstream_refusal *refused);
void sizing_print_remedy(const struct resource *resource, FILE *out);

#endif
