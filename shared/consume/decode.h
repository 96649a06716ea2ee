/*
 * From messages to events: which of a consumer's rows each message is for, and its event decoded.
 * Pure.
 */
#ifndef OM_SHARED_CONSUME_DECODE_H
#define OM_SHARED_CONSUME_DECODE_H

#include "shared/consume/intake.h"

/* Sets row, is_settled, is_replay and the delivery's event and outcome of each message. Settled
   ones are DONE (not wanted here) or REJECT (unreadable, with the reason); all others have an event
   for a handler, in the arena. Messages of a raw spec stay as they are. */
void decode_batch(const struct consumer_spec *spec, const struct message_list *batch,
                  struct arena *arena);

#endif
