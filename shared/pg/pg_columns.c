#include "shared/pg/pg_columns.h"

#include <assert.h>

void pg_columns_init(struct pg_columns *columns, const enum pg_array_type *types, size_t count) {
    assert(count <= PG_COLUMNS_MAX);
    columns->count = count;
    for (size_t i = 0; i < count; i++)
        pg_array_init(&columns->arrays[i], types[i]);
}

void pg_columns_fini(struct pg_columns *columns) {
    for (size_t i = 0; i < columns->count; i++)
        pg_array_fini(&columns->arrays[i]);
    columns->count = 0;
}

static void fill(struct pg_columns *columns, struct pg_param *params) {
    for (size_t i = 0; i < columns->count; i++)
        params[i] = pg_array(&columns->arrays[i]);
}

enum status pg_columns_query(struct pg_columns *columns, struct pg *pg,
                             const struct pg_statement *statement, struct pg_result **result,
                             struct error *error) {
    struct pg_param params[PG_COLUMNS_MAX];
    assert(statement->param_count == (int)columns->count);
    fill(columns, params);
    return pg_query(pg, statement, params, result, error);
}

enum status pg_columns_queue(struct pg_columns *columns, struct pg *pg,
                             const struct pg_statement *statement, struct error *error) {
    struct pg_param params[PG_COLUMNS_MAX];
    assert(statement->param_count == (int)columns->count);
    fill(columns, params);
    return pg_queue(pg, statement, params, error);
}

enum status pg_columns_queue_into(struct pg_columns *columns, struct pg *pg,
                                  const struct pg_statement *statement, struct pg_result **result,
                                  struct error *error) {
    struct pg_param params[PG_COLUMNS_MAX];
    assert(statement->param_count == (int)columns->count);
    fill(columns, params);
    return pg_queue_into(pg, statement, params, result, error);
}
