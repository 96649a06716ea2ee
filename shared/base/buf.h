/*
 * Growable bytes. A buf owns them; buf_fini() frees them. Not thread safe; nothing blocks.
 */
#ifndef OM_SHARED_BASE_BUF_H
#define OM_SHARED_BASE_BUF_H

#include "shared/base/slice.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `ptr[len]` is always 0 once anything was written. Zero-initialize. */
struct buf {
    char *ptr;
    size_t len;
    size_t capacity;
};

void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf);             /* keeps the memory */
void buf_grow(struct buf *buf, size_t more); /* for buf_reserve() */

/* One byte more than asked for is kept for the terminator. */
static inline void buf_reserve(struct buf *buf, size_t more) {
    if (more >= buf->capacity - buf->len)
        buf_grow(buf, more);
}

static inline void buf_append(struct buf *buf, const void *bytes, size_t len) {
    buf_reserve(buf, len);
    if (len > 0)
        memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

static inline void buf_append_text(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

static inline void buf_append_slice(struct buf *buf, struct slice slice) {
    buf_append(buf, slice.ptr, slice.len);
}

static inline void buf_append_char(struct buf *buf, char c) {
    buf_append(buf, &c, 1);
}

void buf_append_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct slice buf_slice(const struct buf *buf); /* valid until the next append */

#endif
