/*
 * The invariants as SQL over temporary tables the checker fills: client_log (what clients were
 * told), poison (what must be dead), stream_event and dead_letter (what the streams carry) and
 * moment (timelines, by time). A query returns one text for each offender, so an invariant holds
 * when its query is empty.
 */
#ifndef OM_TESTS_SUPPORT_CHECK_CHECKER_INVARIANTS_H
#define OM_TESTS_SUPPORT_CHECK_CHECKER_INVARIANTS_H

#include <stddef.h>

struct invariant {
    char letter;
    const char *sentence;
    const char *offenders_sql;
};

extern const struct invariant invariants[];
extern const size_t invariant_count;
/* Those that do not hold where messages that nobody waits for are gone. */
extern const struct invariant whole_stream_invariants[];
extern const size_t whole_stream_invariant_count;

/* Creates the temporary tables of a session. */
extern const char checker_tables_sql[];
/* Fills `dead_letter` and `moment` anew. */
extern const char checker_moments_sql[];

#endif
