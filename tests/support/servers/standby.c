#include "tests/support/servers/standby.h"

#include "shared/base/memory.h"
#include "shared/pg/pg.h"
#include "tests/support/servers/server_kinds.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS 10000

struct standby {
    struct servers *home;
    struct process *process;
    int port;
    char name[32]; /* of its folder and its log */
    struct buf url;
};

static const char *postgres_user(void) {
    return geteuid() == 0 ? "postgres" : NULL;
}

struct buf url_with_port(const char *url, int port) {
    struct buf changed = {0};
    const char *at = strrchr(url, ':') + 1;
    buf_printf(&changed, "%.*s%d%s", (int)(at - url), url, port, strchr(at, '/'));
    return changed;
}

/* Whatever it is by now. */
static struct pg *open_any(const struct standby *standby) {
    struct buf url = {0};
    buf_printf(&url, "%s?target_session_attrs=any", standby->url.ptr);
    struct pg *pg = pg_create(url.ptr, "standby");
    buf_fini(&url);
    return pg;
}

static void run_sql(const struct standby *standby, const char *sql) {
    struct error error;
    struct pg *pg = open_any(standby);
    if (pg_script(pg, sql, &error) != STATUS_OK)
        fixture_fail("%s: %s", sql, error.text);
    pg_destroy(&pg);
}

static bool serves(void *closure) {
    const struct standby *standby = closure;
    struct pg *pg = open_any(standby);
    bool is_there = port_accepts(standby->port) && pg_connect(pg, NULL) == STATUS_OK;
    pg_destroy(&pg);
    return is_there;
}

/* servers_make_dir() would make a disk of it, and pg_basebackup makes the folder itself. */
static void copy_source(struct standby *standby, const char *source_url) {
    char program[SERVERS_PATH_SIZE + 32], dir[SERVERS_PATH_SIZE], data[SERVERS_PATH_SIZE + 8];
    snprintf(program, sizeof(program), "%s/pg_basebackup", standby->home->postgres_bin);
    servers_path(standby->home, standby->name, dir);
    snprintf(data, sizeof(data), "%s/data", dir);
    servers_run_tool(standby->home, (const char *[]){"mkdir", "-m", "0777", dir, NULL}, NULL, NULL);
    const char *const argv[] = {program,     "--dbname",     source_url, "--pgdata",
                                data,        "--wal-method", "stream",   "--write-recovery-conf",
                                "--no-sync", "--checkpoint", "fast",     NULL};
    servers_run_tool(standby->home, argv, NULL, postgres_user());
}

static void start(struct standby *standby) {
    char program[SERVERS_PATH_SIZE + 16], dir[SERVERS_PATH_SIZE], data[SERVERS_PATH_SIZE + 8],
        log_path[SERVERS_PATH_SIZE], log_name[48], port[16];
    snprintf(program, sizeof(program), "%s/postgres", standby->home->postgres_bin);
    snprintf(port, sizeof(port), "%d", standby->port);
    snprintf(log_name, sizeof(log_name), "%s.log", standby->name);
    snprintf(data, sizeof(data), "%s/data", servers_path(standby->home, standby->name, dir));
    servers_path(standby->home, log_name, log_path);
    const char *const argv[] = {program, "-D", data, "-p",        port,
                                "-k",    dir,  "-h", "127.0.0.1", NULL};
    standby->process = process_start(&(struct process_options){
        .argv = argv, .log_path = log_path, .user = postgres_user(), .death_signal = SIGQUIT});
    if (wait_until(serves, standby, START_TIMEOUT_MS))
        return;
    struct buf log = servers_read_file(log_path);
    fixture_fail("the standby does not serve: %s", log.ptr);
}

struct standby *standby_start_at(struct servers *home, const char *source_url, int port) {
    static int number;
    struct standby *standby = mem_alloc(sizeof(*standby));
    standby->home = home;
    standby->port = port;
    snprintf(standby->name, sizeof(standby->name), "standby-%d", ++number);
    standby->url = url_with_port(source_url, standby->port);
    copy_source(standby, source_url);
    start(standby);
    return standby;
}

struct standby *standby_start(struct servers *home, const char *source_url) {
    return standby_start_at(home, source_url, free_port());
}

void standby_stop(struct standby **standby) {
    if (*standby == NULL)
        return;
    if ((*standby)->process != NULL)
        standby_kill(*standby);
    buf_fini(&(*standby)->url);
    free(*standby);
    *standby = NULL;
}

int standby_port(const struct standby *standby) {
    return standby->port;
}

const char *standby_url(const struct standby *standby) {
    return standby->url.ptr;
}

void standby_delay_replay(struct standby *standby, int64_t ms) {
    char sql[80];
    snprintf(sql, sizeof(sql), "ALTER SYSTEM SET recovery_min_apply_delay = %lld", (long long)ms);
    run_sql(standby, sql);
    run_sql(standby, "SELECT pg_reload_conf()");
}

void standby_hold_replay(struct standby *standby) {
    run_sql(standby, "SELECT pg_wal_replay_pause();"
                     "DO $$ BEGIN WHILE pg_get_wal_replay_pause_state() <> 'paused' LOOP"
                     " PERFORM pg_sleep(0.01); END LOOP; END $$");
}

void standby_resume_replay(struct standby *standby) {
    run_sql(standby, "SELECT pg_wal_replay_resume()");
}

/* The checkpoint is what tells that the timeline is a new one, and would come by itself. */
void standby_promote(struct standby *standby) {
    run_sql(standby, "SELECT pg_promote()");
    run_sql(standby, "CHECKPOINT");
}

void standby_kill(struct standby *standby) {
    process_signal_family(standby->process, SIGKILL);
    process_destroy(&standby->process);
}

void standby_restart(struct standby *standby) {
    start(standby);
}

void standby_pause(struct standby *standby) {
    process_signal_family(standby->process, SIGSTOP);
    if (!wait_until(process_is_stopped, standby->process, STOP_TIMEOUT_MS))
        fixture_fail("a paused standby still runs");
}

void standby_resume(struct standby *standby) {
    process_signal_family(standby->process, SIGCONT);
}
