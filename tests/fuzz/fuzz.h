/* Shared by the fuzzers. Each is one LLVMFuzzerTestOneInput(), run by scripts/fuzz. */
#ifndef OM_TESTS_FUZZ_FUZZ_H
#define OM_TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* This must hold for any input. (assert() could be compiled out.) */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
