/* The load client without load: one order at a time. */
#ifndef OM_TESTS_SUPPORT_LOAD_LOAD_IDLE_H
#define OM_TESTS_SUPPORT_LOAD_LOAD_IDLE_H

#include "tests/support/load/load.h"

/* As load_run(), but each order is followed by polling until it is COMPLETED; latencies are from
   sending the POST to reading COMPLETED. */
bool load_run_idle(const struct load_options *options, struct load_result *result);

#endif
