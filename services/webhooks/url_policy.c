#include "services/webhooks/url_policy.h"

#include "shared/net/http_client.h"

#include <stdio.h>

bool url_policy_parse_reach(const char *text, enum address_reach *reach) {
    static const char *const names[] = {
        [REACH_PUBLIC] = "none", [REACH_LOOPBACK] = "loopback", [REACH_PRIVATE] = "all"};
    int index = slice_index(slice_of(text), names, sizeof(names) / sizeof(names[0]));
    if (index < 0)
        return false;
    *reach = (enum address_reach)index;
    return true;
}

/* A host that is never anything but this machine, or a literal address. */
static enum address_reach reach_of_host(const char *host) {
    static const char local[] = "localhost";
    enum address_reach reach;
    struct slice name = slice_of(host);
    if (address_reach_of_literal(host, &reach))
        return reach;
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    size_t len = sizeof(local) - 1;
    struct slice end = {name.ptr + name.len - (name.len < len ? name.len : len),
                        name.len < len ? name.len : len};
    bool is_local =
        slice_is_word(end, local) && (name.len == len || name.ptr[name.len - len - 1] == '.');
    return is_local ? REACH_LOOPBACK : REACH_PUBLIC;
}

static bool is_plain(struct slice url) {
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~')
            return false;
    return true;
}

enum status url_policy_judge(const struct url_policy *policy, struct slice url,
                             struct error *error) {
    char text[WEBHOOK_URL_MAX + 1];
    struct httpc_url parts;
    if (url.len == 0 || url.len > WEBHOOK_URL_MAX)
        return error_set(error, STATUS_INVALID, "url: must have 1 to %d bytes", WEBHOOK_URL_MAX);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(url));
    if (!is_plain(url) || !httpc_url_parse(text, &parts))
        return error_set(error, STATUS_INVALID, "url: must be an absolute https address");
    if (parts.has_user)
        return error_set(error, STATUS_INVALID, "url: must not hold a user or a password");
    if (!parts.is_https && !policy->takes_http)
        return error_set(error, STATUS_INVALID, "url: must begin with https://");
    if (reach_of_host(parts.host) > policy->reach_most)
        return error_set(error, STATUS_INVALID, "url: must be of the public Internet");
    return STATUS_OK;
}
