/* omctl report: what there was in a period, row by row, on stdout (shared/query/report.h). */
#ifndef OM_OMCTL_REPORT_H
#define OM_OMCTL_REPORT_H

#include "omctl/command/command.h"

/* A page that does not come is asked for again, for a minute; then the exit code tells, and
   --after goes on behind the last row that was printed. */
int report_command(const struct omctl_config *config, int argc, char **argv);

#endif
