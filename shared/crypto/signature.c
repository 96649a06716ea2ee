#include "shared/crypto/signature.h"

#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "whsec_"
enum { PREFIX_LEN = sizeof(PREFIX) - 1, KEY_LEAST = 24, KEY_MOST = 64, KEY_MADE = 32 };
_Static_assert(SIGNATURE_SECRET_SIZE ==
                   PREFIX_LEN + sodium_base64_ENCODED_LEN(KEY_MADE, sodium_base64_VARIANT_ORIGINAL),
               "a secret that is made fits");

struct signature_key {
    unsigned char bytes[KEY_MOST];
    size_t len;
};

static bool decode(struct slice secret, struct signature_key *key) {
    if (secret.len <= PREFIX_LEN || memcmp(secret.ptr, PREFIX, PREFIX_LEN) != 0)
        return false;
    return sodium_base642bin(key->bytes, sizeof(key->bytes), secret.ptr + PREFIX_LEN,
                             secret.len - PREFIX_LEN, NULL, &key->len, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           key->len >= KEY_LEAST;
}

void signature_secret_make(char *text) {
    unsigned char bytes[KEY_MADE];
    if (sodium_init() < 0)
        abort(); /* there is no randomness */
    randombytes_buf(bytes, sizeof(bytes));
    memcpy(text, PREFIX, PREFIX_LEN);
    sodium_bin2base64(text + PREFIX_LEN, SIGNATURE_SECRET_SIZE - PREFIX_LEN, bytes, sizeof(bytes),
                      sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(bytes, sizeof(bytes));
}

enum status signature_key_parse(struct slice secret, struct signature_key **key,
                                struct error *error) {
    if (sodium_init() < 0)
        return error_set(error, STATUS_INTERNAL, "libsodium cannot start");
    struct signature_key *made = mem_alloc(sizeof(*made));
    if (decode(secret, made)) {
        *key = made;
        return STATUS_OK;
    }
    signature_key_destroy(&made);
    return error_set(error, STATUS_INVALID, "it is not whsec_ and base64 of 24 to 64 bytes");
}

enum status signature_key_create(const char *secret_file, struct signature_key **key,
                                 struct error *error) {
    char *content;
    size_t len;
    enum status status = config_read_file(secret_file, &content, &len, error);
    if (status != STATUS_OK)
        return status;
    struct error cause = {0};
    status = signature_key_parse((struct slice){content, len}, key, &cause);
    if (status != STATUS_OK)
        (void)error_set(error, status, "%s: %s", secret_file, cause.text);
    sodium_memzero(content, len);
    free(content);
    return status;
}

void signature_key_destroy(struct signature_key **key) {
    if (*key == NULL)
        return;
    sodium_memzero(*key, sizeof(**key));
    free(*key);
    *key = NULL;
}

void signature_write(const struct signature_key *key, const char *id, int64_t timestamp_s,
                     struct slice body, char *text) {
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char head[128];
    int head_len = snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, timestamp_s);
    crypto_auth_hmacsha256_init(&state, key->bytes, key->len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)head,
                                  (unsigned long long)head_len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    memcpy(text, "v1,", 3);
    sodium_bin2base64(text + 3, SIGNATURE_SIZE - 3, mac, sizeof(mac),
                      sodium_base64_VARIANT_ORIGINAL);
}

void signature_write_headers(const struct signature_key *key, const char *id, struct slice body,
                             struct buf headers[SIGNATURE_HEADERS]) {
    char signature[SIGNATURE_SIZE];
    int64_t now_s = clock_now_us() / 1000000;
    signature_write(key, id, now_s, body, signature);
    buf_printf(&headers[0], "webhook-id: %s", id);
    buf_printf(&headers[1], "webhook-timestamp: %" PRId64, now_s);
    buf_printf(&headers[2], "webhook-signature: %s", signature);
}
