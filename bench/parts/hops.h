/*
 * Where the time of an order goes on an idle system, from its traces: what is on the way from the
 * POST to the event of its end, when each began and how long it took.
 */
#ifndef OM_BENCH_PARTS_HOPS_H
#define OM_BENCH_PARTS_HOPS_H

#include "bench/parts/harness.h"
#include "shared/base/slice.h"

/* `lines` is what a collector was sent of at least `orders` orders (tests/support/network/
   otlp_spans.h). Appends a `hop` each to the result, by the time of its beginning: medians. Ends
   the program when fewer orders are traced whole, or none is alike. */
void hops_report(const struct bench_options *options, const char *bench, struct slice lines,
                 int orders);

#endif
