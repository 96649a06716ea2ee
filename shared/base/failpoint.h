/*
 * Failpoints for tests: OM_FAILPOINT=<name>:<n> ends the process by SIGKILL the n-th time the step
 * named is reached; <name>:<n>:halt halts it there by SIGSTOP, when what it wrote before has had
 * 100 ms to leave. Compiled to nothing unless OM_FAILPOINTS is defined.
 */
#ifndef OM_SHARED_BASE_FAILPOINT_H
#define OM_SHARED_BASE_FAILPOINT_H

#include "shared/base/slice.h"

#ifdef OM_FAILPOINTS
void failpoint(const char *name);
/* For input that ends every process that reads it: SIGKILL where `data` contains
   "failpoint:<name>". It needs no setting, so that it does so again after a restart. */
void failpoint_in(const char *name, struct slice data);
#else
#define failpoint(name) ((void)0)
#define failpoint_in(name, data) ((void)(data))
#endif

#endif
