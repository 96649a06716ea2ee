#include "shared/contract/page_cursor.h"

#include "shared/crypto/crypto.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    TAG_BYTES = 8,
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    SEALED_MAX = TAG_BYTES + CURSOR_POSITION_MAX,
};

/* The first TAG_BYTES of the hash over the scope's length, the scope and the position. */
static void make_tag(struct slice scope, struct slice position, uint8_t *tag) {
    uint8_t hash[32];
    struct buf text = {0};
    buf_printf(&text, "%zu.", scope.len);
    buf_append_slice(&text, scope);
    buf_append_slice(&text, position);
    sha256(text.ptr, text.len, hash);
    buf_fini(&text);
    memcpy(tag, hash, TAG_BYTES);
}

void cursor_seal(struct slice scope, struct slice position, struct buf *out) {
    uint8_t sealed[SEALED_MAX];
    assert(position.len <= CURSOR_POSITION_MAX);
    make_tag(scope, position, sealed);
    if (position.len > 0)
        memcpy(sealed + TAG_BYTES, position.ptr, position.len);
    size_t len = TAG_BYTES + position.len;
    size_t text_size = sodium_base64_encoded_len(len, BASE64); /* terminator included */
    buf_reserve(out, text_size);
    sodium_bin2base64(out->ptr + out->len, text_size, sealed, len, BASE64);
    out->len += text_size - 1;
}

bool cursor_open(struct slice scope, struct slice cursor, struct buf *out) {
    uint8_t sealed[SEALED_MAX], tag[TAG_BYTES];
    size_t len;
    if (sodium_base642bin(sealed, sizeof(sealed), cursor.ptr, cursor.len, NULL, &len, NULL,
                          BASE64) != 0 ||
        len < TAG_BYTES)
        return false;
    struct slice position = {(const char *)sealed + TAG_BYTES, len - TAG_BYTES};
    make_tag(scope, position, tag);
    if (memcmp(tag, sealed, TAG_BYTES) != 0)
        return false;
    buf_append_slice(out, position);
    return true;
}
