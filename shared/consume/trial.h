/*
 * Trials: what may crash the process is first done in a child of it, where its bugs cost nothing.
 *
 * A step is pure computation on memory that exists already. It runs in a copy of a process with
 * many threads, of which only the calling one goes on: it must take no lock that another thread may
 * hold, but for malloc's and json_parse()'s, which are safe. Nothing it changes is seen here.
 * Blocks until the child has ended; thread safe.
 */
#ifndef OM_SHARED_CONSUME_TRIAL_H
#define OM_SHARED_CONSUME_TRIAL_H

#include <stddef.h>

/* CPU time a step may take before it counts as endless: its fate is SIGPROF. */
#define TRIAL_STEP_CPU_MS 1000

enum {
    TRIAL_PASSED = 0,
    TRIAL_EXITED = -1, /* the step ended the child otherwise than by a signal */
};

typedef void (*trial_step_fn)(void *closure, size_t index);

/* Runs step(closure, i) for each i below `count`, in order, and sets fates[i] to TRIAL_PASSED, to
   the number of the signal that it died of, or to TRIAL_EXITED. One child goes through all steps; a
   new one takes over behind a step that ended it. What cannot be judged passes: no child could be
   made, or it stood still without using CPU time. */
void trial_run(trial_step_fn step, void *closure, size_t count, int *fates);

#endif
