#include "shared/crypto/crypto.h"

#include "shared/base/config.h"
#include "shared/base/memory.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEY_ID_LEN = 8,
    PREFIX_LEN = 3 + KEY_ID_LEN + 1, /* "v1." id "." */
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

struct key {
    uint8_t bytes[KEY_BYTES];
    char prefix[PREFIX_LEN + 1]; /* of what it seals; authenticated with it */
};

struct key_ring {
    struct key keys[2]; /* the current one first */
    size_t count;
};

static void start_sodium(void) {
    if (sodium_init() < 0) {
        fputs("libsodium cannot start\n", stderr);
        abort();
    }
}

static void require_sodium(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_sodium);
}

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
    require_sodium();
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
    size_t box_len = NONCE_BYTES + plain.len + TAG_BYTES;
    uint8_t *box = mem_alloc(box_len);
    randombytes_buf(box, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE_BYTES, NULL, (const uint8_t *)plain.ptr,
                                               plain.len, (const uint8_t *)key->prefix, PREFIX_LEN,
                                               NULL, box, key->bytes);
    buf_append(sealed, key->prefix, PREFIX_LEN);
    size_t text_size = sodium_base64_encoded_len(box_len, BASE64); /* terminator included */
    buf_reserve(sealed, text_size);
    sodium_bin2base64(sealed->ptr + sealed->len, text_size, box, box_len, BASE64);
    sealed->len += text_size - 1;
    free(box);
}

/* The text is v1.<id>.<rest> with any id. */
static bool has_prefix_form(struct slice sealed) {
    return sealed.len > PREFIX_LEN && memcmp(sealed.ptr, "v1.", 3) == 0 &&
           sealed.ptr[PREFIX_LEN - 1] == '.';
}

static const struct key *find_key(const struct key_ring *ring, struct slice sealed) {
    for (size_t i = 0; i < ring->count; i++)
        if (memcmp(ring->keys[i].prefix, sealed.ptr, PREFIX_LEN) == 0)
            return &ring->keys[i];
    return NULL;
}

/* Appends what `box`, nonce and ciphertext, holds. */
static bool open_box(const struct key *key, const uint8_t *box, size_t box_len, struct buf *plain) {
    if (box_len < NONCE_BYTES + TAG_BYTES)
        return false;
    size_t plain_len = box_len - NONCE_BYTES - TAG_BYTES;
    buf_reserve(plain, plain_len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (uint8_t *)plain->ptr + plain->len, NULL, NULL, box + NONCE_BYTES,
            box_len - NONCE_BYTES, (const uint8_t *)key->prefix, PREFIX_LEN, box, key->bytes) != 0)
        return false;
    plain->len += plain_len;
    plain->ptr[plain->len] = '\0';
    return true;
}

enum status key_ring_open(const struct key_ring *ring, struct slice sealed, struct buf *plain,
                          struct error *error) {
    if (!has_prefix_form(sealed))
        return error_set(error, STATUS_INVALID, "not a sealed value");
    const struct key *key = find_key(ring, sealed);
    if (key == NULL)
        return error_set(error, STATUS_NOT_FOUND, "sealed with key %.*s, which is not in the ring",
                         KEY_ID_LEN, sealed.ptr + 3);
    size_t text_len = sealed.len - PREFIX_LEN, box_len = 0;
    uint8_t *box = mem_alloc(text_len);
    bool is_open = sodium_base642bin(box, text_len, sealed.ptr + PREFIX_LEN, text_len, NULL,
                                     &box_len, NULL, BASE64) == 0 &&
                   open_box(key, box, box_len, plain);
    free(box);
    if (!is_open)
        return error_set(error, STATUS_INVALID, "sealed value was changed");
    return STATUS_OK;
}
