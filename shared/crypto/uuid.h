/*
 * UUIDs (RFC 9562): version 7 for event ids and keyless orders, version 8 from a hash for orders
 * that carry an Idempotency-Key. Thread safe; never blocks after the first call.
 */
#ifndef OM_SHARED_CRYPTO_UUID_H
#define OM_SHARED_CRYPTO_UUID_H

#include "shared/base/slice.h"

#include <stdint.h>

#define UUID_TEXT_LEN 36
#define UUID_TEXT_SIZE (UUID_TEXT_LEN + 1)

struct uuid {
    uint8_t bytes[16];
};

/* Version 7, monotonic within the process (RFC 9562 section 6.2, method 3). */
struct uuid uuid_v7(void);
/* Version 8: the first 16 of `hash`, with version and variant bits set. */
struct uuid uuid_v8(const uint8_t hash[16]);
/* Lower-case canonical text. `text` has UUID_TEXT_SIZE bytes. */
void uuid_format(const struct uuid *uuid, char *text);
/* Canonical 8-4-4-4-12 hex only, either case, any version. False when it is anything else. */
bool uuid_parse(struct slice text, struct uuid *uuid);
int uuid_compare(const struct uuid *a, const struct uuid *b);

#endif
