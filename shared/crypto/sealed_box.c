#include "shared/crypto/sealed_box.h"

#include "shared/base/memory.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(SEALED_BOX_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                   SEALED_BOX_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES &&
                   SEALED_BOX_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "libsodium's sizes");

static void start_sodium(void) {
    if (sodium_init() < 0) {
        fputs("libsodium cannot start\n", stderr);
        abort();
    }
}

void sealed_box_require_sodium(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_sodium);
}

void sealed_box_write(const uint8_t key[SEALED_BOX_KEY_BYTES], struct slice prefix,
                      struct slice head, struct slice plain, struct buf *sealed) {
    size_t box_len = head.len + plain.len + SEALED_BOX_TAG_BYTES;
    uint8_t *box = mem_alloc(box_len);
    memcpy(box, head.ptr, head.len);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + head.len, NULL, (const uint8_t *)plain.ptr,
                                               plain.len, (const uint8_t *)prefix.ptr, prefix.len,
                                               NULL, box, key);
    buf_append_slice(sealed, prefix);
    size_t text_size = sodium_base64_encoded_len(box_len, BASE64); /* terminator included */
    buf_reserve(sealed, text_size);
    sodium_bin2base64(sealed->ptr + sealed->len, text_size, box, box_len, BASE64);
    sealed->len += text_size - 1;
    free(box);
}

bool sealed_box_read(struct slice text, struct buf *box) {
    size_t len = 0;
    buf_reserve(box, text.len);
    if (sodium_base642bin((uint8_t *)box->ptr + box->len, text.len, text.ptr, text.len, NULL, &len,
                          NULL, BASE64) != 0)
        return false;
    box->len += len;
    return true;
}

bool sealed_box_open(const uint8_t key[SEALED_BOX_KEY_BYTES], struct slice prefix, struct slice box,
                     size_t head_len, struct buf *plain) {
    if (box.len < head_len + SEALED_BOX_TAG_BYTES)
        return false;
    const uint8_t *bytes = (const uint8_t *)box.ptr;
    size_t plain_len = box.len - head_len - SEALED_BOX_TAG_BYTES;
    buf_reserve(plain, plain_len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (uint8_t *)plain->ptr + plain->len, NULL, NULL, bytes + head_len, box.len - head_len,
            (const uint8_t *)prefix.ptr, prefix.len, bytes, key) != 0)
        return false;
    plain->len += plain_len;
    plain->ptr[plain->len] = '\0';
    return true;
}
