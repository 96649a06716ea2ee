/*
 * The caller of a request: reads its Authorization header (RFC 6750) and judges the token. A token
 * in a query would end up in logs and histories, so it is looked for in no other place.
 *
 * OM_AUTH=none asks for no token, and is only taken for a gateway that listens on loopback. Then
 * only a browser stands between it and the pages of strangers, and is held to what it says about
 * them: the Host that a page's name led to, and the page's origin.
 *
 * Read-only once created, so thread safe; nothing blocks.
 */
#ifndef OM_GATEWAY_ADMIT_AUTH_H
#define OM_GATEWAY_ADMIT_AUTH_H

#include "gateway/admit/token_check.h"
#include "gateway/lane/caller.h"
#include "gateway/reply/problem.h"
#include "shared/base/slice.h"

struct auth_options {
    const char *mode; /* none or jwt */
    const char *http_address;
    struct token_checker_options token;
};

struct auth;
/* Reads the keys (blocks). INVALID says which setting is wrong. */
enum status auth_create(const struct auth_options *options, struct auth **auth,
                        struct error *error) MUST_CHECK;
void auth_destroy(struct auth **auth);

/* Why a request goes no further; `challenge` is the WWW-Authenticate header, "" for none. */
struct auth_refusal {
    enum problem problem;
    const char *detail; /* a literal, or NULL */
    char challenge[256];
};

/* The Authorization headers of a request. */
struct auth_headers {
    unsigned count;     /* 2 for more */
    struct slice value; /* of the first */
};
/* True: `caller` may go on. Pure. */
bool auth_judge(const struct auth *auth, const struct auth_headers *headers, int64_t now_s,
                struct caller *caller, struct auth_refusal *refusal);
/* The headers in which a browser says where a request comes from and goes to; empty: not sent. */
struct auth_site {
    struct slice host, origin, fetch_site; /* Host, Origin, Sec-Fetch-Site */
    bool is_safe;                          /* the method only reads */
    bool is_welcome;                       /* the origin is one of OM_CORS_ORIGINS */
};
/* Without tokens: Host must be this machine (a name that a stranger let lead here is none of it),
   and nothing is changed for a page of another site that is not welcome. With tokens, always true.
   Pure. */
bool auth_trusts_site(const struct auth *auth, const struct auth_site *site,
                      struct auth_refusal *refusal);
/* Whether the caller may use a route of that scope, about data of that owner. Pure. */
bool auth_permits(const struct caller *caller, enum scope scope, enum owner owner,
                  struct auth_refusal *refusal);
/* Answers the request. Loop thread. */
void auth_refuse(h2o_req_t *req, const struct auth_refusal *refusal);

#endif
