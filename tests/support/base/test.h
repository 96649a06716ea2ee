/*
 * What unit tests share: cmocka with the headers it wants first, assertions on slices, and what a
 * piece of code wrote to stderr.
 */
#ifndef OM_TESTS_SUPPORT_BASE_TEST_H
#define OM_TESTS_SUPPORT_BASE_TEST_H

#include "shared/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* keep cmocka behind what it needs */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define assert_slice_equal(actual, expected)                                                       \
    assert_slice_is((actual), (expected), __FILE__, __LINE__)
#define assert_contains(text, part) assert_has((text), (part), __FILE__, __LINE__)

static inline void assert_slice_is(struct slice actual, const char *expected, const char *file,
                                   int line) {
    if (slice_is(actual, expected))
        return;
    print_error("\"%.*s\" != \"%s\"\n", SLICE_ARG(actual), expected);
    _fail(file, line);
}

static inline void assert_has(const char *text, const char *part, const char *file, int line) {
    if (text != NULL && strstr(text, part) != NULL)
        return;
    print_error("\"%s\" is not in:\n%s\n", part, text != NULL ? text : "(nothing)");
    _fail(file, line);
}

/* A test file of the source tree or the like, whole and terminated; empty when it is not there. */
static inline struct buf read_file(const char *path) {
    struct buf content = {0};
    FILE *file = fopen(path, "r");
    buf_append_text(&content, "");
    if (file == NULL)
        return content;
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof(part), file)) > 0;)
        buf_append(&content, part, got);
    fclose(file);
    return content;
}

/* Takes stderr away from stderr_take() to stderr_give_back(). */
struct stderr_capture {
    int saved_fd;
    FILE *file;
};

static inline struct stderr_capture stderr_take(void) {
    struct stderr_capture capture = {.saved_fd = dup(STDERR_FILENO), .file = tmpfile()};
    assert_non_null(capture.file);
    fflush(stderr);
    dup2(fileno(capture.file), STDERR_FILENO);
    return capture;
}

static inline struct buf stderr_give_back(struct stderr_capture *capture) {
    struct buf written = {0};
    buf_append_text(&written, "");
    fflush(stderr);
    dup2(capture->saved_fd, STDERR_FILENO);
    close(capture->saved_fd);
    rewind(capture->file);
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof(part), capture->file)) > 0;)
        buf_append(&written, part, got);
    fclose(capture->file);
    return written;
}

#endif
