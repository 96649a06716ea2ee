/*
 * Random bytes for identifiers, from the kernel through a small pool a thread, so that an id costs
 * no system call. Not for keys. Thread safe and fork safe; blocks only until the kernel's generator
 * is seeded.
 */
#ifndef OM_SHARED_BASE_RANDOM_H
#define OM_SHARED_BASE_RANDOM_H

#include <stddef.h>

#define RANDOM_MOST 256 /* bytes one call can give */

void random_bytes(void *bytes, size_t len);

#endif
