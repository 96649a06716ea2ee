#include "shared/pg/pg_sqlstate.h"

#include <string.h>

#define STATUS_OF_EVENT STATUS_DATA
#define STATUS_OF_MOMENT STATUS_SERIALIZATION
#define STATUS_OF_DEPENDENCY STATUS_UNAVAILABLE

static const struct row {
    const char *code;
    struct pg_verdict verdict;
} rows[] = {
#define ROW(code, blame, leaves_session, meaning)                                                  \
    {code, {BLAME_##blame, STATUS_OF_##blame, leaves_session}},
    PG_SQLSTATE_TABLE(ROW)
#undef ROW
};

struct pg_verdict pg_sqlstate_verdict(const char *sqlstate) {
    struct pg_verdict verdict = {BLAME_DEPENDENCY, STATUS_UNAVAILABLE, true};
    size_t best = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].code);
        if (len <= best || strncmp(sqlstate, rows[i].code, len) != 0)
            continue;
        best = len;
        verdict = rows[i].verdict;
    }
    return verdict;
}
