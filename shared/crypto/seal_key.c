#include "shared/crypto/seal_key.h"

#include "shared/crypto/sealed_box.h"

#include <sodium.h>
#include <stdio.h>

enum {
    MASTER_AT = 3,                            /* behind "v2." */
    ID_AT = MASTER_AT + KEY_RING_ID_LEN + 1,  /* and a dot */
    PREFIX_LEN = ID_AT + SEAL_KEY_ID_LEN + 1, /* and a dot */
};

void seal_key_id(const struct seal_key *key, char id[SEAL_KEY_ID_LEN + 1]) {
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof(hash), key->bytes, sizeof(key->bytes), NULL, 0);
    hex_encode(hash, SEAL_KEY_ID_LEN / 2, id);
}

void seal_key_write(const struct seal_key *key, struct buf *out) {
    char text[2 * SEAL_KEY_BYTES + 1];
    hex_encode(key->bytes, sizeof(key->bytes), text);
    buf_append_text(out, text);
}

bool seal_key_parse(struct slice text, struct seal_key *key) {
    struct seal_key read;
    size_t len = 0;
    if (text.len != 2 * SEAL_KEY_BYTES ||
        sodium_hex2bin(read.bytes, sizeof(read.bytes), text.ptr, text.len, NULL, &len, NULL) != 0 ||
        len != sizeof(read.bytes))
        return false;
    *key = read;
    return true;
}

/* As it is sealed. */
struct opener {
    uint8_t private_key[SEAL_KEY_BYTES], public_key[SEAL_KEY_BYTES];
};

void seal_key_create(const struct key_ring *ring, struct seal_key *key, struct buf *opener) {
    struct opener pair;
    crypto_box_keypair(pair.public_key, pair.private_key);
    memcpy(key->bytes, pair.public_key, SEAL_KEY_BYTES);
    key_ring_seal(ring, (struct slice){(const char *)&pair, sizeof(pair)}, opener);
    sodium_memzero(&pair, sizeof(pair));
}

/* Of one text. */
struct exchange {
    uint8_t ephemeral[SEAL_KEY_BYTES], recipient[SEAL_KEY_BYTES]; /* public */
    uint8_t secret[SEAL_KEY_BYTES];                               /* X25519's of the two */
};

static enum status derive(const struct key_ring *ring, struct slice master,
                          const struct exchange *exchange, uint8_t key[SEALED_BOX_KEY_BYTES],
                          struct error *error) {
    const struct slice context = {(const char *)exchange, sizeof(*exchange)};
    return key_ring_derive(ring, master, context, key, error);
}

/* --- sealing ---------------------------------------------------------------------------------- */

void seal_pair_forget(struct seal_pair *pair) {
    sodium_memzero(pair, sizeof(*pair));
}

static bool has_sealed_for(const struct seal_pair *pair, const struct seal_key *key) {
    for (size_t i = 0; i < pair->count; i++)
        if (memcmp(pair->recipients[i].bytes, key->bytes, SEAL_KEY_BYTES) == 0)
            return true;
    return false;
}

/* A second text under the same two public keys would have the first one's key and nonce. */
static void use_pair(struct seal_pair *pair, const struct seal_key *key) {
    if (pair->count == SEAL_PAIR_RECIPIENTS || has_sealed_for(pair, key))
        seal_pair_forget(pair);
    if (pair->count == 0)
        crypto_box_keypair(pair->public_key, pair->private_key);
    pair->recipients[pair->count++] = *key;
}

/* A public key with which there is no secret seals for nobody: crypto_scalarmult() leaves zeros,
   and the text opens with no key that is kept. */
void seal_key_seal(const struct seal_key *key, struct seal_pair *by, const struct key_ring *ring,
                   struct slice plain, struct buf *sealed) {
    char id[SEAL_KEY_ID_LEN + 1], prefix[PREFIX_LEN + 1];
    uint8_t derived[SEALED_BOX_KEY_BYTES];
    struct exchange exchange = {.secret = {0}};
    use_pair(by, key);
    memcpy(exchange.ephemeral, by->public_key, SEAL_KEY_BYTES);
    memcpy(exchange.recipient, key->bytes, SEAL_KEY_BYTES);
    (void)!crypto_scalarmult(exchange.secret, by->private_key, key->bytes);
    seal_key_id(key, id);
    snprintf(prefix, sizeof(prefix), "v2.%.*s.%s.", SLICE_ARG(key_ring_id(ring)), id);
    if (derive(ring, key_ring_id(ring), &exchange, derived, NULL) == STATUS_OK)
        sealed_box_write(derived, (struct slice){prefix, PREFIX_LEN},
                         (struct slice){(const char *)exchange.ephemeral, SEAL_KEY_BYTES}, plain,
                         sealed);
    sodium_memzero(derived, sizeof(derived));
    sodium_memzero(&exchange, sizeof(exchange));
}

/* --- opening ---------------------------------------------------------------------------------- */

bool sealed_key_id(struct slice sealed, struct slice *id) {
    bool has_form = sealed.len > PREFIX_LEN && memcmp(sealed.ptr, "v2.", MASTER_AT) == 0 &&
                    sealed.ptr[ID_AT - 1] == '.' && sealed.ptr[PREFIX_LEN - 1] == '.';
    if (has_form)
        *id = (struct slice){sealed.ptr + ID_AT, SEAL_KEY_ID_LEN};
    return has_form;
}

/* Also says whether the opener is that of the text's key. */
static enum status open_box(const struct key_ring *ring, struct slice opener, struct slice sealed,
                            struct slice box, struct buf *plain, struct error *error) {
    struct opener pair;
    const struct slice prefix = {sealed.ptr, PREFIX_LEN};
    const struct slice master = {sealed.ptr + MASTER_AT, KEY_RING_ID_LEN};
    uint8_t derived[SEALED_BOX_KEY_BYTES];
    struct exchange exchange;
    if (opener.len != sizeof(pair) || box.len < SEAL_KEY_BYTES)
        return error_set(error, STATUS_INVALID, "sealed value was changed");
    memcpy(exchange.ephemeral, box.ptr, SEAL_KEY_BYTES);
    memcpy(&pair, opener.ptr, sizeof(pair));
    memcpy(exchange.recipient, pair.public_key, SEAL_KEY_BYTES);
    bool is_open = crypto_scalarmult(exchange.secret, pair.private_key, exchange.ephemeral) == 0;
    enum status status = derive(ring, master, &exchange, derived, error);
    if (status == STATUS_OK &&
        !(is_open && sealed_box_open(derived, prefix, box, SEAL_KEY_BYTES, plain)))
        status = error_set(error, STATUS_INVALID, "sealed value was changed");
    sodium_memzero(&pair, sizeof(pair));
    sodium_memzero(derived, sizeof(derived));
    sodium_memzero(&exchange, sizeof(exchange));
    return status;
}

enum status seal_key_open(const struct key_ring *ring, struct slice opener, struct slice sealed,
                          struct buf *plain, struct error *error) {
    struct slice id;
    struct buf box = {0}, private_key = {0};
    if (!sealed_key_id(sealed, &id))
        return error_set(error, STATUS_INVALID, "not sealed with a customer's key");
    enum status status = key_ring_open(ring, opener, &private_key, error);
    if (status == STATUS_OK &&
        !sealed_box_read((struct slice){sealed.ptr + PREFIX_LEN, sealed.len - PREFIX_LEN}, &box))
        status = error_set(error, STATUS_INVALID, "sealed value was changed");
    if (status == STATUS_OK)
        status = open_box(ring, buf_slice(&private_key), sealed, buf_slice(&box), plain, error);
    if (private_key.ptr != NULL)
        sodium_memzero(private_key.ptr, private_key.capacity);
    buf_fini(&private_key);
    buf_fini(&box);
    return status;
}
