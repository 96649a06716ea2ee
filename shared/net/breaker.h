/*
 * A circuit breaker: stops calling a dependency that keeps failing, and tries it again later.
 *
 * CLOSED lets every call through. BREAKER_FAILURES failures within BREAKER_WINDOW_US open it: OPEN
 * lets none through for BREAKER_OPEN_US. Then HALF_OPEN lets one trial through; its success closes
 * the breaker, its failure opens it again. A trial that never reports is given up after
 * BREAKER_OPEN_US.
 *
 *     if (!breaker_allow(breaker, clock_monotonic_us())) return breaker_refuse(breaker, what,
 * error);
 *     ... call ...
 *     breaker_report(breaker, why_failed, clock_monotonic_us());
 *
 * Thread safe; nothing blocks. The state is ordermesh_breaker_state under the breaker's name.
 */
#ifndef OM_SHARED_NET_BREAKER_H
#define OM_SHARED_NET_BREAKER_H

#include "shared/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 5
#define BREAKER_WINDOW_US INT64_C(60000000)
#define BREAKER_OPEN_US INT64_C(30000000)

/* The values are those of the metric. */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker;

struct breaker *breaker_create(const char *name);
void breaker_destroy(struct breaker **breaker);

/* May a call be made now? True is followed by exactly one breaker_report(). Times are of one
   monotonic clock, in microseconds. */
bool breaker_allow(struct breaker *breaker, int64_t now_us);
/* `why_failed` is copied; NULL: it succeeded. */
void breaker_report(struct breaker *breaker, const char *why_failed, int64_t now_us);
/* UNAVAILABLE: "<what>: breaker is open: <why the last failure>". */
enum status breaker_refuse(struct breaker *breaker, const char *what, struct error *error);
enum breaker_state breaker_state(struct breaker *breaker);

#endif
