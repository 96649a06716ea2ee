/*
 * One attempt at a batch: its handlers' intents and external calls, then one transaction with
 * inbox, handlers and outbox, then what the commit makes known. It says how the attempt went, and
 * decides neither about another nor about acknowledgements. It has a database connection of its
 * own; one thread, which blocks for the database and the handlers' calls.
 */
#ifndef OM_SHARED_CONSUME_ATTEMPT_H
#define OM_SHARED_CONSUME_ATTEMPT_H

#include "shared/consume/consumer.h"

struct attempt;

/* `consumer` is its name in the inbox, such as ORDERS/inventory. All is borrowed until destroy. */
struct attempt *attempt_create(const struct consumer_spec *spec, const char *consumer, size_t most,
                               const struct consumer_options *options);
void attempt_destroy(struct attempt **attempt);

/* Tries `count` deliveries, at most `most`, each with its message (intake.h) around it, and sets
   their outcomes. Anything but OK: nothing took effect. Can be repeated. */
enum status attempt_run(struct attempt *attempt, struct delivery *const *deliveries, size_t count,
                        const struct trace *batch_trace, struct error *error) MUST_CHECK;

#endif
