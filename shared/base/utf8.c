#include "shared/base/utf8.h"

static bool is_within(unsigned char byte, unsigned char least, unsigned char most) {
    return byte >= least && byte <= most;
}

/* The table of RFC 3629 section 4: the first byte limits the second one. */
size_t utf8_sequence(struct slice text) {
    const unsigned char *at = (const unsigned char *)text.ptr;
    if (text.len >= 1 && at[0] < 0x80)
        return 1;
    if (text.len >= 2 && is_within(at[0], 0xc2, 0xdf))
        return is_within(at[1], 0x80, 0xbf) ? 2 : 0;
    if (text.len >= 3 && is_within(at[0], 0xe0, 0xef)) {
        unsigned char least = at[0] == 0xe0 ? 0xa0 : 0x80, most = at[0] == 0xed ? 0x9f : 0xbf;
        return is_within(at[1], least, most) && is_within(at[2], 0x80, 0xbf) ? 3 : 0;
    }
    if (text.len >= 4 && is_within(at[0], 0xf0, 0xf4)) {
        unsigned char least = at[0] == 0xf0 ? 0x90 : 0x80, most = at[0] == 0xf4 ? 0x8f : 0xbf;
        return is_within(at[1], least, most) && is_within(at[2], 0x80, 0xbf) &&
                       is_within(at[3], 0x80, 0xbf)
                   ? 4
                   : 0;
    }
    return 0;
}

bool utf8_is_valid(struct slice text) {
    while (text.len > 0) {
        size_t len = utf8_sequence(text);
        if (len == 0)
            return false;
        text.ptr += len;
        text.len -= len;
    }
    return true;
}
