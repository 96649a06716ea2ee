/*
 * Failpoints for tests: OM_FAILPOINT=<name>:<n> ends the process by SIGKILL the n-th time the step
 * named is reached. Compiled to nothing unless OM_FAILPOINTS is defined.
 */
#ifndef OM_SHARED_FAILPOINT_H
#define OM_SHARED_FAILPOINT_H

#ifdef OM_FAILPOINTS
void failpoint(const char *name);
#else
#define failpoint(name) ((void)0)
#endif

#endif
