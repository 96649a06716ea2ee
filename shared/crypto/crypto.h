/*
 * Hashing, and sealing of personal data (XChaCha20-Poly1305 by libsodium).
 *
 * A sealed value is text: `v1.<key id>.<base64url(nonce || ciphertext)>`; the key id is the first 8
 * hex digits of the key's BLAKE2b hash. A key file holds 64 hex digits. The ring opens with either
 * key and seals with the current one. Thread safe after creation; nothing blocks.
 */
#ifndef OM_SHARED_CRYPTO_CRYPTO_H
#define OM_SHARED_CRYPTO_CRYPTO_H

#include "shared/base/buf.h"
#include "shared/base/hex.h"
#include "shared/base/status.h"

void sha256(const void *bytes, size_t len, uint8_t hash[32]);

struct key_ring;
/* `old_key_file` may be "" or NULL. */
enum status key_ring_create(const char *key_file, const char *old_key_file, struct key_ring **ring,
                            struct error *error) MUST_CHECK;
void key_ring_destroy(struct key_ring **ring); /* wipes */
/* What all begins with that is sealed with the current key. */
const char *key_ring_prefix(const struct key_ring *ring);
void key_ring_seal(const struct key_ring *ring, struct slice plain, struct buf *sealed);
/* INVALID when it was tampered with, NOT_FOUND when its key is not in the ring. */
enum status key_ring_open(const struct key_ring *ring, struct slice sealed, struct buf *plain,
                          struct error *error) MUST_CHECK;

#define KEY_RING_ID_LEN 8
/* The current key's id; borrowed from the ring. */
struct slice key_ring_id(const struct key_ring *ring);
bool key_ring_has(const struct key_ring *ring, struct slice id);
/* 32 bytes that only who has the key of that id can have (BLAKE2b, keyed): one key for each
   `context`. NOT_FOUND when the key is not in the ring. */
enum status key_ring_derive(const struct key_ring *ring, struct slice id, struct slice context,
                            uint8_t derived[32], struct error *error) MUST_CHECK;

#endif
