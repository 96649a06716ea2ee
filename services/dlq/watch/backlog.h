/*
 * What the server says of all streams ($JS.API.STREAM.LIST) and of a stream's consumers
 * ($JS.API.CONSUMER.LIST.<stream>). Strings live in the arena. Pure.
 */
#ifndef OM_SERVICES_DLQ_WATCH_BACKLOG_H
#define OM_SERVICES_DLQ_WATCH_BACKLOG_H

#include "services/dlq/collect/consumer_facts.h"

enum { BACKLOG_MOST = 256 }; /* a page of the server's */

struct watched_stream {
    const char *name;
    int64_t bytes, limit; /* 0: none */
};

struct stream_list {
    struct watched_stream items[BACKLOG_MOST];
    size_t count;
};

struct backlog_list {
    struct consumer_facts items[BACKLOG_MOST];
    size_t count;
};

enum status backlog_parse_streams(struct slice reply, struct arena *arena,
                                  struct stream_list *streams, struct error *error) MUST_CHECK;
/* Adds the durable ones that acknowledge: others are somebody's who looks in. */
enum status backlog_parse_consumers(struct slice reply, struct arena *arena,
                                    struct backlog_list *backlogs, struct error *error) MUST_CHECK;

#endif
