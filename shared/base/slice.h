/* Borrowed bytes. A slice owns nothing and need not be terminated. Thread safe; nothing blocks. */
#ifndef OM_SHARED_BASE_SLICE_H
#define OM_SHARED_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* For "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).ptr
#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

struct slice slice_of(const char *text); /* NULL gives the empty slice */
bool slice_equal(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *text);

#endif
