/* omctl's manual pages, omctl(1) and one for each command, from the table of commands. */
#ifndef OM_OMCTL_COMMAND_MAN_PAGE_H
#define OM_OMCTL_COMMAND_MAN_PAGE_H

#include "omctl/command/table.h"

#include <stdio.h>

/* "omctl-dlq-list" for a command, "omctl" for NULL. */
void man_page_name(const struct command *command, struct buf *name);
/* The page in man(7)'s macros; `command` NULL: omctl(1). */
void man_page_print(const struct command_table *table, const struct command *command, FILE *out);

#endif
