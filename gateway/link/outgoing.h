/*
 * Messages on their way from the lanes to NATS, and where they queue.
 *
 * A call may be gone before its message is sent. Plain values: who holds one is its only user.
 */
#ifndef OM_GATEWAY_LINK_OUTGOING_H
#define OM_GATEWAY_LINK_OUTGOING_H

#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"
#include "shared/observe/trace.h"

#define REPLY_SIZE 128

/* What a stream is to store once, under its id. */
struct command {
    const char *subject, *stream; /* static */
    char id[UUID_TEXT_SIZE];
    char traceparent[TRACEPARENT_SIZE];
    struct slice body;
};

struct outgoing {
    struct outgoing *next;
    uint64_t token;      /* of its call */
    int64_t deadline_us; /* monotonic; then its caller has been told that it failed */
    natsMsg *message;    /* NULL: a command, whose message is made when it is sent */
    struct command command;
    char reply[REPLY_SIZE];
    char body[];
};

/* Takes over `message`. */
struct outgoing *outgoing_of_message(natsMsg *message);
/* Copies the command, and the subject of its answer. */
struct outgoing *outgoing_of_command(const struct command *command, const char *reply);
void outgoing_free(struct outgoing *outgoing);
/* The message of a command, to be answered at its reply or, in a batch, not at all. */
enum status outgoing_message(const struct outgoing *outgoing, bool is_answered, natsMsg **message,
                             struct error *error) MUST_CHECK;

/* By which `count` messages leave: a few one by one, at once; more share their writes. */
natsConnection *outgoing_connection(struct nats_client *nats, size_t count);
/* Has all of them leave now, since nats.c would wait for 1 ms. Blocks until the server has read
   them, for 10 ms at most. */
void outgoing_flush(natsConnection *connection);

struct outbound {
    struct outgoing *first, **last;
    size_t count;
};

void outbound_init(struct outbound *outbound);
void outbound_push(struct outbound *outbound, struct outgoing *outgoing);
struct outgoing *outbound_pop(struct outbound *outbound); /* NULL: it is empty */
/* All of `from` behind all of `to`. */
void outbound_append(struct outbound *to, struct outbound *from);
void outbound_free(struct outbound *outbound);

#endif
