/*
 * The whole system for a test program: servers (servers.h), schema, streams, the gateway and the
 * services as real processes from OM_BINARY_DIR, and the demo catalog. Unacknowledged events
 * come again after 2 s here instead of 30, so that what a killed service held is soon redelivered.
 *
 * Any process can be killed, ended, or run with a failpoint armed, and comes back under the same
 * name and ports. Whatever cannot be done ends the test program with a message. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_MESH_MESH_H
#define OM_TESTS_SUPPORT_MESH_MESH_H

#include "shared/base/buf.h"
#include "tests/support/servers/servers.h"

/* name, database role */
#define MESH_PART_TABLE(X)                                                                         \
    X(GATEWAY, "gateway", NULL)                                                                    \
    X(ORDER, "order", "om_orders")                                                                 \
    X(INVENTORY, "inventory", "om_inventory")                                                      \
    X(PAYMENT, "payment", "om_payments")                                                           \
    X(SHIPPING, "shipping", "om_shipping")                                                         \
    X(NOTIFICATION, "notification", "om_notifications")                                            \
    X(ANALYTICS, "analytics", "om_analytics")                                                      \
    X(LOYALTY, "loyalty", "om_loyalty")                                                            \
    X(WEBHOOKS, "webhooks", "om_webhooks")                                                         \
    X(DLQ, "dlq", "om_dlq")

enum mesh_part {
#define MESH_PART_ENUM(id, name, role) MESH_##id,
    MESH_PART_TABLE(MESH_PART_ENUM)
#undef MESH_PART_ENUM
        MESH_PART_COUNT
};

/* A product of this SKU, should there be one, is taken by no carrier. */
#define MESH_UNSHIPPABLE_SKU "UNSHIPPABLE"

struct mesh;

/* Returns when every process is ready and the order service knows the catalog's prices. */
struct mesh *mesh_start(void);
/* The same on three NATS servers, with three replicas of each stream, and with the declared time of
   30 s until a redelivery. */
struct mesh *mesh_start_cluster(void);
/* As mesh_start(), with a disk for each server whose power can be cut, and all of it synced. */
struct mesh *mesh_start_on_disks(void);
/* As mesh_start(), with a database for each service (apart.h). */
struct mesh *mesh_start_apart(void);
/* SIGTERM to all that run; one that does not end in order fails the test program. What the streams
   then carry goes into the directory OM_EVENT_DUMP_DIR, if that is set (stream_dump.h). */
void mesh_stop(struct mesh **mesh);

struct servers *mesh_servers(struct mesh *mesh);
struct apart *mesh_apart(struct mesh *mesh); /* NULL: one database for all */
/* A superuser's, of all that the services keep. */
const char *mesh_database_url(struct mesh *mesh);
uint16_t mesh_http_port(const struct mesh *mesh);
const char *mesh_name(enum mesh_part part);
const char *mesh_log_path(const struct mesh *mesh, enum mesh_part part);
/* True when /readyz of the part's admin port answers 200. `body` (may be NULL) gets its text. */
bool mesh_is_ready(struct mesh *mesh, enum mesh_part part, struct buf *body);
bool mesh_await_ready(struct mesh *mesh, int64_t timeout_ms); /* all parts */

/* Another value of an environment variable, from the part's next start on; `name` NULL: as it was.
   Texts are borrowed. */
void mesh_configure(struct mesh *mesh, enum mesh_part part, const char *name, const char *value);
/* From the part's next start on, its program is the one in this folder, such as that of another
   version's build; NULL: as it was. Borrowed. */
void mesh_run_from(struct mesh *mesh, enum mesh_part part, const char *dir);
/* Starts a part that is not running. `failpoint` is "name:n" (failpoint.h), or NULL. */
void mesh_launch(struct mesh *mesh, enum mesh_part part, const char *failpoint);
void mesh_kill(struct mesh *mesh, enum mesh_part part); /* SIGKILL, and reaps */
/* One more instance of a part that runs, until mesh_stop(): no other call is about it. */
void mesh_launch_replica(struct mesh *mesh, enum mesh_part part);
/* SIGSTOP and SIGCONT: a process that stalls. */
void mesh_pause(struct mesh *mesh, enum mesh_part part);
void mesh_resume(struct mesh *mesh, enum mesh_part part);
/* The same to everything, servers included: a machine that stalls. */
void mesh_freeze(struct mesh *mesh);
void mesh_thaw(struct mesh *mesh);
/* Waits for a part that is to end by itself at its failpoint. Exit code; -1 when it runs on. */
int mesh_await_end(struct mesh *mesh, enum mesh_part part, int64_t timeout_ms);
/* SIGTERM; its exit code, or -1 when it still ran after `timeout_ms`. */
int mesh_terminate(struct mesh *mesh, enum mesh_part part, int64_t timeout_ms);
/* SIGTERM to all at once; the worst exit code, or -1. */
int mesh_terminate_all(struct mesh *mesh, int64_t timeout_ms);
/* The supervisor's turn: launches again, without failpoints, what was killed. Any other end is a
   fault and ends the test program. */
void mesh_revive(struct mesh *mesh);
/* How often a part was found dead by mesh_revive(), since the last mesh_forget_deaths(). */
int mesh_deaths(const struct mesh *mesh, enum mesh_part part);
void mesh_forget_deaths(struct mesh *mesh);

#endif
