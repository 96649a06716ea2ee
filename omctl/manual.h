/* The commands about omctl itself: help, version, completion and manual pages, all of them from the
   table of commands. */
#ifndef OM_OMCTL_MANUAL_H
#define OM_OMCTL_MANUAL_H

#include "omctl/command/command.h"

int help_command(const struct omctl_config *config, int argc, char **argv);
int version_command(const struct omctl_config *config, int argc, char **argv);
int completion_command(const struct omctl_config *config, int argc, char **argv);
int complete_command(const struct omctl_config *config, int argc, char **argv);
int man_command(const struct omctl_config *config, int argc, char **argv);

/* Help on what the words name, all where there are none. A mistake is named on stderr. */
int manual_help(int argc, char **argv);

#endif
