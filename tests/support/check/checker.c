#include "tests/support/check/checker.h"

#include "shared/base/clock.h"
#include "tests/support/check/checker_invariants.h"
#include "tests/support/check/checker_streams.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 500
#define PAUSE_MS 20
#define OFFENDERS_SHOWN 5

struct checker {
    const struct checker_options *options;
    PGconn *db;
    struct buf problem; /* why something could not be read, last look */
};

static bool execute(struct checker *checker, const char *sql) {
    PGresult *result = PQexec(checker->db, sql);
    bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK;

    if (!is_done)
        buf_printf(&checker->problem, "%s", PQerrorMessage(checker->db));
    PQclear(result);
    return is_done;
}

/* Sends `rows` in COPY's text format into the table named by `copy_sql`. */
static bool copy_rows(struct checker *checker, const char *copy_sql, struct slice rows) {
    PGresult *result = PQexec(checker->db, copy_sql);
    bool is_done = PQresultStatus(result) == PGRES_COPY_IN;

    PQclear(result);
    while (is_done && rows.len > 0) {
        size_t len = rows.len < 1048576 ? rows.len : 1048576;
        is_done = PQputCopyData(checker->db, rows.ptr, (int)len) == 1;
        rows.ptr += len;
        rows.len -= len;
    }
    if (is_done)
        is_done = PQputCopyEnd(checker->db, NULL) == 1;
    while ((result = PQgetResult(checker->db)) != NULL) {
        is_done = is_done && PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    if (!is_done)
        buf_printf(&checker->problem, "%s", PQerrorMessage(checker->db));
    return is_done;
}

static bool append_file(const char *path, struct buf *out) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t len;
    do {
        buf_reserve(out, 65536);
        len = fread(out->ptr + out->len, 1, 65536, file);
        out->len += len;
    } while (len > 0);
    (void)fclose(file);
    return true;
}

static bool load_logs(struct checker *checker) {
    struct buf rows = {0};
    bool is_loaded = true;

    for (const char *const *path = checker->options->logs; is_loaded && *path != NULL; path++) {
        is_loaded = append_file(*path, &rows);
        if (!is_loaded)
            buf_printf(&checker->problem, "cannot read %s\n", *path);
    }
    is_loaded = is_loaded && copy_rows(checker,
                                       "COPY client_log (key, status, order_id, sent_us,"
                                       " latency_us, kind, attempts) FROM STDIN",
                                       buf_slice(&rows));
    buf_fini(&rows);
    return is_loaded;
}

static bool load_poisons(struct checker *checker) {
    const char *const *poison = checker->options->poisons;
    struct buf rows = {0};

    for (; poison != NULL && *poison != NULL; poison++)
        buf_printf(&rows, "%s\n", *poison);
    bool is_loaded = copy_rows(checker, "COPY poison FROM STDIN", buf_slice(&rows));
    buf_fini(&rows);
    return is_loaded;
}

static bool open_session(struct checker *checker) {
    checker->db = PQconnectdb(checker->options->database_url);
    if (PQstatus(checker->db) != CONNECTION_OK) {
        buf_printf(&checker->problem, "%s", PQerrorMessage(checker->db));
        return false;
    }
    return execute(checker, "SET jit = off; SET client_min_messages = warning") &&
           execute(checker, checker_tables_sql) && load_logs(checker) && load_poisons(checker);
}

static bool load_streams(struct checker *checker) {
    struct buf rows = {0};
    bool is_loaded = checker_read_streams(checker->options, &rows, &checker->problem) &&
                     execute(checker, "TRUNCATE stream_event") &&
                     copy_rows(checker, "COPY stream_event FROM STDIN", buf_slice(&rows));

    buf_fini(&rows);
    return is_loaded;
}

/* Looks at one invariant and appends its line. True when it holds. */
static bool look_at(struct checker *checker, const struct invariant *invariant,
                    struct buf *report) {
    struct buf sql = {0};

    buf_printf(&sql,
               "SELECT count(*), array_to_string((array_agg(x ORDER BY x))[1:%d], ', ')"
               " FROM (%s) offenders(x)",
               OFFENDERS_SHOWN, invariant->offenders_sql);
    PGresult *result = PQexec(checker->db, sql.ptr);
    bool is_read = PQresultStatus(result) == PGRES_TUPLES_OK;
    bool holds = is_read && strcmp(PQgetvalue(result, 0, 0), "0") == 0;
    buf_printf(report, "%c %-6s %s", invariant->letter, holds ? "holds" : "BROKEN",
               invariant->sentence);
    if (!is_read)
        buf_printf(report, ": %s", PQerrorMessage(checker->db));
    else if (!holds)
        buf_printf(report, ": %s, such as %s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    buf_append_text(report, "\n");
    PQclear(result);
    buf_fini(&sql);
    return holds;
}

static bool look_at_all(struct checker *checker, struct buf *report) {
    buf_clear(report);
    buf_clear(&checker->problem);
    bool all_hold = load_streams(checker) && execute(checker, checker_moments_sql);
    for (size_t i = 0; i < invariant_count; i++)
        all_hold = look_at(checker, &invariants[i], report) && all_hold;
    for (size_t i = 0; i < whole_stream_invariant_count && !checker->options->has_lost_messages;
         i++)
        all_hold = look_at(checker, &whole_stream_invariants[i], report) && all_hold;
    return all_hold;
}

/* Cheap enough to ask often: is there an order still on its way? */
static bool is_at_rest(struct checker *checker) {
    PGresult *result =
        PQexec(checker->db, "SELECT FROM orders.orders WHERE status IN ('PENDING', 'CONFIRMED')"
                            " LIMIT 1");
    bool is_empty = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 0;

    PQclear(result);
    return is_empty;
}

static void append_counts(struct checker *checker, struct buf *report) {
    PGresult *result =
        PQexec(checker->db,
               "SELECT (SELECT count(*) FROM client_log), (SELECT count(*) FROM stream_event),"
               " (SELECT count(*) - count(DISTINCT event_id) FROM stream_event),"
               " (SELECT string_agg(n || ' ' || status, ', ') FROM"
               "   (SELECT status, count(*) AS n FROM orders.orders GROUP BY status) s)");

    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        buf_printf(report, "seed %llu: %s requests; orders: %s; %s events, %s of them repeats\n",
                   (unsigned long long)checker->options->seed, PQgetvalue(result, 0, 0),
                   PQgetvalue(result, 0, 3), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
    PQclear(result);
}

static void wait_ms(const struct checker_options *options, int64_t ms) {
    int64_t until_us = clock_monotonic_us() + ms * 1000;
    while (clock_monotonic_us() < until_us) {
        if (options->while_waiting != NULL)
            options->while_waiting(options->closure);
        clock_sleep_ms(PAUSE_MS);
    }
}

bool checker_run(const struct checker_options *options, struct buf *report) {
    struct checker checker = {.options = options};
    int64_t deadline_us = clock_monotonic_us() + options->settle_ms * 1000;
    struct buf lines = {0};
    bool all_hold = false;

    if (open_session(&checker)) {
        while (!is_at_rest(&checker) && clock_monotonic_us() < deadline_us)
            wait_ms(options, PAUSE_MS);
        all_hold = look_at_all(&checker, &lines);
        while (!all_hold && clock_monotonic_us() < deadline_us) {
            wait_ms(options, LOOK_AGAIN_MS);
            all_hold = look_at_all(&checker, &lines);
        }
        buf_append_slice(report, buf_slice(&lines));
        append_counts(&checker, report);
    }
    buf_append_slice(report, buf_slice(&checker.problem));
    PQfinish(checker.db);
    buf_fini(&lines);
    buf_fini(&checker.problem);
    return all_hold;
}
