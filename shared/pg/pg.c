#include "shared/pg/pg.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/observe/metrics.h"
#include "shared/pg/pg_certificate.h"
#include "shared/pg/pg_span.h"
#include "shared/pg/pg_sqlstate.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(reconnects, "ordermesh_db_reconnects_total", "", "Database reconnections.");

#define PARAMS_MAX 32
#define PREPARED_MAX 128
#define BINARY_RESULTS 1
/* Longer than statement_timeout: a server that is silent for so long works for us no more. */
#define RESULT_TIMEOUT_MS 12000
#define NO_TIMEOUT (-1)

/* One command whose result has not been read yet. */
struct step {
    const struct pg_statement *statement;
    bool is_prepare;
    struct pg_result **into; /* NULL: its rows are the segment's, if it is the last */
};

struct pg {
    char *url;
    char *name;
    const char *on_connect;
    bool is_reader;
    int64_t answer_timeout_ms;
    PGconn *conn; /* NULL: not connected */
    bool was_connected;
    bool in_transaction;
    bool has_failed; /* the open transaction has, with first_error */
    struct error first_error;
    struct pg_span span; /* of the open transaction, or of the query under way */
    struct buf steps;    /* of struct step, in the order sent */
    const struct pg_statement *prepared[PREPARED_MAX];
    size_t prepared_count;
    struct buf texts; /* terminated copies of text parameters while they are sent */
};

struct pg *pg_create(const char *url, const char *name) {
    struct pg *pg = mem_alloc(sizeof(*pg));
    pg->url = mem_copy(slice_of(url));
    pg->name = mem_copy(slice_of(name));
    pg->answer_timeout_ms = RESULT_TIMEOUT_MS;
    return pg;
}

struct pg *pg_create_reader(const char *url, const char *name) {
    struct pg *pg = pg_create(url, name);
    pg->is_reader = true;
    return pg;
}

static void drop_connection(struct pg *pg) {
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->prepared_count = 0;
    buf_clear(&pg->steps);
}

void pg_destroy(struct pg **pg) {
    if (!*pg)
        return;
    drop_connection(*pg);
    buf_fini(&(*pg)->steps);
    buf_fini(&(*pg)->texts);
    free((*pg)->url);
    free((*pg)->name);
    free(*pg);
    *pg = NULL;
}

void pg_set_on_connect(struct pg *pg, const char *sql) {
    pg->on_connect = sql;
}

void pg_set_answer_timeout(struct pg *pg, int64_t timeout_ms) {
    pg->answer_timeout_ms = timeout_ms;
}

void pg_disconnect(struct pg *pg) {
    assert(!pg->in_transaction);
    drop_connection(pg);
}

bool pg_is_connected(const struct pg *pg) {
    return pg->conn != NULL;
}

/* --- errors --- */

/* Keeps the first error of a transaction and reports it from then on; outside of one, an error
   ends the query. */
static enum status fail(struct pg *pg, const struct error *cause, struct error *error) {
    const struct error *first = cause;
    if (pg->in_transaction) {
        if (!pg->has_failed)
            pg->first_error = *cause;
        pg->has_failed = true;
        first = &pg->first_error;
    } else {
        pg_span_end(&pg->span, pg->conn, cause);
    }
    if (error)
        *error = *first;
    return first->status;
}

/* Throws the connection away; statements sent on it may or may not have been executed. */
static enum status lose_connection(struct pg *pg, const char *reason, struct error *error) {
    struct error cause = {0};
    error_set(&cause, STATUS_UNAVAILABLE, "database: %.*s", (int)strcspn(reason, "\n"), reason);
    drop_connection(pg);
    return fail(pg, &cause, error);
}

/* The same, after the server gave its reason as a result. */
static enum status lose_session(struct pg *pg, struct error *cause, struct error *error) {
    if (!cause->status)
        return lose_connection(pg, "connection lost", error);
    cause->status = STATUS_UNAVAILABLE;
    drop_connection(pg);
    return fail(pg, cause, error);
}

/* The server refused a statement, and the session lives on if its trouble is not the server's. */
static enum status take_refusal(struct pg *pg, const struct error *cause, struct error *error) {
    enum status status = fail(pg, cause, error);
    if (pg_sqlstate_verdict(cause->sqlstate).leaves_session)
        drop_connection(pg);
    return status;
}

/* --- waiting --- */

/* Sends and receives at once until a result is there: a server that waits for us to read its
   results stops reading our parameters. */
static enum status wait_result(struct pg *pg, int64_t timeout_ms, struct error *error) {
    int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
    while (PQisBusy(pg->conn)) {
        bool has_unsent = PQflush(pg->conn) == 1;
        struct pollfd fd = {.fd = PQsocket(pg->conn),
                            .events = (short)(has_unsent ? POLLIN | POLLOUT : POLLIN)};
        int64_t left_ms = (deadline_us - clock_monotonic_us() + 999) / 1000;
        if (timeout_ms == NO_TIMEOUT)
            left_ms = NO_TIMEOUT;
        else if (left_ms <= 0)
            return lose_connection(pg, "no answer in time", error);
        if (poll(&fd, 1, (int)left_ms) < 0 && errno != EINTR)
            return lose_connection(pg, "poll failed", error);
        /* At the connection's end PQgetResult() still has the last words of the server. */
        if ((fd.revents & ~POLLOUT) && !PQconsumeInput(pg->conn))
            return STATUS_OK;
    }
    return STATUS_OK;
}

/* Runs SQL outside the pipeline to its end and reports its first error. */
static enum status run_script(struct pg *pg, const char *sql, int64_t timeout_ms,
                              struct error *error) {
    struct error cause = {0};
    if (!PQsendQuery(pg->conn, sql))
        return lose_connection(pg, PQerrorMessage(pg->conn), error);
    for (;;) {
        enum status status = wait_result(pg, timeout_ms, error);
        if (status)
            return status;
        PGresult *result = PQgetResult(pg->conn);
        if (!result)
            break;
        if (PQresultStatus(result) == PGRES_FATAL_ERROR && !cause.status)
            pg_result_describe(result, "script", &cause);
        PQclear(result);
        if (PQstatus(pg->conn) == CONNECTION_BAD)
            return lose_session(pg, &cause, error);
    }
    return cause.status ? take_refusal(pg, &cause, error) : STATUS_OK;
}

/* --- connecting --- */

static void ignore_notice(void *closure, const char *message) {
    (void)closure;
    (void)message;
}

/* What is committed is on the disk, whatever the database or the role has been set to; and rows
   that a policy hides are an error (42501) instead of missing, as an unknown SKU would be. They are
   set in the session, since a pooler refuses them at its beginning, or forgets them. */
static const char session_settings[] =
    "SET jit = off; SET statement_timeout = '10s'; SET lock_timeout = '5s';"
    "SET idle_in_transaction_session_timeout = '30s'; SET synchronous_commit = on;"
    "SET row_security = off";

static PGconn *open_connection(const struct pg *pg) {
    /* In this order, so that the URL may overrule those before it. */
    const char *const keywords[] = {"connect_timeout",
                                    "keepalives",
                                    "keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "tcp_user_timeout",
                                    "application_name",
                                    "client_encoding",
                                    "target_session_attrs",
                                    "dbname",
                                    NULL};
    const char *const values[] = {"3",      "1",    "10",
                                  "3",      "3",    "5000",
                                  pg->name, "UTF8", pg->is_reader ? "standby" : "read-write",
                                  pg->url,  NULL};
    return PQconnectdbParams(keywords, values, 1);
}

/* A URL with options has them instead of ours. */
static bool has_own_options(PGconn *conn) {
    const char *options = PQoptions(conn);
    return options != NULL && options[0] != '\0';
}

/* libpq quotes an address it cannot parse, password and all. */
bool pg_is_url(const char *url) {
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    PQconninfoFree(options);
    return options != NULL;
}

/* libpq has no SQLSTATE for a server on which no session may write. */
static enum status refuse_server(struct pg *pg, struct error *error) {
    const char *reason = PQerrorMessage(pg->conn);
    if (strstr(reason, "session is read-only") == NULL)
        return lose_connection(pg, reason, error);
    struct error cause = {0};
    error_set(&cause, STATUS_UNAVAILABLE, "the database is read-only (25006)");
    memcpy(cause.sqlstate, "25006", sizeof(cause.sqlstate));
    drop_connection(pg);
    return fail(pg, &cause, error);
}

static enum status open_session(struct pg *pg, struct error *error) {
    if (!pg_is_url(pg->url)) {
        struct error cause = {0};
        error_set(&cause, STATUS_INVALID, "the database URL cannot be parsed");
        return fail(pg, &cause, error);
    }
    pg->conn = open_connection(pg);
    if (PQstatus(pg->conn) != CONNECTION_OK)
        return refuse_server(pg, error);
    pg_certificate_show(pg->conn, pg->is_reader);
    PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
    if (PQsetnonblocking(pg->conn, 1) != 0)
        return lose_connection(pg, PQerrorMessage(pg->conn), error);
    enum status status = STATUS_OK;
    if (!has_own_options(pg->conn))
        status = run_script(pg, session_settings, RESULT_TIMEOUT_MS, error);
    if (!status && pg->on_connect)
        status = run_script(pg, pg->on_connect, RESULT_TIMEOUT_MS, error);
    if (!status && !PQenterPipelineMode(pg->conn))
        status = lose_connection(pg, PQerrorMessage(pg->conn), error);
    if (status)
        drop_connection(pg);
    return status;
}

static enum status connect_if_lost(struct pg *pg, struct error *error) {
    if (pg->conn)
        return STATUS_OK;
    enum status status = open_session(pg, error);
    if (status)
        return status;
    if (pg->was_connected)
        metric_add(&reconnects, 0, 1);
    pg->was_connected = true;
    return STATUS_OK;
}

/* An idle connection has nothing to read, unless it is the server's farewell. */
static bool is_stale(struct pg *pg) {
    struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};
    return pg->steps.len == 0 && poll(&fd, 1, 0) > 0;
}

enum status pg_connect(struct pg *pg, struct error *error) {
    if (pg->conn && is_stale(pg))
        drop_connection(pg);
    return connect_if_lost(pg, error);
}

static enum status sync_pipeline(struct pg *pg, PGresult **rows, struct error *error);

/* --- sending --- */

static size_t prepared_index(const struct pg *pg, const struct pg_statement *statement) {
    size_t i = 0;
    while (i < pg->prepared_count && pg->prepared[i] != statement)
        i++;
    return i;
}

static void forget_prepared(struct pg *pg, const struct pg_statement *statement) {
    size_t i = prepared_index(pg, statement);
    if (i < pg->prepared_count)
        pg->prepared[i] = pg->prepared[--pg->prepared_count];
}

static void add_step(struct pg *pg, const struct pg_statement *statement, bool is_prepare,
                     struct pg_result **into) {
    struct step step = {statement, is_prepare, into};
    buf_append(&pg->steps, &step, sizeof(step));
}

/* The statement counts as prepared from here on: later uses are behind it in the same pipeline. */
static bool send_prepare(struct pg *pg, const struct pg_statement *statement) {
    if (prepared_index(pg, statement) < pg->prepared_count)
        return true;
    assert(pg->prepared_count < PREPARED_MAX);
    if (!PQsendPrepare(pg->conn, statement->name, statement->sql, 0, NULL))
        return false;
    pg->prepared[pg->prepared_count++] = statement;
    add_step(pg, statement, true, NULL);
    return true;
}

/* libpq takes the length of a text parameter from its terminator, which a slice does not have. */
static bool copy_texts(struct pg *pg, const struct pg_param *params, int count) {
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += params[i].is_binary ? 0 : (size_t)params[i].len + 1;
    buf_clear(&pg->texts);
    buf_reserve(&pg->texts, total);
    for (int i = 0; i < count; i++) {
        if (params[i].is_binary || !params[i].ptr)
            continue;
        if (memchr(params[i].ptr, 0, (size_t)params[i].len))
            return false;
        buf_append(&pg->texts, params[i].ptr, (size_t)params[i].len);
        buf_append_char(&pg->texts, 0);
    }
    return true;
}

static bool send_execute(struct pg *pg, const struct pg_statement *statement,
                         const struct pg_param *params, struct pg_result **into) {
    const char *values[PARAMS_MAX];
    int lengths[PARAMS_MAX];
    int formats[PARAMS_MAX];
    const char *text = pg->texts.ptr;
    for (int i = 0; i < statement->param_count; i++) {
        const struct pg_param *param = &params[i];
        lengths[i] = param->len;
        formats[i] = param->is_binary;
        values[i] = param->is_inline ? (const char *)param->inline_bytes : param->ptr;
        if (!param->is_binary && param->ptr) {
            values[i] = text;
            text += param->len + 1;
        }
    }
    if (!PQsendQueryPrepared(pg->conn, statement->name, statement->param_count, values, lengths,
                             formats, BINARY_RESULTS))
        return false;
    add_step(pg, statement, false, into);
    return true;
}

/* What was queued is waited for, as nobody's results may be written after a failure. */
static enum status refuse_text(struct pg *pg, const struct pg_statement *statement,
                               struct error *error) {
    struct error cause = {0};
    if (pg->steps.len > 0) {
        enum status status = sync_pipeline(pg, NULL, error);
        if (status != STATUS_OK)
            return status;
    }
    error_set(&cause, STATUS_DATA, "%s: NUL in a text", statement->name);
    return fail(pg, &cause, error);
}

static enum status send_statement(struct pg *pg, const struct pg_statement *statement,
                                  const struct pg_param *params, struct pg_result **into,
                                  struct error *error) {
    assert(statement->param_count <= PARAMS_MAX);
    if (pg->in_transaction && pg->has_failed)
        return fail(pg, &pg->first_error, error);
    if (!pg->in_transaction) {
        enum status status = connect_if_lost(pg, error);
        if (status)
            return status;
    }
    if (!copy_texts(pg, params, statement->param_count))
        return refuse_text(pg, statement, error);
    if (!send_prepare(pg, statement) || !send_execute(pg, statement, params, into))
        return lose_connection(pg, PQerrorMessage(pg->conn), error);
    return STATUS_OK;
}

enum status pg_queue(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_param *params, struct error *error) {
    return pg_queue_into(pg, statement, params, NULL, error);
}

enum status pg_queue_into(struct pg *pg, const struct pg_statement *statement,
                          const struct pg_param *params, struct pg_result **result,
                          struct error *error) {
    pg_span_add(&pg->span, statement);
    return send_statement(pg, statement, params, result, error);
}

/* --- results --- */

/* Takes one result in: keeps the first error, the rows that somebody waits for, and those of the
   last statement. */
static void take_result(struct pg *pg, const struct step *step, PGresult *result,
                        struct error *cause, PGresult **rows) {
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (step->into != NULL) {
            *step->into = pg_result_create(result);
            return;
        }
        PQclear(*rows);
        *rows = result;
        return;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        if (!cause->status)
            pg_result_describe(result, step->statement->name, cause);
        break;
    }
    if (step->is_prepare)
        forget_prepared(pg, step->statement);
    PQclear(result);
}

/* Reads results up to the sync point: the first error and the last statement's rows. */
static enum status read_segment(struct pg *pg, struct error *cause, PGresult **rows,
                                struct error *error) {
    size_t step_count = pg->steps.len / sizeof(struct step);
    for (size_t i = 0;;) {
        enum status status = wait_result(pg, pg->answer_timeout_ms, error);
        if (status)
            return status;
        PGresult *result = PQgetResult(pg->conn);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            return STATUS_OK;
        }
        if (result && i < step_count)
            take_result(pg, (struct step *)(void *)pg->steps.ptr + i, result, cause, rows);
        else if (!result && i < step_count)
            i++;
        else {
            PQclear(result);
            return lose_session(pg, cause, error);
        }
        if (PQstatus(pg->conn) == CONNECTION_BAD)
            return lose_session(pg, cause, error);
    }
}

/* Ends the pipeline's segment and reads all its results; *rows are those of its last statement. */
static enum status sync_pipeline(struct pg *pg, PGresult **rows, struct error *error) {
    struct error cause = {0};
    PGresult *last = NULL;
    if (!PQpipelineSync(pg->conn))
        return lose_connection(pg, PQerrorMessage(pg->conn), error);
    enum status status = read_segment(pg, &cause, &last, error);
    buf_clear(&pg->steps);
    if (!status && cause.status)
        status = take_refusal(pg, &cause, error);
    if (!status && rows)
        *rows = last;
    else
        PQclear(last);
    return status;
}

enum status pg_await(struct pg *pg, struct error *error) {
    if (pg->in_transaction && pg->has_failed)
        return fail(pg, &pg->first_error, error);
    return pg->steps.len > 0 ? sync_pipeline(pg, NULL, error) : STATUS_OK;
}

enum status pg_query(struct pg *pg, const struct pg_statement *statement,
                     const struct pg_param *params, struct pg_result **result,
                     struct error *error) {
    PGresult *rows = NULL;
    enum status status = pg_queue(pg, statement, params, error);
    if (!status)
        status = sync_pipeline(pg, &rows, error);
    if (status)
        return status;
    if (!pg->in_transaction)
        pg_span_end(&pg->span, pg->conn, NULL);
    if (!result) {
        PQclear(rows);
        return STATUS_OK;
    }
    *result = pg_result_create(rows);
    return STATUS_OK;
}

/* --- transactions --- */

/* BEGIN, COMMIT and ROLLBACK are left out of the span's summary. */
static enum status run_command(struct pg *pg, const struct pg_statement *command,
                               struct error *error) {
    enum status status = send_statement(pg, command, NULL, NULL, error);
    return status ? status : sync_pipeline(pg, NULL, error);
}

enum status pg_begin(struct pg *pg, struct error *error) {
    static const struct pg_statement begin = {"pg.begin", "BEGIN", 0};
    if (pg->in_transaction)
        pg_rollback(pg);
    assert(pg->steps.len == 0);
    pg_span_begin(&pg->span);
    enum status status = pg_connect(pg, error);
    if (status)
        return status;
    pg->in_transaction = true;
    return send_statement(pg, &begin, NULL, NULL, error);
}

static void end_transaction(struct pg *pg) {
    pg_span_end(&pg->span, pg->conn, pg->has_failed ? &pg->first_error : NULL);
    pg->in_transaction = false;
    pg->has_failed = false;
}

enum status pg_commit(struct pg *pg, struct error *error) {
    static const struct pg_statement commit = {"pg.commit", "COMMIT", 0};
    assert(pg->in_transaction);
    enum status status = run_command(pg, &commit, error);
    if (!status)
        end_transaction(pg);
    return status;
}

void pg_rollback(struct pg *pg) {
    static const struct pg_statement rollback = {"pg.rollback", "ROLLBACK", 0};
    /* A segment with an error in it would skip the ROLLBACK too. */
    if (pg->in_transaction && pg->conn && pg->steps.len > 0)
        (void)!sync_pipeline(pg, NULL, NULL);
    bool is_open = pg->in_transaction && pg->conn;
    end_transaction(pg);
    if (is_open && run_command(pg, &rollback, NULL) != STATUS_OK)
        drop_connection(pg);
}

enum status pg_script(struct pg *pg, const char *sql, struct error *error) {
    assert(!pg->in_transaction && pg->steps.len == 0);
    enum status status = pg_connect(pg, error);
    if (status)
        return status;
    if (!PQexitPipelineMode(pg->conn))
        return lose_connection(pg, PQerrorMessage(pg->conn), error);
    status = run_script(pg, sql, NO_TIMEOUT, error);
    if (pg->conn && !PQenterPipelineMode(pg->conn))
        return lose_connection(pg, PQerrorMessage(pg->conn), error);
    return status;
}
