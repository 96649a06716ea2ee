#include "shared/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_LEAST_CAPACITY = 64, ARENA_ALIGN = 16 };

static _Noreturn void out_of_memory(size_t bytes) {
    fprintf(stderr, "out of memory: %zu bytes\n", bytes);
    abort();
}

struct slice slice_of(const char *text) {
    return text == NULL ? (struct slice){"", 0} : (struct slice){text, strlen(text)};
}

bool slice_equal(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_is(struct slice a, const char *text) {
    return slice_equal(a, slice_of(text));
}

void buf_fini(struct buf *buf) {
    free(buf->ptr);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf) {
    buf->len = 0;
    if (buf->ptr != NULL)
        buf->ptr[0] = '\0';
}

/* One byte more than asked for is kept for the terminator. */
void buf_reserve(struct buf *buf, size_t more) {
    if (more > SIZE_MAX / 4 - buf->len)
        out_of_memory(more);
    size_t needed = buf->len + more + 1;
    if (needed <= buf->capacity)
        return;
    size_t capacity = buf->capacity < BUF_LEAST_CAPACITY ? BUF_LEAST_CAPACITY : buf->capacity;
    while (capacity < needed)
        capacity *= 2;
    char *grown = realloc(buf->ptr, capacity);
    if (grown == NULL)
        out_of_memory(capacity);
    buf->ptr = grown;
    buf->capacity = capacity;
}

void buf_append(struct buf *buf, const void *bytes, size_t len) {
    buf_reserve(buf, len);
    if (len > 0)
        memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void buf_append_text(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

void buf_append_slice(struct buf *buf, struct slice slice) {
    buf_append(buf, slice.ptr, slice.len);
}

void buf_append_char(struct buf *buf, char c) {
    buf_append(buf, &c, 1);
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

struct chunk {
    struct chunk *next;
    size_t used;
    _Alignas(ARENA_ALIGN) char bytes[];
};

/* Chunks of one size are kept by arena_reset() and used again in order; what is larger than a chunk
   has an allocation of its own, given back at reset. */
struct arena {
    size_t chunk_bytes;
    struct chunk *first, *current;
    struct chunk *large;
};

static struct chunk *chunk_create(size_t bytes) {
    struct chunk *chunk = malloc(sizeof(*chunk) + bytes);
    if (chunk == NULL)
        out_of_memory(bytes);
    chunk->next = NULL;
    chunk->used = 0;
    return chunk;
}

static void chunks_free(struct chunk *chunk) {
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

static size_t arena_round(size_t bytes) {
    if (bytes > SIZE_MAX / 2)
        out_of_memory(bytes);
    return (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

struct arena *arena_create(size_t chunk_bytes) {
    struct arena *arena = mem_alloc(sizeof(*arena));
    arena->chunk_bytes = arena_round(chunk_bytes);
    arena->first = arena->current = chunk_create(arena->chunk_bytes);
    return arena;
}

void arena_destroy(struct arena **arena) {
    if (*arena == NULL)
        return;
    chunks_free((*arena)->first);
    chunks_free((*arena)->large);
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena) {
    chunks_free(arena->large);
    arena->large = NULL;
    arena->current = arena->first;
    arena->current->used = 0;
}

static struct chunk *chunk_with_room(struct arena *arena, size_t bytes) {
    if (bytes > arena->chunk_bytes) {
        struct chunk *own = chunk_create(bytes);
        own->next = arena->large;
        arena->large = own;
        return own;
    }
    if (arena->chunk_bytes - arena->current->used >= bytes)
        return arena->current;
    if (arena->current->next == NULL)
        arena->current->next = chunk_create(arena->chunk_bytes);
    arena->current = arena->current->next;
    arena->current->used = 0;
    return arena->current;
}

void *arena_alloc(struct arena *arena, size_t bytes) {
    size_t rounded = arena_round(bytes);
    struct chunk *chunk = chunk_with_room(arena, rounded);
    void *memory = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return memset(memory, 0, rounded);
}

char *arena_copy(struct arena *arena, struct slice slice) {
    char *copy = arena_alloc(arena, slice.len + 1);
    if (slice.len > 0)
        memcpy(copy, slice.ptr, slice.len);
    return copy;
}

struct slice arena_slice(struct arena *arena, struct slice slice) {
    return (struct slice){arena_copy(arena, slice), slice.len};
}

void *mem_alloc(size_t bytes) {
    void *memory = calloc(1, bytes > 0 ? bytes : 1);
    if (memory == NULL)
        out_of_memory(bytes);
    return memory;
}

char *mem_copy(struct slice slice) {
    char *copy = mem_alloc(slice.len + 1);
    if (slice.len > 0)
        memcpy(copy, slice.ptr, slice.len);
    return copy;
}
