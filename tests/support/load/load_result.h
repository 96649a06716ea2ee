/* The counts of a load run and the latencies of its orders. Plain values; nothing blocks. */
#ifndef OM_TESTS_SUPPORT_LOAD_LOAD_RESULT_H
#define OM_TESTS_SUPPORT_LOAD_LOAD_RESULT_H

#include "shared/base/buf.h"

#include <stdint.h>

#define LOAD_STATUS_MAX 600

/* Zero-initialize. */
struct load_result {
    uint64_t placed, accepted, replayed, refused, given_up;
    uint64_t connections_lost;
    uint64_t answers[LOAD_STATUS_MAX]; /* by HTTP status, tries included */
    double elapsed_s;
    uint32_t *latencies_us; /* of accepted orders; owned */
    size_t latency_count, latency_capacity;
};

/* Counts one accepted order and its latency. */
void load_result_add(struct load_result *result, int64_t latency_us);
/* Appends the result as one JSON object; sorts the latencies. */
void load_result_write(struct load_result *result, uint64_t seed, struct buf *out);
void load_result_fini(struct load_result *result);

#endif
