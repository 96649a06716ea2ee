#include "omctl/dlq/dlq.h"

#include "omctl/dlq/actor.h"
#include "omctl/dlq/dlq_follow.h"
#include "omctl/dlq/dlq_print.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/mesh_call.h"

#include <stdlib.h>
#include <string.h>

/* --- arguments -------------------------------------------------------------------------------- */

/* The arguments of all subcommands; each takes some of them. */
struct arguments {
    const char *command;
    const char *id; /* the word among the options; NULL for none */
    const char *filter[DLQ_FILTER_COUNT];
    const char *limit, *cursor, *rate, *reason, *because, *duration;
    bool is_json, takes_all, is_dry;
};

/* The filter's, and behind them: */
enum { OPTION_JSON = DLQ_FILTER_COUNT, OPTION_WORD, OPTION_OWN, OPTIONS_MOST = OPTION_OWN + 4 };

static const char *filter_option(int member) {
    static const char *const names[DLQ_FILTER_COUNT] = {
#define FILTER_OPTION(id, name) "--" name,
        DLQ_FILTER_TABLE(FILTER_OPTION)
#undef FILTER_OPTION
    };
    return member == DLQ_FILTER_ORDER ? "--order" : names[member];
}

/* `own` are the subcommand's own options, up to four. */
static enum status parse(struct arguments *arguments, bool takes_filter,
                         const struct command_option *own, size_t own_count, int argc, char **argv,
                         struct error *error) {
    struct command_option options[OPTIONS_MOST];
    size_t count = 0;
    for (int i = 0; i < DLQ_FILTER_COUNT && takes_filter; i++)
        options[count++] =
            (struct command_option){.name = filter_option(i), .value = &arguments->filter[i]};
    options[count++] = (struct command_option){.name = "--json", .flag = &arguments->is_json};
    options[count++] = (struct command_option){.value = &arguments->id};
    for (size_t i = 0; i < own_count; i++)
        options[count++] = own[i];
    return command_parse(options, count, argc, argv, error);
}

/* A time, or how long ago. The text is in `space`, or the argument itself. */
static enum status read_moment(int member, const char *text, char space[RFC3339_SIZE],
                               struct slice *value, struct error *error) {
    int64_t us;
    *value = slice_of(text);
    if (clock_parse(*value, &us))
        return STATUS_OK;
    if (duration_parse(text, &us, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "%s %s: neither a time such as 2026-01-31T12:00:00Z nor how long ago, "
                         "such as 15m",
                         filter_option(member), text);
    clock_format(clock_now_us() - us, space);
    *value = slice_of(space);
    return STATUS_OK;
}

struct moments {
    char from[RFC3339_SIZE], to[RFC3339_SIZE];
};

static enum status read_filter(const struct arguments *arguments, struct moments *moments,
                               struct dlq_filter *filter, struct error *error) {
    enum status status = STATUS_OK;
    for (int i = 0; i < DLQ_FILTER_COUNT && status == STATUS_OK; i++) {
        struct slice value = slice_of(arguments->filter[i]);
        if (arguments->filter[i] == NULL)
            continue;
        if (i == DLQ_FILTER_FROM || i == DLQ_FILTER_TO)
            status = read_moment(i, arguments->filter[i],
                                 i == DLQ_FILTER_FROM ? moments->from : moments->to, &value, error);
        if (status == STATUS_OK)
            status = dlq_filter_set(filter, (enum dlq_filter_member)i, value, error);
    }
    return status;
}

static enum status read_number(const char *name, const char *text, int64_t most, int64_t *number,
                               struct error *error) {
    uint64_t value;
    if (!slice_parse_uint(slice_of(text), (uint64_t)most, &value) || value == 0)
        return error_set(error, STATUS_INVALID, "%s %s: not a number from 1 to %lld", name, text,
                         (long long)most);
    *number = (int64_t)value;
    return STATUS_OK;
}

static void begin_with_id(const struct arguments *arguments, struct buf *body,
                          struct json_writer *w) {
    *w = json_writer(body);
    json_begin_object(w);
    if (arguments->id != NULL)
        json_put_text(w, "id", arguments->id);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Connects, asks and prints the answer with `print`, or as JSON. */
static int ask(const struct omctl_config *config, const struct arguments *arguments,
               const char *subject, struct buf *body,
               void (*print)(struct json_object *reply, FILE *out)) {
    struct nats_client *nats = NULL;
    struct json_object *reply = NULL;
    struct error error;
    enum status status = command_open_nats(config, &nats, &error);
    if (status == STATUS_OK)
        status = mesh_call(nats, subject, buf_slice(body), MESH_CALL_MS, &reply, &error);
    if (status == STATUS_OK && arguments->is_json)
        dlq_print_json(reply, stdout);
    else if (status == STATUS_OK)
        print(reply, stdout);
    json_object_put(reply);
    nats_client_destroy(&nats);
    buf_fini(body);
    return status == STATUS_OK ? COMMAND_DONE : command_failed(arguments->command, &error);
}

static int misused(const char *command, const struct error *error) {
    (void)command_failed(command, error);
    return COMMAND_USAGE;
}

/* Parses what takes an id and no filter. */
static enum status parse_with_id(struct arguments *arguments, const struct command_option *own,
                                 size_t own_count, int argc, char **argv, struct error *error) {
    enum status status = parse(arguments, false, own, own_count, argc, argv, error);
    if (status == STATUS_OK && arguments->id == NULL)
        status = error_set(error, STATUS_INVALID, "an id is needed");
    return status;
}

/* --- list, show ------------------------------------------------------------------------------- */

static void print_list(struct json_object *reply, FILE *out) {
    struct json_object *entries;
    struct slice cursor;
    if (json_get_array(reply, "entries", &entries, NULL) != STATUS_OK)
        return;
    dlq_print_heading(out);
    for (size_t i = 0; i < json_object_array_length(entries); i++)
        dlq_print_entry(json_object_array_get_idx(entries, i), out);
    if (json_get_string(reply, "nextCursor", &cursor, NULL) == STATUS_OK)
        fprintf(out, "more, with the same options and --cursor %.*s\n", SLICE_ARG(cursor));
}

static enum status write_list(const struct arguments *arguments, struct buf *body,
                              struct error *error) {
    struct dlq_filter filter = {0};
    struct moments moments;
    int64_t limit = 0;
    enum status status = read_filter(arguments, &moments, &filter, error);
    if (status == STATUS_OK && arguments->limit != NULL)
        status = read_number("--limit", arguments->limit, DLQ_LIMIT_MOST, &limit, error);
    if (status == STATUS_OK && arguments->id != NULL)
        status = error_set(error, STATUS_INVALID, "unknown argument %s", arguments->id);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    dlq_filter_write(&filter, &w);
    if (limit > 0)
        json_put_int(&w, "limit", limit);
    if (arguments->cursor != NULL)
        json_put_text(&w, "cursor", arguments->cursor);
    json_end_object(&w);
    return STATUS_OK;
}

int dlq_list_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {.command = "dlq list"};
    const struct command_option own[] = {
        {.name = "--limit", .value = &arguments.limit},
        {.name = "--cursor", .value = &arguments.cursor},
    };
    struct buf body = {0};
    struct error error;
    enum status status = parse(&arguments, true, own, 2, argc, argv, &error);
    if (status == STATUS_OK)
        status = write_list(&arguments, &body, &error);
    return status == STATUS_OK ? ask(config, &arguments, "mesh.dlq.list", &body, print_list)
                               : misused(arguments.command, &error);
}

int dlq_show_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {.command = "dlq show"};
    struct buf body = {0};
    struct json_writer w;
    struct error error;
    if (parse_with_id(&arguments, NULL, 0, argc, argv, &error) != STATUS_OK)
        return misused(arguments.command, &error);
    begin_with_id(&arguments, &body, &w);
    json_end_object(&w);
    return ask(config, &arguments, "mesh.dlq.get", &body, dlq_print_details);
}

/* --- replay, discard -------------------------------------------------------------------------- */

static int replay_one(const struct omctl_config *config, const struct arguments *arguments) {
    struct buf body = {0};
    struct json_writer w;
    begin_with_id(arguments, &body, &w);
    actor_put(&w);
    json_end_object(&w);
    return ask(config, arguments, "mesh.dlq.replay", &body, dlq_print_entry);
}

/* The request for a job; `because` is why it discards, or NULL. */
static enum status write_job(const struct arguments *arguments, struct buf *body,
                             struct error *error) {
    struct dlq_filter filter = {0};
    struct moments moments;
    int64_t rate = DLQ_RATE_USUAL;
    enum status status = read_filter(arguments, &moments, &filter, error);
    if (status == STATUS_OK && filter.text[DLQ_FILTER_STATUS].ptr != NULL)
        status = error_set(error, STATUS_INVALID, "--status: only what is dead is meant");
    if (status == STATUS_OK && arguments->rate != NULL)
        status = read_number("--rate", arguments->rate, DLQ_RATE_MOST, &rate, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    dlq_filter_write(&filter, &w);
    if (arguments->because != NULL)
        json_put_text(&w, "because", arguments->because);
    json_put_int(&w, "ratePerSecond", rate);
    json_put_bool(&w, "dryRun", arguments->is_dry);
    actor_put(&w);
    json_end_object(&w);
    return STATUS_OK;
}

/* Done only when everything was published, or discarded. */
static int judge_job(struct json_object *job) {
    struct slice state;
    int64_t failed = 0;
    (void)!json_get_int64(job, "failed", &failed, NULL);
    bool is_done = json_get_string(job, "state", &state, NULL) == STATUS_OK &&
                   slice_is(state, "done") && failed == 0;
    return is_done ? COMMAND_DONE : COMMAND_FAILED;
}

/* *job becomes its last state. */
static enum status await_end(struct nats_client *nats, struct json_object **job,
                             struct error *error) {
    struct slice id;
    enum status status = json_get_string(*job, "id", &id, error);
    if (status != STATUS_OK)
        return status;
    char *name = mem_copy(id);
    fprintf(stderr, "job %s; it goes on without this command, until `omctl dlq cancel %s`\n", name,
            name);
    json_object_put(*job);
    *job = NULL;
    status = dlq_await_job(nats, name, stderr, job, error);
    free(name);
    return status;
}

/* An action on many dead letters. */
struct bulk {
    const char *command, *subject, *done;
};

static int run_job(const struct omctl_config *config, const struct arguments *arguments,
                   const struct bulk *bulk, struct buf *body) {
    struct nats_client *nats = NULL;
    struct json_object *reply = NULL;
    struct error error;
    int code = COMMAND_DONE;
    enum status status = command_open_nats(config, &nats, &error);
    if (status == STATUS_OK)
        status = mesh_call(nats, bulk->subject, buf_slice(body), MESH_CALL_MS, &reply, &error);
    if (status == STATUS_OK && !arguments->is_dry)
        status = await_end(nats, &reply, &error);
    if (status == STATUS_OK && !arguments->is_dry)
        code = judge_job(reply);
    if (status == STATUS_OK && arguments->is_json)
        dlq_print_json(reply, stdout);
    else if (status == STATUS_OK && !arguments->is_dry)
        dlq_print_job(reply, stdout);
    else if (status == STATUS_OK)
        dlq_print_matching(reply, bulk->done, stdout);
    json_object_put(reply);
    nats_client_destroy(&nats);
    return status == STATUS_OK ? code : command_failed(bulk->command, &error);
}

int dlq_replay_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {.command = "dlq replay"};
    const struct command_option own[] = {
        {.name = "--all", .flag = &arguments.takes_all},
        {.name = "--rate", .value = &arguments.rate},
        {.name = "--dry-run", .flag = &arguments.is_dry},
    };
    struct buf body = {0};
    struct error error;
    enum status status = parse(&arguments, true, own, 3, argc, argv, &error);
    if (status == STATUS_OK && (arguments.id != NULL) == arguments.takes_all)
        status = error_set(&error, STATUS_INVALID, "one id is needed, or --all");
    if (status == STATUS_OK)
        status = write_job(&arguments, &body, &error);
    if (status == STATUS_OK && arguments.id != NULL && argc > (arguments.is_json ? 2 : 1))
        status = error_set(&error, STATUS_INVALID, "filters, --rate and --dry-run go with --all");
    static const struct bulk bulk = {"dlq replay", "mesh.dlq.replay_all", "replayed"};
    int code = COMMAND_USAGE;
    if (status != STATUS_OK)
        code = misused(arguments.command, &error);
    else
        code = arguments.takes_all ? run_job(config, &arguments, &bulk, &body)
                                   : replay_one(config, &arguments);
    buf_fini(&body);
    return code;
}

static enum status write_discard_one(const struct arguments *arguments, struct buf *body,
                                     struct error *error) {
    struct json_writer w;
    if (arguments->reason == NULL || arguments->reason[0] == '\0')
        return error_set(error, STATUS_INVALID, "--reason is needed");
    begin_with_id(arguments, body, &w);
    json_put_text(&w, "reason", arguments->reason);
    actor_put(&w);
    json_end_object(&w);
    return STATUS_OK;
}

static enum status write_discard_all(const struct arguments *arguments, struct buf *body,
                                     struct error *error) {
    bool is_given = arguments->because != NULL && arguments->because[0] != '\0';
    if (!is_given && !arguments->is_dry)
        return error_set(error, STATUS_INVALID, "--because is needed");
    return write_job(arguments, body, error);
}

static bool has_more_than_reason(const struct arguments *arguments) {
    for (int i = 0; i < DLQ_FILTER_COUNT; i++)
        if (i != DLQ_FILTER_REASON && arguments->filter[i] != NULL)
            return true;
    return arguments->because != NULL || arguments->rate != NULL || arguments->is_dry;
}

/* With an id `--reason` is why it is discarded; with --all it is the filter's. */
static enum status parse_discard(struct arguments *arguments, int argc, char **argv,
                                 struct error *error) {
    const struct command_option own[] = {
        {.name = "--all", .flag = &arguments->takes_all},
        {.name = "--because", .value = &arguments->because},
        {.name = "--rate", .value = &arguments->rate},
        {.name = "--dry-run", .flag = &arguments->is_dry},
    };
    enum status status = parse(arguments, true, own, 4, argc, argv, error);
    if (status != STATUS_OK)
        return status;
    if ((arguments->id != NULL) == arguments->takes_all)
        return error_set(error, STATUS_INVALID, "an id is needed, or --all");
    if (arguments->id != NULL && has_more_than_reason(arguments))
        return error_set(error, STATUS_INVALID,
                         "filters, --because, --rate and --dry-run go with --all");
    if (arguments->id != NULL)
        arguments->reason = arguments->filter[DLQ_FILTER_REASON];
    return STATUS_OK;
}

int dlq_discard_command(const struct omctl_config *config, int argc, char **argv) {
    static const struct bulk bulk = {"dlq discard", "mesh.dlq.discard_all", "discarded"};
    struct arguments arguments = {.command = "dlq discard"};
    struct buf body = {0};
    struct error error;
    enum status status = parse_discard(&arguments, argc, argv, &error);
    if (status == STATUS_OK)
        status = arguments.takes_all ? write_discard_all(&arguments, &body, &error)
                                     : write_discard_one(&arguments, &body, &error);
    if (status != STATUS_OK) {
        buf_fini(&body);
        return misused(arguments.command, &error);
    }
    if (!arguments.takes_all)
        return ask(config, &arguments, "mesh.dlq.discard", &body, dlq_print_entry);
    int code = run_job(config, &arguments, &bulk, &body);
    buf_fini(&body);
    return code;
}

/* --- jobs, cancel, watch ---------------------------------------------------------------------- */

static void print_jobs(struct json_object *reply, FILE *out) {
    struct json_object *jobs;
    if (json_get_array(reply, "jobs", &jobs, NULL) != STATUS_OK)
        return;
    for (size_t i = 0; i < json_object_array_length(jobs); i++)
        dlq_print_job(json_object_array_get_idx(jobs, i), out);
}

int dlq_jobs_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {.command = "dlq jobs"};
    struct buf body = {0};
    struct json_writer w;
    struct error error;
    if (parse(&arguments, false, NULL, 0, argc, argv, &error) != STATUS_OK)
        return misused(arguments.command, &error);
    begin_with_id(&arguments, &body, &w);
    json_end_object(&w);
    return arguments.id == NULL ? ask(config, &arguments, "mesh.dlq.jobs", &body, print_jobs)
                                : ask(config, &arguments, "mesh.dlq.job", &body, dlq_print_job);
}

int dlq_cancel_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {.command = "dlq cancel"};
    struct buf body = {0};
    struct json_writer w;
    struct error error;
    if (parse_with_id(&arguments, NULL, 0, argc, argv, &error) != STATUS_OK)
        return misused(arguments.command, &error);
    begin_with_id(&arguments, &body, &w);
    actor_put(&w);
    json_end_object(&w);
    return ask(config, &arguments, "mesh.dlq.job_cancel", &body, dlq_print_job);
}

int dlq_watch_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {.command = "dlq watch"};
    const struct command_option own[] = {{.name = "--for", .value = &arguments.duration}};
    struct dlq_watch watch = {0};
    struct moments moments;
    struct nats_client *nats = NULL;
    struct error error;
    enum status status = parse(&arguments, true, own, 1, argc, argv, &error);
    if (status == STATUS_OK && (arguments.id != NULL || arguments.filter[DLQ_FILTER_FROM] != NULL ||
                                arguments.filter[DLQ_FILTER_TO] != NULL))
        status = error_set(&error, STATUS_INVALID, "it takes no id and no times");
    if (status == STATUS_OK)
        status = read_filter(&arguments, &moments, &watch.filter, &error);
    if (status == STATUS_OK && arguments.duration != NULL)
        status = duration_parse(arguments.duration, &watch.duration_us, &error);
    if (status != STATUS_OK)
        return misused(arguments.command, &error);
    watch.is_json = arguments.is_json;
    status = command_open_nats(config, &nats, &error);
    if (status == STATUS_OK)
        status = dlq_follow(nats, &watch, stdout, &error);
    nats_client_destroy(&nats);
    return status == STATUS_OK ? COMMAND_DONE : command_failed(arguments.command, &error);
}
