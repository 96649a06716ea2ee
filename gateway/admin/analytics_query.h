/*
 * The query of the analytics resources: from, to and granularity, each at most once,
 * percent-encoded (RFC 3986 section 2.1); `+` stands for itself, as in a time's offset. Pure.
 */
#ifndef OM_GATEWAY_ADMIN_ANALYTICS_QUERY_H
#define OM_GATEWAY_ADMIN_ANALYTICS_QUERY_H

#include "shared/base/slice.h"
#include "shared/contract/period.h"

/* `query` is what stands behind the `?`. INVALID says which parameter is wrong and why. */
enum status analytics_query_parse(struct slice query, int64_t now_us, struct period *period,
                                  struct error *error) MUST_CHECK;

#endif
