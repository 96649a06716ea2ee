/* Values of streams' and consumers' configurations as people read and write them: `7d`, where a
   file and the server have nanoseconds. */
#ifndef OM_OMCTL_INSTALL_RESOURCE_TEXT_H
#define OM_OMCTL_INSTALL_RESOURCE_TEXT_H

#include "shared/base/buf.h"
#include "shared/json/json.h"

/* Appends it; NULL is "absent". */
void resource_write_value(const char *field, struct json_object *value, struct buf *out);

#endif
