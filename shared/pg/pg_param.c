#include "shared/pg/pg_param.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <string.h>

/* The array wire format: dimensions, a flag for NULLs, the element type's OID, then length and
   lower bound of the one dimension, and each element as length and bytes. See array_recv() in
   PostgreSQL's src/backend/utils/adt/arrayfuncs.c. All numbers are big-endian int32. */
struct array_header {
    uint32_t dimensions;
    uint32_t has_null;
    uint32_t element_oid;
    uint32_t count;
    uint32_t lower_bound;
};

#define EMPTY_ARRAY_BYTES 12 /* no dimension, so neither count nor lower bound */

static const uint32_t element_oids[] = {
    [PG_ARRAY_UUID] = 2950,
    [PG_ARRAY_INT64] = 20,
    [PG_ARRAY_TEXT] = 25,
    [PG_ARRAY_BYTES] = 17,
};

static int checked_len(size_t len) {
    assert(len <= INT_MAX);
    return (int)len;
}

struct pg_param pg_text(struct slice value) {
    return (struct pg_param){.ptr = value.ptr ? value.ptr : "", .len = checked_len(value.len)};
}

struct pg_param pg_bytes(struct slice value) {
    struct pg_param param = pg_text(value);
    param.is_binary = true;
    return param;
}

struct pg_param pg_int64(int64_t value) {
    struct pg_param param = {.len = sizeof(value), .is_binary = true, .is_inline = true};
    uint64_t wire = htobe64((uint64_t)value);
    memcpy(param.inline_bytes, &wire, sizeof(wire));
    return param;
}

struct pg_param pg_uuid(const struct uuid *value) {
    return (struct pg_param){.ptr = value->bytes, .len = sizeof(value->bytes), .is_binary = true};
}

struct pg_param pg_null(void) {
    return (struct pg_param){.is_binary = true};
}

void pg_array_init(struct pg_array *array, enum pg_array_type type) {
    *array = (struct pg_array){.type = type};
    pg_array_clear(array);
}

void pg_array_fini(struct pg_array *array) {
    buf_fini(&array->bytes);
    array->count = 0;
}

/* The header's place is kept from the start, so that nothing moves when pg_array() fills it in. */
void pg_array_clear(struct pg_array *array) {
    static const struct array_header blank;
    buf_clear(&array->bytes);
    buf_append(&array->bytes, &blank, sizeof(blank));
    array->count = 0;
    array->has_null = false;
}

static void add_element(struct pg_array *array, const void *bytes, size_t len) {
    uint32_t wire_len = htobe32((uint32_t)checked_len(len));
    buf_append(&array->bytes, &wire_len, sizeof(wire_len));
    buf_append(&array->bytes, bytes, len);
    array->count++;
}

void pg_array_add_uuid(struct pg_array *array, const struct uuid *value) {
    assert(array->type == PG_ARRAY_UUID);
    add_element(array, value->bytes, sizeof(value->bytes));
}

void pg_array_add_int64(struct pg_array *array, int64_t value) {
    assert(array->type == PG_ARRAY_INT64);
    uint64_t wire = htobe64((uint64_t)value);
    add_element(array, &wire, sizeof(wire));
}

void pg_array_add_slice(struct pg_array *array, struct slice value) {
    assert(array->type == PG_ARRAY_TEXT || array->type == PG_ARRAY_BYTES);
    add_element(array, value.ptr ? value.ptr : "", value.len);
}

void pg_array_add_optional(struct pg_array *array, struct slice value) {
    if (value.len > 0)
        pg_array_add_slice(array, value);
    else
        pg_array_add_null(array);
}

void pg_array_add_null(struct pg_array *array) {
    uint32_t wire_len = htobe32(UINT32_MAX); /* -1 */
    buf_append(&array->bytes, &wire_len, sizeof(wire_len));
    array->count++;
    array->has_null = true;
}

struct pg_param pg_array(struct pg_array *array) {
    struct array_header header = {
        .dimensions = htobe32(array->count > 0 ? 1 : 0),
        .has_null = htobe32(array->has_null ? 1 : 0),
        .element_oid = htobe32(element_oids[array->type]),
        .count = htobe32((uint32_t)array->count),
        .lower_bound = htobe32(1),
    };
    memcpy(array->bytes.ptr, &header, sizeof(header));
    size_t len = array->count > 0 ? array->bytes.len : EMPTY_ARRAY_BYTES;
    return (struct pg_param){.ptr = array->bytes.ptr, .len = checked_len(len), .is_binary = true};
}
