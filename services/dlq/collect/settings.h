/* The service's own configuration, read once before any thread starts. */
#ifndef OM_SERVICES_DLQ_COLLECT_SETTINGS_H
#define OM_SERVICES_DLQ_COLLECT_SETTINGS_H

#include <stdint.h>

struct dlq_settings {
    int64_t grace_ms; /* how long a final failure report may wait for its advisory */
};

#endif
