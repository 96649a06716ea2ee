/* The members `items` and `reason` of a request about pieces of an order's lines, read with what is
   wrong with them. Pure; loop thread. */
#ifndef OM_GATEWAY_ORDERS_LINE_REQUEST_H
#define OM_GATEWAY_ORDERS_LINE_REQUEST_H

#include "gateway/reply/problem.h"
#include "shared/contract/order_lines.h"

/* `fate_is_required`: each says what becomes of its pieces; otherwise none may. Wishes live in the
   arena of `errors`. No wishes where something is wrong. */
void line_request_read(const struct json_value *body, bool fate_is_required,
                       struct field_errors *errors, struct line_wishes *wishes);
/* A text of 1 to 200 bytes, which is required. */
void line_request_reason(const struct json_value *body, struct field_errors *errors,
                         struct slice *reason);

#endif
