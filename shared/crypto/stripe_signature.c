#include "shared/crypto/stripe_signature.h"

#include "shared/base/config.h"
#include "shared/base/hex.h"
#include "shared/base/memory.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAC_BYTES = crypto_auth_hmacsha256_BYTES, MAC_DIGITS = 2 * MAC_BYTES };

struct stripe_secret {
    char *text;
    size_t len;
};

enum status stripe_secret_create(const char *file, struct stripe_secret **secret,
                                 struct error *error) {
    char *text;
    size_t len;
    if (sodium_init() < 0)
        return error_set(error, STATUS_INTERNAL, "libsodium cannot start");
    enum status status = config_read_file(file, &text, &len, error);
    if (status != STATUS_OK)
        return status;
    struct stripe_secret *made = mem_alloc(sizeof(*made));
    *made = (struct stripe_secret){text, len};
    if (len > 0 && strpbrk(text, " \t\r\n") == NULL && strlen(text) == len) {
        *secret = made;
        return STATUS_OK;
    }
    stripe_secret_destroy(&made);
    return error_set(error, STATUS_INVALID, "%s holds no secret", file);
}

void stripe_secret_destroy(struct stripe_secret **secret) {
    if (*secret == NULL)
        return;
    sodium_memzero((*secret)->text, (*secret)->len);
    free((*secret)->text);
    free(*secret);
    *secret = NULL;
}

static void sign(const struct stripe_secret *secret, int64_t timestamp_s, struct slice body,
                 char digits[MAC_DIGITS + 1]) {
    crypto_auth_hmacsha256_state state;
    unsigned char mac[MAC_BYTES];
    char head[32];
    int head_len = snprintf(head, sizeof(head), "%" PRId64 ".", timestamp_s);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret->text, secret->len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)head,
                                  (unsigned long long)head_len);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    hex_encode(mac, MAC_BYTES, digits);
}

void stripe_signature_write(const struct stripe_secret *secret, int64_t timestamp_s,
                            struct slice body, char *text) {
    char digits[MAC_DIGITS + 1];
    sign(secret, timestamp_s, body, digits);
    snprintf(text, STRIPE_SIGNATURE_SIZE, "t=%" PRId64 ",v1=%s", timestamp_s, digits);
}

/* The first t; false when there is none that is a number. */
static bool read_timestamp(struct slice header, int64_t *timestamp_s) {
    while (header.len > 0) {
        struct slice part = slice_take_until(&header, ',');
        uint64_t number;
        if (!slice_take_prefix(&part, "t="))
            continue;
        if (!slice_parse_uint(part, INT64_MAX, &number))
            return false;
        *timestamp_s = (int64_t)number;
        return true;
    }
    return false;
}

bool stripe_signature_verify(const struct stripe_secret *secret, struct slice header,
                             struct slice body, int64_t now_s) {
    char digits[MAC_DIGITS + 1];
    int64_t timestamp_s;
    bool is_signed = false;
    if (secret == NULL || !read_timestamp(header, &timestamp_s) ||
        timestamp_s < now_s - STRIPE_SIGNATURE_TOLERANCE_S ||
        timestamp_s > now_s + STRIPE_SIGNATURE_TOLERANCE_S)
        return false;
    sign(secret, timestamp_s, body, digits);
    while (header.len > 0) {
        struct slice part = slice_take_until(&header, ',');
        if (slice_take_prefix(&part, "v1=") && part.len == MAC_DIGITS)
            is_signed |= sodium_memcmp(part.ptr, digits, MAC_DIGITS) == 0;
    }
    return is_signed;
}
