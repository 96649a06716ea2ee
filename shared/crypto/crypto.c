#include "shared/crypto/crypto.h"

#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/crypto/sealed_box.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BYTES = SEALED_BOX_KEY_BYTES,
    KEY_ID_LEN = KEY_RING_ID_LEN,
    PREFIX_LEN = 3 + KEY_ID_LEN + 1, /* "v1." id "." */
};

struct key {
    uint8_t bytes[KEY_BYTES];
    char prefix[PREFIX_LEN + 1]; /* of what it seals; authenticated with it */
};

struct key_ring {
    struct key keys[2]; /* the current one first */
    size_t count;
};

void sha256(const void *bytes, size_t len, uint8_t hash[32]) {
    crypto_hash_sha256(hash, bytes, len);
}

static void name_key(struct key *key) {
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof(hash), key->bytes, sizeof(key->bytes), NULL, 0);
    char id[KEY_ID_LEN + 1];
    hex_encode(hash, KEY_ID_LEN / 2, id);
    snprintf(key->prefix, sizeof(key->prefix), "v1.%s.", id);
}

static enum status read_key(const char *path, struct key *key, struct error *error) {
    char *content;
    size_t len, decoded_len;
    enum status status = config_read_file(path, &content, &len, error);
    if (status != STATUS_OK)
        return status;
    bool is_key = len == 2 * KEY_BYTES && sodium_hex2bin(key->bytes, sizeof(key->bytes), content,
                                                         len, NULL, &decoded_len, NULL) == 0;
    sodium_memzero(content, len);
    free(content);
    if (!is_key || decoded_len != KEY_BYTES)
        return error_set(error, STATUS_INVALID, "%s: a key is 64 hex digits", path);
    name_key(key);
    return STATUS_OK;
}

enum status key_ring_create(const char *key_file, const char *old_key_file, struct key_ring **ring,
                            struct error *error) {
    sealed_box_require_sodium();
    struct key_ring *created = mem_alloc(sizeof(*created));
    enum status status = read_key(key_file, &created->keys[0], error);
    if (status != STATUS_OK)
        goto out;
    created->count = 1;
    if (old_key_file != NULL && old_key_file[0] != '\0') {
        status = read_key(old_key_file, &created->keys[1], error);
        if (status != STATUS_OK)
            goto out;
        created->count = 2;
    }
    *ring = created;
    created = NULL;
out:
    key_ring_destroy(&created);
    return status;
}

void key_ring_destroy(struct key_ring **ring) {
    if (*ring == NULL)
        return;
    sodium_memzero(*ring, sizeof(**ring));
    free(*ring);
    *ring = NULL;
}

const char *key_ring_prefix(const struct key_ring *ring) {
    return ring->keys[0].prefix;
}

void key_ring_seal(const struct key_ring *ring, struct slice plain, struct buf *sealed) {
    const struct key *key = &ring->keys[0];
    char nonce[SEALED_BOX_NONCE_BYTES];
    randombytes_buf(nonce, sizeof(nonce));
    sealed_box_write(key->bytes, (struct slice){key->prefix, PREFIX_LEN},
                     (struct slice){nonce, sizeof(nonce)}, plain, sealed);
}

/* The text is v1.<id>.<rest> with any id. */
static bool has_prefix_form(struct slice sealed) {
    return sealed.len > PREFIX_LEN && memcmp(sealed.ptr, "v1.", 3) == 0 &&
           sealed.ptr[PREFIX_LEN - 1] == '.';
}

/* NULL with the error NOT_FOUND. */
static const struct key *find_key(const struct key_ring *ring, struct slice id,
                                  struct error *error) {
    for (size_t i = 0; i < ring->count; i++)
        if (slice_equal((struct slice){ring->keys[i].prefix + 3, KEY_ID_LEN}, id))
            return &ring->keys[i];
    (void)error_set(error, STATUS_NOT_FOUND, "sealed with key %.*s, which is not in the ring",
                    SLICE_ARG(id));
    return NULL;
}

enum status key_ring_open(const struct key_ring *ring, struct slice sealed, struct buf *plain,
                          struct error *error) {
    if (!has_prefix_form(sealed))
        return error_set(error, STATUS_INVALID, "not a sealed value");
    const struct key *key = find_key(ring, (struct slice){sealed.ptr + 3, KEY_ID_LEN}, error);
    if (key == NULL)
        return STATUS_NOT_FOUND;
    struct buf box = {0};
    bool is_open =
        sealed_box_read((struct slice){sealed.ptr + PREFIX_LEN, sealed.len - PREFIX_LEN}, &box) &&
        sealed_box_open(key->bytes, (struct slice){key->prefix, PREFIX_LEN}, buf_slice(&box),
                        SEALED_BOX_NONCE_BYTES, plain);
    buf_fini(&box);
    if (!is_open)
        return error_set(error, STATUS_INVALID, "sealed value was changed");
    return STATUS_OK;
}

struct slice key_ring_id(const struct key_ring *ring) {
    return (struct slice){ring->keys[0].prefix + 3, KEY_ID_LEN};
}

bool key_ring_has(const struct key_ring *ring, struct slice id) {
    return find_key(ring, id, NULL) != NULL;
}

enum status key_ring_derive(const struct key_ring *ring, struct slice id, struct slice context,
                            uint8_t derived[32], struct error *error) {
    const struct key *key = find_key(ring, id, error);
    if (key == NULL)
        return STATUS_NOT_FOUND;
    crypto_generichash(derived, 32, (const uint8_t *)context.ptr, context.len, key->bytes,
                       sizeof(key->bytes));
    return STATUS_OK;
}
