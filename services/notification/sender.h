/*
 * The sender of one channel: takes due notices from the queue, sends them, and records the results
 * with their events in one transaction. A thread and a database connection of its own.
 *
 * A notice that is put off comes back after 1 s, 2 s, 4 s ... up to 10 minutes; one that is older
 * than give_up_s is FAILED then. While the channel is down the rest waits without counting
 * attempts.
 *
 * A channel with a rate is sent to no faster, by all instances together (queue.h). A receiver that
 * says 429 is left alone by this instance as long as it asks, a second at least.
 */
#ifndef OM_SERVICES_NOTIFICATION_SENDER_H
#define OM_SERVICES_NOTIFICATION_SENDER_H

#include "services/notification/queue.h"
#include "shared/crypto/crypto.h"

/* Longest time a channel may take for one notice. */
#define SENDER_TIMEOUT_MOST_MS 20000

struct sender;

/* Everything is borrowed until destroy. */
struct sender_options {
    const char *database_url;
    struct channel *channel;
    const struct key_ring *ring;
    int64_t give_up_s;
    struct notice_rate rate;
};

struct sender *sender_create(const struct sender_options *options);
enum status sender_start(struct sender *sender, struct error *error) MUST_CHECK;
/* Ends the thread, which finishes the notice it is at. */
void sender_destroy(struct sender **sender);

/* Sends one batch, as the thread does again and again; *count is how many were taken. UNAVAILABLE
   when the channel or the database is down. */
enum status sender_run(struct sender *sender, size_t *count, struct error *error) MUST_CHECK;
/* How long the channel is to be left alone after the last batch, for its rate or since the receiver
   had too many; 0: it is not. */
int64_t sender_wait_ms(const struct sender *sender);
/* Sets the gauge of notices that wait for the channel, as the thread does every few seconds. */
enum status sender_measure(struct sender *sender, struct error *error) MUST_CHECK;
/* How long a notice waits that was put off at its `attempts`th attempt. */
int64_t sender_delay_ms(int attempts);

#endif
