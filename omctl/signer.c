#include "omctl/signer.h"

#include "shared/base/config.h"
#include "shared/base/memory.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_MOST = 1024, P256_BYTES = 32 };

static const struct algorithm {
    const char *name;
    const char *key_type; /* OpenSSL's name for it */
    bool is_secret, is_ec;
} algorithms[] = {
    {"HS256", "HMAC", true, false},
    {"RS256", "RSA", false, false},
    {"ES256", "EC", false, true},
};

struct signer {
    const struct algorithm *algorithm;
    EVP_PKEY *key;
};

/* --- the key ---------------------------------------------------------------------------------- */

static const struct algorithm *find_algorithm(const char *name) {
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (strcmp(name, algorithms[i].name) == 0)
            return &algorithms[i];
    return NULL;
}

static EVP_PKEY *parse_key(const struct algorithm *algorithm, const char *content, size_t len) {
    if (algorithm->is_secret)
        return EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, (const unsigned char *)content,
                                            len);
    BIO *input = BIO_new_mem_buf(content, (int)len);
    EVP_PKEY *key = input == NULL ? NULL : PEM_read_bio_PrivateKey(input, NULL, NULL, NULL);
    BIO_free(input);
    return key;
}

static bool fits(const struct algorithm *algorithm, const EVP_PKEY *key) {
    return key != NULL && EVP_PKEY_is_a(key, algorithm->key_type) &&
           (!algorithm->is_ec || EVP_PKEY_get_bits(key) == 8 * P256_BYTES);
}

enum status signer_create(const char *algorithm, const char *key_file, struct signer **signer,
                          struct error *error) {
    char *content = NULL;
    size_t len = 0;
    const struct algorithm *found = find_algorithm(algorithm);
    if (found == NULL)
        return error_set(error, STATUS_INVALID, "%s is none of HS256 RS256 ES256", algorithm);
    enum status status = config_read_file(key_file, &content, &len, error);
    if (status != STATUS_OK)
        return status;
    EVP_PKEY *key = parse_key(found, content, len);
    OPENSSL_cleanse(content, len);
    free(content);
    if (!fits(found, key)) {
        EVP_PKEY_free(key);
        return error_set(error, STATUS_INVALID, "%s has no private key for %s", key_file,
                         algorithm);
    }
    *signer = mem_alloc(sizeof(**signer));
    **signer = (struct signer){found, key};
    return STATUS_OK;
}

void signer_destroy(struct signer **signer) {
    if (*signer != NULL)
        EVP_PKEY_free((*signer)->key);
    free(*signer);
    *signer = NULL;
}

/* --- signing ---------------------------------------------------------------------------------- */

static void append_encoded(struct buf *out, const void *bytes, size_t len) {
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf_reserve(out, size);
    sodium_bin2base64(out->ptr + out->len, size, bytes, len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    out->len += size - 1;
}

/* OpenSSL signs in DER; a token has r and s one behind the other (RFC 7518 section 3.4). */
static bool unpack_ec(unsigned char *signature, size_t *len) {
    const unsigned char *der = signature;
    unsigned char packed[2 * P256_BYTES];
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)*len);
    bool is_done =
        parsed != NULL &&
        BN_bn2binpad(ECDSA_SIG_get0_r(parsed), packed, P256_BYTES) == P256_BYTES &&
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed), packed + P256_BYTES, P256_BYTES) == P256_BYTES;
    ECDSA_SIG_free(parsed);
    if (!is_done)
        return false;
    memcpy(signature, packed, sizeof(packed));
    *len = sizeof(packed);
    return true;
}

static bool sign(const struct signer *signer, struct slice text, unsigned char *signature,
                 size_t *len) {
    *len = SIGNATURE_MOST;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done =
        context != NULL &&
        EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, signer->key) == 1 &&
        EVP_DigestSign(context, signature, len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    return is_done && (!signer->algorithm->is_ec || unpack_ec(signature, len));
}

enum status signer_sign(const struct signer *signer, struct slice claims, struct buf *token,
                        struct error *error) {
    unsigned char signature[SIGNATURE_MOST];
    char header[64];
    size_t start = token->len, len;
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", signer->algorithm->name);
    append_encoded(token, header, strlen(header));
    buf_append_char(token, '.');
    append_encoded(token, claims.ptr, claims.len);
    struct slice text = {token->ptr + start, token->len - start};
    if (!sign(signer, text, signature, &len))
        return error_set(error, STATUS_INTERNAL, "OpenSSL does not sign with this key");
    buf_append_char(token, '.');
    append_encoded(token, signature, len);
    return STATUS_OK;
}
