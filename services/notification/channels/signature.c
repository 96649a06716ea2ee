#include "services/notification/channels/signature.h"

#include "shared/base/config.h"
#include "shared/base/memory.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "whsec_"
enum { PREFIX_LEN = sizeof(PREFIX) - 1, KEY_LEAST = 24, KEY_MOST = 64 };

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

enum status signature_key_create(const char *secret_file, struct signature_key **key,
                                 struct error *error) {
    char *content;
    size_t len;
    if (sodium_init() < 0)
        return error_set(error, STATUS_INTERNAL, "libsodium cannot start");
    enum status status = config_read_file(secret_file, &content, &len, error);
    if (status != STATUS_OK)
        return status;
    struct signature_key *made = mem_alloc(sizeof(*made));
    if (decode((struct slice){content, len}, made)) {
        *key = made;
    } else {
        status = error_set(error, STATUS_INVALID,
                           "%s does not hold whsec_ and base64 of 24 to 64 bytes", secret_file);
        signature_key_destroy(&made);
    }
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
