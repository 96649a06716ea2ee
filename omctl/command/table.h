/*
 * The table of omctl's commands: what they are called, take and do. Help, shell completion and
 * manual pages are made from it, and from nothing else. Values only; nothing blocks.
 */
#ifndef OM_OMCTL_COMMAND_TABLE_H
#define OM_OMCTL_COMMAND_TABLE_H

#include "omctl/command/command.h"
#include "shared/base/config.h"

#include <stddef.h>

/* What stands for a value in help, and what completion offers for it. */
#define VALUE_DIRECTORY "DIR"
#define VALUE_FILE "FILE"

struct option_row {
    const char *name;    /* "--dir" */
    const char *value;   /* "DIR"; NULL: a flag */
    const char *choices; /* all values that there are, apart by blanks; NULL: any */
    const char *text;
};

/* A row of options without a name ends them. */
struct command {
    const char *words;     /* one or two */
    const char *arguments; /* as in the line of usage */
    const char *summary;   /* NULL: for scripts, in no list */
    const char *details;   /* paragraphs, apart by an empty line */
    const struct option_row *options;
    const char *choices; /* of its first argument, apart by blanks; NULL: any */
    bool takes_command;  /* its arguments are a command's name */
    command_fn run;
};

struct command_table {
    const struct command *commands;
    size_t count;
    const struct config_row *config_rows;
    size_t config_row_count;
};

/* Of `argc` words, how many are the command's name; NULL when they name none. */
const struct command *command_find(const struct command_table *table, int argc, char **argv,
                                   int *used);
/* Whether the command's first word is `word` and it has a second one. */
bool command_is_in_group(const struct command *command, struct slice word);
bool command_has_group(const struct command_table *table, struct slice word);
/* The second word; "" when it has only one. */
const char *command_second_word(const struct command *command);

#endif
