#include "gateway/admit/auth.h"

#include "gateway/lane/meter.h"
#include "gateway/reply/answer.h"
#include "shared/base/memory.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

METRIC_COUNTER(tokens_judged, "ordermesh_tokens_total", "result",
               "Tokens judged: good, or what was wrong with them.");

#define REALM "Bearer realm=\"ordermesh\""

struct auth {
    struct token_checker *checker; /* NULL: no token is asked for */
    struct caller anyone;          /* then */
};

/* --- lifecycle -------------------------------------------------------------------------------- */

static bool is_loopback(const char *address) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(address, "localhost") == 0;
}

enum status auth_create(const struct auth_options *options, struct auth **auth,
                        struct error *error) {
    bool is_open = strcmp(options->mode, "none") == 0;
    if (!is_open && strcmp(options->mode, "jwt") != 0)
        return error_set(error, STATUS_INVALID, "OM_AUTH is none of none jwt");
    if (is_open && !is_loopback(options->http_address))
        return error_set(error, STATUS_INVALID,
                         "OM_AUTH=none lets anybody do anything, so OM_HTTP_ADDRESS must be"
                         " loopback; set OM_AUTH=jwt to listen on %s",
                         options->http_address);
    struct auth *made = mem_alloc(sizeof(*made));
    made->anyone.scopes = SCOPE_ALL;
    made->anyone.is_platform = true;
    snprintf(made->anyone.tenant, sizeof(made->anyone.tenant), "%s", options->token.tenant);
    enum status status =
        is_open ? STATUS_OK : token_checker_create(&options->token, &made->checker, error);
    if (status != STATUS_OK) {
        auth_destroy(&made);
        return status;
    }
    *auth = made;
    return STATUS_OK;
}

void auth_destroy(struct auth **auth) {
    if (*auth != NULL)
        token_checker_destroy(&(*auth)->checker);
    free(*auth);
    *auth = NULL;
}

/* --- judging ---------------------------------------------------------------------------------- */

static void count_fault(enum token_fault fault) {
    static atomic_uint slots[TOKEN_FAULT_COUNT];
    metric_add(&tokens_judged, meter_slot(&slots[fault], &tokens_judged, token_fault_label(fault)),
               1);
}

/* The credentials behind `Bearer` (RFC 9110 section 11.4); false: they are of another scheme. */
static bool read_token(struct slice header, struct slice *token) {
    static const char scheme[] = "Bearer";
    enum { SCHEME_LEN = sizeof(scheme) - 1 };
    if (header.len < SCHEME_LEN || strncasecmp(header.ptr, scheme, SCHEME_LEN) != 0 ||
        (header.len > SCHEME_LEN && header.ptr[SCHEME_LEN] != ' '))
        return false;
    *token = (struct slice){header.ptr + SCHEME_LEN, header.len - SCHEME_LEN};
    while (token->len > 0 && token->ptr[0] == ' ')
        *token = (struct slice){token->ptr + 1, token->len - 1};
    return true;
}

static bool refuse(struct auth_refusal *refusal, enum problem problem, const char *detail,
                   const char *challenge) {
    refusal->problem = problem;
    refusal->detail = detail;
    snprintf(refusal->challenge, sizeof(refusal->challenge), "%s", challenge);
    return false;
}

static bool refuse_token(struct auth_refusal *refusal, enum token_fault fault) {
    const char *text = token_fault_text(fault);
    char challenge[sizeof(refusal->challenge)];
    snprintf(challenge, sizeof(challenge),
             REALM ", error=\"invalid_token\", error_description=\"%s\"", text);
    return refuse(refusal, PROBLEM_UNAUTHORIZED, text, challenge);
}

bool auth_judge(const struct auth *auth, const struct auth_headers *headers, int64_t now_s,
                struct caller *caller, struct auth_refusal *refusal) {
    struct slice token;
    if (headers->count > 1)
        return refuse(refusal, PROBLEM_MALFORMED_REQUEST, "send Authorization once",
                      REALM ", error=\"invalid_request\"");
    if (auth->checker == NULL) {
        *caller = auth->anyone;
        return true;
    }
    /* a request without a token is told that one is needed, not that it is wrong (RFC 6750
       section 3.1) */
    if (headers->count == 0 || !read_token(headers->value, &token))
        return refuse(refusal, PROBLEM_UNAUTHORIZED, "send Authorization: Bearer and a token",
                      REALM);
    enum token_fault fault = token_check(auth->checker, token, now_s, caller);
    count_fault(fault);
    return fault == TOKEN_FAULT_NONE || refuse_token(refusal, fault);
}

/* --- judging where a browser stands ----------------------------------------------------------- */

/* Name or address, with any port. */
static bool is_this_machine(struct slice host) {
    char name[64];
    bool is_v6 = host.len > 0 && host.ptr[0] == '[';
    const char *end = host.len == 0 ? NULL : memchr(host.ptr, is_v6 ? ']' : ':', host.len);
    size_t start = is_v6 ? 1 : 0, stop = end == NULL ? host.len : (size_t)(end - host.ptr);
    struct slice port = {host.ptr + stop + start, host.len - stop - start};
    if (stop - start >= sizeof(name) || (is_v6 && end == NULL))
        return false;
    for (size_t i = 0; i < port.len; i++)
        if (i == 0 ? port.ptr[i] != ':' : port.ptr[i] < '0' || port.ptr[i] > '9')
            return false;
    memcpy(name, host.ptr + start, stop - start);
    name[stop - start] = '\0';
    return strcasecmp(name, "localhost") == 0 || is_loopback(name);
}

/* Browsers send both headers with a request that changes something; older ones send only Origin,
   which is "null" where they keep it secret. */
static bool is_of_this_site(const struct auth_site *site) {
    static const char *const schemes[] = {"http://", "https://"};
    if (site->fetch_site.len > 0)
        return slice_is(site->fetch_site, "same-origin") || slice_is(site->fetch_site, "none");
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (site->origin.len > len && strncasecmp(site->origin.ptr, schemes[i], len) == 0)
            return site->origin.len - len == site->host.len &&
                   strncasecmp(site->origin.ptr + len, site->host.ptr, site->host.len) == 0;
    }
    return site->origin.len == 0;
}

bool auth_trusts_site(const struct auth *auth, const struct auth_site *site,
                      struct auth_refusal *refusal) {
    if (auth->checker != NULL)
        return true;
    if (site->host.len > 0 && !is_this_machine(site->host))
        return refuse(refusal, PROBLEM_MALFORMED_REQUEST,
                      "without tokens, Host must be localhost or a loopback address", "");
    if (!site->is_safe && !site->is_welcome && !is_of_this_site(site))
        return refuse(refusal, PROBLEM_FORBIDDEN, "a page of another site may change nothing here",
                      "");
    return true;
}

/* --- judging what the caller may -------------------------------------------------------------- */

bool auth_permits(const struct caller *caller, enum scope scope, enum owner owner,
                  struct auth_refusal *refusal) {
    char challenge[sizeof(refusal->challenge)];
    if (!caller_may(caller, scope)) {
        snprintf(challenge, sizeof(challenge), REALM ", error=\"insufficient_scope\", scope=\"%s\"",
                 scope_name(scope));
        return refuse(refusal, PROBLEM_INSUFFICIENT_SCOPE, NULL, challenge);
    }
    if (owner == OWNER_PLATFORM && !caller->is_platform)
        return refuse(refusal, PROBLEM_FORBIDDEN,
                      "this is about all tenants, and for administrators of the platform's own",
                      "");
    return true;
}

void auth_refuse(h2o_req_t *req, const struct auth_refusal *refusal) {
    if (refusal->challenge[0] != '\0')
        answer_header(req, "WWW-Authenticate", slice_of(refusal->challenge));
    problem_send(req, refusal->problem, refusal->detail);
}
