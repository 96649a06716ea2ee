#include "shared/base/memory.h"
#include "tests/support/servers/disk.h"
#include "tests/support/servers/server_kinds.h"

#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/crypto/crypto.h"
#include "shared/pg/pg.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS 10000
#define TOOL_TIMEOUT_MS 60000

static struct servers *live;

/* --- files --- */

const char *servers_path(const struct servers *servers, const char *name, char *path) {
    snprintf(path, SERVERS_PATH_SIZE, "%s/%s", servers->dir, name);
    return path;
}

static const char *image_path(const struct servers *servers, const char *name, char *path) {
    snprintf(path, SERVERS_PATH_SIZE, "%s/%s.disk", servers->dir, name);
    return path;
}

const char *servers_make_dir(const struct servers *servers, const char *name, char *path) {
    char image[SERVERS_PATH_SIZE];
    if (mkdir(servers_path(servers, name, path), 0755) != 0)
        fixture_fail("%s: %s", path, strerror(errno));
    if (servers->has_disks)
        disk_make(image_path(servers, name, image), path);
    return path;
}

void servers_write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        fixture_fail("%s: %s", path, strerror(errno));
}

struct buf servers_read_file(const char *path) {
    struct buf text = {0};
    struct error error;
    char *content;
    size_t len;
    if (config_read_file(path, &content, &len, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    buf_append(&text, content, len);
    free(content);
    return text;
}

void servers_make_secret(char *text) {
    uint8_t bytes[SERVERS_SECRET_BYTES];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        fixture_fail("no random numbers");
    hex_encode(bytes, sizeof(bytes), text);
}

void servers_write_secret(const struct servers *servers, const char *name, char *path) {
    char secret[SERVERS_SECRET_SIZE];
    servers_make_secret(secret);
    servers_write_file(servers_path(servers, name, path), secret);
}

static void print_log(const struct servers *servers, const char *name) {
    char path[SERVERS_PATH_SIZE], line[512];
    FILE *log = fopen(servers_path(servers, name, path), "r");
    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        fputs(line, stderr);
    if (log != NULL)
        fclose(log);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_dir(const struct servers *servers) {
    const char *keep = getenv("OM_KEEP");
    if (keep != NULL && strcmp(keep, "1") == 0)
        fprintf(stderr, "kept: %s\n", servers->dir);
    else
        nftw(servers->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Runs a tool to its end; its output is shown if it fails. */
void servers_run_tool(struct servers *servers, const char *const *argv,
                      const struct environment *environment, const char *user) {
    char log_path[SERVERS_PATH_SIZE];
    struct process_options options = {.argv = argv,
                                      .environment = environment,
                                      .log_path = servers_path(servers, "tool.log", log_path),
                                      .user = user};
    servers_write_file(log_path, "");
    int exit_code = process_run(&options, TOOL_TIMEOUT_MS);
    if (exit_code != 0) {
        print_log(servers, "tool.log");
        fixture_fail("%s %s ended with %d", argv[0], argv[1], exit_code);
    }
}

/* --- all of them --- */

/* A server that gives up is started again until the time is over: after a kill, what is left of a
   postmaster's children keeps its successor from starting for a moment. */
static void start_server(struct servers *servers, enum server server) {
    char log_name[32];
    int64_t deadline_us = clock_monotonic_us() + START_TIMEOUT_MS * OM_TIME_FACTOR * 1000;
    server_ops[server].start(servers);
    while (!server_ops[server].serves(servers)) {
        if (clock_monotonic_us() > deadline_us) {
            snprintf(log_name, sizeof(log_name), "%s.log", server_ops[server].name);
            print_log(servers, log_name);
            fixture_fail("%s did not start", server_ops[server].name);
        }
        clock_sleep_ms(10);
        if (process_is_running(servers->processes[server]))
            continue;
        process_destroy(&servers->processes[server]);
        server_ops[server].start(servers);
    }
}

/* Ends what still runs, of this program's servers only. */
static void clean_up(void) {
    while (live != NULL) {
        struct servers *servers = live;
        servers_stop(&servers);
    }
}

struct servers *servers_start(unsigned which) {
    static bool is_registered;
    struct servers *servers = mem_alloc(sizeof(*servers));
    const char *place = getenv("OM_TEST_DIR");
    snprintf(servers->dir, sizeof(servers->dir), "%s/om-test-XXXXXX",
             place != NULL ? place : "/tmp");
    /* Others than we, such as the user postgres, have to get at what is theirs in it. */
    if (mkdtemp(servers->dir) == NULL || chmod(servers->dir, 0755) != 0)
        fixture_fail("%s: %s", servers->dir, strerror(errno));
    servers->next = live;
    live = servers;
    if (!is_registered)
        atexit(clean_up);
    is_registered = true;
    servers->has_tls = which & SERVERS_TLS;
    servers->is_cluster = which & SERVERS_CLUSTER;
    servers->has_disks = which & SERVERS_DISKS;
    servers_write_secret(servers, "pii.key", servers->pii_key_file);
    for (enum server server = 0; server < SERVER_COUNT; server++) {
        if (!(which & (1u << server)))
            continue;
        servers->ports[server] = free_port();
        server_ops[server].set_up(servers);
        start_server(servers, server);
    }
    return servers;
}

static void unmount_all(const struct servers *servers) {
    char path[SERVERS_PATH_SIZE];
    for (enum server server = 0; server < SERVER_COUNT; server++)
        if (servers->ports[server] != 0)
            disk_unmount(servers_path(servers, server_ops[server].name, path));
}

void servers_stop(struct servers **servers) {
    struct servers *s = *servers;
    *servers = NULL;
    if (s == NULL)
        return;
    struct servers **link = &live;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    for (enum server server = 0; server < SERVER_COUNT; server++)
        servers_kill(s, server);
    for (int peer = 0; peer < SERVERS_NATS_PEERS; peer++)
        process_destroy(&s->nats_peers[peer]);
    if (s->has_disks)
        unmount_all(s);
    remove_dir(s);
    free(s);
}

void servers_kill(struct servers *servers, enum server server) {
    if (servers->processes[server] == NULL)
        return;
    process_signal_family(servers->processes[server], SIGKILL);
    process_destroy(&servers->processes[server]);
}

void servers_shutdown(struct servers *servers, enum server server) {
    if (servers->processes[server] == NULL)
        return;
    process_signal(servers->processes[server], server_ops[server].stop_signal);
    if (!process_wait(servers->processes[server], STOP_TIMEOUT_MS, NULL))
        fixture_fail("%s did not stop", server_ops[server].name);
    process_destroy(&servers->processes[server]);
}

void servers_restart(struct servers *servers, enum server server) {
    servers_shutdown(servers, server);
    start_server(servers, server);
}

void servers_pause(struct servers *servers, enum server server) {
    process_signal_family(servers->processes[server], SIGSTOP);
    if (!wait_until(process_is_stopped, servers->processes[server], STOP_TIMEOUT_MS))
        fixture_fail("a paused server still runs");
}

void servers_resume(struct servers *servers, enum server server) {
    process_signal_family(servers->processes[server], SIGCONT);
}

/* Without its line for the subject, or, of a user that may do all, with one that forbids it. */
static void write_denial(struct buf *users, struct slice before, const char *user,
                         const char *subject, struct buf *out) {
    char line[SERVERS_PATH_SIZE];
    const char *at = before.ptr + before.len, *allowed;
    bool is_limited = strncmp(strchr(at, ',') + 1, " permissions", 12) == 0;
    snprintf(line, sizeof(line), "            \"%s\"\n", subject);
    allowed = is_limited ? strstr(at, line) : NULL;
    if (is_limited && allowed == NULL)
        fixture_fail("%s may not publish to %s as it is", user, subject);
    if (is_limited)
        buf_printf(out, "%.*s%s", (int)(allowed - users->ptr), users->ptr, allowed + strlen(line));
    else
        buf_printf(out, "%.*s permissions: {publish: {deny: [\"%s\"]}},%s", SLICE_ARG(before),
                   subject, at);
}

void servers_deny(struct servers *servers, const char *user, const char *subject) {
    char path[SERVERS_PATH_SIZE], kept_path[SERVERS_PATH_SIZE], start[64];
    servers_path(servers, "users.conf", path);
    servers_path(servers, "users.conf.kept", kept_path);
    struct buf users = servers_read_file(subject != NULL ? path : kept_path), changed = {0};
    snprintf(start, sizeof(start), "user: \"%s\",", user);
    const char *at = strstr(users.ptr, start);
    if (at == NULL)
        fixture_fail("%s has no %s", path, user);
    at += strlen(start);
    if (subject != NULL) {
        servers_write_file(kept_path, users.ptr);
        write_denial(&users, (struct slice){users.ptr, (size_t)(at - users.ptr)}, user, subject,
                     &changed);
    }
    servers_write_file(path, subject != NULL ? changed.ptr : users.ptr);
    process_signal(servers->processes[SERVER_NATS], SIGHUP);
    buf_fini(&changed);
    buf_fini(&users);
}

static void remove_files(struct servers *servers, const char *path) {
    servers_run_tool(servers, (const char *[]){"rm", "-rf", path, NULL}, NULL, NULL);
}

static void copy_files(struct servers *servers, const char *from, const char *to) {
    remove_files(servers, to);
    servers_run_tool(servers, (const char *[]){"cp", "-a", from, to, NULL}, NULL, NULL);
}

void servers_save_store(struct servers *servers) {
    char store[SERVERS_PATH_SIZE], saved[SERVERS_PATH_SIZE];
    servers_pause(servers, SERVER_NATS);
    copy_files(servers, servers_path(servers, "nats", store),
               servers_path(servers, "nats-saved", saved));
    servers_resume(servers, SERVER_NATS);
}

void servers_set_store_back(struct servers *servers) {
    char store[SERVERS_PATH_SIZE], saved[SERVERS_PATH_SIZE];
    servers_kill(servers, SERVER_NATS);
    copy_files(servers, servers_path(servers, "nats-saved", saved),
               servers_path(servers, "nats", store));
    servers_restart(servers, SERVER_NATS);
}

void servers_set_messages_back(struct servers *servers, const char *stream) {
    char store[SERVERS_PATH_SIZE], saved[SERVERS_PATH_SIZE];
    snprintf(store, sizeof(store), "%s/nats/jetstream/MESH/streams/%s/msgs", servers->dir, stream);
    snprintf(saved, sizeof(saved), "%s/nats-saved/jetstream/MESH/streams/%s/msgs", servers->dir,
             stream);
    servers_shutdown(servers, SERVER_NATS);
    copy_files(servers, saved, store);
    servers_restart(servers, SERVER_NATS);
}

void servers_lose_store(struct servers *servers) {
    char store[SERVERS_PATH_SIZE];
    servers_kill(servers, SERVER_NATS);
    remove_files(servers, servers_path(servers, "nats", store));
    servers_restart(servers, SERVER_NATS);
}

/* --- power --- */

void servers_sync_disks(struct servers *servers) {
    char path[SERVERS_PATH_SIZE];
    for (enum server server = 0; server < SERVER_COUNT; server++)
        if (servers->ports[server] != 0)
            disk_sync(servers_path(servers, server_ops[server].name, path));
}

/* Whoever runs on without a disk could still answer. */
static void stop_working(struct servers *servers, unsigned which) {
    for (enum server server = 0; server < SERVER_COUNT; server++)
        if (which & (1u << server))
            servers_pause(servers, server);
}

void servers_cut_power(struct servers *servers, unsigned which) {
    char path[SERVERS_PATH_SIZE], image[SERVERS_PATH_SIZE];
    stop_working(servers, which);
    for (enum server server = 0; server < SERVER_COUNT; server++)
        if (which & (1u << server))
            disk_cut_power(servers_path(servers, server_ops[server].name, path));
    for (enum server server = 0; server < SERVER_COUNT; server++) {
        if (!(which & (1u << server)))
            continue;
        const char *name = server_ops[server].name;
        servers_kill(servers, server);
        disk_mount_again(image_path(servers, name, image), servers_path(servers, name, path));
        start_server(servers, server);
    }
}

bool servers_sync_always(const struct servers *servers) {
    return servers->syncs_always;
}

/* --- schema and streams --- */

void servers_run_omctl(struct servers *servers, const char *const *arguments) {
    const char *argv[8] = {OM_BINARY_DIR "/bin/omctl"};
    struct environment environment = {0};
    if (access(argv[0], X_OK) != 0)
        fixture_fail("%s is not there: build omctl", argv[0]);
    for (size_t i = 0; arguments[i] != NULL && i < 6; i++)
        argv[i + 1] = arguments[i];
    servers_environment(servers, NULL, &environment);
    environment_set(&environment, "OM_DATABASE_URL", servers->postgres_url);
    servers_run_tool(servers, argv, &environment, NULL);
    environment_fini(&environment);
}

/* The migrations made a role om_<schema> for each service. */
static void set_role_passwords(struct servers *servers) {
    struct buf sql = {0};
    struct error error;
    buf_printf(&sql,
               "DO $$ DECLARE service_role name; BEGIN"
               " FOR service_role IN SELECT rolname FROM pg_roles WHERE rolname ^@ 'om_' LOOP"
               " EXECUTE format('ALTER ROLE %%I PASSWORD %%L', service_role, '%s');"
               " END LOOP; END $$",
               servers->database_password);
    struct pg *pg = pg_create(servers->postgres_url, "fixture");
    if (pg_script(pg, sql.ptr, &error) != STATUS_OK)
        fixture_fail("role passwords: %s", error.text);
    pg_destroy(&pg);
    buf_fini(&sql);
}

void servers_migrate(struct servers *servers) {
    servers_run_omctl(servers, (const char *[]){"migrate", "--dir", OM_SOURCE_DIR "/sql", NULL});
    set_role_passwords(servers);
}

void servers_provision_ack_wait(struct servers *servers, const char *ack_wait) {
    servers_run_omctl(servers, (const char *[]){"provision", "--dir", OM_SOURCE_DIR "/nats",
                                                "--ack-wait", ack_wait, NULL});
}

void servers_provision(struct servers *servers) {
    servers_provision_ack_wait(servers, "2s");
}

void servers_seed(struct servers *servers) {
    servers_run_omctl(servers, (const char *[]){"seed", "demo", NULL});
}

/* --- addresses --- */

const char *servers_dir(const struct servers *servers) {
    return servers->dir;
}

int servers_port(const struct servers *servers, enum server server) {
    return servers->ports[server];
}

const char *servers_postgres_url(const struct servers *servers) {
    return servers->postgres_url;
}

const char *servers_role_url(struct servers *servers, const char *name) {
    for (size_t i = 0; i < SERVERS_ROLES_MAX; i++) {
        struct role *role = &servers->roles[i];
        if (strcmp(role->name, name) == 0)
            return role->url;
        if (role->name[0] != '\0')
            continue;
        snprintf(role->name, sizeof(role->name), "%s", name);
        snprintf(role->url, sizeof(role->url), "postgresql://%s:%s@127.0.0.1:%d/postgres", name,
                 servers->database_password, servers->ports[SERVER_POSTGRES]);
        return role->url;
    }
    fixture_fail("more than %d roles", SERVERS_ROLES_MAX);
}

const char *servers_redis_url(const struct servers *servers) {
    return servers->redis_url;
}

const char *servers_nats_url(const struct servers *servers) {
    return servers->nats_url;
}

const struct nats_user *servers_nats_user(const struct servers *servers, const char *name) {
    for (size_t i = 0; i < SERVERS_USERS_MAX; i++) {
        if (strcmp(servers->nats_users[i].name, name) == 0)
            return &servers->nats_users[i];
    }
    fixture_fail("there is no NATS user %s", name);
}

struct nats_client *servers_connect(const struct servers *servers) {
    struct nats_client *nats = NULL;
    struct error error = {0};
    const struct nats_client_options options = {
        .url = servers_nats_url(servers),
        .user = "operator",
        .password_file = servers_nats_password_file(servers, "operator"),
        .name = "test",
    };
    if (nats_client_create(&options, &nats, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    return nats;
}

const char *servers_nats_password_file(const struct servers *servers, const char *user) {
    return servers_nats_user(servers, user)->password_file;
}

static void add_nats_user(const struct servers *servers, const char *name,
                          struct environment *environment) {
    const struct nats_user *user = servers_nats_user(servers, name);
    environment_set(environment, "OM_NATS_USER", user->name);
    environment_set(environment, "OM_NATS_PASSWORD_FILE", user->password_file);
    environment_set(environment, "OM_NATS_TLS_CA_FILE", servers->nats_ca_file);
    environment_set(environment, "OM_NATS_TLS_CERT_FILE", user->cert_file);
    environment_set(environment, "OM_NATS_TLS_KEY_FILE", user->key_file);
}

void servers_service_environment(struct servers *servers, const char *service, const char *role,
                                 struct environment *environment) {
    environment_set(environment, "OM_NATS_URL", servers->nats_url);
    if (servers->nats_url[0] != '\0')
        add_nats_user(servers, service, environment);
    environment_set(environment, "OM_REDIS_URL", servers->redis_url);
    environment_set(environment, "OM_PII_KEY_FILE", servers->pii_key_file);
    if (role != NULL)
        environment_set(environment, "OM_DATABASE_URL", servers_role_url(servers, role));
}

void servers_environment(struct servers *servers, const char *role,
                         struct environment *environment) {
    servers_service_environment(servers, "operator", role, environment);
}
