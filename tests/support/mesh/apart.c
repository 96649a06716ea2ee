#include "tests/support/mesh/apart.h"

#include "shared/base/buf.h"
#include "shared/base/memory.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"
#include "tests/support/servers/pooler.h"
#include "tests/support/servers/server_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLED_MS 30000

/* schema, which is the database's name, too; on the first server, with a standby; by the pooler */
#define APART_TABLE(X)                                                                             \
    X(orders, true, false)                                                                         \
    X(analytics, true, false)                                                                      \
    X(inventory, false, false)                                                                     \
    X(payments, false, true)                                                                       \
    X(shipping, false, false)                                                                      \
    X(notifications, false, false)                                                                 \
    X(loyalty, false, false)                                                                       \
    X(webhooks, false, false)                                                                      \
    X(dlq, false, false)

struct database {
    const char *schema;
    bool is_first, is_pooled;
    struct buf owner_url;
};

static const struct database databases[] = {
#define APART_ROW(schema, is_first, is_pooled) {#schema, is_first, is_pooled, {0}},
    APART_TABLE(APART_ROW)
#undef APART_ROW
};
#define DATABASES (sizeof(databases) / sizeof(databases[0]))

struct apart {
    struct servers *first, *second;
    struct standby *standby, *rejoined; /* NULL: there is none */
    struct pooler *pooler;
    struct database databases[DATABASES];
    struct buf whole_url;
};

static void run_sql(const char *url, const char *sql) {
    struct error error;
    struct pg *pg = pg_create(url, "apart");
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fixture_fail("%s: %s", sql, error.text);
    pg_destroy(&pg);
}

static struct buf url_with_database(const char *url, const char *database) {
    struct buf changed = {0};
    buf_printf(&changed, "%.*s/%s", (int)(strrchr(url, '/') - url), url, database);
    return changed;
}

static const struct database *find(const struct apart *apart, const char *role) {
    for (size_t i = 0; i < DATABASES; i++) {
        if (strcmp(role + strlen("om_"), apart->databases[i].schema) == 0)
            return &apart->databases[i];
    }
    fixture_fail("%s has no database", role);
}

/* --- making them ------------------------------------------------------------------------------ */

static void migrate(const struct apart *apart, const struct database *database) {
    char log_path[SERVERS_PATH_SIZE];
    struct environment environment = {0};
    const char *const argv[] = {
        OM_BINARY_DIR "/bin/omctl", "migrate", "--dir", OM_SOURCE_DIR "/sql", "--service",
        database->schema,           NULL};
    environment_set(&environment, "OM_DATABASE_URL", database->owner_url.ptr);
    servers_path(apart->first, "apart.log", log_path);
    if (process_run(&(struct process_options){.argv = argv,
                                              .environment = &environment,
                                              .log_path = log_path},
                    60000) != 0) {
        struct buf log = servers_read_file(log_path);
        fixture_fail("%s", log.ptr);
    }
    environment_fini(&environment);
}

static void make_database(struct apart *apart, struct database *database) {
    struct servers *servers = database->is_first ? apart->first : apart->second;
    struct buf sql = {0};
    buf_printf(&sql, "CREATE DATABASE %s", database->schema);
    run_sql(servers_postgres_url(servers), sql.ptr);
    database->owner_url = url_with_database(servers_postgres_url(servers), database->schema);
    migrate(apart, database);
    buf_clear(&sql);
    buf_printf(&sql, "ALTER ROLE om_%s PASSWORD '%s'", database->schema,
               servers->database_password);
    run_sql(database->owner_url.ptr, sql.ptr);
    buf_fini(&sql);
}

/* Whichever of the first server and its standby takes writes. */
static void show(const struct apart *apart, const struct database *database) {
    struct buf sql = {0};
    const struct servers *servers = database->is_first ? apart->first : apart->second;
    int port = servers_port(servers, SERVER_POSTGRES);
    int other = database->is_first ? standby_port(apart->standby) : port;
    buf_printf(&sql,
               "CREATE SERVER %s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname '%s',"
               " host '127.0.0.1,127.0.0.1', port '%d,%d', target_session_attrs 'read-write');"
               "CREATE USER MAPPING FOR postgres SERVER %s OPTIONS (user 'postgres', password "
               "'%s');CREATE SCHEMA %s; IMPORT FOREIGN SCHEMA %s FROM SERVER %s INTO %s"
               " OPTIONS (import_generated 'false')",
               database->schema, database->schema, port, other, database->schema,
               servers->database_password, database->schema, database->schema, database->schema,
               database->schema);
    run_sql(apart->whole_url.ptr, sql.ptr);
    buf_fini(&sql);
}

struct apart *apart_create(struct servers *servers) {
    struct apart *apart = mem_alloc(sizeof(*apart));
    apart->first = servers;
    apart->second = servers_start(SERVERS_POSTGRES);
    memcpy(apart->databases, databases, sizeof(databases));
    for (size_t i = 0; i < DATABASES; i++)
        make_database(apart, &apart->databases[i]);
    apart->standby = standby_start(servers, servers_postgres_url(servers));
    apart->pooler = pooler_start(apart->second);
    run_sql(servers_postgres_url(apart->second), "CREATE DATABASE whole");
    apart->whole_url = url_with_database(servers_postgres_url(apart->second), "whole");
    run_sql(apart->whole_url.ptr, "CREATE EXTENSION postgres_fdw");
    for (size_t i = 0; i < DATABASES; i++)
        show(apart, &apart->databases[i]);
    return apart;
}

void apart_destroy(struct apart **apart) {
    struct apart *a = *apart;
    *apart = NULL;
    if (a == NULL)
        return;
    pooler_stop(&a->pooler);
    standby_stop(&a->rejoined);
    standby_stop(&a->standby);
    servers_stop(&a->second);
    for (size_t i = 0; i < DATABASES; i++)
        buf_fini(&a->databases[i].owner_url);
    buf_fini(&a->whole_url);
    free(a);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Who may write is found among the two of the first, and who only follows is preferred by readers.
 */
static void set_replicated(const struct apart *apart, const struct database *database,
                           struct environment *environment) {
    struct buf url = {0}, read_url = {0};
    int first = servers_port(apart->first, SERVER_POSTGRES);
    int other = standby_port(apart->standby);
    buf_printf(&url, "postgresql://om_%s:%s@127.0.0.1:%d,127.0.0.1:%d/%s", database->schema,
               apart->first->database_password, first, other, database->schema);
    buf_printf(&read_url, "postgresql://om_%s:%s@127.0.0.1:%d,127.0.0.1:%d/%s", database->schema,
               apart->first->database_password, other, first, database->schema);
    environment_set(environment, "OM_DATABASE_URL", url.ptr);
    environment_set(environment, "OM_DATABASE_READ_URL", read_url.ptr);
    buf_fini(&url);
    buf_fini(&read_url);
}

void apart_environment(const struct apart *apart, const char *role,
                       struct environment *environment) {
    const struct database *database = find(apart, role);
    if (database->is_first) {
        set_replicated(apart, database, environment);
        return;
    }
    struct buf url = {0};
    buf_printf(&url, "postgresql://%s:%s@127.0.0.1:%d/%s", role, apart->second->database_password,
               servers_port(apart->second, SERVER_POSTGRES), database->schema);
    struct buf pooled = pooler_url(apart->pooler, url.ptr);
    environment_set(environment, "OM_DATABASE_URL", database->is_pooled ? pooled.ptr : url.ptr);
    buf_fini(&pooled);
    buf_fini(&url);
}

const char *apart_owner_url(const struct apart *apart, const char *role) {
    return find(apart, role)->owner_url.ptr;
}

const char *apart_whole_url(const struct apart *apart) {
    return apart->whole_url.ptr;
}

static bool query_bool(const char *url, const struct pg_statement *statement) {
    struct pg *pg = pg_create(url, "apart");
    struct pg_result *rows = NULL;
    bool is_true =
        pg_query(pg, statement, NULL, &rows, NULL) == STATUS_OK && pg_get_bool(rows, 0, 0);
    pg_result_free(&rows);
    pg_destroy(&pg);
    return is_true;
}

static bool knows_prices(void *url) {
    static const struct pg_statement compare = {
        "apart_prices",
        "SELECT (SELECT count(*) FROM orders.catalog) = (SELECT count(*) FROM inventory.products)",
        0};
    return query_bool(url, &compare);
}

void apart_await_prices(const struct apart *apart) {
    if (!wait_until(knows_prices, apart->whole_url.ptr, SETTLED_MS))
        fixture_fail("the order service does not know the prices");
}

struct standby *apart_standby(struct apart *apart) {
    return apart->standby;
}

/* --- the failover ----------------------------------------------------------------------------- */

static bool is_synchronous(void *url) {
    static const struct pg_statement find = {
        "apart_synchronous",
        "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')", 0};
    return query_bool(url, &find);
}

void apart_fail_over(struct apart *apart) {
    char *url = mem_copy(slice_of(servers_postgres_url(apart->first)));
    run_sql(url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    run_sql(url, "SELECT pg_reload_conf()");
    if (!wait_until(is_synchronous, url, SETTLED_MS))
        fixture_fail("no commit waits for the standby");
    servers_kill(apart->first, SERVER_POSTGRES);
    standby_promote(apart->standby);
    free(url);
}

void apart_rejoin(struct apart *apart) {
    apart->rejoined = standby_start_at(apart->first, standby_url(apart->standby),
                                       servers_port(apart->first, SERVER_POSTGRES));
}
