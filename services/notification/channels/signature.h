/*
 * The signature of a webhook (Standard Webhooks,
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
 * HMAC-SHA256 over "<id>.<timestamp>.<body>" under the secret, as "v1,<base64>".
 *
 * The secret is "whsec_" and base64 of 24 to 64 bytes. Thread safe after creation; nothing blocks.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_SIGNATURE_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_SIGNATURE_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#define SIGNATURE_SIZE 48 /* "v1,", 44 digits, and the end */

struct signature_key;

enum status signature_key_create(const char *secret_file, struct signature_key **key,
                                 struct error *error) MUST_CHECK;
void signature_key_destroy(struct signature_key **key); /* wipes */
/* `id` has no full stop. `text` has SIGNATURE_SIZE bytes. */
void signature_write(const struct signature_key *key, const char *id, int64_t timestamp_s,
                     struct slice body, char *text);

#endif
