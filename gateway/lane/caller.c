#include "gateway/lane/caller.h"

#include <assert.h>

static const struct {
    enum scope scope;
    const char *name;
} scopes[] = {
#define SCOPE_ROW(id, bit, name) {SCOPE_##id, name},
    SCOPE_TABLE(SCOPE_ROW)
#undef SCOPE_ROW
};

enum { SCOPE_COUNT = sizeof(scopes) / sizeof(scopes[0]) };

const char *owner_name(enum owner owner) {
    static const char *const names[] = {
#define OWNER_NAME(id, name) name,
        OWNER_TABLE(OWNER_NAME)
#undef OWNER_NAME
    };
    return names[owner];
}

const char *scope_name(enum scope scope) {
    for (size_t i = 0; i < SCOPE_COUNT; i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return NULL;
}

static unsigned scope_bit(struct slice name) {
    for (size_t i = 0; i < SCOPE_COUNT; i++)
        if (slice_is(name, scopes[i].name))
            return scopes[i].scope;
    return 0;
}

unsigned scopes_parse(struct slice list) {
    unsigned bits = 0;
    while (list.len > 0)
        bits |= scope_bit(slice_take_until(&list, ' '));
    return bits;
}

bool caller_may(const struct caller *caller, enum scope scope) {
    return (caller->scopes & SCOPE_ADMIN) != 0 || (caller->scopes & scope) == scope;
}

struct slice caller_customer(const struct caller *caller) {
    return slice_of((caller->scopes & SCOPE_ADMIN) != 0 ? NULL : caller->subject);
}

bool caller_has_expired(const struct caller *caller, int64_t now_s) {
    return caller->expires_s != 0 && caller->expires_s <= now_s;
}

/* --- on a request ----------------------------------------------------------------------------- */

/* h2o keeps named values with a request for all that handle it. */
static h2o_iovec_t *place_of(h2o_req_t *req) {
    return h2o_req_getenv(req, H2O_STRLIT("ordermesh.caller"), 1);
}

void caller_attach(h2o_req_t *req, struct caller *caller) {
    *place_of(req) = h2o_iovec_init(caller, sizeof(*caller));
}

const struct caller *caller_of(h2o_req_t *req) {
    const void *caller = place_of(req)->base;
    assert(caller != NULL);
    return caller;
}
