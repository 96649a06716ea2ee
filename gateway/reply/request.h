/* Reading a request's headers. Values borrow from the request. Pure; loop thread. */
#ifndef OM_GATEWAY_REPLY_REQUEST_H
#define OM_GATEWAY_REPLY_REQUEST_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* How often the header was sent (0, 1, or 2 for more), and its first value. `name` in lower case.
 */
unsigned request_header(const h2o_req_t *req, struct slice name, struct slice *value);
/* application/json, in UTF-8 where it says so. */
bool media_type_is_json(struct slice content_type);
/* Empty where none came. */
struct slice request_body(const h2o_req_t *req);
/* The body came once as application/json and without a content coding. */
bool request_body_is_json(const h2o_req_t *req);
/* The same of so many headers Content-Type, the first of which is `type`, and Content-Encoding. */
bool body_headers_are_json(unsigned types, struct slice type, unsigned codings);

#endif
