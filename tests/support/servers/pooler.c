#include "tests/support/servers/pooler.h"

#include "shared/base/memory.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"
#include "tests/support/servers/server_kinds.h"
#include "tests/support/servers/standby.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000

struct pooler {
    struct servers *servers;
    struct process *process;
    int port;
};

/* It refuses to run as root. */
static const char *pooler_user(void) {
    return geteuid() == 0 ? "postgres" : NULL;
}

/* Who may come in, with the password that it is let into PostgreSQL by. */
static void write_users(struct servers *servers, const char *path) {
    static const struct pg_statement list = {
        .name = "pooler_roles",
        .sql = "SELECT rolname::text FROM pg_authid WHERE rolpassword IS NOT NULL",
    };
    struct pg *pg = pg_create(servers_postgres_url(servers), "pooler");
    struct pg_result *rows = NULL;
    struct buf text = {0};
    struct error error;
    if (pg_query(pg, &list, NULL, &rows, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    for (int row = 0; row < pg_rows(rows); row++)
        buf_printf(&text, "\"%.*s\" \"%s\"\n", SLICE_ARG(pg_get_slice(rows, row, 0)),
                   servers->database_password);
    servers_write_file(path, text.ptr);
    pg_result_free(&rows);
    buf_fini(&text);
    pg_destroy(&pg);
}

static void write_settings(const struct pooler *pooler, const char *path, const char *users) {
    struct buf text = {0};
    buf_printf(&text,
               "[databases]\n"
               "* = host=127.0.0.1 port=%d\n"
               "[pgbouncer]\n"
               "listen_addr = 127.0.0.1\n"
               "listen_port = %d\n"
               "unix_socket_dir =\n"
               "auth_type = scram-sha-256\n"
               "auth_file = %s\n"
               "pool_mode = session\n"
               "default_pool_size = 100\n"
               "max_client_conn = 1000\n",
               servers_port(pooler->servers, SERVER_POSTGRES), pooler->port, users);
    servers_write_file(path, text.ptr);
    buf_fini(&text);
}

static bool answers(void *closure) {
    const struct pooler *pooler = closure;
    struct buf url = pooler_url(pooler, servers_postgres_url(pooler->servers));
    struct pg *pg = pg_create(url.ptr, "pooler");
    bool is_there = port_accepts(pooler->port) && pg_connect(pg, NULL) == STATUS_OK;
    pg_destroy(&pg);
    buf_fini(&url);
    return is_there;
}

struct pooler *pooler_start(struct servers *servers) {
    char settings[SERVERS_PATH_SIZE], users[SERVERS_PATH_SIZE], log_path[SERVERS_PATH_SIZE];
    struct pooler *pooler = mem_alloc(sizeof(*pooler));
    pooler->servers = servers;
    pooler->port = free_port();
    write_users(servers, servers_path(servers, "pgbouncer.users", users));
    write_settings(pooler, servers_path(servers, "pgbouncer.ini", settings), users);
    /* Debian has it where not everybody looks. */
    const char *const argv[] = {"/usr/sbin/pgbouncer", settings, NULL};
    pooler->process = process_start(
        &(struct process_options){.argv = argv,
                                  .log_path = servers_path(servers, "pgbouncer.log", log_path),
                                  .user = pooler_user()});
    if (!wait_until(answers, pooler, START_TIMEOUT_MS)) {
        struct buf log = servers_read_file(log_path);
        fixture_fail("pgbouncer does not answer: %s", log.ptr);
    }
    return pooler;
}

void pooler_stop(struct pooler **pooler) {
    if (*pooler == NULL)
        return;
    process_destroy(&(*pooler)->process);
    free(*pooler);
    *pooler = NULL;
}

struct buf pooler_url(const struct pooler *pooler, const char *url) {
    return url_with_port(url, pooler->port);
}
