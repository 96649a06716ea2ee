/*
 * Whose fault an error of PostgreSQL is, by its SQLSTATE
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html). Pure.
 *
 * DATA is the event's: it fails wherever and whenever it is tried. SERIALIZATION is the moment's:
 * the same transaction is tried again at once. UNAVAILABLE is the dependency's: it is nobody's
 * attempt, and waited for. After most of the last kind the session is at the wrong server, or at a
 * sick one, and is left. A code of no class below is the dependency's, too.
 */
#ifndef OM_SHARED_PG_PG_SQLSTATE_H
#define OM_SHARED_PG_PG_SQLSTATE_H

#include "shared/base/status.h"

/* code, status, whether the session is left, meaning. A whole code overrules its class. */
#define PG_SQLSTATE_TABLE(X)                                                                       \
    X("02", UNAVAILABLE, true, "no data")                                                          \
    X("03", UNAVAILABLE, true, "SQL statement not yet complete")                                   \
    X("08", UNAVAILABLE, true, "connection exception")                                             \
    X("09", UNAVAILABLE, true, "triggered action exception")                                       \
    X("0A", UNAVAILABLE, true, "feature not supported; a cached plan, after a migration")          \
    X("0B", UNAVAILABLE, true, "invalid transaction initiation")                                   \
    X("0F", UNAVAILABLE, true, "locator exception")                                                \
    X("0L", UNAVAILABLE, true, "invalid grantor")                                                  \
    X("0P", UNAVAILABLE, true, "invalid role specification")                                       \
    X("0Z", UNAVAILABLE, true, "diagnostics exception")                                            \
    X("10", UNAVAILABLE, true, "XQuery error")                                                     \
    X("20", UNAVAILABLE, true, "case not found")                                                   \
    X("21", UNAVAILABLE, true, "cardinality violation")                                            \
    X("22", DATA, false, "data exception")                                                         \
    X("23", DATA, false, "integrity constraint violation")                                         \
    X("24", UNAVAILABLE, true, "invalid cursor state")                                             \
    X("25", UNAVAILABLE, true, "invalid transaction state; 25006: read-only")                      \
    X("26", UNAVAILABLE, true, "invalid SQL statement name")                                       \
    X("27", UNAVAILABLE, true, "triggered data change violation")                                  \
    X("28", UNAVAILABLE, true, "invalid authorization")                                            \
    X("2B", UNAVAILABLE, true, "dependent privilege descriptors still exist")                      \
    X("2D", UNAVAILABLE, true, "invalid transaction termination")                                  \
    X("2F", UNAVAILABLE, true, "SQL routine exception")                                            \
    X("34", UNAVAILABLE, true, "invalid cursor name")                                              \
    X("38", UNAVAILABLE, true, "external routine exception")                                       \
    X("39", UNAVAILABLE, true, "external routine invocation exception")                            \
    X("3B", UNAVAILABLE, true, "savepoint exception")                                              \
    X("3D", UNAVAILABLE, true, "invalid catalog name")                                             \
    X("3F", UNAVAILABLE, true, "invalid schema name")                                              \
    X("40", UNAVAILABLE, true, "transaction rollback")                                             \
    X("40001", SERIALIZATION, false, "serialization failure")                                      \
    X("40P01", SERIALIZATION, false, "deadlock detected")                                          \
    X("42", UNAVAILABLE, true, "syntax error or access rule violation; 42501: a missing right")    \
    X("44", UNAVAILABLE, true, "WITH CHECK OPTION violation")                                      \
    X("53", UNAVAILABLE, true, "insufficient resources")                                           \
    X("54", UNAVAILABLE, true, "program limit exceeded")                                           \
    X("55", UNAVAILABLE, true, "object not in prerequisite state")                                 \
    X("55P03", UNAVAILABLE, false, "lock not available: whoever has it is waited for")             \
    X("57", UNAVAILABLE, true, "operator intervention")                                            \
    X("58", UNAVAILABLE, true, "system error")                                                     \
    X("72", UNAVAILABLE, true, "snapshot failure")                                                 \
    X("F0", UNAVAILABLE, true, "configuration file error")                                         \
    X("HV", UNAVAILABLE, true, "foreign data wrapper error")                                       \
    X("P0", DATA, false, "PL/pgSQL error: raised by a function of ours")                           \
    X("XX", UNAVAILABLE, true, "internal error")

struct pg_verdict {
    enum status status;
    bool leaves_session; /* the next try connects anew, and may land elsewhere */
};

struct pg_verdict pg_sqlstate_verdict(const char *sqlstate);

#endif
