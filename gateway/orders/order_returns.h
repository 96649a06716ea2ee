/*
 * Returns of completed orders, asked of the order service over the mesh: customers announce pieces
 * and look, administrators receive or refuse them. Each answers later, on the loop's thread.
 */
#ifndef OM_GATEWAY_ORDERS_ORDER_RETURNS_H
#define OM_GATEWAY_ORDERS_ORDER_RETURNS_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

#include "shared/loop/loop.h"

void post_return(h2o_req_t *req, struct slice id);         /* .../orders/{id}/returns */
void get_returns(h2o_req_t *req, struct slice id);         /* .../orders/{id}/returns */
void get_return(h2o_req_t *req, struct slice id);          /* .../orders/{id}/returns/{id} */
void post_return_receive(h2o_req_t *req, struct slice id); /* .../returns/{id}/receive */
void post_return_refuse(h2o_req_t *req, struct slice id);  /* .../returns/{id}/refuse */

/* The id of the return that is asked for under `key`. */
struct uuid return_id_of_key(struct slice tenant, struct slice key);

#endif
