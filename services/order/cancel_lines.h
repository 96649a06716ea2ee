/*
 * mesh.order.cancel_lines: pieces of an order are cancelled before they are sent. The body names
 * the order as others do ({"orderId","tenant","customerId"?}), with "cancellationId", "reason" and
 * "items" ([{"sku" or "line","quantity"}]).
 *
 *   the order is PENDING     nobody sends it yet, so the pieces are cancelled at once; what was
 *                            charged and reserved for them meanwhile is given back as it is
 *                            confirmed (order.lines_cancelled)
 *   CONFIRMED                order.lines_stop_requested: shipping sends what is left and says so
 *                            with shipping.shipped, or has sent all of it
 *   all that is left         the order itself is cancelled, as by order.cancel
 *
 * Answers with the cancellation, and "replayed" where it was asked for before. INVALID: the id
 * stands for another one. CONFLICT says what is in the way. Called on the endpoints' thread;
 * blocks.
 */
#ifndef OM_SERVICES_ORDER_CANCEL_LINES_H
#define OM_SERVICES_ORDER_CANCEL_LINES_H

#include "shared/service/service.h"

enum status cancel_lines_endpoint(struct endpoint_call *call, struct error *error);

#endif
