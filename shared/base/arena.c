#include "shared/base/arena.h"

#include "shared/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = 16 };

struct chunk {
    struct chunk *next;
    size_t used;
    _Alignas(ARENA_ALIGN) char bytes[];
};

/* Chunks of one size are kept by arena_reset() and used again in order; anything larger
   than a chunk gets memory of its own, which arena_reset() gives back. */
struct arena {
    size_t chunk_bytes;
    struct chunk *first, *current;
    struct chunk *large;
};

static struct chunk *chunk_create(size_t bytes) {
    struct chunk *chunk = malloc(sizeof(*chunk) + bytes);
    if (chunk == NULL)
        mem_exhausted(bytes);
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
        mem_exhausted(bytes);
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
