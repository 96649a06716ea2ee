/*
 * Where that is which other systems, or a first guess, have at a path that is none of ours: a 404
 * says it. Pure.
 */
#ifndef OM_GATEWAY_OTHER_PATHS_H
#define OM_GATEWAY_OTHER_PATHS_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Writes a sentence over `out`; false when there is nothing to say, and `out` holds nothing of use.
 */
bool other_path_tell(struct slice path, struct buf *out);

/* The same of a method that a path of ours does not take. */
bool other_method_tell(struct slice method, struct slice path, struct buf *out);

#endif
