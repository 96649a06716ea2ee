/*
 * For tests of `omctl archive`: a past, and omctl at work on a mesh (scenario.h). Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_MESH_ARCHIVE_FIXTURE_H
#define OM_TESTS_SUPPORT_MESH_ARCHIVE_FIXTURE_H

#include "tests/support/mesh/scenario.h"

#define OMCTL_KILLED (128 + 9)

/* Runs SQL as a superuser. */
void archive_sql(struct scenario *scenario, const char *sql);
/* Once every event is done with, all that there is was done forty days ago. */
void archive_let_forty_days_pass(struct scenario *scenario);
/* Runs omctl to its end, with a failpoint unless NULL. `arguments` end with NULL. Returns the exit
   code. */
int archive_omctl(struct scenario *scenario, const char *failpoint, const char *const *arguments);
/* What omctl said the last time. */
const char *archive_output(void);

#endif
