/* What stands in a JSON string as it is. Pure. */
#ifndef OM_SHARED_JSON_JSON_PLAIN_H
#define OM_SHARED_JSON_JSON_PLAIN_H

#include "shared/base/slice.h"

#include <string.h>

static inline bool json_is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The highest bit of each byte that is 0, and maybe of some behind it
   (https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord). */
static inline uint64_t json_zero_bytes(uint64_t word) {
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

static inline bool json_has_only_plain(uint64_t word) {
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t control = word - 0x20 * each; /* borrows only where a byte is below */
    uint64_t special = json_zero_bytes(word ^ '"' * each) | json_zero_bytes(word ^ '\\' * each);
    return ((word | control | special) & (0x80 * each)) == 0;
}

/* How many of `text`'s first bytes are printable ASCII, and neither a quote nor a backslash. */
static inline size_t json_plain_run(struct slice text) {
    size_t run = 0;
    uint64_t word;
    for (; text.len - run >= sizeof(word); run += sizeof(word)) {
        memcpy(&word, text.ptr + run, sizeof(word));
        if (!json_has_only_plain(word))
            break;
    }
    while (run < text.len && json_is_plain((unsigned char)text.ptr[run]))
        run++;
    return run;
}

#endif
