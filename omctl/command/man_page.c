#include "omctl/command/man_page.h"

#include "shared/base/version.h"

#include <ctype.h>
#include <string.h>

/* --- roff ------------------------------------------------------------------------------------- */

/* A line of text is never taken for a request, nor a hyphen that is typed for one that is set. */
static void print_text(const char *text, FILE *out) {
    bool is_at_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n' && is_at_start)
            fputs(".PP", out);
        else if (is_at_start && (*c == '.' || *c == '\''))
            fputs("\\&", out);
        if (*c == '-' || *c == '\\')
            fputs(*c == '-' ? "\\-" : "\\e", out);
        else
            fputc(*c, out);
        is_at_start = *c == '\n';
    }
}

static void print_line(const char *text, FILE *out) {
    print_text(text, out);
    fputc('\n', out);
}

static void print_section(const char *title, FILE *out) {
    fprintf(out, ".SH %s\n", title);
}

/* --- parts of a page -------------------------------------------------------------------------- */

void man_page_name(const struct command *command, struct buf *name) {
    buf_append_text(name, "omctl");
    struct slice words = slice_of(command != NULL ? command->words : NULL);
    while (words.len > 0) {
        struct slice word = slice_take_until(&words, ' ');
        buf_printf(name, "-%.*s", SLICE_ARG(word));
    }
}

static void print_head(const struct command *command, const char *summary, FILE *out) {
    struct buf name = {0};
    man_page_name(command, &name);
    fputs(".TH ", out);
    for (size_t i = 0; i < name.len; i++)
        fputc(toupper((unsigned char)name.ptr[i]), out);
    fprintf(out, " 1 \"\" \"OrderMesh %s\" \"OrderMesh\"\n", ordermesh_version);
    print_section("NAME", out);
    print_text(name.ptr, out);
    fputs(" \\- ", out);
    print_line(summary, out);
    buf_fini(&name);
}

static void print_options(const struct option_row *options, FILE *out) {
    if (options->name == NULL)
        return;
    print_section("OPTIONS", out);
    for (const struct option_row *row = options; row->name != NULL; row++) {
        fputs(".TP\n\\fB", out);
        print_text(row->name, out);
        fputs("\\fR", out);
        if (row->value != NULL)
            fprintf(out, " \\fI%s\\fR", row->value);
        fputc('\n', out);
        print_line(row->text, out);
    }
}

static void print_exit_status(FILE *out) {
    print_section("EXIT STATUS", out);
    fputs(".TP\n0\nit is done\n.TP\n1\nit failed, its output could not be written, or a check found"
          " something\n.TP\n2\nit was called wrongly, and changed nothing\n",
          out);
}

static void print_environment(const struct command_table *table, FILE *out) {
    print_section("ENVIRONMENT", out);
    for (size_t i = 0; i < table->config_row_count; i++) {
        fprintf(out, ".TP\n\\fB%s\\fR\n", table->config_rows[i].name);
        print_line(table->config_rows[i].help, out);
    }
}

static void print_reference(const struct command *command, bool is_last, FILE *out) {
    struct buf name = {0};
    man_page_name(command, &name);
    fputs(".BR ", out);
    print_text(name.ptr, out);
    fprintf(out, " (1)%s\n", is_last ? "" : ",");
    buf_fini(&name);
}

/* --- pages ------------------------------------------------------------------------------------ */

static void print_omctl(const struct command_table *table, FILE *out) {
    print_head(NULL, "the operator's tool of OrderMesh", out);
    print_section("SYNOPSIS", out);
    fputs("\\fBomctl\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n", out);
    print_section("DESCRIPTION", out);
    fputs("Brings database and streams to what they should be, says how an order fares, and works"
          " on dead letters. It asks the services over NATS, and PostgreSQL.\n",
          out);
    print_section("COMMANDS", out);
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        if (command->summary == NULL)
            continue;
        fputs(".TP\n\\fB", out);
        print_text(command->words, out);
        fputs("\\fR ", out);
        print_line(command->arguments, out);
        print_line(command->summary, out);
    }
    print_exit_status(out);
    print_environment(table, out);
    print_section("SEE ALSO", out);
    const struct command *last = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (last != NULL && table->commands[i].summary != NULL)
            print_reference(last, false, out);
        if (table->commands[i].summary != NULL)
            last = &table->commands[i];
    }
    print_reference(last, true, out);
}

void man_page_print(const struct command_table *table, const struct command *command, FILE *out) {
    if (command == NULL) {
        print_omctl(table, out);
        return;
    }
    print_head(command, command->summary, out);
    print_section("SYNOPSIS", out);
    fprintf(out, "\\fBomctl %s\\fR ", command->words);
    print_line(command->arguments, out);
    print_section("DESCRIPTION", out);
    print_line(command->details, out);
    print_options(command->options, out);
    print_exit_status(out);
    print_environment(table, out);
    print_section("SEE ALSO", out);
    print_reference(NULL, true, out);
}
