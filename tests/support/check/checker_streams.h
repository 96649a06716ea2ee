/* Reads whole streams for the checker. Blocks; uses nats.c directly. */
#ifndef OM_TESTS_SUPPORT_CHECK_CHECKER_STREAMS_H
#define OM_TESTS_SUPPORT_CHECK_CHECKER_STREAMS_H

#include "shared/base/buf.h"
#include "tests/support/check/checker.h"

/* The type of a line about a dead letter. */
#define CHECKER_DEAD_LETTER "dead letter"

/* Appends one line of PostgreSQL's COPY text format for each event now in ORDERS, INVENTORY,
   PAYMENTS, SHIPPING, NOTIFICATIONS and ADVISORIES: stream, type without our prefix, event id,
   subject; and for each message of the DLQ streams: stream, CHECKER_DEAD_LETTER, its entry's id,
   generation. False with a line in *problem when a stream cannot be read whole or holds what is no
   event in a run that sends no poison. */
bool checker_read_streams(const struct checker_options *options, struct buf *rows,
                          struct buf *problem);

#endif
