/*
 * Whose fault an error of PostgreSQL is, by its SQLSTATE
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html). Pure.
 *
 * The event's (DATA) fails wherever and whenever it is tried: a batch is taken apart, and what
 * fails alone counts as an attempt. The moment's (SERIALIZATION) is tried again at once. The
 * dependency's (UNAVAILABLE) is nobody's attempt, and waited for. After most of the last kind the
 * session is at the wrong server, or at a sick one, and is left. A code of no class below is the
 * dependency's, too.
 *
 * One answer needs more than its code: 23514 of a row that has no partition names no constraint.
 */
#ifndef OM_SHARED_PG_PG_SQLSTATE_H
#define OM_SHARED_PG_PG_SQLSTATE_H

#include "shared/base/blame.h"
#include "shared/base/status.h"

/* code, blame, whether the session is left, meaning. A whole code overrules its class. */
#define PG_SQLSTATE_TABLE(X)                                                                       \
    X("02", DEPENDENCY, true, "no data")                                                           \
    X("03", DEPENDENCY, true, "SQL statement not yet complete")                                    \
    X("08", DEPENDENCY, true, "connection exception")                                              \
    X("09", DEPENDENCY, true, "triggered action exception")                                        \
    X("0A", DEPENDENCY, true, "feature not supported; a cached plan, after a migration")           \
    X("0B", DEPENDENCY, true, "invalid transaction initiation")                                    \
    X("0F", DEPENDENCY, true, "locator exception")                                                 \
    X("0L", DEPENDENCY, true, "invalid grantor")                                                   \
    X("0P", DEPENDENCY, true, "invalid role specification")                                        \
    X("0Z", DEPENDENCY, true, "diagnostics exception")                                             \
    X("10", DEPENDENCY, true, "XQuery error")                                                      \
    X("20", DEPENDENCY, true, "case not found")                                                    \
    X("21", EVENT, false, "cardinality violation: two of a batch meet; alone each passes")         \
    X("22", EVENT, false, "data exception")                                                        \
    X("2200H", DEPENDENCY, true, "sequence generator limit exceeded")                              \
    X("23", EVENT, false, "integrity constraint violation")                                        \
    X("24", DEPENDENCY, true, "invalid cursor state")                                              \
    X("25", DEPENDENCY, true, "invalid transaction state; 25006: read-only")                       \
    X("26", DEPENDENCY, true, "invalid SQL statement name")                                        \
    X("27", DEPENDENCY, true, "triggered data change violation")                                   \
    X("28", DEPENDENCY, true, "invalid authorization")                                             \
    X("2B", DEPENDENCY, true, "dependent privilege descriptors still exist")                       \
    X("2D", DEPENDENCY, true, "invalid transaction termination")                                   \
    X("2F", DEPENDENCY, true, "SQL routine exception")                                             \
    X("34", DEPENDENCY, true, "invalid cursor name")                                               \
    X("38", DEPENDENCY, true, "external routine exception")                                        \
    X("39", DEPENDENCY, true, "external routine invocation exception")                             \
    X("3B", DEPENDENCY, true, "savepoint exception")                                               \
    X("3D", DEPENDENCY, true, "invalid catalog name")                                              \
    X("3F", DEPENDENCY, true, "invalid schema name")                                               \
    X("40", DEPENDENCY, true, "transaction rollback")                                              \
    X("40001", MOMENT, false, "serialization failure")                                             \
    X("40P01", MOMENT, false, "deadlock detected")                                                 \
    X("42", DEPENDENCY, true, "syntax error or access rule violation; 42501: a missing right")     \
    X("44", EVENT, false, "WITH CHECK OPTION violation: a row like no other of its view")          \
    X("53", DEPENDENCY, true, "insufficient resources")                                            \
    X("54", EVENT, false, "program limit exceeded: too large for a row or an index, or too deep")  \
    X("55", DEPENDENCY, true, "object not in prerequisite state")                                  \
    X("55P03", DEPENDENCY, false, "lock not available: whoever has it is waited for")              \
    X("57", DEPENDENCY, true, "operator intervention")                                             \
    X("58", DEPENDENCY, true, "system error")                                                      \
    X("72", DEPENDENCY, true, "snapshot failure")                                                  \
    X("F0", DEPENDENCY, true, "configuration file error")                                          \
    X("HV", DEPENDENCY, true, "foreign data wrapper error")                                        \
    X("P0", EVENT, false, "PL/pgSQL error: raised by a function of ours")                          \
    X("XX", DEPENDENCY, true, "internal error")

struct pg_verdict {
    enum blame blame;
    enum status status;  /* by that: DATA, SERIALIZATION, UNAVAILABLE */
    bool leaves_session; /* the next try connects anew, and may land elsewhere */
};

struct pg_verdict pg_sqlstate_verdict(const char *sqlstate);

#endif
