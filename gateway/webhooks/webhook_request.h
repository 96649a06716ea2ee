/*
 * Requests about webhooks as the webhooks service takes them. What a body's members are is looked
 * at here, and what they may say there, where the settings are. Pure and thread safe.
 */
#ifndef OM_GATEWAY_WEBHOOKS_WEBHOOK_REQUEST_H
#define OM_GATEWAY_WEBHOOKS_WEBHOOK_REQUEST_H

#include "gateway/reply/problem.h"
#include "shared/base/buf.h"
#include "shared/crypto/uuid.h"

struct webhook_body {
    struct slice text; /* the request's */
    struct slice tenant;
    const struct uuid *id;
    bool is_change; /* of a webhook that is there */
};

/* Writes the request. INVALID: the text is no JSON object. OK with *errors: fields at fault. */
enum status webhook_request_write(const struct webhook_body *body, struct field_errors *errors,
                                  struct buf *out, struct error *error) MUST_CHECK;
/* Of a page of deliveries, from the query. INVALID says why. `link` gets the page's address,
   without its cursor. */
enum status webhook_page_write(struct slice query, struct slice tenant, const struct uuid *id,
                               struct buf *link, struct buf *out, struct error *error) MUST_CHECK;
/* The id that a key stands for. */
struct uuid webhook_id_of_key(struct slice tenant, struct slice key);

#endif
