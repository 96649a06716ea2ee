/*
 * The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): a name of the client's
 * for one thing to be done, so that the request can be repeated.
 */
#ifndef OM_GATEWAY_REPLY_IDEMPOTENCY_KEY_H
#define OM_GATEWAY_REPLY_IDEMPOTENCY_KEY_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

#define IDEMPOTENCY_KEY_MAX 255

/* Decodes the header's value: a structured-field string (RFC 8941 section 3.3.3) or a bare token.
   `key` has IDEMPOTENCY_KEY_MAX bytes. False when it is malformed, empty or too long. Pure. */
bool idempotency_key_parse(struct slice header, char *key, size_t *key_len);

/* SHA-256 of texts that go together with a key, with NULs between them. `hash` has 32 bytes. */
void idempotency_key_hash(const struct slice *parts, size_t count, uint8_t *hash);

/* The request's key; *key_len is 0 where none was sent. False: what was sent is no key, and the
   request has been answered with that problem. Loop thread. */
bool idempotency_key_read(h2o_req_t *req, char *key, size_t *key_len);

#endif
