/* One order in the files of an archive, for `omctl audit`. Blocks. */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_ORDER_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_ORDER_H

#include "shared/base/buf.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"

#include <stdio.h>

/* Appends the order's line, without its end; nothing where no file has it. All files are looked
   through until then. INVALID: one of them is damaged. */
enum status archive_order_find(const char *dir, const struct uuid *order_id, struct buf *line,
                               struct error *error) MUST_CHECK;
/* Its timeline, an event a line, and below it its rows. */
enum status archive_order_print(struct slice line, FILE *out, struct error *error) MUST_CHECK;

#endif
