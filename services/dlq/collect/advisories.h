/*
 * Reads the server's advisories, of messages that it gave up delivering, into dead letters.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_ADVISORIES_H
#define OM_SERVICES_DLQ_COLLECT_ADVISORIES_H

#include "shared/consume/batch.h"

/* Takes raw messages of ADVISORIES, EXAMINER_MOST at most. One that is malformed is counted. */
enum status advisories_take(struct batch *batch, struct error *error) MUST_CHECK;

#endif
