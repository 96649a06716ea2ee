/*
 * The limits: what the same servers do without any service of ours around them.
 *
 * Each call blocks until it has measured, leaves no table and no stream behind, and ends the
 * program when anything it counted is not there. Main thread only.
 */
#ifndef OM_BENCH_PARTS_LIMITS_H
#define OM_BENCH_PARTS_LIMITS_H

#include "tests/support/servers/servers.h"

#include <nats/nats.h>
#include <stddef.h>
#include <stdint.h>

/* A script under bench/limits, run by pgbench with prepared statements on fresh tables. */
struct limit_script {
    const char *file; /* "saga.sql" */
    int clients;
    int seconds;
    int orders_a_run; /* given to the script as n; 0: it takes none and stores one order */
};

/* Orders a second. Fails unless fsync and synchronous_commit are on. */
double limit_orders(struct servers *servers, const struct limit_script *script);

/* psql as the superuser, with `arguments`. Ends the program when it fails. */
void limit_psql(struct servers *servers, const char *const *arguments, int count,
                const char *log_path);

/* JetStream's asynchronous publish with Nats-Msg-Id into a file stream: messages a second of
   `count` messages of `bytes` payload, from the first until all are acknowledged. */
double limit_publish(struct servers *servers, int64_t count, size_t bytes);

/* One step of a saga at its barest: a row committed, then a message published and acknowledged.
   Appends the milliseconds of `count` steps to `ms`. */
void limit_steps(struct servers *servers, int count, double *ms);

/* Connects to NATS as `operator`, or fails. Close with limit_disconnect(). */
struct limit_nats {
    natsConnection *connection;
    jsCtx *js;
};
struct limit_nats limit_connect(struct servers *servers);
void limit_disconnect(struct limit_nats *nats);
/* Messages a stream holds. */
uint64_t limit_stream_messages(struct limit_nats *nats, const char *stream);
/* Of one subject of it, without wildcards. */
uint64_t limit_subject_messages(struct limit_nats *nats, const char *stream, const char *subject);
int64_t limit_stream_replicas(struct limit_nats *nats, const char *stream);

#endif
