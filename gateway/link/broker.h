/*
 * Requests to NATS and their answers, without ever blocking a loop.
 *
 * Both JetStream publishes (the answer is the PubAck) and requests to the mesh go this way. Each
 * loop has a lane: a table of calls in flight, which only its thread touches. Messages go to one
 * thread that sends them (publisher.h); answers come on one wildcard subscription and are handed to
 * the lane's loop. A call ends exactly once: answered, failed or timed out. A survey is answered by
 * many, and ends with its time.
 *
 * Lanes are created before and live longer than the loops' turning; broker_create/stop/destroy
 * belong to the main thread, everything with a lane or a call to that lane's loop.
 */
#ifndef OM_GATEWAY_LINK_BROKER_H
#define OM_GATEWAY_LINK_BROKER_H

#include "gateway/link/outgoing.h"
#include "shared/base/slice.h"
#include "shared/base/status.h"
#include "shared/nats/nats_client.h"

#include "shared/loop/loop.h"

struct broker;
struct broker_lane;
struct broker_call;

struct broker_options {
    struct nats_client *nats;
    size_t lane_count;
    size_t max_in_flight; /* calls of all lanes together */
    int64_t publish_timeout_ms;
    int64_t request_timeout_ms;
};

/* Subscribes and starts the publisher. */
enum status broker_create(const struct broker_options *options, struct broker **broker,
                          struct error *error) MUST_CHECK;
/* Sends what is queued and ends the thread and the subscription. Loops must have ended. */
void broker_stop(struct broker *broker);
void broker_destroy(struct broker **broker);
/* As last seen by the publisher (at most 100 ms ago, or stuck: then calls time out). */
bool broker_is_connected(const struct broker *broker);
/* UNAVAILABLE while NATS refused it lately to let us ask or publish something. Any thread. */
enum status broker_check_rights(const struct broker *broker, struct error *error) MUST_CHECK;

/* Lane `index` for the loop of `context`; call it on that loop's thread. */
struct broker_lane *broker_lane_open(struct broker *broker, size_t index, h2o_context_t *context);

/* A stream acknowledges commands, and what is published by itself. */
enum broker_kind { BROKER_COMMAND, BROKER_PUBLISH, BROKER_REQUEST, BROKER_SURVEY, BROKER_KINDS };

struct broker_answer {
    /* OK; UNAVAILABLE: not connected, or nobody serves the subject; TIMEOUT; or what a service's
       error code stands for: INVALID, NOT_FOUND, CONFLICT, UNAVAILABLE, INTERNAL. */
    enum status status;
    bool is_stored;    /* a command's, in a batch: it has no body then */
    struct slice body; /* valid during the callback; empty unless OK */
    const char *why;   /* a service's words for its refusal, as long; else NULL */
};
typedef void (*broker_fn)(void *closure, const struct broker_answer *answer);

/* Takes a place in flight. OVERLOADED: none is free; UNAVAILABLE: not connected. */
enum status broker_call_open(struct broker_lane *lane, enum broker_kind kind,
                             struct broker_call **call) MUST_CHECK;
/* The reply subject that the call's message must carry. */
const char *broker_call_reply(const struct broker_call *call);
/* Takes over `message` and sends it at the end of the loop's turn; `fn` is called later, once. Not
   for commands. */
void broker_call_send(struct broker_call *call, natsMsg *message, broker_fn fn, void *closure);
/* The same for a command, which is copied and may go together with others (group_commit.h). */
void broker_call_command(struct broker_call *call, const struct command *command, broker_fn fn,
                         void *closure);
/* Gives the place back unused. */
void broker_call_drop(struct broker_call **call);

struct broker_question {
    const char *subject, *traceparent; /* the latter NULL for none */
    struct slice body;
};

/* Open, build and send a request in one; on failure `fn` is not called. The question is copied. */
enum status broker_request(struct broker_lane *lane, const struct broker_question *question,
                           broker_fn fn, void *closure) MUST_CHECK;

/* The same, without a body, to everybody who serves the subject: `fn` is called with each answer
   that is OK, and then with the end, TIMEOUT after BROKER_SURVEY_MS unless it failed before. */
#define BROKER_SURVEY_MS 400
enum status broker_survey(struct broker_lane *lane, const char *subject, broker_fn fn,
                          void *closure) MUST_CHECK;

#endif
