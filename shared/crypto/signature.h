/*
 * The signature of a webhook (Standard Webhooks,
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
 * HMAC-SHA256 over "<id>.<timestamp>.<body>" under the secret, as "v1,<base64>".
 *
 * The secret is "whsec_" and base64 of 24 to 64 bytes. Thread safe after creation; nothing blocks.
 */
#ifndef OM_SHARED_CRYPTO_SIGNATURE_H
#define OM_SHARED_CRYPTO_SIGNATURE_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

#define SIGNATURE_SIZE 48 /* "v1,", 44 digits, and the end */

#define SIGNATURE_SECRET_SIZE 51 /* "whsec_", 44 digits, and the end */
#define SIGNATURE_HEADERS 3

struct signature_key;

/* A new secret of 32 random bytes. `text` has SIGNATURE_SECRET_SIZE bytes. */
void signature_secret_make(char *text);
/* INVALID for a text that is no secret. */
enum status signature_key_parse(struct slice secret, struct signature_key **key,
                                struct error *error) MUST_CHECK;

enum status signature_key_create(const char *secret_file, struct signature_key **key,
                                 struct error *error) MUST_CHECK;
void signature_key_destroy(struct signature_key **key); /* wipes */
/* `id` has no full stop. `text` has SIGNATURE_SIZE bytes. */
void signature_write(const struct signature_key *key, const char *id, int64_t timestamp_s,
                     struct slice body, char *text);
/* The lines webhook-id, webhook-timestamp and webhook-signature of a request that is sent now. */
void signature_write_headers(const struct signature_key *key, const char *id, struct slice body,
                             struct buf headers[SIGNATURE_HEADERS]);

#endif
