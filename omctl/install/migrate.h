/*
 * Schema migrations: the numbered files of a directory, each applied once, in order.
 *
 * A file is one transaction together with its row in public.om_migrations (number, name, SHA-256),
 * so a crash leaves it applied and recorded or neither; it must not contain BEGIN or COMMIT. A
 * session advisory lock keeps a second runner waiting. A recorded file whose bytes changed, or that
 * is gone, is a CONFLICT and nothing is applied: the remedy is a new file. Records that follow the
 * directory's last file are a later version's, beside which this one still runs.
 *
 * A database can be one service's (service_part.h). It is said with the first file and remembered
 * in public.om_service; a file's record is that of the whole file. CONFLICT: another is asked for,
 * or the database has been all services' until now.
 *
 * Blocks; uses `pg` outside any transaction and leaves it usable.
 */
#ifndef OM_OMCTL_INSTALL_MIGRATE_H
#define OM_OMCTL_INSTALL_MIGRATE_H

#include "omctl/command/command.h"
#include "shared/pg/pg.h"

#include <stdio.h>

struct migrate_source {
    const char *directory;
    const char *service; /* or its schema; NULL: the database's, or all of them */
};

/* Applies what is pending; a line about each file goes to `out`. */
enum status migrate_apply(struct pg *pg, const struct migrate_source *source, FILE *out,
                          struct error *error) MUST_CHECK;
/* Changes nothing. *clean is false when a file is pending, changed or gone; `out` says which. */
enum status migrate_check(struct pg *pg, const struct migrate_source *source, FILE *out,
                          bool *clean, struct error *error) MUST_CHECK;
/* Whose database it is: `schema` has SCHEMA_NAME_SIZE bytes, and is "" for all services'. */
enum status migrate_owner(struct pg *pg, char *schema, struct error *error) MUST_CHECK;

int migrate_command(const struct omctl_config *config, int argc, char **argv);

#endif
