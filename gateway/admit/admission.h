/*
 * What stands between a request and its handler: does another site's page ask, who is it (auth.h),
 * may they (the route's scope), and not too often (rate_limit.h). Whoever is refused for their
 * token still uses up their address's quota, so that tokens cannot be tried at will.
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
