/*
 * A PgBouncer in session mode before the PostgreSQL of some servers (servers.h), as
 * docs/deploying.md has it: all databases, and the roles that have a password there. Goes with the
 * test program. Blocks until it answers; a pooler that does not start ends the program with its
 * log. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_POOLER_H
#define OM_TESTS_SUPPORT_SERVERS_POOLER_H

#include "tests/support/servers/servers.h"

struct pooler;

struct pooler *pooler_start(struct servers *servers);
void pooler_stop(struct pooler **pooler);
/* The database URL of `servers` with the pooler's port; the caller frees it (buf_fini). */
struct buf pooler_url(const struct pooler *pooler, const char *url);

#endif
