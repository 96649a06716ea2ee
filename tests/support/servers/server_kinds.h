/*
 * The kinds of servers behind servers.h: how PostgreSQL, Redis and NATS are set up, started and
 * asked whether they serve, and what servers.c lends them for that.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_SERVER_KINDS_H
#define OM_TESTS_SUPPORT_SERVERS_SERVER_KINDS_H

#include "shared/base/buf.h"
#include "tests/support/servers/servers.h"

#define SERVERS_ROLES_MAX 16
#define SERVERS_USERS_MAX 24
#define SERVERS_PATH_SIZE 256
#define SERVERS_NATS_PEERS 2
#define SERVERS_SECRET_BYTES 32
#define SERVERS_SECRET_SIZE (2 * SERVERS_SECRET_BYTES + 1)

struct role {
    char name[32];
    char url[SERVERS_PATH_SIZE];
};

/* A user of the NATS server; its certificate and key are "" without SERVERS_TLS. */
struct nats_user {
    char name[32];
    char password_file[SERVERS_PATH_SIZE];
    char cert_file[SERVERS_PATH_SIZE], key_file[SERVERS_PATH_SIZE];
};

struct servers {
    char dir[64];
    struct process *processes[SERVER_COUNT]; /* NULL: not running */
    int ports[SERVER_COUNT];
    char postgres_bin[SERVERS_PATH_SIZE];
    char database_password[SERVERS_SECRET_SIZE]; /* of every role */
    char postgres_url[SERVERS_PATH_SIZE];
    struct role roles[SERVERS_ROLES_MAX];
    char redis_url[64];
    char nats_url[64];
    struct process *nats_peers[SERVERS_NATS_PEERS]; /* NULL but in a cluster */
    bool is_cluster;
    bool has_tls;
    bool has_disks;
    bool syncs_always;
    char nats_ca_file[SERVERS_PATH_SIZE];
    struct nats_user nats_users[SERVERS_USERS_MAX];
    char pii_key_file[SERVERS_PATH_SIZE];
    struct servers *next; /* in the list of those to clean up at exit */
};

/* How one kind of server is set up once, started, asked whether it serves, and ended. */
struct server_ops {
    const char *name;
    void (*set_up)(struct servers *servers);
    void (*start)(struct servers *servers);
    bool (*serves)(struct servers *servers);
    int stop_signal;
};

extern const struct server_ops server_ops[SERVER_COUNT];

/* `name` in the directory of the servers; `path` has SERVERS_PATH_SIZE bytes and is returned. */
const char *servers_path(const struct servers *servers, const char *name, char *path);
/* Makes the directory `name`, a disk of its own where servers have one. As servers_path(). */
const char *servers_make_dir(const struct servers *servers, const char *name, char *path);
void servers_write_file(const char *path, const char *text);
/* The whole file without its last newline; free with buf_fini(). */
struct buf servers_read_file(const char *path);
/* Random hex digits; `text` has SERVERS_SECRET_SIZE bytes. */
void servers_make_secret(char *text);
/* A new secret in the file `name`, whose path is written to `path`. */
void servers_write_secret(const struct servers *servers, const char *name, char *path);
/* Runs a tool to its end, as `user` when we are root and it is not NULL. Its output is in the file
   tool.log, and is shown if it fails. */
void servers_run_tool(struct servers *servers, const char *const *argv,
                      const struct environment *environment, const char *user);

/* Runs omctl as the operator; `arguments` are NULL-terminated, at most 6. */
void servers_run_omctl(struct servers *servers, const char *const *arguments);
const struct nats_user *servers_nats_user(const struct servers *servers, const char *name);

#endif
