/* What omctl says of itself, on request or of a mistake, from the table of commands. */
#ifndef OM_OMCTL_COMMAND_HELP_H
#define OM_OMCTL_COMMAND_HELP_H

#include "omctl/command/table.h"

#include <stdio.h>

void help_print_all(const struct command_table *table, FILE *out);
void help_print_group(const struct command_table *table, struct slice word, FILE *out);
void help_print_command(const struct command *command, FILE *out);
/* A line of usage, and where there is more. */
void help_print_usage(const struct command *command, FILE *out);
/* Says that the words are no command's name, and which was meant. */
void help_name_mistake(const struct command_table *table, int argc, char **argv, FILE *out);

#endif
