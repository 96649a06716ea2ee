#include "omctl/command/table.h"

#include <string.h>

/* How many of argv's words the command's name takes; 0 when it is another command. */
static int match_words(const struct command *command, int argc, char **argv) {
    struct slice rest = slice_of(command->words);
    int used = 0;
    for (; rest.len > 0; used++)
        if (used >= argc || !slice_is(slice_take_until(&rest, ' '), argv[used]))
            return 0;
    return used;
}

const struct command *command_find(const struct command_table *table, int argc, char **argv,
                                   int *used) {
    for (size_t i = 0; i < table->count; i++) {
        *used = match_words(&table->commands[i], argc, argv);
        if (*used > 0)
            return &table->commands[i];
    }
    return NULL;
}

const char *command_second_word(const struct command *command) {
    const char *space = strchr(command->words, ' ');
    return space == NULL ? "" : space + 1;
}

bool command_is_in_group(const struct command *command, struct slice word) {
    struct slice words = slice_of(command->words);
    struct slice first = slice_take_until(&words, ' ');
    return words.len > 0 && slice_equal(first, word);
}

bool command_has_group(const struct command_table *table, struct slice word) {
    for (size_t i = 0; i < table->count; i++)
        if (command_is_in_group(&table->commands[i], word))
            return true;
    return false;
}
