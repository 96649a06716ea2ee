/*
 * The keys that tokens are verified with, and the verifying (RFC 7518 section 3). A key that is too
 * weak, or of another kind than the algorithm, is refused when it is read. Reading blocks; a key
 * that was read is thread safe.
 */
#ifndef OM_GATEWAY_ADMIT_TOKEN_KEY_H
#define OM_GATEWAY_ADMIT_TOKEN_KEY_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

enum token_algorithm { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256 };

const char *token_algorithm_name(enum token_algorithm algorithm);
bool token_algorithm_parse(const char *name, enum token_algorithm *algorithm);

struct token_key;
/* INVALID or NOT_FOUND: the file cannot be read, or its key does not go with the algorithm: a
   secret of at least 32 bytes, or a public key in PEM, RSA of at least 2048 bits or of curve P-256.
 */
enum status token_key_read(enum token_algorithm algorithm, const char *path, struct token_key **key,
                           struct error *error) MUST_CHECK;
void token_key_destroy(struct token_key **key); /* wipes */
/* Whether the bytes of `signature` are the key's own under `text`. Takes the same time wherever a
   wrong one differs. */
bool token_key_verify(const struct token_key *key, struct slice text, struct slice signature);

#endif
