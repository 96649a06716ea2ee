/*
 * What happened, as a line of JSON each, for the judge: every request with the time before it was
 * sent and the time after its answer was there, and every fault. Times are monotonic microseconds
 * since the history was opened. Any thread. A file that cannot be written ends the program.
 *
 *     {"client":3,"gateway":"a","method":"POST","path":"/api/v1/orders","key":"k","body":"{...}",
 *      "call":1,"return":2,"status":202,"replayed":false,"etag":"","answer":{...}}
 *     {"fault":"kill","target":"redis","call":1,"return":2}
 *
 * `status` 0: there was no answer, and `answer` says why. `key` and `body` are left out where there
 * are none.
 */
#ifndef OM_TESTS_HISTORIES_HISTORY_H
#define OM_TESTS_HISTORIES_HISTORY_H

#include "tests/support/network/http.h"

struct history;

struct operation {
    int client;
    char gateway;
    const char *method, *path;
    const char *key, *body; /* NULL: none */
    int64_t call_us, return_us;
};

struct history *history_open(const char *path);
void history_close(struct history **history);

int64_t history_now_us(const struct history *history);
void history_add(struct history *history, const struct operation *operation,
                 const struct http_response *response);
/* From its beginning until everything was whole again. */
void history_add_fault(struct history *history, const char *fault, const char *target,
                       int64_t from_us, int64_t until_us);

#endif
