/*
 * The thread that sends what the lanes have to send, since nats.c may block a thread that
 * publishes. Messages go as they come; commands go in groups (group_commit.h).
 */
#ifndef OM_GATEWAY_LINK_PUBLISHER_H
#define OM_GATEWAY_LINK_PUBLISHER_H

#include "gateway/link/outgoing.h"
#include "shared/nats/nats_client.h"

struct publisher;

struct publisher_options {
    struct nats_client *nats;
    /* Tells the call that it has this answer, which is handed over; NULL unless OK. From any
       thread. */
    void (*deliver)(void *closure, uint64_t token, enum status status, natsMsg *answer);
    /* The same for all these calls, whose commands are handed over: OK where the stream has stored
       them. */
    void (*deliver_all)(void *closure, struct outbound *commands, enum status status);
    void *closure;
};

/* May block for 2 s. */
enum status publisher_create(const struct publisher_options *options, struct publisher **publisher,
                             struct error *error) MUST_CHECK;
/* Sends what is queued and ends the thread. */
void publisher_stop(struct publisher *publisher);
void publisher_destroy(struct publisher **publisher);

/* Takes all of it over. Any thread; never waits for the network. */
void publisher_send(struct publisher *publisher, struct outbound *outbound);
/* An answer to the command of this call. True: it was that of a whole batch, and is taken over. Any
   thread. */
bool publisher_answer(struct publisher *publisher, uint64_t token, natsMsg *answer);
/* As last seen (at most 100 ms ago, or the thread is stuck). Any thread. */
bool publisher_is_connected(const struct publisher *publisher);

#endif
