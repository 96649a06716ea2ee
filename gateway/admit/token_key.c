#include "gateway/admit/token_key.h"

#include "shared/base/config.h"
#include "shared/base/memory.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_LEAST_BYTES = 32, RSA_LEAST_BITS = 2048, SHA256_BYTES = 32, P256_BYTES = 32 };

struct token_key {
    enum token_algorithm algorithm;
    EVP_PKEY *public_key; /* or */
    char *secret;
    size_t secret_len;
};

static const char *const names[] = {"HS256", "RS256", "ES256"};

const char *token_algorithm_name(enum token_algorithm algorithm) {
    return names[algorithm];
}

bool token_algorithm_parse(const char *name, enum token_algorithm *algorithm) {
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *algorithm = (enum token_algorithm)i;
        return true;
    }
    return false;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A PEM file as a secret is a mistake: anybody with the public key could sign. */
static const char *fault_of_secret(const struct token_key *key) {
    static const char pem[] = "-----BEGIN";
    if (key->secret_len < SECRET_LEAST_BYTES)
        return "a secret for HS256 has at least 32 bytes";
    if (memcmp(key->secret, pem, sizeof(pem) - 1) == 0)
        return "HS256 needs a secret, not a PEM file";
    return NULL;
}

static const char *fault_of_rsa(const EVP_PKEY *key) {
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return "RS256 needs an RSA key";
    return EVP_PKEY_get_bits(key) < RSA_LEAST_BITS ? "an RSA key has at least 2048 bits" : NULL;
}

static const char *fault_of_ec(const EVP_PKEY *key) {
    char group[32] = "";
    size_t len;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1 ||
        strcmp(group, SN_X9_62_prime256v1) != 0)
        return "ES256 needs a key of curve P-256";
    return NULL;
}

static const char *read_public_key(struct token_key *key, const char *content, size_t len) {
    BIO *input = BIO_new_mem_buf(content, (int)len);
    if (input != NULL)
        key->public_key = PEM_read_bio_PUBKEY(input, NULL, NULL, NULL);
    BIO_free(input);
    ERR_clear_error();
    if (key->public_key == NULL)
        return "there is no public key in PEM";
    return key->algorithm == TOKEN_RS256 ? fault_of_rsa(key->public_key)
                                         : fault_of_ec(key->public_key);
}

enum status token_key_read(enum token_algorithm algorithm, const char *path, struct token_key **key,
                           struct error *error) {
    struct token_key *made = mem_alloc(sizeof(*made));
    const char *fault = NULL;
    made->algorithm = algorithm;
    enum status status = config_read_file(path, &made->secret, &made->secret_len, error);
    if (status == STATUS_OK)
        fault = algorithm == TOKEN_HS256 ? fault_of_secret(made)
                                         : read_public_key(made, made->secret, made->secret_len);
    if (fault != NULL)
        status = error_set(error, STATUS_INVALID, "%s: %s", path, fault);
    if (status == STATUS_OK)
        *key = made;
    else
        token_key_destroy(&made);
    return status;
}

void token_key_destroy(struct token_key **key) {
    struct token_key *k = *key;
    *key = NULL;
    if (k == NULL)
        return;
    if (k->secret != NULL)
        OPENSSL_cleanse(k->secret, k->secret_len);
    free(k->secret);
    EVP_PKEY_free(k->public_key);
    free(k);
}

/* --- verifying -------------------------------------------------------------------------------- */

static bool verify_with_secret(const struct token_key *key, struct slice text,
                               struct slice signature) {
    unsigned char expected[SHA256_BYTES];
    unsigned len = 0;
    return HMAC(EVP_sha256(), key->secret, (int)key->secret_len, (const unsigned char *)text.ptr,
                text.len, expected, &len) != NULL &&
           signature.len == len && CRYPTO_memcmp(expected, signature.ptr, len) == 0;
}

static bool verify_with_public_key(const struct token_key *key, struct slice text,
                                   const unsigned char *signature, size_t len) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_right =
        context != NULL &&
        EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->public_key) == 1 &&
        EVP_DigestVerify(context, signature, len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return is_right;
}

/* A token has r and s one behind the other, each of the curve's size; OpenSSL takes them as DER. */
static bool verify_ec(const struct token_key *key, struct slice text, struct slice signature) {
    if (signature.len != 2 * P256_BYTES)
        return false;
    const unsigned char *bytes = (const unsigned char *)signature.ptr;
    unsigned char *der = NULL;
    int len = -1;
    ECDSA_SIG *parsed = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + P256_BYTES, P256_BYTES, NULL);
    if (parsed != NULL && ECDSA_SIG_set0(parsed, r, s) == 1) {
        r = s = NULL; /* handed over */
        len = i2d_ECDSA_SIG(parsed, &der);
    }
    bool is_right = len > 0 && verify_with_public_key(key, text, der, (size_t)len);
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(parsed);
    return is_right;
}

bool token_key_verify(const struct token_key *key, struct slice text, struct slice signature) {
    switch (key->algorithm) {
    case TOKEN_HS256:
        return verify_with_secret(key, text, signature);
    case TOKEN_RS256:
        return verify_with_public_key(key, text, (const unsigned char *)signature.ptr,
                                      signature.len);
    case TOKEN_ES256:
        return verify_ec(key, text, signature);
    }
    return false;
}
