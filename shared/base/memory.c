#include "shared/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_exhausted(size_t bytes) {
    fprintf(stderr, "out of memory: %zu bytes\n", bytes);
    abort();
}

void *mem_alloc(size_t bytes) {
    void *memory = calloc(1, bytes > 0 ? bytes : 1);
    if (memory == NULL)
        mem_exhausted(bytes);
    return memory;
}

char *mem_copy(struct slice slice) {
    char *copy = mem_alloc(slice.len + 1);
    if (slice.len > 0)
        memcpy(copy, slice.ptr, slice.len);
    return copy;
}
