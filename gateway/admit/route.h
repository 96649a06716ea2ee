/* A row of the HTTP API's table (routes.h): what admission needs to know of a request. Plain
 * values. */
#ifndef OM_GATEWAY_ADMIT_ROUTE_H
#define OM_GATEWAY_ADMIT_ROUTE_H

#include "gateway/admit/rate_limit.h"
#include "gateway/lane/caller.h"
#include "shared/base/slice.h"

struct route {
    const char *method; /* GET answers HEAD too */
    const char *pattern;
    /* Answers now, or later on the loop's thread. `id` is empty where the pattern has none, and
       lives as long as the request. */
    void (*handle)(h2o_req_t *req, struct slice id);
    enum scope scope; /* the caller must have it */
    enum owner owner;
    enum rate_class rate_class;
};

#endif
