/* What omctl says of itself: help, mistakes, completion, manual pages, and that it has said it.

   Covers: omctl/command/ omctl/commands.c omctl/main.c omctl/manual.c */
#include "omctl/commands.h"
#include "tests/support/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct buf said;

static int clean(void **state) {
    (void)state;
    buf_fini(&said);
    said = (struct buf){0};
    return 0;
}

/* Runs a command line of bash, in which omctl is found; what it prints is in `said`. */
static int bash(const char *line) {
    struct buf command = {0};
    char chunk[4096];
    buf_printf(&command, "PATH=%s/bin:$PATH exec bash -c '%s' 2>&1 </dev/null", OM_BINARY_DIR,
               line);
    buf_clear(&said);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    for (size_t len; (len = fread(chunk, 1, sizeof(chunk), pipe)) > 0;)
        buf_append(&said, chunk, len);
    int status = pclose(pipe);
    buf_fini(&command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int omctl(const char *arguments) {
    struct buf line = {0};
    buf_printf(&line, "omctl %s", arguments);
    int code = bash(line.ptr);
    buf_fini(&line);
    return code;
}

static void help_is_had_in_every_way_and_place(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *part;
    } rows[] = {
        {"--help", "dlq replay "},
        {"-h", "OM_NATS_URL"},
        {"help", "usage: omctl COMMAND"},
        {"dlq --help", "usage: omctl dlq COMMAND"},
        {"help dlq", "dlq discard "},
        {"dlq replay --help", "usage: omctl dlq replay ID"},
        {"dlq replay -h", "--rate N"},
        {"help dlq replay", "--rate N"},
        {"dlq replay --strem x --help", "--stream STREAM"},
        {"version --help", "usage: omctl version"},
        {"help --help", "usage: omctl help"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(omctl(rows[i].arguments), 0);
        assert_contains(said.ptr, rows[i].part);
    }
    for (size_t i = 0; i < omctl_commands.count; i++) {
        struct buf line = {0};
        buf_printf(&line, "%s --help", omctl_commands.commands[i].words);
        assert_int_equal(omctl(line.ptr), 0);
        buf_fini(&line);
    }
}

static void a_mistake_is_named_and_what_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *part;
    } rows[] = {
        {"dql list", "omctl: there is no command `dql`; did you mean `dlq list`?"},
        {"dlq lst", "omctl: there is no command `dlq lst`; did you mean `dlq list`?"},
        {"provison --check", "did you mean `provision`?"},
        {"frobnicate", "omctl: there is no command `frobnicate`; `omctl --help` lists them"},
        {"frobnicate --help", "there is no command `frobnicate`"},
        {"dlq frobnicate", "there is no command `dlq frobnicate`; `omctl dlq --help` lists them"},
        {"dlq", "omctl: dlq: which of its commands?"},
        {"dlq list --strem X", "unknown argument --strem; did you mean --stream?"},
        {"dlq list --frobnicate", "unknown argument --frobnicate\n"},
        {"version now", "unknown argument now"},
        {"completion tcsh", "bash, zsh or fish"},
        {"man frobnicate", "there is no command `frobnicate`"},
        {"why --json", "omctl: why: an order id is needed"},
        {"why 12", "omctl: why: 12 is no order's id"},
        {"audit --json 12", "omctl: audit: 12 is no order's id"},
        {"health 127.0.0.1:1", "omctl: health: 127.0.0.1:1 is no URL"},
        {"dlq list --from yesterday", "--from yesterday: neither a time such as"},
        {"dlq discard --reason x --consumer order E", "filters, --because, --rate and --dry-run"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(omctl(rows[i].arguments), 2);
        assert_contains(said.ptr, rows[i].part);
    }
}

/* "Unknown argument ORDERS.order.x" was said of a word behind an option. */
static void a_word_may_stand_behind_the_options(void **state) {
    (void)state;
    static const char *const rows[] = {
        "dlq show --json E",
        "dlq replay --json E",
        "dlq discard --reason x E",
        "dlq edit --reason x --drop-header A E",
        "dlq cancel --json E",
        "why --json ef0168a2-25ac-85ab-b2e6-7f3075139440",
        "audit --since 1h ef0168a2-25ac-85ab-b2e6-7f3075139440",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf line = {0};
        buf_printf(&line, "env -u OM_NATS_URL omctl %s", rows[i]);
        assert_int_equal(bash(line.ptr), 1);
        assert_contains(said.ptr,
                        "OM_NATS_URL is not set; where scripts/up ran, `. .run/env` sets");
        buf_fini(&line);
    }
}

/* A backup of `omctl audit` on a full disk was empty, and nobody knew. */
static void output_that_cannot_be_written_is_a_failure(void **state) {
    (void)state;
    assert_int_equal(omctl("events >/dev/full"), 1);
    assert_contains(said.ptr, "omctl: standard output: ");
    assert_int_equal(omctl("--help >/dev/full"), 1);
    assert_int_equal(omctl("version >&-"), 1);
    assert_contains(said.ptr, "omctl: standard output: ");
    assert_int_equal(omctl("frobnicate >/dev/full"), 2);
    assert_int_equal(omctl("man --dir /dev/null"), 1);
    assert_contains(said.ptr, "/dev/null/omctl.1: ");
}

static void every_option_of_the_table_is_known_to_its_command(void **state) {
    (void)state;
    for (size_t i = 0; i < omctl_commands.count; i++) {
        const struct command *command = &omctl_commands.commands[i];
        for (const struct option_row *row = command->options; row->name != NULL; row++) {
            struct buf line = {0};
            buf_printf(&line, "%s %s%s --frobnicate", command->words, row->name,
                       row->value != NULL ? "=1" : "");
            assert_int_equal(omctl(line.ptr), 2);
            if (strstr(said.ptr, "unknown argument --frobnicate") == NULL &&
                strstr(said.ptr, "an order id is needed") == NULL)
                fail_msg("%s: %s", line.ptr, said.ptr);
            buf_fini(&line);
        }
    }
}

static void words_are_completed_from_the_table(void **state) {
    (void)state;
    static const struct {
        const char *words, *offered;
    } rows[] = {
        {"omctl dl", "dlq"},
        {"omctl dlq re", "replay"},
        {"omctl dlq list --st", "--stream --status"},
        {"omctl dlq list --status re", "replaying replayed resolved"},
        {"omctl completion f", "fish"},
        {"omctl help dlq w", "watch"},
        {"omctl man pro", "provision"},
        {"omctl comple", "completion"},
        {"omctl migrate --dir /us", "/usr"},
        {"omctl why --j", "--json"},
        {"omctl frobnicate x", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf line = {0};
        buf_printf(&line,
                   "source <(omctl completion bash); COMP_WORDS=(%s);"
                   " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _omctl; echo -n \"${COMPREPLY[*]}\"",
                   rows[i].words);
        assert_int_equal(bash(line.ptr), 0);
        assert_string_equal(said.ptr == NULL ? "" : said.ptr, rows[i].offered);
        buf_fini(&line);
    }
}

static void scripts_of_other_shells_are_sound_where_those_are_there(void **state) {
    (void)state;
    assert_int_equal(omctl("completion zsh"), 0);
    assert_contains(said.ptr, "#compdef omctl");
    assert_int_equal(omctl("completion fish"), 0);
    assert_contains(said.ptr, "complete -c omctl");
    if (bash("command -v zsh") == 0)
        assert_int_equal(bash("omctl completion zsh | zsh -n"), 0);
    if (bash("command -v fish") == 0) {
        assert_int_equal(bash("omctl completion fish >$$.fish; fish -c \"source $$.fish; complete"
                              " -C \\\"omctl dlq li\\\"\"; code=$?; rm $$.fish; exit $code"),
                         0);
        assert_contains(said.ptr, "list\tlist dead letters");
    }
}

static void each_command_has_its_manual_page(void **state) {
    (void)state;
    assert_int_equal(omctl("man dlq replay"), 0);
    assert_contains(said.ptr, ".TH OMCTL-DLQ-REPLAY 1 ");
    assert_contains(said.ptr, "omctl\\-dlq\\-replay \\- publish dead letters once more");
    assert_contains(said.ptr, "\\fB\\-\\-rate\\fR \\fIN\\fR\n");
    assert_int_equal(bash("dir=$(mktemp -d); omctl man --dir $dir; ls $dir; rm -r $dir"), 0);
    assert_contains(said.ptr, "omctl-outbox-redrive.1\n");
    assert_contains(said.ptr, "omctl.1\n");
    if (bash("command -v groff") == 0) {
        for (size_t i = 0; i < omctl_commands.count; i++) {
            struct buf line = {0};
            buf_printf(&line, "omctl man %s | groff -man -ww -z", omctl_commands.commands[i].words);
            assert_int_equal(bash(line.ptr), 0);
            assert_int_equal(said.len, 0);
            buf_fini(&line);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(help_is_had_in_every_way_and_place, clean),
        cmocka_unit_test_teardown(a_mistake_is_named_and_what_was_meant, clean),
        cmocka_unit_test_teardown(a_word_may_stand_behind_the_options, clean),
        cmocka_unit_test_teardown(output_that_cannot_be_written_is_a_failure, clean),
        cmocka_unit_test_teardown(every_option_of_the_table_is_known_to_its_command, clean),
        cmocka_unit_test_teardown(words_are_completed_from_the_table, clean),
        cmocka_unit_test_teardown(scripts_of_other_shells_are_sound_where_those_are_there, clean),
        cmocka_unit_test_teardown(each_command_has_its_manual_page, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
