/*
 * The admin port, for supervisors and Prometheus: GET /healthz (the process turns), /readyz
 * (whether it can work, or why not) and /metrics. It has a thread and an h2o loop of its own.
 */
#ifndef OM_SHARED_SERVICE_ADMIN_H
#define OM_SHARED_SERVICE_ADMIN_H

#include "shared/base/config.h"

struct admin;
struct readiness {
    bool ready;
    char reason[200]; /* why not, or what is degraded */
};
/* Called on the port's thread. */
typedef void (*readiness_fn)(void *closure, struct readiness *readiness);
/* Listens on OM_ADMIN_ADDRESS and OM_ADMIN_PORT; `config` and `closure` are borrowed until stop. */
enum status admin_start(const struct config *config, readiness_fn check, void *closure,
                        struct admin **admin, struct error *error) MUST_CHECK;
void admin_stop(struct admin **admin);

#endif
