/* Signs JSON Web Tokens (RFC 7515, compact form) with OpenSSL. Single-threaded; reading blocks. */
#ifndef OM_OMCTL_SIGNER_H
#define OM_OMCTL_SIGNER_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

struct signer;
/* `algorithm` is HS256, with a secret in the file, or RS256 or ES256, with a private key in PEM.
   INVALID when it is neither, or the key of another kind. */
enum status signer_create(const char *algorithm, const char *key_file, struct signer **signer,
                          struct error *error) MUST_CHECK;
void signer_destroy(struct signer **signer); /* wipes */
/* Appends header.payload.signature; `claims` is JSON. */
enum status signer_sign(const struct signer *signer, struct slice claims, struct buf *token,
                        struct error *error) MUST_CHECK;

#endif
