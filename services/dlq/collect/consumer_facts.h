/*
 * The server's knowledge of a consumer that is said to have failed: a notice is held against it.
 * Read anew for each batch, since a consumer may be edited under live traffic. And of the service's
 * own consumers: how far they are, whichever instance reads.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_CONSUMER_FACTS_H
#define OM_SERVICES_DLQ_COLLECT_CONSUMER_FACTS_H

#include "shared/base/arena.h"
#include "shared/nats/request_batch.h"

struct consumer_facts {
    struct slice stream; /* given */
    struct slice consumer;
    bool has_dlq; /* there is a <stream>_DLQ */
    bool exists;
    int64_t max_deliver; /* -1: no limit */
    uint64_t delivered;  /* stream sequence of the last message it was sent */
    uint64_t settled;    /* all up to this one were acknowledged, or given up */
    int64_t created_us;  /* its sequences count from here: a stream made anew has new consumers */
    struct slice filters[8]; /* more than that: all are let pass */
    size_t filter_count;     /* 0: it takes the whole stream */
};

/* Fills in `count` facts. Strings live in `arena`. Blocks for one round trip. */
enum status consumer_facts_read(struct request_batch *requests, struct arena *arena,
                                struct consumer_facts *facts, size_t count,
                                struct error *error) MUST_CHECK;
/* Reads the server's answer about the consumer; OK also where there is none. UNAVAILABLE: the
   server cannot say. */
enum status consumer_facts_parse(struct slice reply, struct arena *arena,
                                 struct consumer_facts *facts, struct error *error) MUST_CHECK;
bool consumer_facts_take_subject(const struct consumer_facts *facts, struct slice subject);

/* Whether ADVISORIES holds some that are not dealt with. */
enum status advisories_are_waiting(struct request_batch *requests, bool *are_waiting,
                                   struct error *error) MUST_CHECK;
/* Returns when all reports stored before the call are in the index, which they may reach later than
   the advisory that follows from them; or after 2 s: then what is wanting is found by the sweep. */
enum status reports_await(struct request_batch *requests, struct error *error) MUST_CHECK;

#endif
