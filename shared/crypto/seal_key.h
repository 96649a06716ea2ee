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
 * Pure, and thread safe but for a pair, which is one thread's.
 */
#ifndef OM_SHARED_CRYPTO_SEAL_KEY_H
#define OM_SHARED_CRYPTO_SEAL_KEY_H

#include "shared/crypto/crypto.h"

#define SEAL_KEY_BYTES 32
#define SEAL_KEY_ID_LEN 16
#define SEAL_PAIR_RECIPIENTS 64

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

/* An ephemeral pair of keys, and for whom it has sealed. Making one costs as much as sealing with
   it, so it serves several recipients, but each only once: the text's key and nonce come from both
   sides' public keys, and are other ones with another recipient. Zero-initialize; one thread. */
struct seal_pair {
    uint8_t public_key[SEAL_KEY_BYTES], private_key[SEAL_KEY_BYTES];
    struct seal_key recipients[SEAL_PAIR_RECIPIENTS];
    size_t count; /* 0: there is no pair */
};
/* By this pair, or by a new one if it has sealed for that key, or for SEAL_PAIR_RECIPIENTS. */
void seal_key_seal(const struct seal_key *key, struct seal_pair *by, const struct key_ring *ring,
                   struct slice plain, struct buf *sealed);
/* Wipes it. While it is there it would open what it has sealed. */
void seal_pair_forget(struct seal_pair *pair);
/* Whether the text names a key of this kind, and which; else the master key alone opens it, if any.
   `id` borrows. */
bool sealed_key_id(struct slice sealed, struct slice *id);
/* `opener` is seal_key_create()'s. INVALID when text or opener were changed or do not belong
   together, NOT_FOUND when the master key of either is not in the ring. */
enum status seal_key_open(const struct key_ring *ring, struct slice opener, struct slice sealed,
                          struct buf *plain, struct error *error) MUST_CHECK;

#endif
