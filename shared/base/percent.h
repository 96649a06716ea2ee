/* Percent-encoding (RFC 3986 section 2.1). Pure. */
#ifndef OM_SHARED_BASE_PERCENT_H
#define OM_SHARED_BASE_PERCENT_H

#include "shared/base/buf.h"

/* Decodes once. `out` has room for all of `text`, and may be where that is. False when it is
 * malformed or holds a NUL. */
bool percent_decode(struct slice text, char *out, size_t *len);
/* All but unreserved characters (section 2.3) encoded. */
void percent_encode(struct slice text, struct buf *out);

#endif
