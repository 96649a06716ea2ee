/*
 * The checks between a request and its handler: that no page of another site asks, whose token it
 * is (auth.h), that its scope fits the route, and that its quota is not used up (rate_limit.h). A
 * caller refused for its token still uses up its address's quota, so that tokens cannot be tried at
 * will.
 *
 * Loop thread. The answer, or the handler's call, may come later, when Redis has counted.
 */
#ifndef OM_GATEWAY_ADMIT_ADMISSION_H
#define OM_GATEWAY_ADMIT_ADMISSION_H

#include "gateway/admit/route.h"
#include "gateway/http/http_head.h"
#include "shared/base/slice.h"

/* Calls route->handle, or answers 400, 401, 403 or 429. `id` borrows from the request. */
void admit(h2o_req_t *req, const struct route *route, struct slice id);

/* Looks at a head before its body has come. False: admit() will refuse this request. */
bool admission_foresee(h2o_req_t *req, const struct route *route, const struct http_head *head);

#endif
