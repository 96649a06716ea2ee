/*
 * JSON Web Tokens (RFC 7519) as this gateway takes them: compact JWS under one algorithm and one or
 * two keys (the current one and the previous, while keys are changed), all fixed beforehand.
 *
 * A token says itself how it is signed and by whom, so nothing of that is believed: the algorithm
 * must be the configured one, header and payload are read strictly, and every claim is checked with
 * its type (RFC 8725). Read-only once created, so thread safe; checking costs CPU but never blocks.
 */
#ifndef OM_GATEWAY_ADMIT_TOKEN_CHECK_H
#define OM_GATEWAY_ADMIT_TOKEN_CHECK_H

#include "gateway/lane/caller.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"

#define TOKEN_LESS_THAN_BYTES 8192

struct token_checker_options {
    const char *algorithm;    /* HS256, RS256 or ES256 */
    const char *key_file;     /* see token_key_read() */
    const char *old_key_file; /* "" for none */
    const char *issuer, *audience;
    int64_t leeway_s;   /* how far clocks may differ */
    const char *tenant; /* of tokens that name none */
};

/* id, label, what the client is told */
#define TOKEN_FAULT_TABLE(X)                                                                       \
    X(NONE, "good", "")                                                                            \
    X(MALFORMED, "malformed", "the token is not a JSON Web Token in compact form, below 8 KiB")    \
    X(HEADER, "header", "the token's header asks for what is not supported here")                  \
    X(ALGORITHM, "algorithm", "the token's algorithm is not the one used here")                    \
    X(SIGNATURE, "signature", "the token's signature is wrong")                                    \
    X(CLAIMS, "claims", "a claim of the token is missing or of the wrong type")                    \
    X(SUBJECT, "subject",                                                                          \
      "the token's sub is not 1 to 255 bytes of text without control characters, line separators " \
      "or turns of direction")                                                                     \
    X(TENANT, "tenant", "the token's tenant is not 1 to 64 of A-Z a-z 0-9 _ . : -")                \
    X(EXPIRED, "expired", "the token has expired")                                                 \
    X(EARLY, "early", "the token is not valid yet")                                                \
    X(ISSUER, "issuer", "the token is from another issuer")                                        \
    X(AUDIENCE, "audience", "the token is for another audience")

enum token_fault {
#define TOKEN_FAULT_ENUM(id, label, text) TOKEN_FAULT_##id,
    TOKEN_FAULT_TABLE(TOKEN_FAULT_ENUM)
#undef TOKEN_FAULT_ENUM
        TOKEN_FAULT_COUNT
};

const char *token_fault_label(enum token_fault fault);
const char *token_fault_text(enum token_fault fault);

struct token_checker;
/* Reads the keys. INVALID names the setting that is wrong; keys are never in the text. */
enum status token_checker_create(const struct token_checker_options *options,
                                 struct token_checker **checker, struct error *error) MUST_CHECK;
void token_checker_destroy(struct token_checker **checker); /* wipes */

/* `now_s` in seconds since 1970. The caller counts only when there is no fault. */
enum token_fault token_check(const struct token_checker *checker, struct slice token, int64_t now_s,
                             struct caller *caller);

#endif
