/* Completion of omctl's command line, by bash, zsh or fish. Their scripts ask omctl each time, so
   that what is offered is what the table says. Pure but for the writing. */
#ifndef OM_OMCTL_COMMAND_COMPLETION_H
#define OM_OMCTL_COMMAND_COMPLETION_H

#include "omctl/command/table.h"

#include <stdio.h>

/* The script of a shell; NULL for another one than bash, zsh and fish. */
const char *completion_script(const char *shell);

/* Of the words behind `omctl` the last one is being typed. Writes a line for each word that may
   stand there, `word<TAB>what it is`; or `:file` or `:directory`, for the shell to complete. */
void completion_offer(const struct command_table *table, int argc, char **argv, FILE *out);

#endif
