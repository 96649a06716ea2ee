/*
 * The limit of HTTP: an h2o loop on a thread of its own that parses each POST's body with json-c
 * and answers 202 with as many bytes as the gateway does. It runs until the program ends.
 */
#ifndef OM_BENCH_PARTS_LIMIT_HTTP_H
#define OM_BENCH_PARTS_LIMIT_HTTP_H

#include <stdint.h>

/* Returns the loopback port that it listens on. */
uint16_t limit_http_start(void);

#endif
