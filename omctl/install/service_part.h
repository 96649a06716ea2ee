/*
 * Which part of a migration is a service's, where each has a database of its own.
 *
 * A service's schema is one that a file makes by om.create_messaging('schema'). A statement that
 * names one, as `schema.`, `SCHEMA schema`, `om_schema` or the argument of a function of om, is
 * that service's. One that names none is everybody's. Comments, other texts and the bodies of
 * functions name nothing. No statement may name two: a database has one of them.
 *
 * Pure.
 */
#ifndef OM_OMCTL_INSTALL_SERVICE_PART_H
#define OM_OMCTL_INSTALL_SERVICE_PART_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

#define SCHEMA_NAME_SIZE 40
#define SCHEMAS_MOST 64

struct schemas {
    char names[SCHEMAS_MOST][SCHEMA_NAME_SIZE];
    size_t count;
};

/* Adds the schemas that `sql` makes, each once. */
void schemas_find(struct slice sql, struct schemas *schemas);
/* Of the service (order) or the schema (orders) of that name. INVALID names those there are. */
enum status schemas_choose(const struct schemas *schemas, const char *name, const char **schema,
                           struct error *error) MUST_CHECK;

/* Appends the statements that are `own`'s or everybody's. INVALID: one of `sql` names two. */
enum status service_part(struct slice sql, const struct schemas *schemas, const char *own,
                         struct buf *part, struct error *error) MUST_CHECK;

#endif
