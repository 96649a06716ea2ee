#include "tests/support/servers/server_kinds.h"

#include "shared/pg/pg.h"

#include <errno.h>
#include <glob.h>
#include <hiredis/hiredis.h>
#include <nats/nats.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- PostgreSQL --- */

static bool has_initdb(const char *dir) {
    char path[SERVERS_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/initdb", dir);
    return access(path, X_OK) == 0;
}

/* Version directories sort by age as long as they have two digits. */
static void find_postgres(struct servers *servers) {
    const char *given = getenv("OM_PG_BIN");
    glob_t found = {0};
    if (given != NULL && has_initdb(given)) {
        snprintf(servers->postgres_bin, sizeof(servers->postgres_bin), "%s", given);
        return;
    }
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        fixture_fail("PostgreSQL's programs were not found; set OM_PG_BIN");
    snprintf(servers->postgres_bin, sizeof(servers->postgres_bin), "%s",
             found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

/* PostgreSQL refuses to run as root. */
static const char *postgres_user(void) {
    return geteuid() == 0 ? "postgres" : NULL;
}

static void own_by_postgres(const char *path) {
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user != NULL && chown(path, user->pw_uid, user->pw_gid) != 0)
        fixture_fail("%s: %s", path, strerror(errno));
}

/* As they ship; a standby, which copies this, must have as many. */
static void limit_connections(const char *data) {
    char path[SERVERS_PATH_SIZE + 32];
    snprintf(path, sizeof(path), "%s/postgresql.auto.conf", data);
    servers_write_file(path, "max_connections = 400\n");
    own_by_postgres(path);
}

static void postgres_set_up(struct servers *servers) {
    char initdb[SERVERS_PATH_SIZE + 16], dir[SERVERS_PATH_SIZE], data[SERVERS_PATH_SIZE],
        password_file[SERVERS_PATH_SIZE];
    find_postgres(servers);
    snprintf(initdb, sizeof(initdb), "%s/initdb", servers->postgres_bin);
    own_by_postgres(servers_make_dir(servers, "postgres", dir));
    servers_make_secret(servers->database_password);
    servers_write_file(servers_path(servers, "postgres/password", password_file),
                       servers->database_password);
    own_by_postgres(password_file);
    const char *const argv[] = {initdb,
                                "--pgdata",
                                servers_path(servers, "postgres/data", data),
                                "--username=postgres",
                                "--auth=scram-sha-256",
                                "--pwfile",
                                password_file,
                                "--encoding=UTF8",
                                "--no-locale",
                                "--no-sync",
                                NULL};
    servers_run_tool(servers, argv, NULL, postgres_user());
    limit_connections(data);
    snprintf(servers->postgres_url, sizeof(servers->postgres_url),
             "postgresql://postgres:%s@127.0.0.1:%d/postgres", servers->database_password,
             servers->ports[SERVER_POSTGRES]);
}

static void postgres_start(struct servers *servers) {
    char program[SERVERS_PATH_SIZE + 16], data[SERVERS_PATH_SIZE], dir[SERVERS_PATH_SIZE],
        log_path[SERVERS_PATH_SIZE], port[16];
    snprintf(program, sizeof(program), "%s/postgres", servers->postgres_bin);
    snprintf(port, sizeof(port), "%d", servers->ports[SERVER_POSTGRES]);
    const char *const argv[] = {
        program,     "-D", servers_path(servers, "postgres/data", data), "-p",
        port,        "-k", servers_path(servers, "postgres", dir),       "-h",
        "127.0.0.1", NULL};
    /* An immediate shutdown, unlike SIGKILL, takes the children and the shared memory along. */
    servers->processes[SERVER_POSTGRES] = process_start(
        &(struct process_options){.argv = argv,
                                  .log_path = servers_path(servers, "postgres.log", log_path),
                                  .user = postgres_user(),
                                  .death_signal = SIGQUIT});
}

static bool postgres_serves(struct servers *servers) {
    struct pg *pg = pg_create(servers->postgres_url, "fixture");
    bool serves =
        port_accepts(servers->ports[SERVER_POSTGRES]) && pg_connect(pg, NULL) == STATUS_OK;
    pg_destroy(&pg);
    return serves;
}

/* --- Redis --- */

static void redis_set_up(struct servers *servers) {
    char dir[SERVERS_PATH_SIZE];
    servers_make_dir(servers, "redis", dir);
    snprintf(servers->redis_url, sizeof(servers->redis_url), "redis://127.0.0.1:%d",
             servers->ports[SERVER_REDIS]);
}

static void redis_start(struct servers *servers) {
    char dir[SERVERS_PATH_SIZE], log_path[SERVERS_PATH_SIZE], port[16];
    snprintf(port, sizeof(port), "%d", servers->ports[SERVER_REDIS]);
    const char *const argv[] = {"redis-server",
                                "--port",
                                port,
                                "--bind",
                                "127.0.0.1",
                                "--dir",
                                servers_path(servers, "redis", dir),
                                "--appendonly",
                                "yes",
                                "--appendfsync",
                                "everysec",
                                "--save",
                                "",
                                NULL};
    servers->processes[SERVER_REDIS] = process_start(&(struct process_options){
        .argv = argv, .log_path = servers_path(servers, "redis.log", log_path)});
}

static bool redis_serves(struct servers *servers) {
    struct timeval timeout = {.tv_sec = 1};
    redisContext *redis =
        redisConnectWithTimeout("127.0.0.1", servers->ports[SERVER_REDIS], timeout);
    redisReply *reply = NULL;
    if (redis != NULL && redis->err == 0 && redisSetTimeout(redis, timeout) == REDIS_OK)
        reply = redisCommand(redis, "PING");
    bool serves = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    if (redis != NULL)
        redisFree(redis);
    return serves;
}

/* --- NATS --- */

static const char *nats_program(void) {
    const char *given = getenv("OM_NATS_SERVER");
    return given != NULL && given[0] != '\0' ? given : "nats-server";
}

/* Servers from 2.10 on can put each acknowledged message on the disk. */
static bool can_sync_always(struct servers *servers) {
    char log_path[SERVERS_PATH_SIZE];
    const char *const argv[] = {nats_program(), "--version", NULL};
    unsigned major = 0, minor = 0;
    servers_run_tool(servers, argv, NULL, NULL);
    struct buf text = servers_read_file(servers_path(servers, "tool.log", log_path));
    const char *version = strstr(text.ptr, ": v");
    if (version == NULL || sscanf(version, ": v%u.%u", &major, &minor) != 2)
        fixture_fail("what version is %s?", text.ptr);
    buf_fini(&text);
    return major > 2 || (major == 2 && minor >= 10);
}

static void replace(struct buf *text, const char *from, const char *to) {
    for (char *found; (found = strstr(text->ptr, from)) != NULL;) {
        struct buf changed = {0};
        buf_append(&changed, text->ptr, (size_t)(found - text->ptr));
        buf_append_text(&changed, to);
        buf_append_text(&changed, found + strlen(from));
        buf_fini(text);
        *text = changed;
    }
}

static void add_user(struct servers *servers, const char *name) {
    char path[SERVERS_PATH_SIZE];
    struct nats_user *user = servers->nats_users;
    while (user->name[0] != '\0' && user < servers->nats_users + SERVERS_USERS_MAX - 1)
        user++;
    if (user->name[0] != '\0')
        fixture_fail("more than %d NATS users", SERVERS_USERS_MAX);
    snprintf(user->name, sizeof(user->name), "%s", name);
    snprintf(path, sizeof(path), "secrets/nats_%s", name);
    servers_write_secret(servers, path, user->password_file);
    if (!servers->has_tls)
        return;
    snprintf(path, sizeof(path), "secrets/nats-tls/%s.crt", name);
    servers_path(servers, path, user->cert_file);
    snprintf(path, sizeof(path), "secrets/nats-tls/%s.key", name);
    servers_path(servers, path, user->key_file);
}

/* One for each service that there is. */
static void make_users(struct servers *servers) {
    static const char folder[] = OM_SOURCE_DIR "/services/";
    char path[SERVERS_PATH_SIZE], name[32];
    glob_t found = {0};
    if (mkdir(servers_path(servers, "secrets", path), 0700) != 0)
        fixture_fail("%s: %s", path, strerror(errno));
    add_user(servers, "operator");
    add_user(servers, "gateway");
    if (glob(OM_SOURCE_DIR "/services/*/main.c", 0, NULL, &found) != 0)
        fixture_fail("there are no services in " OM_SOURCE_DIR);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *start = found.gl_pathv[i] + strlen(folder);
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "/"), start);
        add_user(servers, name);
    }
    globfree(&found);
}

static void write_users(struct servers *servers) {
    char secrets[SERVERS_PATH_SIZE], log_path[SERVERS_PATH_SIZE], path[SERVERS_PATH_SIZE];
    make_users(servers);
    servers_run_omctl(servers,
                      (const char *[]){"nats-users", "--dir", OM_SOURCE_DIR "/nats", "--secrets",
                                       servers_path(servers, "secrets", secrets), NULL});
    struct buf users = servers_read_file(servers_path(servers, "tool.log", log_path));
    servers_write_file(servers_path(servers, "users.conf", path), users.ptr);
    servers_write_file(servers_path(servers, "system.conf", path), "users: []\n");
    buf_fini(&users);
}

static void make_certificates(struct servers *servers, const char *dir) {
    char path[SERVERS_PATH_SIZE];
    const char *argv[SERVERS_USERS_MAX + 4] = {OM_SOURCE_DIR "/scripts/nats-certificates", dir,
                                               "server"};
    for (size_t i = 0; i < SERVERS_USERS_MAX && servers->nats_users[i].name[0] != '\0'; i++)
        argv[i + 3] = servers->nats_users[i].name;
    servers_run_tool(servers, argv, NULL, NULL);
    snprintf(servers->nats_ca_file, sizeof(servers->nats_ca_file), "%s",
             servers_path(servers, "secrets/nats-tls/ca.crt", path));
}

/* The configuration but for what differs from server to server. */
static struct buf read_nats_config(struct servers *servers) {
    char path[SERVERS_PATH_SIZE];
    struct buf config = servers_read_file(OM_SOURCE_DIR "/nats/server.conf.in");
    if (servers->has_tls) {
        make_certificates(servers, servers_path(servers, "secrets/nats-tls", path));
        replace(&config, "# @TLS@ ", "");
        replace(&config, "@TLS_DIR@", path);
    }
    servers->syncs_always = can_sync_always(servers);
    replace(&config, "# @SYNC_INTERVAL@", servers->syncs_always ? "sync_interval: always" : "");
    replace(&config, "@MAX_FILE_STORE@", "10GB");
    return config;
}

static void write_nats_config(struct servers *servers, const struct buf *config, const char *name,
                              int port, const char *more) {
    char path[SERVERS_PATH_SIZE], file[64], text[16];
    struct buf own = {0};
    buf_append_slice(&own, buf_slice(config));
    snprintf(text, sizeof(text), "%d", port);
    replace(&own, "@PORT@", text);
    replace(&own, "@STORE_DIR@", servers_path(servers, name, path));
    buf_append_text(&own, more);
    snprintf(file, sizeof(file), "%s.conf", name);
    servers_write_file(servers_path(servers, file, path), own.ptr);
    buf_fini(&own);
}

static const char *const nats_names[] = {"nats", "nats2", "nats3"};

/* Every server knows the routes to all. Of a name that is given twice the later counts. */
static void write_cluster(struct servers *servers, const struct buf *config) {
    int routes[SERVERS_NATS_PEERS + 1];
    for (int i = 0; i <= SERVERS_NATS_PEERS; i++)
        routes[i] = free_port();
    for (int i = 0; i <= SERVERS_NATS_PEERS; i++) {
        struct buf more = {0};
        buf_printf(&more,
                   "\nserver_name: %s\ncluster {\n    name: test\n    listen: \"127.0.0.1:%d\"\n   "
                   " routes: [",
                   nats_names[i], routes[i]);
        for (int other = 0; other <= SERVERS_NATS_PEERS; other++)
            buf_printf(&more, "%s\"nats://127.0.0.1:%d\"", other == 0 ? "" : ", ", routes[other]);
        buf_append_text(&more, " ]\n}\n");
        write_nats_config(servers, config, nats_names[i],
                          i == 0 ? servers->ports[SERVER_NATS] : free_port(), more.ptr);
        buf_fini(&more);
    }
}

static void nats_set_up(struct servers *servers) {
    char dir[SERVERS_PATH_SIZE];
    if (servers->has_disks)
        servers_make_dir(servers, nats_names[0], dir);
    write_users(servers);
    struct buf config = read_nats_config(servers);
    if (servers->is_cluster)
        write_cluster(servers, &config);
    else
        write_nats_config(servers, &config, nats_names[0], servers->ports[SERVER_NATS], "");
    snprintf(servers->nats_url, sizeof(servers->nats_url), "%s://127.0.0.1:%d",
             servers->has_tls ? "tls" : "nats", servers->ports[SERVER_NATS]);
    buf_fini(&config);
}

static struct process *start_nats(struct servers *servers, const char *name) {
    char config[SERVERS_PATH_SIZE], log_path[SERVERS_PATH_SIZE], file[64];
    snprintf(file, sizeof(file), "%s.conf", name);
    const char *const argv[] = {nats_program(), "--config", servers_path(servers, file, config),
                                NULL};
    snprintf(file, sizeof(file), "%s.log", name);
    return process_start(
        &(struct process_options){.argv = argv, .log_path = servers_path(servers, file, log_path)});
}

static void nats_start(struct servers *servers) {
    for (int peer = 0; servers->is_cluster && peer < SERVERS_NATS_PEERS; peer++)
        if (servers->nats_peers[peer] == NULL)
            servers->nats_peers[peer] = start_nats(servers, nats_names[peer + 1]);
    servers->processes[SERVER_NATS] = start_nats(servers, nats_names[0]);
}

/* It listens before JetStream has read its files. */
static bool jetstream_answers(natsConnection *connection) {
    jsCtx *js = NULL;
    jsAccountInfo *info = NULL;
    natsStatus s = natsConnection_JetStream(&js, connection, NULL);
    if (s == NATS_OK)
        s = js_GetAccountInfo(&info, js, NULL, NULL);
    jsAccountInfo_Destroy(info);
    jsCtx_Destroy(js);
    return s == NATS_OK;
}

static natsStatus set_operator(natsOptions *options, const struct servers *servers) {
    const struct nats_user *user = servers_nats_user(servers, "operator");
    struct buf password = servers_read_file(user->password_file);
    natsStatus s = natsOptions_SetURL(options, servers->nats_url);
    if (s == NATS_OK)
        s = natsOptions_SetUserInfo(options, user->name, password.ptr);
    if (s == NATS_OK && servers->has_tls)
        s = natsOptions_LoadCATrustedCertificates(options, servers->nats_ca_file);
    if (s == NATS_OK && servers->has_tls)
        s = natsOptions_LoadCertificatesChain(options, user->cert_file, user->key_file);
    buf_fini(&password);
    return s;
}

static bool nats_serves(struct servers *servers) {
    if (!port_accepts(servers->ports[SERVER_NATS]))
        return false;
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    natsStatus s = natsOptions_Create(&options);
    if (s == NATS_OK)
        s = set_operator(options, servers);
    if (s == NATS_OK)
        s = natsConnection_Connect(&connection, options);
    bool serves = s == NATS_OK && jetstream_answers(connection);
    natsConnection_Destroy(connection);
    natsOptions_Destroy(options);
    return serves;
}

const struct server_ops server_ops[SERVER_COUNT] = {
    [SERVER_POSTGRES] = {"postgres", postgres_set_up, postgres_start, postgres_serves, SIGINT},
    [SERVER_REDIS] = {"redis", redis_set_up, redis_start, redis_serves, SIGTERM},
    [SERVER_NATS] = {"nats", nats_set_up, nats_start, nats_serves, SIGTERM},
};
