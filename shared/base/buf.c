#include "shared/base/buf.h"

#include "shared/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_LEAST_CAPACITY = 64 };

void buf_fini(struct buf *buf) {
    free(buf->ptr);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf) {
    buf->len = 0;
    if (buf->ptr != NULL)
        buf->ptr[0] = '\0';
}

void buf_grow(struct buf *buf, size_t more) {
    if (more > SIZE_MAX / 4 - buf->len)
        mem_exhausted(more);
    size_t needed = buf->len + more + 1;
    size_t capacity = buf->capacity < BUF_LEAST_CAPACITY ? BUF_LEAST_CAPACITY : buf->capacity;
    while (capacity < needed)
        capacity *= 2;
    char *grown = realloc(buf->ptr, capacity);
    if (grown == NULL)
        mem_exhausted(capacity);
    buf->ptr = grown;
    buf->capacity = capacity;
}

void buf_append_int(struct buf *buf, int64_t value) {
    char digits[20]; /* INT64_MIN has a sign and 19 digits */
    char *end = digits + sizeof(digits), *at = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    buf_append(buf, at, (size_t)(end - at));
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0)
        return;
    buf_reserve(buf, (size_t)len);
    va_start(args, format);
    vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

struct slice buf_slice(const struct buf *buf) {
    return (struct slice){buf->ptr == NULL ? "" : buf->ptr, buf->len};
}
