/* omctl's commands and settings. */
#ifndef OM_OMCTL_COMMANDS_H
#define OM_OMCTL_COMMANDS_H

#include "omctl/command/table.h"

extern const struct command_table omctl_commands;

#endif
