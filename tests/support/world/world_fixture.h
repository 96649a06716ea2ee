/* The world (world.h) as cmocka's group fixture: one for all tests of a program, empty again before
   each test that asks for that. */
#ifndef OM_TESTS_SUPPORT_WORLD_WORLD_FIXTURE_H
#define OM_TESTS_SUPPORT_WORLD_WORLD_FIXTURE_H

#include "tests/support/world/world.h"

extern struct world world;

int world_setup(void **state);
int world_teardown(void **state);
int world_empty(void **state); /* before a test */

/* The one value that `sql` gives, as text, is `expected`. */
#define assert_world(sql, expected) assert_world_is((sql), (expected), __FILE__, __LINE__)
void assert_world_is(const char *sql, const char *expected, const char *file, int line);

#endif
