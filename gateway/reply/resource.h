/* Answering GET with a resource and the conditions its reader set (RFC 9110 section 13). Loop
   thread of the request. */
#ifndef OM_GATEWAY_REPLY_RESOURCE_H
#define OM_GATEWAY_REPLY_RESOURCE_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* A resource as it is now: 200, or 304, 412 or 400 as the request's conditions want it. Its tag
   comes from its version, if it has one yet (etag.h). */
void resource_send(h2o_req_t *req, struct slice json);

#endif
