#include "omctl/command/help.h"

#include "omctl/command/suggest.h"
#include "shared/base/buf.h"

#include <string.h>

enum { LINE_WIDTH = 80, INDENT = 2, COLUMN_MOST = 28 };

/* --- text in lines ---------------------------------------------------------------------------- */

/* Writes the text behind what stands in a line up to `column`, and below that. A line feed in it
   stays. */
static void print_wrapped(const char *text, int column, FILE *out) {
    int at = column;
    struct slice rest = slice_of(text);
    while (rest.ptr != NULL) {
        struct slice line = slice_take_until(&rest, '\n');
        while (line.ptr != NULL) {
            struct slice word = slice_take_until(&line, ' ');
            if (at > column && at + 1 + (int)word.len > LINE_WIDTH) {
                fprintf(out, "\n%*s", column, "");
                at = column;
            }
            at += fprintf(out, "%s%.*s", at > column ? " " : "", SLICE_ARG(word));
        }
        fputc('\n', out);
        at = column;
        if (rest.ptr != NULL && rest.len > 0 && rest.ptr[0] != '\n')
            fprintf(out, "%*s", column, "");
    }
}

/* `  name value   text`, the text in its column. */
static void print_row(const char *name, const char *value, const char *text, int column,
                      FILE *out) {
    int at = fprintf(out, "%*s%s%s%s", INDENT, "", name, value != NULL ? " " : "",
                     value != NULL ? value : "");
    if (at + 2 > column)
        fprintf(out, "\n%*s", column, "");
    else
        fprintf(out, "%*s", column - at, "");
    print_wrapped(text, column, out);
}

static int option_column(const struct option_row *options) {
    int column = 0;
    for (const struct option_row *row = options; row->name != NULL; row++) {
        int width = INDENT + (int)strlen(row->name) + 2;
        if (row->value != NULL)
            width += 1 + (int)strlen(row->value);
        if (width > column && width <= COLUMN_MOST)
            column = width;
    }
    return column;
}

/* --- on request ------------------------------------------------------------------------------- */

static void print_commands(const struct command_table *table, const struct slice *group,
                           FILE *out) {
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        if (command->summary == NULL)
            continue;
        if (group == NULL || command_is_in_group(command, *group))
            print_row(command->words, NULL, command->summary, 21, out);
    }
}

void help_print_all(const struct command_table *table, FILE *out) {
    fprintf(out, "omctl: the operator's tool of OrderMesh\n\nusage: omctl COMMAND [OPTIONS]\n\n");
    print_commands(table, NULL, out);
    fprintf(out, "\n`omctl COMMAND --help` says more. It exits with 0 when it is done, 1 when it"
                 " failed or a\ncheck found something, and 2 when it was called wrongly."
                 " Configuration, from the\nenvironment:\n\n");
    config_print_help(table->config_rows, table->config_row_count, out);
}

void help_print_group(const struct command_table *table, struct slice word, FILE *out) {
    fprintf(out, "usage: omctl %.*s COMMAND [OPTIONS]\n\n", SLICE_ARG(word));
    print_commands(table, &word, out);
    fprintf(out, "\n`omctl %.*s COMMAND --help` says more.\n", SLICE_ARG(word));
}

static void print_usage_line(const struct command *command, FILE *out) {
    fprintf(out, "usage: omctl %s%s%s\n", command->words, command->arguments[0] != '\0' ? " " : "",
            command->arguments);
}

void help_print_command(const struct command *command, FILE *out) {
    print_usage_line(command, out);
    fputc('\n', out);
    print_wrapped(command->details, 0, out);
    if (command->options->name == NULL)
        return;
    fputc('\n', out);
    int column = option_column(command->options);
    for (const struct option_row *row = command->options; row->name != NULL; row++)
        print_row(row->name, row->value, row->text, column, out);
}

/* --- of a mistake ----------------------------------------------------------------------------- */

void help_print_usage(const struct command *command, FILE *out) {
    print_usage_line(command, out);
    fprintf(out, "`omctl %s --help` says more\n", command->words);
}

/* The command whose name is nearest to the words; NULL when none is near. */
static const char *nearest(const struct command_table *table, int argc, char **argv) {
    const char *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        bool has_two = command_second_word(command)[0] != '\0';
        struct buf typed = {0};
        buf_append_text(&typed, argv[0]);
        if (has_two && argc > 1)
            buf_printf(&typed, " %s", argv[1]);
        size_t distance = suggest_distance(command->words, typed.ptr);
        buf_fini(&typed);
        if (command->summary == NULL || distance >= least ||
            !suggest_is_near(command->words, distance))
            continue;
        least = distance;
        best = command->words;
    }
    return best;
}

void help_name_mistake(const struct command_table *table, int argc, char **argv, FILE *out) {
    const char *meant = nearest(table, argc, argv);
    struct slice word = slice_of(argv[0]);
    bool is_group = command_has_group(table, word);
    if (is_group && argc == 1)
        fprintf(out, "omctl: %s: which of its commands?\n\n", argv[0]);
    else
        fprintf(out, "omctl: there is no command `%s%s%s`", argv[0], is_group ? " " : "",
                is_group ? argv[1] : "");
    if (is_group && argc == 1)
        help_print_group(table, word, out);
    else if (meant != NULL)
        fprintf(out, "; did you mean `%s`?\n", meant);
    else
        fprintf(out, "; `omctl %s%s--help` lists them\n", is_group ? argv[0] : "",
                is_group ? " " : "");
}
