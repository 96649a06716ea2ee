#include "tests/support/data/token.h"

#include "shared/base/memory.h"
#include "tests/support/base/process.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_BYTES = 48, RSA_BITS = 2048, SIGNATURE_MOST = 512, P256_BYTES = 32 };

struct signing_key {
    EVP_PKEY *pair; /* NULL: a secret */
    bool is_ec;
    char secret[SECRET_BYTES + 1];
};

static void must(bool is_done, const char *what) {
    if (!is_done)
        fixture_fail("OpenSSL: %s failed", what);
}

struct signing_key *signing_key_create(const char *algorithm) {
    struct signing_key *made = mem_alloc(sizeof(*made));
    if (strcmp(algorithm, "RS256") == 0) {
        made->pair = EVP_RSA_gen(RSA_BITS);
        must(made->pair != NULL, "making a key");
    } else if (strcmp(algorithm, "ES256") == 0) {
        made->is_ec = true;
        made->pair = EVP_EC_gen("P-256");
        must(made->pair != NULL, "making a key");
    } else {
        unsigned char bytes[SECRET_BYTES];
        must(RAND_bytes(bytes, sizeof(bytes)) == 1, "random bytes");
        for (size_t i = 0; i < SECRET_BYTES; i++)
            made->secret[i] = (char)('a' + bytes[i] % 26);
    }
    return made;
}

void signing_key_destroy(struct signing_key **key) {
    if (*key != NULL)
        EVP_PKEY_free((*key)->pair);
    free(*key);
    *key = NULL;
}

static FILE *open_file(const char *path) {
    FILE *file = fopen(path, "we");
    if (file == NULL)
        fixture_fail("%s cannot be written", path);
    return file;
}

void signing_key_write_private(const struct signing_key *key, const char *path) {
    FILE *file = open_file(path);
    if (key->pair == NULL)
        fprintf(file, "%s\n", key->secret);
    else
        must(PEM_write_PrivateKey(file, key->pair, NULL, NULL, 0, NULL, NULL) == 1, "writing");
    fclose(file);
}

void signing_key_write_public(const struct signing_key *key, const char *path) {
    FILE *file = open_file(path);
    if (key->pair == NULL)
        fprintf(file, "%s\n", key->secret);
    else
        must(PEM_write_PUBKEY(file, key->pair) == 1, "writing");
    fclose(file);
}

void token_encode(struct slice text, struct buf *out) {
    size_t size = sodium_base64_encoded_len(text.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *encoded = mem_alloc(size);
    sodium_bin2base64(encoded, size, (const unsigned char *)text.ptr, text.len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf_append_text(out, encoded);
    free(encoded);
}

/* r and s, each of the curve's size (RFC 7518 section 3.4). */
static size_t unpack_ec(unsigned char *signature, size_t len) {
    const unsigned char *der = signature;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)len);
    unsigned char packed[2 * P256_BYTES];
    must(parsed != NULL, "reading a signature");
    BN_bn2binpad(ECDSA_SIG_get0_r(parsed), packed, P256_BYTES);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), packed + P256_BYTES, P256_BYTES);
    ECDSA_SIG_free(parsed);
    memcpy(signature, packed, sizeof(packed));
    return sizeof(packed);
}

static size_t sign_with_pair(const struct signing_key *key, struct slice text,
                             unsigned char *signature) {
    size_t len = SIGNATURE_MOST;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
             EVP_DigestSign(context, signature, &len, (const unsigned char *)text.ptr, text.len) ==
                 1,
         "signing");
    EVP_MD_CTX_free(context);
    return key->is_ec ? unpack_ec(signature, len) : len;
}

static size_t sign_with_secret(const struct signing_key *key, struct slice text,
                               unsigned char *signature) {
    unsigned len = 0;
    must(HMAC(EVP_sha256(), key->secret, SECRET_BYTES, (const unsigned char *)text.ptr, text.len,
              signature, &len) != NULL,
         "signing");
    return len;
}

char *token_sign(const struct signing_key *key, const char *header, const char *payload) {
    struct buf token = {0};
    unsigned char signature[SIGNATURE_MOST];
    token_encode(slice_of(header), &token);
    buf_append_char(&token, '.');
    token_encode(slice_of(payload), &token);
    size_t len = key->pair == NULL ? sign_with_secret(key, buf_slice(&token), signature)
                                   : sign_with_pair(key, buf_slice(&token), signature);
    buf_append_char(&token, '.');
    token_encode((struct slice){(const char *)signature, len}, &token);
    return token.ptr;
}
