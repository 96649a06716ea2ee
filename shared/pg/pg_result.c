#include "shared/pg/pg_result.h"

#include "shared/base/memory.h"
#include "shared/pg/pg_internal.h"
#include "shared/pg/pg_sqlstate.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define POSTGRES_EPOCH_US INT64_C(946684800000000) /* 2000-01-01 in microseconds since 1970 */

struct pg_result {
    PGresult *rows;
};

/* A check that the row fails has a name; without one the row has no partition, which is the
   schema's trouble. */
static enum status judge(const PGresult *result, const char *sqlstate) {
    bool has_no_partition = strcmp(sqlstate, "23514") == 0 &&
                            PQresultErrorField(result, PG_DIAG_TABLE_NAME) != NULL &&
                            PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) == NULL;
    return has_no_partition ? STATUS_UNAVAILABLE : pg_sqlstate_verdict(sqlstate).status;
}

void pg_result_describe(const PGresult *result, const char *name, struct error *error) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!sqlstate) {
        const char *reason = PQresultErrorMessage(result);
        error_set(error, STATUS_UNAVAILABLE, "database: %.*s", (int)strcspn(reason, "\n"), reason);
        return;
    }
    /* Messages of class 22 quote the value, which may be personal data. */
    bool quotes_value = strncmp(sqlstate, "22", 2) == 0;
    error_set(error, judge(result, sqlstate), "%s: %s (%.5s)", name,
              quotes_value || !text ? "value refused" : text, sqlstate);
    memcpy(error->sqlstate, sqlstate, strnlen(sqlstate, sizeof(error->sqlstate) - 1));
}

struct pg_result *pg_result_create(PGresult *rows) {
    struct pg_result *result = mem_alloc(sizeof(*result));
    result->rows = rows;
    return result;
}

int pg_rows(const struct pg_result *result) {
    return PQntuples(result->rows);
}

bool pg_is_null(const struct pg_result *result, int row, int column) {
    return PQgetisnull(result->rows, row, column);
}

struct slice pg_get_slice(const struct pg_result *result, int row, int column) {
    return (struct slice){PQgetvalue(result->rows, row, column),
                          (size_t)PQgetlength(result->rows, row, column)};
}

int64_t pg_get_int64(const struct pg_result *result, int row, int column) {
    struct slice value = pg_get_slice(result, row, column);
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (value.len) {
    case sizeof(two):
        memcpy(&two, value.ptr, sizeof(two));
        return (int16_t)be16toh(two);
    case sizeof(four):
        memcpy(&four, value.ptr, sizeof(four));
        return (int32_t)be32toh(four);
    case sizeof(eight):
        memcpy(&eight, value.ptr, sizeof(eight));
        return (int64_t)be64toh(eight);
    default: /* NULL */
        assert(value.len == 0);
        return 0;
    }
}

bool pg_get_bool(const struct pg_result *result, int row, int column) {
    struct slice value = pg_get_slice(result, row, column);
    return value.len == 1 && value.ptr[0] != 0;
}

struct uuid pg_get_uuid(const struct pg_result *result, int row, int column) {
    struct slice value = pg_get_slice(result, row, column);
    struct uuid uuid = {{0}};
    if (value.len == sizeof(uuid.bytes))
        memcpy(uuid.bytes, value.ptr, sizeof(uuid.bytes));
    return uuid;
}

int64_t pg_get_time_us(const struct pg_result *result, int row, int column) {
    return pg_get_int64(result, row, column) + POSTGRES_EPOCH_US;
}

void pg_result_free(struct pg_result **result) {
    if (!*result)
        return;
    PQclear((*result)->rows);
    free(*result);
    *result = NULL;
}
