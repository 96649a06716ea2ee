/*
 * Commands on their way into their stream, in groups as databases commit: what comes in while a
 * group is under way is the next one, and a command by itself goes at once. Right behind a batch
 * the next one gathers for as long as half of that one took, or until as many have come as it
 * answered. A group that is not answered holds the next one back for 250 ms.
 *
 * A group goes as an atomic batch (shared/nats/atomic_batch.h) where that is the faster way
 * (pace.h), else message by message. The one answer to a batch answers all its commands. A batch
 * that is refused, for whatever reason, goes again message by message, so that each command has an
 * answer of its own; ids make that harmless. Where the server takes no batches, or none pays, each
 * command goes as it comes.
 *
 * All commands are of one stream. Whose deadline has passed is not sent. A batch whose answer is
 * lost answers nobody: its commands time out, each by its own clock.
 */
#ifndef OM_GATEWAY_LINK_GROUP_COMMIT_H
#define OM_GATEWAY_LINK_GROUP_COMMIT_H

#include "gateway/link/outgoing.h"
#include "shared/nats/nats_client.h"

struct group_commit;

struct group_commit_options {
    struct nats_client *nats;
    /* Tells the call that it has this answer, which is handed over; NULL unless OK. From any
       thread. */
    void (*deliver)(void *closure, uint64_t token, enum status status, natsMsg *answer);
    /* The same for all these calls, whose commands are handed over: OK where the stream has stored
       them. */
    void (*deliver_all)(void *closure, struct outbound *commands, enum status status);
    void *deliver_closure;
    /* The publisher thread has something to do. From any thread. */
    void (*wake)(void *closure);
    void *wake_closure;
};

/* May block for 2 s: it asks the server's version. */
struct group_commit *group_commit_create(const struct group_commit_options *options);
void group_commit_destroy(struct group_commit **group);

/* --- the publisher thread --- */

/* Takes over the commands, and sends nothing yet. */
void group_commit_add(struct group_commit *group, struct outbound *commands);
/* What the group waits for: that it is woken, this monotonic time, or so many more commands. */
struct group_commit_pause {
    int64_t until_us;
    size_t commands;
};

/* Sends what may go now. Call again when the pause is over. False: the connection did not take
   something. */
bool group_commit_go_on(struct group_commit *group, struct group_commit_pause *pause);
/* Sends all that waits, for nobody who would wait for the answers. */
void group_commit_flush(struct group_commit *group);

/* --- any thread --- */

/* An answer to the command of this call. True: it was that of a whole batch, and is taken over. */
bool group_commit_answer(struct group_commit *group, uint64_t token, natsMsg *answer);

#endif
