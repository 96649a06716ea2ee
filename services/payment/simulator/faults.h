/*
 * Faults of the simulated provider, on demand. Two ways to ask for it:
 *
 *     payment method pm_sim_<fault> or pm_sim_<fault>_<n>    the first time (first n times) a key
 *                                                            with this method comes
 *     faults_inject()                                        the next n requests, or all
 *
 * One thread.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_FAULTS_H
#define OM_SERVICES_PAYMENT_SIMULATOR_FAULTS_H

#include "shared/base/slice.h"

#include <stdint.h>

/* id, name */
#define FAULT_TABLE(X)                                                                             \
    X(NONE, "none")                                                                                \
    X(SLOW, "slow") /* done at once, answered late; 409 to those that ask meanwhile */             \
    X(ERROR_BEFORE, "error_before")   /* 500, nothing done */                                      \
    X(ERROR_AFTER, "error_after")     /* done, then 500 */                                         \
    X(TIMEOUT_AFTER, "timeout_after") /* done, then no answer */                                   \
    X(BUSY, "busy")                   /* 429, nothing done */                                      \
    X(DOWN, "down")                   /* 503, nothing done, whatever is asked */

enum fault {
#define FAULT_ENUM(id, name) FAULT_##id,
    FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

#define FAULTS_FOREVER INT64_MAX

struct faults;

struct faults *faults_create(void);
void faults_destroy(struct faults **faults);

bool fault_parse(struct slice name, enum fault *fault);
/* Replaces what was injected before. */
void faults_inject(struct faults *faults, enum fault fault, int64_t count);
/* The fault of this request, which is counted. An injected one goes first. `key` and
   `payment_method` are empty for what is neither a charge nor a refund. */
enum fault faults_take(struct faults *faults, struct slice key, struct slice payment_method);

#endif
