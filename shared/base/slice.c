#include "shared/base/slice.h"

#include <string.h>

struct slice slice_of(const char *text) {
    return text == NULL ? (struct slice){"", 0} : (struct slice){text, strlen(text)};
}

bool slice_equal(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool slice_is(struct slice a, const char *text) {
    return slice_equal(a, slice_of(text));
}
