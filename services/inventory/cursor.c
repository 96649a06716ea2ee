#include "services/inventory/cursor.h"

#include "shared/base/hex.h"
#include "shared/base/utf8.h"

#include <string.h>

/* Stands in front of the SKU, so that another kind of cursor can be told apart
 * one day. */
#define KIND '1'

static void append_hex(uint8_t byte, struct buf *out) {
    char digits[3];
    hex_encode(&byte, 1, digits);
    buf_append_text(out, digits);
}

void cursor_encode(struct slice sku, struct buf *out) {
    append_hex(KIND, out);
    for (size_t i = 0; i < sku.len; i++)
        append_hex((uint8_t)sku.ptr[i], out);
}

bool cursor_decode(struct slice cursor, struct arena *arena, struct slice *sku) {
    size_t len = cursor.len / 2;
    if (cursor.len % 2 != 0 || len < 2)
        return false;
    char *bytes = arena_alloc(arena, len);
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(cursor.ptr[2 * i]), low = hex_value(cursor.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (char)(high << 4 | low);
    }
    struct slice behind = {bytes + 1, len - 1};
    if (bytes[0] != KIND || memchr(behind.ptr, '\0', behind.len) || !utf8_is_valid(behind))
        return false;
    *sku = behind;
    return true;
}
