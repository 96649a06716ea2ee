/*
 * The mesh's requests about returns of completed orders. The body names the order as others do
 * ({"orderId","tenant","customerId"?}), and
 *
 *   mesh.order.return.ask      "returnId", "reason" and "items" ([{"sku" or "line","quantity"}]):
 *                              announces pieces, each once; INVALID: the id stands for another one
 *   mesh.order.return.receive  "returnId" and "items", each with a "disposition": pieces are here,
 *                              and order.returned makes inventory and payment take them up
 *   mesh.order.return.refuse   "returnId" and "reason": nobody waits for them any more
 *   mesh.order.return.list     {"returns":[...]}, the oldest first
 *   mesh.order.return.get      "returnId"
 *
 * All but the list answer with the return, and "replayed" where it stood so already. CONFLICT says
 * what is in the way. Called on the endpoints' thread; they block.
 */
#ifndef OM_SERVICES_ORDER_RETURNS_H
#define OM_SERVICES_ORDER_RETURNS_H

#include "shared/service/service.h"

enum status return_endpoint_ask(struct endpoint_call *call, struct error *error);
enum status return_endpoint_receive(struct endpoint_call *call, struct error *error);
enum status return_endpoint_refuse(struct endpoint_call *call, struct error *error);
enum status return_endpoint_list(struct endpoint_call *call, struct error *error);
enum status return_endpoint_get(struct endpoint_call *call, struct error *error);

#endif
