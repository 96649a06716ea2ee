/* Tokens for a gateway (gateway_fixture.h) that asks for them. */
#ifndef OM_TESTS_SUPPORT_GATEWAY_JWT_FIXTURE_H
#define OM_TESTS_SUPPORT_GATEWAY_JWT_FIXTURE_H

#include "shared/base/buf.h"
#include "tests/support/data/token.h"
#include "tests/support/gateway/gateway_fixture.h"

extern struct signing_key *key, *next_key;

/* Makes the keys; gateways started from here on ask for tokens. */
void jwt_fixture_set(void);
int jwt_fixture_teardown(void **state);
/* `path` has 256 bytes. */
void jwt_key_path(const char *name, char *path);

/* --- Authorization headers; each lives until the next four --- */

/* `more` are further claims, or "". */
const char *authorize_until(int64_t until_us, const struct signing_key *signer, const char *subject,
                            const char *scope, const char *more);
const char *authorize_with(const struct signing_key *signer, const char *subject, const char *scope,
                           const char *more);
const char *authorize_for(const char *audience, const char *subject, const char *scope);
const char *customer(const char *subject);
const char *administrator(void);

/* --- requests; free each response --- */

struct http_response ask(const char *method, const char *path, const char *body,
                         const char *const *headers);
struct http_response ask_as(const char *authorization, const char *method, const char *path,
                            const char *body);

#endif
