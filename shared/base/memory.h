/*
 * Allocation that never returns NULL. Running out of memory aborts the process: its supervisor
 * restarts it and nothing unacknowledged is lost. Free with free(). Thread safe.
 */
#ifndef OM_SHARED_BASE_MEMORY_H
#define OM_SHARED_BASE_MEMORY_H

#include "shared/base/slice.h"

#include <stddef.h>

void *mem_alloc(size_t bytes);      /* zeroed */
char *mem_copy(struct slice slice); /* terminated */
/* Ends the process, which wanted so many bytes. */
_Noreturn void mem_exhausted(size_t bytes);

#endif
