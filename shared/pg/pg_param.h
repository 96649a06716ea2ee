/*
 * Parameters of statements: single values, and arrays for statements about a set of rows. Borrowed
 * until the call that they are given to returns. Plain values; nothing blocks.
 */
#ifndef OM_SHARED_PG_PG_PARAM_H
#define OM_SHARED_PG_PG_PARAM_H

#include "shared/base/buf.h"
#include "shared/crypto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

/* In binary (arrays, uuid, int8) or text form. */
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

#endif
