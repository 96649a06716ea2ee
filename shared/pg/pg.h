/*
 * PostgreSQL: one connection in libpq's pipeline mode, with prepared statements, binary results and
 * reconnection.
 *
 * pg_queue() sends without waiting; pg_query() sends, waits and returns that statement's rows. Both
 * join the transaction opened by pg_begin(). The first error of a transaction is what pg_query() or
 * pg_commit() reports; call pg_rollback() then. A broken connection is UNAVAILABLE and is opened
 * again by the next pg_begin() or by a pg_query() outside a transaction.
 *
 * Error classes: 22/23 and P0 -> DATA; 40001, 40P01, 55P03 -> SERIALIZATION; 08, 53, 57 and a
 * silent server -> UNAVAILABLE; all else -> INTERNAL. SQLSTATE is in error.sqlstate.
 *
 * While its thread works for a trace that is recorded, each transaction, and each query outside of
 * one, is a span of it (pg_span.h).
 *
 * A struct pg belongs to one thread at a time. Calls block up to the connection's timeouts.
 */
#ifndef OM_SHARED_PG_PG_H
#define OM_SHARED_PG_PG_H

#include "shared/base/buf.h"
#include "shared/base/status.h"
#include "shared/base/uuid.h"

struct pg;
struct pg_result; /* rows of one statement; free with pg_result_free() */

/* A statement is a static constant beside its function; prepared at first use, by name. */
struct pg_statement {
    const char *name;
    const char *sql;
    int param_count;
};

/* One parameter in binary (arrays, uuid, int8) or text form. Borrowed until the call returns. */
struct pg_param {
    const void *ptr; /* NULL is SQL NULL */
    int len;
    bool is_binary;
    uint8_t inline_bytes[8]; /* of pg_int64(); ptr is then ignored */
    bool is_inline;
};

struct pg_param pg_text(struct slice value);
struct pg_param pg_bytes(struct slice value);
struct pg_param pg_int64(int64_t value); /* for a parameter cast $n::int8 */
struct pg_param pg_uuid(const struct uuid *value);
struct pg_param pg_null(void);

/* A one-dimensional array parameter, built in a buf. Element types: */
enum pg_array_type {
    PG_ARRAY_UUID,
    PG_ARRAY_INT64,
    PG_ARRAY_TEXT,
    PG_ARRAY_BYTES,
};

struct pg_array {
    struct buf bytes;
    enum pg_array_type type;
    int32_t count;
    bool has_null;
};

void pg_array_init(struct pg_array *array, enum pg_array_type type);
void pg_array_fini(struct pg_array *array);
void pg_array_clear(struct pg_array *array);
void pg_array_add_uuid(struct pg_array *array, const struct uuid *value);
void pg_array_add_int64(struct pg_array *array, int64_t value);
void pg_array_add_slice(struct pg_array *array, struct slice value);    /* TEXT, BYTES */
void pg_array_add_optional(struct pg_array *array, struct slice value); /* the empty one is NULL */
void pg_array_add_null(struct pg_array *array);
struct pg_param pg_array(struct pg_array *array);

/* Does not connect yet. `url` is a libpq URI; `name` is shown in pg_stat_activity. */
struct pg *pg_create(const char *url, const char *name);
void pg_destroy(struct pg **pg);
/* Connects if needed; UNAVAILABLE when it cannot within 3 s. */
enum status pg_connect(struct pg *pg, struct error *error) MUST_CHECK;
/* SQL run after each connect, such as SET; borrowed for the life of `pg`. */
void pg_set_on_connect(struct pg *pg, const char *sql);

enum status pg_begin(struct pg *pg, struct error *error) MUST_CHECK;
enum status pg_commit(struct pg *pg, struct error *error) MUST_CHECK;
void pg_rollback(struct pg *pg);

enum status pg_queue(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_param *params, struct error *error) MUST_CHECK;
enum status pg_query(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_param *params, struct pg_result **result,
                     struct error *error) MUST_CHECK;
/* Several statements in one string, as migrations are; outside the pipeline. */
enum status pg_script(struct pg *pg, const char *sql, struct error *error) MUST_CHECK;

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
