/*
 * The analytics service's handlers on a real database, one drive a stream, and what its tables come
 * to. A failure ends the running cmocka test. One thread.
 */
#ifndef OM_TESTS_SUPPORT_WORLD_PROJECTION_H
#define OM_TESTS_SUPPORT_WORLD_PROJECTION_H

#include "tests/support/data/order_events.h"
#include "tests/support/servers/servers.h"
#include "tests/support/world/drive.h"

#define PROJECTION_STREAMS 5

struct projection {
    struct pg_conn *conn; /* superuser */
    struct drive *drives[PROJECTION_STREAMS];
};

/* After servers_migrate(). Tests that drive it link the service. */
void projection_open(struct projection *projection, struct servers *servers,
                     const struct handler *handler);
void projection_close(struct projection *projection);
/* Empties tables and inbox. */
void projection_clear(struct projection *projection);

/* Hands events [from, to) to the consumers of their streams, `batch` at a time. Returns how many
   the inbox dropped. */
size_t projection_drive(struct projection *projection, const struct order_events *events,
                        size_t from, size_t to, size_t batch);

/* A checksum of both tables, rows that came to nothing left out; free(). */
char *projection_digest(struct projection *projection);
/* The one value that `sql` gives, as text; free(). */
char *projection_query_text(struct projection *projection, const char *sql);
int64_t projection_query(struct projection *projection, const char *sql);
void projection_execute(struct projection *projection, const char *sql);

#endif
