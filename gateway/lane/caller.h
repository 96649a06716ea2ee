/*
 * The sender of a request, and its rights. A caller is made once a request, before its handler
 * runs, and stays with it. Pure but for the last two, which run on the request's loop thread.
 */
#ifndef OM_GATEWAY_LANE_CALLER_H
#define OM_GATEWAY_LANE_CALLER_H

#include "shared/base/slice.h"
#include "shared/contract/contact.h"

#include "shared/loop/loop.h"

/* id, bit, name in a token's `scope` */
#define SCOPE_TABLE(X)                                                                             \
    X(ORDERS_READ, 1, "orders:read")   /* the subject's own orders, and the catalog */             \
    X(ORDERS_WRITE, 2, "orders:write") /* placing and cancelling them */                           \
    X(ADMIN, 4, "admin")               /* everything, for every customer of the tenant */

enum scope {
    SCOPE_PUBLIC = 0, /* a route that asks for no token */
#define SCOPE_ENUM(id, bit, name) SCOPE_##id = (bit),
    SCOPE_TABLE(SCOPE_ENUM)
#undef SCOPE_ENUM
        SCOPE_ALL = SCOPE_ORDERS_READ | SCOPE_ORDERS_WRITE | SCOPE_ADMIN
};

/* Whose the data of a route are: id, name. There is one catalog, one stock and one mesh for all
   tenants, and OM_TENANT's administrators are who runs them. */
#define OWNER_TABLE(X)                                                                             \
    X(ANYBODY, "anybody")      /* nothing of a tenant, and no token */                             \
    X(TENANT, "tenant")        /* the caller's tenant's: another's is not there */                 \
    X(EVERY_TENANT, "tenants") /* one for all, and for all to read */                              \
    X(PLATFORM, "platform")    /* one for all: only callers of OM_TENANT */

enum owner {
#define OWNER_ENUM(id, name) OWNER_##id,
    OWNER_TABLE(OWNER_ENUM)
#undef OWNER_ENUM
};

const char *owner_name(enum owner owner);
/* NULL when there is no such single scope. */
const char *scope_name(enum scope scope);
/* The bits of a space-separated list; scopes of others count for nothing. */
unsigned scopes_parse(struct slice list);

#define CALLER_SUBJECT_MAX CUSTOMER_ID_MAX
#define CALLER_TENANT_MAX 64

struct caller {
    unsigned scopes;                      /* enum scope bits */
    char subject[CALLER_SUBJECT_MAX + 1]; /* the token's `sub`; "" without one */
    char tenant[CALLER_TENANT_MAX + 1];
    bool is_platform;  /* the tenant is OM_TENANT */
    int64_t expires_s; /* when the rights end, in seconds since 1970; 0: never */
};

/* The admin scope includes the others. */
bool caller_may(const struct caller *caller, enum scope scope);
/* The customer whose orders are all that the caller may see and place; empty: no such bound. */
struct slice caller_customer(const struct caller *caller);

/* For answers that go on for long. */
bool caller_has_expired(const struct caller *caller, int64_t now_s);

/* The caller of a request. `caller` is borrowed and lives as long as the request. */
void caller_attach(h2o_req_t *req, struct caller *caller);
const struct caller *caller_of(h2o_req_t *req);

#endif
