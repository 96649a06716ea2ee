/*
 * 202 for something asked of an order: {"orderId","status","message","links"}, Location and
 * Retry-After. Loop thread of the request.
 */
#ifndef OM_GATEWAY_REPLY_ACCEPTED_H
#define OM_GATEWAY_REPLY_ACCEPTED_H

#include "shared/base/buf.h"
#include "shared/crypto/uuid.h"

#include "shared/loop/loop.h"

/* Overwrites `scratch`. `status` is the order's, such as "PENDING", and `message` what its customer
   may read; they may borrow from anything but `scratch`. */
void accepted_send(h2o_req_t *req, const struct uuid *order_id, const char *status,
                   const char *message, struct buf *scratch);

#endif
