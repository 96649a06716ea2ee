/*
 * A message sent again for one consumer: the original's headers and body on the subject it had, and
 *
 *     Om-Replay-For: <consumer>   everybody else acknowledges and skips it
 *     Om-Replay-Of: <entry id>    whose dead letter it is, should it fail again
 *     Om-Replay-First: <sequence> where the event was first in its stream
 *     Om-Replay-Alone: yes        for a second chance: worked on by itself (intake.h)
 *     Om-Replay-Edited: yes       somebody has changed it, as dlq.edits says
 *     Nats-Msg-Id                 the stream stores it once, however often it is published
 *
 * Headers of the original that begin with "Nats-" were for the server, then: they are left out.
 * Pure; thread safe.
 */
#ifndef OM_SERVICES_DLQ_REPLAY_REPUBLISH_H
#define OM_SERVICES_DLQ_REPLAY_REPUBLISH_H

#include "services/dlq/index/store_act.h"
#include "shared/base/slice.h"
#include "shared/nats/stored_message.h"

/* The domain streams' max_msg_size, and what our headers need of it at most. */
#define REPUBLISH_SIZE_MOST (1024 * 1024)
#define REPUBLISH_OURS_MOST 2048
/* False for a message so large that no stream would take it with our headers. */
bool republish_fits(const struct stored_message *original);

/* `stored` is what the replay names: an entry's message, or the original itself. Caller destroys.
 */
enum status republish_message(const struct replay *replay, const struct stored_message *stored,
                              const char *reply, natsMsg **message, struct error *error) MUST_CHECK;
/* The server's answer. UNAVAILABLE: not now. INVALID: refused, nothing was stored. */
enum status republish_judge(struct slice reply, uint64_t *sequence, struct error *error) MUST_CHECK;

#endif
