/* Series of this process' /metrics. */
#ifndef OM_TESTS_SUPPORT_DATA_SAMPLE_H
#define OM_TESTS_SUPPORT_DATA_SAMPLE_H

#include <stdint.h>

/* The value of a series, such as `ordermesh_spans_total{result="dropped"}`; 0 while it is not
   there. */
int64_t sample_value(const char *series);

#endif
