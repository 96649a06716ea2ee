/*
 * Reads from a replica of the service's database, a hot standby: lists and reports, by endpoints
 * that say so (service.h).
 *
 * An answer never lacks what the primary had committed when it was asked for: the replica is read
 * once it has replayed that, which is waited for up to 100 ms. Where it does not, is away, is no
 * standby, or follows another timeline, the primary is read, until a look, each second, finds it
 * well. While the primary is away, and until a look, then each 100 ms, finds it again, the replica
 * answers with what it has.
 *
 * The watch belongs to the process and has a thread of its own; a reader belongs to one thread, and
 * blocks as pg.h does.
 */
#ifndef OM_SHARED_SERVICE_REPLICA_H
#define OM_SHARED_SERVICE_REPLICA_H

#include "shared/pg/pg.h"

struct replica_watch;
struct replica_reader;

/* Both URLs are of the service's role. */
enum status replica_watch_start(const char *primary_url, const char *replica_url,
                                struct replica_watch **watch, struct error *error) MUST_CHECK;
/* The replica is read; else `why` says why not. Any thread. */
bool replica_is_read(struct replica_watch *watch, struct error *why);
/* After its readers are gone. */
void replica_watch_stop(struct replica_watch **watch);

/* `watch` is borrowed until destroy; `name` is shown in pg_stat_activity. */
struct replica_reader *replica_reader_create(struct replica_watch *watch, const char *name);
void replica_reader_destroy(struct replica_reader **reader);
/* The replica, up to what `primary` has by now; NULL: read the primary. */
struct pg *replica_take(struct replica_reader *reader, struct pg *primary);
/* What was read from it failed, and is read from the primary. */
void replica_give_up(struct replica_reader *reader, const struct error *cause);

#endif
