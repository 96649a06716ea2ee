#include "shared/base/percent.h"

#include "shared/base/hex.h"

bool percent_decode(struct slice text, char *out, size_t *len) {
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3 || hex_value(text.ptr[i + 1]) < 0 ||
                hex_value(text.ptr[i + 2]) < 0)
                return false;
            c = hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]);
            i += 2;
        }
        if (c == 0)
            return false;
        out[used++] = (char)c;
    }
    *len = used;
    return true;
}

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void percent_encode(struct slice text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]))
            buf_append_char(out, text.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
    }
}
