#include "bench/parts/statements.h"

#include "shared/base/memory.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>
#include <string.h>

static const char begin_counting_sql[] =
    "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'";

static const struct pg_statement forget = {
    "bench_forget",
    "SELECT public.pg_stat_statements_reset() IS NULL",
    0,
};

static const struct pg_statement read_all = {
    "bench_statements",
    "SELECT left(regexp_replace(rolname || ' ' || query, '[[:space:]]+', ' ', 'g'), 120),"
    "  rolname || ' ' || query, sum(calls)::int8,"
    "  (sum(total_exec_time) / sum(calls) * 1000)::int8,"
    "  (sum(shared_blks_hit + shared_blks_read)::float8 / sum(calls) * 1000)::int8"
    " FROM public.pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid"
    " WHERE rolname LIKE 'om\\_%' GROUP BY 1, 2 ORDER BY 2",
    0,
};

static void require_ok(enum status status, const struct error *error) {
    if (status != STATUS_OK)
        fixture_fail("%s: %s", status_name(status), error->text);
}

static void run(struct servers *servers, const char *sql) {
    struct error error;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    require_ok(pg_connect(pg, &error), &error);
    require_ok(pg_script(pg, sql, &error), &error);
    pg_destroy(&pg);
}

void statements_count(struct servers *servers) {
    run(servers, begin_counting_sql);
    servers_restart(servers, SERVER_POSTGRES);
    run(servers, "CREATE EXTENSION pg_stat_statements SCHEMA public");
}

static struct pg_result *query(struct servers *servers, const struct pg_statement *statement) {
    struct error error;
    struct pg_result *rows = NULL;
    struct pg *pg = pg_create(servers_postgres_url(servers), "bench");
    require_ok(pg_query(pg, statement, NULL, &rows, &error), &error);
    pg_destroy(&pg);
    return rows;
}

void statements_forget(struct servers *servers) {
    struct pg_result *rows = query(servers, &forget);
    pg_result_free(&rows);
}

struct statements statements_read(struct servers *servers) {
    struct pg_result *rows = query(servers, &read_all);
    struct statements read = {.count = (size_t)pg_rows(rows)};
    read.items = mem_alloc((read.count + 1) * sizeof(*read.items));
    for (size_t i = 0; i < read.count; i++) {
        struct statement *statement = &read.items[i];
        buf_append_slice(&statement->name, pg_get_slice(rows, (int)i, 0));
        buf_append_slice(&statement->text, pg_get_slice(rows, (int)i, 1));
        statement->calls = pg_get_int64(rows, (int)i, 2);
        statement->ms = (double)pg_get_int64(rows, (int)i, 3) / 1e3;
        statement->pages = (double)pg_get_int64(rows, (int)i, 4) / 1e3;
    }
    pg_result_free(&rows);
    return read;
}

void statements_fini(struct statements *statements) {
    for (size_t i = 0; i < statements->count; i++) {
        buf_fini(&statements->items[i].name);
        buf_fini(&statements->items[i].text);
    }
    free(statements->items);
    *statements = (struct statements){0};
}

const struct statement *statements_find(const struct statements *statements, const char *text) {
    for (size_t i = 0; i < statements->count; i++)
        if (strcmp(statements->items[i].text.ptr, text) == 0)
            return &statements->items[i];
    return NULL;
}
