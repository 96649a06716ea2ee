/* libpq, and how its results become ours. For the files of this room only. */
#ifndef OM_SHARED_PG_PG_INTERNAL_H
#define OM_SHARED_PG_PG_INTERNAL_H

#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

/* libpq has a type with the name of one of our functions. */
#define pg_int64 libpq_int64
#include <libpq-fe.h>
#undef pg_int64

/* Takes over `rows`. */
struct pg_result *pg_result_create(PGresult *rows);
/* The error in `result`, classified; `name` says which statement it was. */
void pg_result_describe(const PGresult *result, const char *name, struct error *error);

#endif
