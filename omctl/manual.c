#include "omctl/manual.h"

#include "omctl/command/completion.h"
#include "omctl/command/help.h"
#include "omctl/command/man_page.h"
#include "omctl/commands.h"
#include "shared/base/version.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- help, version ---------------------------------------------------------------------------- */

int manual_help(int argc, char **argv) {
    int used = 0;
    const struct command *command = command_find(&omctl_commands, argc, argv, &used);
    if (argc == 0)
        help_print_all(&omctl_commands, stdout);
    else if (command != NULL)
        help_print_command(command, stdout);
    else if (argc == 1 && command_has_group(&omctl_commands, slice_of(argv[0])))
        help_print_group(&omctl_commands, slice_of(argv[0]), stdout);
    else {
        help_name_mistake(&omctl_commands, argc, argv, stderr);
        return COMMAND_USAGE;
    }
    return COMMAND_DONE;
}

int help_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    return manual_help(argc, argv);
}

static int refuse(const char *command, const char *argument) {
    fprintf(stderr, "omctl: %s: unknown argument %s\n", command, argument);
    return COMMAND_USAGE;
}

int version_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    if (argc > 0)
        return refuse("version", argv[0]);
    printf("omctl %s\n", ordermesh_version);
    return COMMAND_DONE;
}

/* --- completion ------------------------------------------------------------------------------- */

int completion_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    const char *script = argc == 1 ? completion_script(argv[0]) : NULL;
    if (script == NULL) {
        fprintf(stderr, "omctl: completion: a shell is needed: bash, zsh or fish\n");
        return COMMAND_USAGE;
    }
    fputs(script, stdout);
    return COMMAND_DONE;
}

int complete_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    completion_offer(&omctl_commands, argc, argv, stdout);
    return COMMAND_DONE;
}

/* --- manual pages ----------------------------------------------------------------------------- */

static enum status write_page(const struct command *command, const char *directory,
                              struct error *error) {
    struct buf path = {0};
    buf_printf(&path, "%s/", directory);
    man_page_name(command, &path);
    buf_append_text(&path, ".1");
    enum status status = STATUS_OK;
    FILE *file = fopen(path.ptr, "we");
    if (file != NULL)
        man_page_print(&omctl_commands, command, file);
    if (file == NULL || fclose(file) != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "%s: %s", path.ptr, strerror(errno));
    buf_fini(&path);
    return status;
}

static int write_pages(const char *directory) {
    struct error error;
    enum status status = write_page(NULL, directory, &error);
    for (size_t i = 0; i < omctl_commands.count && status == STATUS_OK; i++)
        if (omctl_commands.commands[i].summary != NULL)
            status = write_page(&omctl_commands.commands[i], directory, &error);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("man", &error);
}

int man_command(const struct omctl_config *config, int argc, char **argv) {
    (void)config;
    const char *directory = NULL;
    const struct command_option options[] = {{.name = "--dir", .value = &directory}};
    int used = 0;
    const struct command *command = command_find(&omctl_commands, argc, argv, &used);
    struct error error;
    if (argc > 0 && argv[0][0] != '-' && command == NULL) {
        help_name_mistake(&omctl_commands, argc, argv, stderr);
        return COMMAND_USAGE;
    }
    if (command_parse(options, 1, argc - used, argv + used, &error) != STATUS_OK) {
        (void)command_failed("man", &error);
        return COMMAND_USAGE;
    }
    if (directory != NULL)
        return write_pages(directory);
    man_page_print(&omctl_commands, command, stdout);
    return COMMAND_DONE;
}
