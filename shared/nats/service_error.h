/*
 * How an endpoint's refusal travels: the Nats-Service-Error-Code of its answer is an HTTP status
 * (ADR-32, https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md). Pure.
 */
#ifndef OM_SHARED_NATS_SERVICE_ERROR_H
#define OM_SHARED_NATS_SERVICE_ERROR_H

#include "shared/base/status.h"

int service_error_code(enum status status);
/* For who asked. INTERNAL for a code that says no more than that. */
enum status service_error_status(const char *code);

#endif
