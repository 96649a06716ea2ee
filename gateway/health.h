/* Whether the gateway can take requests, for probes (GET /healthz, /readyz), and orders, for people
   (GET /health). */
#ifndef OM_GATEWAY_HEALTH_H
#define OM_GATEWAY_HEALTH_H

#include "shared/base/slice.h"
#include "shared/service/admin.h"

#include "shared/loop/loop.h"

/* A readiness_fn; `gateway` is a struct gateway. Any thread. Without Redis, and while its stream
   stores no orders, it stays ready, and says so. */
void health_check(void *gateway, struct readiness *readiness);

void get_health(h2o_req_t *req, struct slice id);
void get_liveness(h2o_req_t *req, struct slice id);
void get_readiness(h2o_req_t *req, struct slice id);

#endif
