/*
 * Signing keys and tokens for tests. Header and payload are taken as they are, however wrong.
 * Single-threaded.
 */
#ifndef OM_TESTS_SUPPORT_DATA_TOKEN_H
#define OM_TESTS_SUPPORT_DATA_TOKEN_H

#include "shared/base/buf.h"

struct signing_key;
/* A new one, for HS256, RS256 or ES256. */
struct signing_key *signing_key_create(const char *algorithm);
void signing_key_destroy(struct signing_key **key);
/* The key that signs and the one that verifies: for HS256 the same secret, else PEM. */
void signing_key_write_private(const struct signing_key *key, const char *path);
void signing_key_write_public(const struct signing_key *key, const char *path);

/* base64url(header).base64url(payload).signature; free() it. */
char *token_sign(const struct signing_key *key, const char *header, const char *payload);
/* base64url of a text, without padding, appended. */
void token_encode(struct slice text, struct buf *out);

#endif
