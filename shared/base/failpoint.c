#include "shared/base/failpoint.h"

#ifdef OM_FAILPOINTS

#include "shared/base/clock.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read from the environment once. */
static struct {
    const char *name; /* not terminated; NULL when no failpoint is armed */
    size_t name_len;
    atomic_long hits_left;
    bool is_halt;
} armed;

#define HALT_AFTER_MS 100

/* A test that arms nothing by a typing mistake would pass for the wrong reason. */
static _Noreturn void refuse(const char *text) {
    fprintf(stderr, "OM_FAILPOINT: not <name>:<n>: %s\n", text);
    _exit(2);
}

static void arm(void) {
    const char *text = getenv("OM_FAILPOINT");
    if (text == NULL || text[0] == '\0')
        return;
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text)
        refuse(text);
    struct slice rest = slice_of(colon + 1), number = slice_take_until(&rest, ':');
    uint64_t hits;
    armed.is_halt = slice_is(rest, "halt");
    if (!slice_parse_uint(number, LONG_MAX, &hits) || hits == 0 ||
        (number.ptr[number.len] == ':' && !armed.is_halt))
        refuse(text);
    armed.name_len = (size_t)(colon - text);
    atomic_store(&armed.hits_left, (long)hits);
    armed.name = text;
}

static _Noreturn void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause(); /* until the signal has reached this thread too */
}

void failpoint(const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, arm);
    if (armed.name == NULL || strlen(name) != armed.name_len ||
        strncmp(name, armed.name, armed.name_len) != 0)
        return;
    if (atomic_fetch_sub(&armed.hits_left, 1) != 1)
        return;
    if (!armed.is_halt)
        die();
    clock_sleep_ms(HALT_AFTER_MS);
    raise(SIGSTOP); /* this thread is the first to halt */
}

void failpoint_in(const char *name, struct slice data) {
    char mark[64];
    snprintf(mark, sizeof(mark), "failpoint:%s", name);
    if (memmem(data.ptr, data.len, mark, strlen(mark)) != NULL)
        die();
}

#endif
