/* What requests about pieces of an order have in common: {"orderId","tenant","customerId"?} and, as
   far as it is asked for, an id of its own, "reason" and "items". INVALID says what is wrong. Texts
   live in the call's arena. */
#ifndef OM_SERVICES_ORDER_LINES_LINE_REQUEST_H
#define OM_SERVICES_ORDER_LINES_LINE_REQUEST_H

#include "services/order/read/store_read.h"
#include "shared/contract/order_lines.h"
#include "shared/service/service.h"

struct line_request {
    const struct json_value *body;
    struct order_sought order;
    struct line_wishes wishes; /* after line_request_items() */
};

enum status line_request_parse(struct endpoint_call *call, struct line_request *request,
                               struct error *error) MUST_CHECK;
enum status line_request_uuid(const struct line_request *request, const char *key, struct uuid *id,
                              struct error *error) MUST_CHECK;
/* A text of 1 to 200 bytes. */
enum status line_request_reason(const struct line_request *request, struct slice *reason,
                                struct error *error) MUST_CHECK;
/* `*text` is the JSON of the wishes, always written alike. */
enum status line_request_items(struct line_request *request, struct arena *arena,
                               struct slice *text, struct error *error) MUST_CHECK;

#endif
