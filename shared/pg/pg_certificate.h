/*
 * When the certificate ends by which a PostgreSQL server shows who it is, as /metrics shows it, for
 * a session that has TLS. Sessions live long: what the server is given anew shows with the next
 * one. Thread safe; nothing blocks.
 */
#ifndef OM_SHARED_PG_PG_CERTIFICATE_H
#define OM_SHARED_PG_PG_CERTIFICATE_H

#include "shared/pg/pg_internal.h"

/* Of a session that has just begun, with the replica or else the database. */
void pg_certificate_show(PGconn *conn, bool is_replica);

#endif
