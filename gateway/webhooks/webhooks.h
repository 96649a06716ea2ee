/* /api/v1/webhooks: a tenant's subscriptions to its events, asked of the webhooks service over the
   mesh. Loop thread; the answers come later. */
#ifndef OM_GATEWAY_WEBHOOKS_WEBHOOKS_H
#define OM_GATEWAY_WEBHOOKS_WEBHOOKS_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void post_webhook(h2o_req_t *req, struct slice id);
void get_webhooks(h2o_req_t *req, struct slice id);
void get_webhook(h2o_req_t *req, struct slice id);
void patch_webhook(h2o_req_t *req, struct slice id);
void delete_webhook(h2o_req_t *req, struct slice id);
void post_webhook_ping(h2o_req_t *req, struct slice id);
void get_webhook_deliveries(h2o_req_t *req, struct slice id);
void post_webhook_resend(h2o_req_t *req, struct slice id);

#endif
