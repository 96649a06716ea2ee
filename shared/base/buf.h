/*
 * Bytes: borrowed slices, growable buffers and bump arenas.
 *
 * A slice borrows. A buf owns its bytes; buf_fini() frees them. An arena owns everything allocated
 * from it until arena_reset() or arena_destroy(). Running out of memory aborts the process: its
 * supervisor restarts it and nothing unacknowledged is lost. Not thread safe; nothing blocks.
 */
#ifndef OM_SHARED_BASE_BUF_H
#define OM_SHARED_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* For "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).ptr
#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

struct slice slice_of(const char *text); /* NULL gives the empty slice */
bool slice_equal(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *text);

/* Growable; `ptr[len]` is always 0 once anything was written. Zero-initialize. */
struct buf {
    char *ptr;
    size_t len;
    size_t capacity;
};

void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
void buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_slice(struct buf *buf, struct slice slice);
void buf_append_char(struct buf *buf, char c);
void buf_append_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct slice buf_slice(const struct buf *buf); /* valid until the next append */

struct arena;
struct arena *arena_create(size_t chunk_bytes);
void arena_destroy(struct arena **arena);
void arena_reset(struct arena *arena);                     /* keeps chunks for what comes next */
void *arena_alloc(struct arena *arena, size_t bytes);      /* zeroed, 16-byte aligned */
char *arena_copy(struct arena *arena, struct slice slice); /* terminated copy */
struct slice arena_slice(struct arena *arena, struct slice slice);

/* Allocation that aborts with a message instead of returning NULL. Free with free(). */
void *mem_alloc(size_t bytes); /* zeroed */
char *mem_copy(struct slice slice);

#endif
