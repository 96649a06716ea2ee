/*
 * The basis of every test: cmocka with the headers it wants first, assertions on slices, texts and
 * statuses, and whatever a piece of code writes to stderr. A failure fails the running test.
 */
#ifndef OM_TESTS_SUPPORT_BASE_TEST_H
#define OM_TESTS_SUPPORT_BASE_TEST_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

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
#define require_ok(status, error) require_is_ok((status), (error), __FILE__, __LINE__)

void assert_slice_is(struct slice actual, const char *expected, const char *file, int line);
void assert_has(const char *text, const char *part, const char *file, int line);
void require_is_ok(enum status status, const struct error *error, const char *file, int line);

/* Runs by itself when a program starts: OM_TEST, a name with * and ?, leaves out all other tests.
 */
void test_choose(void);

/* A test file of the source tree or the like, whole and terminated; empty when it is not there. */
struct buf read_file(const char *path);

/* Takes stderr away from stderr_take() to stderr_give_back(). */
struct stderr_capture {
    int saved_fd;
    FILE *file;
};

struct stderr_capture stderr_take(void);
struct buf stderr_give_back(struct stderr_capture *capture);

#endif
