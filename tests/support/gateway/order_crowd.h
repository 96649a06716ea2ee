/*
 * Clients that order at one moment, so that their commands wait together, and what the stream
 * COMMANDS holds of them. On the gateway of gateway_fixture.h; main thread only, but for the
 * clients' own threads.
 */
#ifndef OM_TESTS_SUPPORT_GATEWAY_ORDER_CROWD_H
#define OM_TESTS_SUPPORT_GATEWAY_ORDER_CROWD_H

#include "shared/json/json.h"
#include "tests/support/gateway/gateway_fixture.h"

#include <pthread.h>

#define CROWD 40
#define IN_FLIGHT_MS 10000
#define SUBJECT_ORDERS "commands.order.submit"
#define SUBJECT_CANCELS "commands.order.cancel"

/* --- what the stream holds -------------------------------------------------------------------- */

/* Whether the server takes atomic batches as the gateway wants them. */
bool takes_batches(void);

struct tally {
    size_t orders, cancels, in_batches;
    size_t mixed;   /* batches in which there are both */
    size_t doubled; /* there already under the same id */
};

/* Behind that sequence. */
struct tally count_stored(uint64_t after);
uint64_t last_sequence(void);
/* So many orders, each once. */
void assert_stored_once(uint64_t after, size_t wanted);

/* A question to the server as the operator, again and again for 20 s, as a cluster may be without a
   leader. Free the answer. */
natsMsg *ask_server(const char *subject, const char *body);
/* A member of the configuration of COMMANDS; takes over `value`. */
void set_stream_member(const char *name, struct json_object *value);

/* --- the crowd -------------------------------------------------------------------------------- */

struct customer {
    pthread_t thread;
    const char *key, *body; /* without a key: none */
    const char *path;       /* NULL: where orders go */
    char made_key[40];
    struct http_response response;
};

extern struct customer crowd[CROWD];

/* Each orders the same under a key of its own, so that what is sent again is the same order. */
void crowd_prepare(const char *prefix);
/* They come while the broker is silent, which it stays. */
void crowd_comes(void);
/* And all of them wait. */
void crowd_waits(void);
void crowd_goes(void); /* as they are, without pausing anything */
void crowd_join(void);
/* How many got that status; frees all. */
size_t crowd_leave(long status);

/* --- the gateway ------------------------------------------------------------------------------ */

/* A gateway that has measured nothing tries a batch with the first group that is large enough. */
void start_anew(void);
/* A figure of the groups that were sent: "count" of groups, "sum" of commands. */
long groups_sent(const char *figure, const char *way);

#ifdef OM_FAILPOINTS
/* The gateway halts with a part of the crowd's batch at the server, which goes on. */
void crowd_halts_in_batch(const char *prefix);
/* It sends the other part; waits for all answers. */
void crowd_goes_on(void);
#endif

#endif
