/*
 * Real servers for a test program: a private PostgreSQL, Redis and NATS in a directory of their own
 * under /tmp, on free loopback ports, with durability as in production.
 *
 * The servers die with the test program, and the directory goes with servers_stop() (or at exit)
 * unless OM_KEEP=1. A server that does not start ends the program with its log. Blocks until
 * the servers answer. Main thread only.
 *
 *     struct servers *servers = servers_start(SERVERS_ALL);
 *     servers_migrate(servers);
 *     servers_provision(servers);
 *     struct pg *pg = pg_create(servers_role_url(servers, "om_orders"), "test");
 *     ...
 *     servers_stop(&servers);
 *
 * Programs: omctl from OM_BINARY_DIR; PostgreSQL's from OM_PG_BIN, pg_config or the newest
 * /usr/lib/postgresql; nats-server from OM_NATS_SERVER or PATH; redis-server from PATH.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_SERVERS_H
#define OM_TESTS_SUPPORT_SERVERS_SERVERS_H

#include "shared/nats/nats_client.h"
#include "tests/support/base/process.h"

struct servers;

enum server {
    SERVER_POSTGRES,
    SERVER_REDIS,
    SERVER_NATS,
    SERVER_COUNT,
};

#define SERVERS_POSTGRES (1u << SERVER_POSTGRES)
#define SERVERS_REDIS (1u << SERVER_REDIS)
#define SERVERS_NATS (1u << SERVER_NATS)
#define SERVERS_ALL (SERVERS_POSTGRES | SERVERS_REDIS | SERVERS_NATS)
#define SERVERS_TLS (1u << SERVER_COUNT) /* NATS speaks TLS, and asks clients for certificates */
/* Three NATS servers in a cluster. The faults below are the first one's, which has the port. */
#define SERVERS_CLUSTER (1u << (SERVER_COUNT + 1))
/* Each server's files are on a disk of its own, where disk_can_be_had() (disk.h). */
#define SERVERS_DISKS (1u << (SERVER_COUNT + 2))

struct servers *servers_start(unsigned which);
void servers_stop(struct servers **servers);

/* Faults. A killed or shut down server comes back with servers_restart(), same port, same data. */
void servers_kill(struct servers *servers, enum server server);     /* SIGKILL */
void servers_shutdown(struct servers *servers, enum server server); /* in good order */
void servers_restart(struct servers *servers, enum server server);  /* ends it first if it runs */
void servers_pause(struct servers *servers, enum server server);    /* SIGSTOP: silent, not gone */
void servers_resume(struct servers *servers, enum server server);   /* SIGCONT */
/* NATS drops what the user publishes to `subject`, which a user with limits must have as a line of
   its own; the connection lives on. NULL: no more. */
void servers_deny(struct servers *servers, const char *user, const char *subject);

/* The store of NATS as it is on the disk at this moment is put aside, and comes back in place of
   the one that is there; or there is none any more. The server is killed and started for it. */
void servers_save_store(struct servers *servers);
void servers_set_store_back(struct servers *servers);
void servers_lose_store(struct servers *servers);
/* Only a stream's messages come back, as a power cut may have it: its consumers are as they are. */
void servers_set_messages_back(struct servers *servers, const char *stream);

/* With SERVERS_DISKS: all that the servers have written until now stays. */
void servers_sync_disks(struct servers *servers);
/* The power of these (SERVERS_POSTGRES ...) is cut at once: what they had not synced is gone. They
   come back when the power does. */
void servers_cut_power(struct servers *servers, unsigned which);
/* NATS puts each message on the disk before it acknowledges it. */
bool servers_sync_always(const struct servers *servers);

/* Schema, by `omctl migrate`, and role passwords. */
void servers_migrate(struct servers *servers);
/* Streams and consumers, by `omctl provision`; with ack_wait 2 s, so that a redelivery does not
   take half a minute. */
void servers_provision(struct servers *servers);
void servers_provision_ack_wait(struct servers *servers, const char *ack_wait);
/* The demo catalog, by `omctl seed`. */
void servers_seed(struct servers *servers);

/* Addresses. Texts live as long as `servers`. */
const char *servers_dir(const struct servers *servers);
int servers_port(const struct servers *servers, enum server server);
const char *servers_postgres_url(const struct servers *servers); /* superuser */
const char *servers_role_url(struct servers *servers, const char *role);
const char *servers_redis_url(const struct servers *servers);
const char *servers_nats_url(const struct servers *servers); /* without credentials */
/* The operator's connection to NATS. End it with nats_client_destroy(). */
struct nats_client *servers_connect(const struct servers *servers);
/* Of `operator`, `gateway` or a service. */
const char *servers_nats_password_file(const struct servers *servers, const char *user);

/* The settings by which a tool finds the servers: OM_NATS_URL, OM_REDIS_URL, OM_PII_KEY_FILE,
   OM_DATABASE_URL of `role` unless NULL; OM_NATS_USER (operator), OM_NATS_PASSWORD_FILE and, with
   SERVERS_TLS, OM_NATS_TLS_*. Adds to *environment. */
void servers_environment(struct servers *servers, const char *role,
                         struct environment *environment);
/* The same for the gateway or a service, as the NATS user of that name. */
void servers_service_environment(struct servers *servers, const char *service, const char *role,
                                 struct environment *environment);

#endif
