/*
 * A key of a customer's own. What seals is public, and opens nothing: it may be cached, and be
 * lost. What opens is kept in one place, itself sealed by the master key (crypto.h), and is
 * destroyed to erase the customer: all that was ever sealed with it is noise then, wherever a copy
 * of it is.
 *
 * A text: `v2.<master key's id>.<key's id>.<base64url(ephemeral public key || ciphertext)>`. Its
 * key is derived from the master key, both public keys and their X25519 secret (RFC 7748), as
 * HPKE's mode_psk does (RFC 9180 section 5.1.2): who opens needs both keys, and only who has the
 * master key can seal. The key's id is the first 16 hex digits of the public key's BLAKE2b hash.
 *
 * Pure, thread safe.
 */
#ifndef OM_SHARED_CRYPTO_SEAL_KEY_H
#define OM_SHARED_CRYPTO_SEAL_KEY_H

#include "shared/crypto/crypto.h"

#define SEAL_KEY_BYTES 32
#define SEAL_KEY_ID_LEN 16

/* Public. */
struct seal_key {
    uint8_t bytes[SEAL_KEY_BYTES];
};

/* A new pair. Appends what opens, sealed by the ring's current key. */
void seal_key_create(const struct key_ring *ring, struct seal_key *key, struct buf *opener);
void seal_key_id(const struct seal_key *key, char id[SEAL_KEY_ID_LEN + 1]);
/* 64 hex digits, appended and read; false when they are not. */
void seal_key_write(const struct seal_key *key, struct buf *out);
bool seal_key_parse(struct slice text, struct seal_key *key);

void seal_key_seal(const struct seal_key *key, const struct key_ring *ring, struct slice plain,
                   struct buf *sealed);
/* Whether the text names a key of this kind, and which; else the master key alone opens it, if any.
   `id` borrows. */
bool sealed_key_id(struct slice sealed, struct slice *id);
/* `opener` is seal_key_create()'s. INVALID when text or opener were changed or do not belong
   together, NOT_FOUND when the master key of either is not in the ring. */
enum status seal_key_open(const struct key_ring *ring, struct slice opener, struct slice sealed,
                          struct buf *plain, struct error *error) MUST_CHECK;

#endif
