/* UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF. Thread safe. */
#ifndef OM_SHARED_BASE_UTF8_H
#define OM_SHARED_BASE_UTF8_H

#include "shared/base/slice.h"

/* Bytes of the valid sequence that `text` begins with, 1 to 4; 0 when there is none. */
size_t utf8_sequence(struct slice text);
bool utf8_is_valid(struct slice text);

#endif
