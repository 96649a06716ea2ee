#include "shared/base/percent.h"

#include "shared/base/hex.h"

bool percent_decode(struct slice text, char *out, size_t *len) {
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3 || !hex_decode(text.ptr + i + 1, &c, 1))
                return false;
            i += 2;
        }
        if (c == 0)
            return false;
        out[used++] = (char)c;
    }
    *len = used;
    return true;
}

void percent_encode(struct slice text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        if (slice_has_only((struct slice){text.ptr + i, 1}, "-._~"))
            buf_append_char(out, text.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
    }
}
