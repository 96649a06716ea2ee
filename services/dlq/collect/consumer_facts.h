/*
 * The server's knowledge of a consumer: a notice that it has failed is held against it, and the
 * alerts are about how far it is. Read anew each time, since a consumer may be edited under live
 * traffic.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_CONSUMER_FACTS_H
#define OM_SERVICES_DLQ_COLLECT_CONSUMER_FACTS_H

#include "shared/base/arena.h"
#include "shared/json/json.h"
#include "shared/nats/request_batch.h"

struct consumer_facts {
    struct slice stream, consumer; /* given */
    bool has_dlq;                  /* there is a <stream>_DLQ */
    bool exists;
    int64_t max_deliver; /* -1: no limit */
    uint64_t delivered;  /* stream sequence of the last message it was sent */
    uint64_t settled;    /* all up to this one were acknowledged, or given up */
    bool is_behind;      /* and not all after it */
    bool is_paused;
    int64_t created_us; /* its sequences count from here: a stream made anew has new consumers */
    struct slice filters[8]; /* more than that: all are let pass */
    size_t filter_count;     /* 0: it takes the whole stream */
};

/* Fills in `count` facts. Strings live in `arena`. Blocks for one round trip. */
enum status consumer_facts_read(struct request_batch *requests, struct arena *arena,
                                struct consumer_facts *facts, size_t count,
                                struct error *error) MUST_CHECK;
/* Reads what the server says of a consumer, by itself or in a list. */
enum status consumer_facts_take(struct json_object *root, struct arena *arena,
                                struct consumer_facts *facts, struct error *error) MUST_CHECK;
/* Reads the server's answer about the consumer; OK also where there is none. UNAVAILABLE: the
   server cannot say. */
enum status consumer_facts_parse(struct slice reply, struct arena *arena,
                                 struct consumer_facts *facts, struct error *error) MUST_CHECK;
bool consumer_facts_take_subject(const struct consumer_facts *facts, struct slice subject);

#endif
