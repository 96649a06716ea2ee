/*
 * Which addresses a tenant may have its events sent to. A literal address is judged here, when it
 * comes; a name is judged by what it is resolved to, at each connection (httpc_options.is_guarded).
 * Pure and thread safe.
 */
#ifndef OM_SERVICES_WEBHOOKS_URL_POLICY_H
#define OM_SERVICES_WEBHOOKS_URL_POLICY_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/net/address_reach.h"

#define WEBHOOK_URL_MAX 2048

struct url_policy {
    enum address_reach reach_most;
    bool takes_http;
};

/* "none", "loopback" or "all" of the addresses that are not public. */
bool url_policy_parse_reach(const char *text, enum address_reach *reach);
/* INVALID says what is wrong with it. */
enum status url_policy_judge(const struct url_policy *policy, struct slice url,
                             struct error *error) MUST_CHECK;

#endif
