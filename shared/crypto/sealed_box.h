/*
 * The form that all sealed values have: a prefix that says with what, then base64url of a head and
 * of what was encrypted (XChaCha20-Poly1305 by libsodium). The nonce is the first 24 bytes of the
 * head, so no head may come twice under one key; the prefix is authenticated. Pure, thread safe.
 */
#ifndef OM_SHARED_CRYPTO_SEALED_BOX_H
#define OM_SHARED_CRYPTO_SEALED_BOX_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

#include <stdint.h>

#define SEALED_BOX_KEY_BYTES 32
#define SEALED_BOX_NONCE_BYTES 24
#define SEALED_BOX_TAG_BYTES 16

/* What the libraries of the room need, once. */
void sealed_box_require_sodium(void);

/* Appends the text. `head` has SEALED_BOX_NONCE_BYTES at least. */
void sealed_box_write(const uint8_t key[SEALED_BOX_KEY_BYTES], struct slice prefix,
                      struct slice head, struct slice plain, struct buf *sealed);
/* Appends head and ciphertext of a text, without its prefix; false when it is no base64url. */
bool sealed_box_read(struct slice text, struct buf *box);
/* Appends what `box` holds behind a head of `head_len` bytes; false when it was changed, or sealed
   with another key or prefix. */
bool sealed_box_open(const uint8_t key[SEALED_BOX_KEY_BYTES], struct slice prefix, struct slice box,
                     size_t head_len, struct buf *plain);

#endif
