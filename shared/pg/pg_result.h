/*
 * Rows of one statement. Slices borrow from the result until pg_result_free(). Rows and columns
 * count from 0; asking for one that is not there, or for another type, is a bug of the caller.
 */
#ifndef OM_SHARED_PG_PG_RESULT_H
#define OM_SHARED_PG_PG_RESULT_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

struct pg_result;

int pg_rows(const struct pg_result *result);
bool pg_is_null(const struct pg_result *result, int row, int column);
struct slice pg_get_slice(const struct pg_result *result, int row,
                          int column); /* text, bytea, json */
int64_t pg_get_int64(const struct pg_result *result, int row,
                     int column); /* int2, int4, int8, xid8 */
bool pg_get_bool(const struct pg_result *result, int row, int column);
struct uuid pg_get_uuid(const struct pg_result *result, int row, int column);
int64_t pg_get_time_us(const struct pg_result *result, int row, int column); /* timestamptz */
void pg_result_free(struct pg_result **result);

#endif
