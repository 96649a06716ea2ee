/*
 * From messages to events: which of a consumer's rows each message is for, and its event decoded.
 *
 * A message that ended the process the first time would do so at each delivery, with all its
 * neighbours in hand. So a batch in which something comes again is first decoded in a child process
 * (trial.h), and what crashes there is rejected here unread. Blocks for the child, nothing else.
 */
#ifndef OM_SHARED_CONSUME_DECODE_H
#define OM_SHARED_CONSUME_DECODE_H

#include "shared/consume/intake.h"

/* Sets row, is_settled, is_replay and the delivery's event, attempt and outcome of each message.
   Settled ones are DONE (not wanted here) or REJECT (unreadable, with the reason); all others
   have an event for a handler. */
void decode_batch(const struct consumer_spec *spec, const struct message_list *batch);

#endif
