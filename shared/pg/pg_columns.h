/*
 * The parameters of a set-based statement: one array a column, as in
 * `FROM unnest($1::uuid[], $2::text[]) AS d(id, status)`. Column n is parameter $(n + 1).
 *
 *     struct pg_columns columns;
 *     pg_columns_init(&columns, (enum pg_array_type[]){PG_ARRAY_UUID, PG_ARRAY_TEXT}, 2);
 *     for (each row) {
 *         pg_array_add_uuid(&columns.arrays[0], &id);
 *         pg_array_add_slice(&columns.arrays[1], text);
 *     }
 *     status = pg_columns_queue(&columns, pg, &statement, error);
 *     pg_columns_fini(&columns);
 *
 * Owns its memory until fini. Belongs to one thread; query and queue block as pg.h's do.
 */
#ifndef OM_SHARED_PG_PG_COLUMNS_H
#define OM_SHARED_PG_PG_COLUMNS_H

#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

#define PG_COLUMNS_MAX 24

struct pg_columns {
    struct pg_array arrays[PG_COLUMNS_MAX];
    size_t count;
};

void pg_columns_init(struct pg_columns *columns, const enum pg_array_type *types, size_t count);
void pg_columns_fini(struct pg_columns *columns);
/* pg_query(), pg_queue() and pg_queue_into() with the columns as parameters. */
enum status pg_columns_query(struct pg_columns *columns, struct pg *pg,
                             const struct pg_statement *statement, struct pg_result **result,
                             struct error *error) MUST_CHECK;
enum status pg_columns_queue(struct pg_columns *columns, struct pg *pg,
                             const struct pg_statement *statement, struct error *error) MUST_CHECK;
enum status pg_columns_queue_into(struct pg_columns *columns, struct pg *pg,
                                  const struct pg_statement *statement, struct pg_result **result,
                                  struct error *error) MUST_CHECK;

#endif
