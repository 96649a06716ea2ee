/*
 * Atomic batches: messages of one stream that the server stores together or not at all, with one
 * sync to the disk for all of them
 * (https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md).
 *
 * The messages of a batch are published on one connection, in order, and only the last one, which
 * commits, has a subject for its answer: that PubAck is the batch's. Nobody answers for the others;
 * what the server holds against one of them shows as the refusal of the commit.
 *
 * A batch that is refused has stored nothing, whyever it was: a message that the stream has
 * already, one that it would refuse, a leader that came in mid-batch and knows a part only, a full
 * disk. Its messages go one by one, so that each has an answer of its own: those that are stored
 * are duplicates, and what is the stream's trouble shows as it does without batches. So a PubAck
 * that was lost does no harm: what is sent again under the same Nats-Msg-Ids is stored once, in a
 * batch or not.
 *
 * Values only: nothing blocks, and nothing is owned.
 */
#ifndef OM_SHARED_NATS_ATOMIC_BATCH_H
#define OM_SHARED_NATS_ATOMIC_BATCH_H

#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"

/* The server's limits: messages of a batch, and batches that are open in a stream, of all its
   publishers. A batch of which nothing comes for ATOMIC_BATCH_OPEN_MS is abandoned. */
#define ATOMIC_BATCH_MESSAGES_MAX 1000
#define ATOMIC_BATCH_OPEN_MAX 50
#define ATOMIC_BATCH_OPEN_MS 10000
/* Ours: fewer go faster one by one, since the server keeps a batch in files of its own until the
   commit, which costs as much as the syncs of about a dozen messages. */
#define ATOMIC_BATCH_LEAST 16
/* Ours: the server copies a batch before it stores it, and the stream waits meanwhile. */
#define ATOMIC_BATCH_BYTES_MAX (4 * 1024 * 1024)
/* For so long no batch is tried after ATOMIC_BATCH_UNKNOWN. */
#define ATOMIC_BATCH_REST_MS 60000

/* A batch under way. */
struct atomic_batch {
    char id[UUID_TEXT_SIZE]; /* at most 64 characters, says the server */
    uint64_t count;          /* messages so far */
};

enum atomic_batch_verdict {
    ATOMIC_BATCH_STORED,
    ATOMIC_BATCH_REFUSED, /* nothing is stored: these messages go one by one, the next in batches */
    ATOMIC_BATCH_UNKNOWN, /* the server takes no such batches: all go one by one, for a while */
};

/* Whether a server takes our batches, and is better off with them: from 2.12.1 on it takes
   Nats-Msg-Ids in one, and from 2.15 on it syncs a batch once. False for 0, an unknown version. */
bool atomic_batch_is_supported(int server_version);

/* A new batch, under an id of its own. */
void atomic_batch_begin(struct atomic_batch *batch);
/* Makes `message` the next one of the batch. The last one commits it. */
enum status atomic_batch_mark(struct atomic_batch *batch, natsMsg *message, bool is_last,
                              struct error *error) MUST_CHECK;

/* For so long after the answer the next batch is to gather, when this one took that long: half of
   it, 20 ms at most. A batch costs the server much the same however large it is. */
int64_t atomic_batch_gather_us(int64_t took_us);

/* What the answer to the commit means. A server that knows no batches stores each message for
   itself and acknowledges the last: such an answer names no batch, and says nothing of the others.
 */
enum atomic_batch_verdict atomic_batch_judge(const struct atomic_batch *batch,
                                             const struct pub_ack *ack);

#endif
