/*
 * Writes what the streams carry, for whoever checks it against its contract: a line of JSON a
 * message, {stream, sequence, subject, headers, payload}.
 *
 * First ADVISORIES, so that a reader knows beforehand which messages a consumer gave up; then the
 * stream of each kind of event, then FAILURES. Blocks. Whatever cannot be read or written ends the
 * test program with a message. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_MESH_STREAM_DUMP_H
#define OM_TESTS_SUPPORT_MESH_STREAM_DUMP_H

#include "shared/nats/nats_client.h"
#include "tests/support/servers/servers.h"

#include <stdio.h>

/* End with nats_client_destroy() after jsCtx_Destroy(). */
struct nats_client *stream_dump_connect(const struct nats_client_options *options, jsCtx **js);
uint64_t stream_dump_count(jsCtx *js, const char *stream); /* messages now in a stream */
void stream_dump(jsCtx *js, FILE *out);
/* Into a new file of the directory: <program>-XXXXXX.jsonl. */
void stream_dump_to_dir(struct servers *servers, const char *dir);

#endif
