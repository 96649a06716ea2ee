/*
 * Poison by hand, for tests of the dead-letter service: a consumer whose failures the test decides,
 * and what om-dlq makes of them in ORDERS_DLQ and its index.
 *
 * PostgreSQL and NATS are real, with schema and streams; om-dlq runs only while a test wants it.
 * A step that cannot be done fails the running cmocka test. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_WORLD_DEAD_LETTERS_H
#define OM_TESTS_SUPPORT_WORLD_DEAD_LETTERS_H

#include "services/dlq/index/entry.h"
#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"
#include "shared/nats/nats_client.h"
#include "tests/support/servers/servers.h"

#define DEAD_LETTERS_STREAM "ORDERS"
#define DEAD_LETTERS_SUBJECT "orders.evt.created"
#define DEAD_LETTERS_WAIT_MS 20000

struct dead_letters {
    struct servers *servers;
    struct nats_client *nats; /* as the operator */
    char consumer[32];        /* of the running test: takes what is published from now on */
    int admin_port;           /* of the om-dlq started last */
};

void dead_letters_start(struct dead_letters *world);
void dead_letters_stop(struct dead_letters *world);

/* A consumer of its own for a test, named so; max_deliver 2, ack_wait 1 s. */
void dead_letters_consumer(struct dead_letters *world, const char *name);

/* om-dlq, with a grace of `grace_ms` and "name:n" as failpoint or NULL. */
struct process *dead_letters_service(struct dead_letters *world, int64_t grace_ms,
                                     const char *failpoint);
/* Ends it in order, and fails the test unless it does. */
void dead_letters_end(struct process **service);

/* Waits until the test's own connection is back after the broker was killed. */
bool dead_letters_reconnected(struct dead_letters *world);

/* --- the poison ---------------------------------------------------------------------------- */

/* Stores `message` (destroyed) and returns its sequence. */
uint64_t dead_letters_store(struct dead_letters *world, natsMsg *message);
/* A message with that Nats-Msg-Id. */
natsMsg *dead_letters_message(const char *msg_id, struct slice body);
/* Both: a poisonous event under an id of its own, written to `id` (UUID_TEXT_SIZE). */
uint64_t dead_letters_publish(struct dead_letters *world, char *id);

/* The next delivery to the test's consumer; the caller settles and destroys it. */
natsMsg *dead_letters_deliver(struct dead_letters *world);
void dead_letters_answer(struct dead_letters *world, natsMsg *delivery, const char *answer);
/* The consumer's failure report, stored. */
void dead_letters_report(struct dead_letters *world, const char *event_id, uint64_t sequence,
                         int attempt, const char *outcome);
/* The mark that a process of the consumer begins an attempt at a second chance, stored. */
void dead_letters_begin(struct dead_letters *world, uint64_t sequence, int attempt,
                        const char *process);
/* Takes the next delivery, reports REJECT, terminates it. */
void dead_letters_reject(struct dead_letters *world, const char *event_id, uint64_t sequence);
/* Refuses deliveries until there are none left, and reports each. */
void dead_letters_exhaust(struct dead_letters *world, const char *event_id, uint64_t sequence);
/* As if the consumer were killed with `delivery` (settled) and with each that follows in hand. The
   next pull is what makes the server notice that there are none left. */
void dead_letters_lose(struct dead_letters *world, natsMsg *delivery);
/* Asks for deliveries until none comes: what the broker redelivers after its restart is refused. */
void dead_letters_await_quiet(struct dead_letters *world);
/* Publishes an advisory by hand. */
void dead_letters_advise(struct dead_letters *world, const char *subject, const char *body);

/* --- what became of it --------------------------------------------------------------------- */

/* Messages in ORDERS_DLQ for the test's consumer: all generations of all entries. */
int64_t dead_letters_count(struct dead_letters *world);
/* Waits until there are `count`, and no more than that. */
void dead_letters_await(struct dead_letters *world, int64_t count, int64_t timeout_ms);
/* Reads entry <ORDERS>.<consumer>.<event id>; `entry` borrows from `message`. */
void dead_letters_read(struct dead_letters *world, const char *event_id,
                       struct stored_message *message, struct entry *entry);
/* The one number that `sql` gives; $1 is the test's consumer. */
int64_t dead_letters_query(struct dead_letters *world, const char *sql);
/* Waits until it gives `expected`. */
void dead_letters_await_query(struct dead_letters *world, const char *sql, int64_t expected);

#endif
