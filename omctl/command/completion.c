#include "omctl/command/completion.h"

#include <string.h>

/* --- scripts ---------------------------------------------------------------------------------- */

static const char bash_script[] =
    "# bash completion of omctl: source <(omctl completion bash)\n"
    "_omctl() {\n"
    "    local line current=${COMP_WORDS[COMP_CWORD]}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :file) mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;\n"
    "        :directory) mapfile -t COMPREPLY < <(compgen -d -- \"$current\") ;;\n"
    "        *) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _omctl omctl\n";

static const char zsh_script[] =
    "#compdef omctl\n"
    "# zsh completion of omctl: source <(omctl completion zsh), or a file _omctl in $fpath\n"
    "_omctl() {\n"
    "    local line\n"
    "    local -a offered\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :file) _files; return ;;\n"
    "        :directory) _files -/; return ;;\n"
    "        *) offered+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[1]}\" complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    _describe omctl offered\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _omctl ]; then _omctl; else compdef _omctl omctl; fi\n";

static const char fish_script[] = "# fish completion of omctl: omctl completion fish | source\n"
                                  "function __omctl_offer\n"
                                  "    set -l words (commandline -opc) (commandline -ct)\n"
                                  "    for line in ($words[1] complete $words[2..-1] 2>/dev/null)\n"
                                  "        switch $line\n"
                                  "            case :file\n"
                                  "                __fish_complete_path (commandline -ct)\n"
                                  "            case :directory\n"
                                  "                __fish_complete_directories (commandline -ct)\n"
                                  "            case '*'\n"
                                  "                echo $line\n"
                                  "        end\n"
                                  "    end\n"
                                  "end\n"
                                  "complete -c omctl -f -a '(__omctl_offer)'\n";

const char *completion_script(const char *shell) {
    if (strcmp(shell, "bash") == 0)
        return bash_script;
    if (strcmp(shell, "zsh") == 0)
        return zsh_script;
    return strcmp(shell, "fish") == 0 ? fish_script : NULL;
}

/* --- what may stand there --------------------------------------------------------------------- */

struct typed {
    const char *word; /* as far as it is there */
    FILE *out;
};

static void offer(const struct typed *typed, struct slice word, const char *text) {
    if (word.len >= strlen(typed->word) && memcmp(word.ptr, typed->word, strlen(typed->word)) == 0)
        fprintf(typed->out, "%.*s\t%s\n", SLICE_ARG(word), text);
}

/* Each group once. */
static void offer_first_words(const struct command_table *table, const struct typed *typed) {
    struct slice before = {"", 0};
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        struct slice words = slice_of(command->words);
        struct slice first = slice_take_until(&words, ' ');
        if (command->summary != NULL && !slice_equal(first, before))
            offer(typed, first, words.len > 0 ? "a group of commands" : command->summary);
        before = first;
    }
}

static void offer_second_words(const struct command_table *table, const char *group,
                               const struct typed *typed) {
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];
        if (command_is_in_group(command, slice_of(group)))
            offer(typed, slice_of(command_second_word(command)), command->summary);
    }
}

static void offer_values(const struct option_row *option, const struct typed *typed) {
    struct slice rest = slice_of(option->choices);
    while (rest.len > 0)
        offer(typed, slice_take_until(&rest, ' '), option->value);
    if (strcmp(option->value, VALUE_DIRECTORY) == 0)
        fputs(":directory\n", typed->out);
    else if (strcmp(option->value, VALUE_FILE) == 0)
        fputs(":file\n", typed->out);
}

static const struct option_row *find_option(const struct command *command, const char *name) {
    for (const struct option_row *row = command->options; row->name != NULL; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static void offer_options(const struct command *command, const struct typed *typed) {
    for (const struct option_row *row = command->options; row->name != NULL; row++)
        offer(typed, slice_of(row->name), row->text);
    offer(typed, SLICE_LITERAL("--help"), "say what it does");
}

/* `argv` are the words behind the command's name. */
static void offer_argument(const struct command_table *table, const struct command *command,
                           int argc, char **argv, const struct typed *typed) {
    const struct option_row *option = argc > 1 ? find_option(command, argv[argc - 2]) : NULL;
    struct slice choices = slice_of(command->choices);
    if (command->takes_command)
        completion_offer(table, argc, argv, typed->out);
    else if (option != NULL && option->value != NULL)
        offer_values(option, typed);
    else if (typed->word[0] == '-')
        offer_options(command, typed);
    else
        while (argc == 1 && choices.len > 0)
            offer(typed, slice_take_until(&choices, ' '), command->arguments);
    if (option == NULL && typed->word[0] == '\0' && !command->takes_command)
        offer_options(command, typed);
}

void completion_offer(const struct command_table *table, int argc, char **argv, FILE *out) {
    int used = 0;
    if (argc == 0)
        return;
    const struct typed typed = {argv[argc - 1], out};
    const struct command *command = command_find(table, argc - 1, argv, &used);
    if (command != NULL)
        offer_argument(table, command, argc - used, argv + used, &typed);
    else if (argc == 1)
        offer_first_words(table, &typed);
    else if (argc == 2)
        offer_second_words(table, argv[0], &typed);
}
