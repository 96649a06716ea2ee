/*
 * The place where a page of a listing ended, as text that callers hand back as it is.
 *
 * A cursor is base64url of a tag and a position. The tag is taken from both the position and the
 * listing's scope, a text that names its filter and its order: so a cursor counts for the listing
 * it was made for and for no other, and a changed one for none. It keeps nothing secret. Thread
 * safe; nothing blocks.
 */
#ifndef OM_SHARED_CONTRACT_PAGE_CURSOR_H
#define OM_SHARED_CONTRACT_PAGE_CURSOR_H

#include "shared/base/buf.h"

#define CURSOR_POSITION_MAX 512

/* Appends the cursor. `position` has up to CURSOR_POSITION_MAX bytes of any kind. */
void cursor_seal(struct slice scope, struct slice position, struct buf *out);
/* Appends the position to `out`. False when it is no cursor, or one of another scope. */
bool cursor_open(struct slice scope, struct slice cursor, struct buf *out);

#endif
