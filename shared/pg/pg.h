/*
 * PostgreSQL: one connection in libpq's pipeline mode, with prepared statements, binary results and
 * reconnection.
 *
 * pg_queue() sends without waiting, and what pg_queue_into() sends has its rows with the next
 * answer; pg_query() sends, waits and returns that statement's rows, unless `result` is NULL. All
 * join the transaction opened by pg_begin(). The first error of a transaction is what pg_query() or
 * pg_commit() reports; call pg_rollback() then. A broken connection is UNAVAILABLE and is opened
 * again by the next pg_begin() or by a pg_query() outside a transaction.
 *
 * Errors are judged by their SQLSTATE (pg_sqlstate.h), which is in error.sqlstate: DATA is the
 * event's fault, SERIALIZATION the moment's, UNAVAILABLE the database's. After the last the session
 * is dropped, unless it waited for a lock in vain: the next try resolves the URL's name again. A
 * session that may not write is none (target_session_attrs=read-write, unless the URL says else); a
 * reader's is of a standby.
 *
 * While its thread works for a trace that is recorded, each transaction, and each query outside of
 * one, is a span of it (pg_span.h).
 *
 * A struct pg belongs to one thread at a time. Calls block up to the connection's timeouts.
 */
#ifndef OM_SHARED_PG_PG_H
#define OM_SHARED_PG_PG_H

#include "shared/base/status.h"

struct pg;
struct pg_param;  /* pg_param.h */
struct pg_result; /* pg_result.h */

/* A statement is a static constant beside its function; prepared at first use, by name. */
struct pg_statement {
    const char *name;
    const char *sql;
    int param_count;
};

/* Whether libpq can read it. */
bool pg_is_url(const char *url);
/* Does not connect yet. `url` is a libpq URI; `name` is shown in pg_stat_activity. */
struct pg *pg_create(const char *url, const char *name);
struct pg *pg_create_reader(const char *url, const char *name);
void pg_destroy(struct pg **pg);
/* Connects if needed; UNAVAILABLE when it cannot within 3 s. */
enum status pg_connect(struct pg *pg, struct error *error) MUST_CHECK;
/* Leaves the session, outside any transaction: the next call connects anew. */
void pg_disconnect(struct pg *pg);
/* There is a session, as far as is known. */
bool pg_is_connected(const struct pg *pg);
/* How long an answer is waited for, until the connection counts as lost; 12 s unless this is
 * called.
 */
void pg_set_answer_timeout(struct pg *pg, int64_t timeout_ms);
/* SQL run after each connect, such as SET; borrowed for the life of `pg`. */
void pg_set_on_connect(struct pg *pg, const char *sql);

enum status pg_begin(struct pg *pg, struct error *error) MUST_CHECK;
enum status pg_commit(struct pg *pg, struct error *error) MUST_CHECK;
void pg_rollback(struct pg *pg);

enum status pg_queue(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_param *params, struct error *error) MUST_CHECK;
/* *result is NULL, and is filled in by the next call that waits or fails, maybe also by one that
   fails. It has to live until then, and the caller frees it in any case. */
enum status pg_queue_into(struct pg *pg, const struct pg_statement *statement,
                          const struct pg_param *params, struct pg_result **result,
                          struct error *error) MUST_CHECK;
/* Waits for all that was queued; what depends on no row of the other is asked in one round trip so.
 */
enum status pg_await(struct pg *pg, struct error *error) MUST_CHECK;
enum status pg_query(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_param *params, struct pg_result **result,
                     struct error *error) MUST_CHECK;
/* Several statements in one string, as migrations are; outside the pipeline. */
enum status pg_script(struct pg *pg, const char *sql, struct error *error) MUST_CHECK;

#endif
