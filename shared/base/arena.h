/*
 * Bump allocation: an arena owns everything allocated from it until arena_reset() or
 * arena_destroy(). Not thread safe; nothing blocks.
 */
#ifndef OM_SHARED_BASE_ARENA_H
#define OM_SHARED_BASE_ARENA_H

#include "shared/base/slice.h"

#include <stddef.h>

struct arena;
struct arena *arena_create(size_t chunk_bytes);
void arena_destroy(struct arena **arena);
void arena_reset(struct arena *arena);                     /* keeps chunks for what comes next */
void *arena_alloc(struct arena *arena, size_t bytes);      /* zeroed, 16-byte aligned */
char *arena_copy(struct arena *arena, struct slice slice); /* terminated copy */
struct slice arena_slice(struct arena *arena, struct slice slice);

#endif
