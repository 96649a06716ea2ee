#include "shared/base/failpoint.h"

#ifdef OM_FAILPOINTS

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
} armed;

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
    uint64_t hits;
    if (!slice_parse_uint(slice_of(colon + 1), LONG_MAX, &hits) || hits == 0)
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
    if (atomic_fetch_sub(&armed.hits_left, 1) == 1)
        die();
}

void failpoint_in(const char *name, struct slice data) {
    char mark[64];
    snprintf(mark, sizeof(mark), "failpoint:%s", name);
    if (memmem(data.ptr, data.len, mark, strlen(mark)) != NULL)
        die();
}

#endif
