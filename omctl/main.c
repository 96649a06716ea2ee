#include "omctl/command/help.h"
#include "omctl/commands.h"
#include "omctl/manual.h"
#include "shared/observe/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* How many words stand before a request for help; -1 when there is none. */
static int words_before_help(int argc, char **argv) {
    for (int i = 0; i < argc; i++)
        if (is_help(argv[i]))
            return i;
    return -1;
}

static int run_command(const struct command *command, int argc, char **argv) {
    struct omctl_config config;
    struct error error;
    if (config_load(omctl_commands.config_rows, omctl_commands.config_row_count, &config, &error) !=
        STATUS_OK) {
        (void)command_failed("configuration", &error);
        return COMMAND_USAGE;
    }
    int code = command->run(&config, argc, argv);
    if (code == COMMAND_USAGE && !command->takes_command)
        help_print_usage(command, stderr);
    return code;
}

static int run(int argc, char **argv) {
    int used = 0, before_help = words_before_help(argc, argv);
    const struct command *command = command_find(&omctl_commands, argc, argv, &used);
    if (command != NULL && command->summary == NULL)
        return run_command(command, argc - used, argv + used);
    if (before_help >= 0)
        return manual_help(command != NULL ? used : before_help, argv);
    if (argc == 1 && strcmp(argv[0], "--version") == 0)
        return version_command(NULL, 0, NULL);
    if (command != NULL)
        return run_command(command, argc - used, argv + used);
    if (argc == 0)
        help_print_all(&omctl_commands, stderr);
    else
        help_name_mistake(&omctl_commands, argc, argv, stderr);
    return COMMAND_USAGE;
}

/* A socket that came to have the number of a standard stream that is closed would be written to. */
static void reserve_standard_streams(void) {
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", O_RDONLY);
}

int main(int argc, char **argv) {
    reserve_standard_streams();
    log_init("omctl", "", LOG_LEVEL_ERROR);
    /* Progress is seen as it happens, also through a pipe. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    int code = run(argc - 1, argv + 1);
    return command_end(code);
}
