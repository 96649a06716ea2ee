#include "omctl/dlq/dlq_edit.h"

#include "omctl/dlq/actor.h"
#include "omctl/dlq/dlq_print.h"
#include "omctl/dlq/edit_text.h"
#include "shared/base/memory.h"
#include "shared/contract/dlq_edit.h"
#include "shared/nats/mesh_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct edit_arguments {
    const char *id, *reason, *body_file;
    struct command_values headers, dropped;
    bool is_json;
};

/* What is sent. */
struct edit {
    struct json_object *headers; /* NULL: as they are */
    struct buf body;             /* empty: as it is */
};

static enum status parse_arguments(int argc, char **argv, struct edit_arguments *arguments,
                                   struct error *error) {
    const struct command_option options[] = {
        {.name = "--reason", .value = &arguments->reason},
        {.name = "--body", .value = &arguments->body_file},
        {.name = "--header", .values = &arguments->headers},
        {.name = "--drop-header", .values = &arguments->dropped},
        {.name = "--json", .flag = &arguments->is_json},
        {.value = &arguments->id},
    };
    enum status status =
        command_parse(options, sizeof(options) / sizeof(options[0]), argc, argv, error);
    if (status == STATUS_OK && arguments->id == NULL)
        return error_set(error, STATUS_INVALID, "an id is needed");
    if (status == STATUS_OK && arguments->reason == NULL)
        return error_set(error, STATUS_INVALID, "--reason is needed");
    return status;
}

/* --- by options ------------------------------------------------------------------------------- */

static bool has_options(const struct edit_arguments *arguments) {
    return arguments->body_file != NULL || arguments->headers.count > 0 ||
           arguments->dropped.count > 0;
}

static enum status read_body(const char *path, struct buf *body, struct error *error) {
    enum status status =
        command_read_file(strcmp(path, "-") == 0 ? "/dev/stdin" : path, body, error);
    if (status == STATUS_OK && body->len == 0)
        return error_set(error, STATUS_INVALID, "%s is empty", path);
    return status;
}

static enum status take_options(const struct edit_arguments *arguments, struct edit *edit,
                                struct error *error) {
    enum status status = STATUS_OK;
    if (arguments->headers.count + arguments->dropped.count > 0)
        edit->headers = json_object_new_object();
    for (size_t i = 0; i < arguments->dropped.count; i++)
        json_object_object_add(edit->headers, arguments->dropped.items[i], json_object_new_array());
    for (size_t i = 0; i < arguments->headers.count && status == STATUS_OK; i++)
        status = edit_text_add_header(slice_of(arguments->headers.items[i]), edit->headers, error);
    if (status == STATUS_OK && arguments->body_file != NULL)
        status = read_body(arguments->body_file, &edit->body, error);
    return status;
}

/* --- in an editor ----------------------------------------------------------------------------- */

static const char *editor(void) {
    const char *visual = getenv("VISUAL"), *plain = getenv("EDITOR");
    if (visual != NULL && visual[0] != '\0')
        return visual;
    return plain != NULL && plain[0] != '\0' ? plain : "vi";
}

/* The editor may be a command with options of its own. */
static enum status run_editor(const char *path, struct error *error) {
    struct buf script = {0};
    int status = 0;
    buf_printf(&script, "%s \"$1\"", editor());
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script.ptr, "omctl", path, (char *)NULL);
        _exit(127);
    }
    buf_fini(&script);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s failed: nothing was replayed", editor());
}

static enum status write_file(int fd, const char *path, struct slice text, struct error *error) {
    FILE *file = fdopen(fd, "w");
    bool is_written = file != NULL && fwrite(text.ptr, 1, text.len, file) == text.len;
    if (file != NULL && fclose(file) == 0 && is_written)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* What was edited stays on the disk if it cannot be read as what it should be. */
static enum status edit_file(struct json_object *entry, struct edit *edit, struct error *error) {
    const char *folder = getenv("TMPDIR");
    struct buf path = {0}, text = {0};
    struct error why;
    buf_printf(&path, "%s/omctl-edit-XXXXXX", folder != NULL && folder[0] ? folder : "/tmp");
    edit_text_write(entry, &text);
    int fd = mkstemp(path.ptr);
    enum status status =
        fd < 0 ? error_set(error, STATUS_UNAVAILABLE, "%s: %s", path.ptr, strerror(errno))
               : write_file(fd, path.ptr, buf_slice(&text), error);
    if (status == STATUS_OK)
        status = run_editor(path.ptr, error);
    buf_clear(&text);
    if (status == STATUS_OK)
        status = command_read_file(path.ptr, &text, error);
    bool is_read = status == STATUS_OK;
    if (is_read)
        status = edit_text_read(buf_slice(&text), entry, &edit->headers, &edit->body, &why);
    if (is_read && status != STATUS_OK)
        error_set(error, status, "%s; what you wrote is in %s", why.text, path.ptr);
    else if (fd >= 0)
        unlink(path.ptr);
    buf_fini(&path);
    buf_fini(&text);
    return status;
}

static enum status check_entry(struct json_object *entry, struct error *error) {
    struct slice status, body;
    if (json_get_string(entry, "status", &status, NULL) == STATUS_OK && !slice_is(status, "dead"))
        return error_set(error, STATUS_CONFLICT, "it is %.*s, not dead", SLICE_ARG(status));
    if (!json_object_object_get_ex(entry, "bodyBytes", NULL))
        return error_set(error, STATUS_NOT_FOUND, "the stream no longer holds the message");
    if (json_get_string(entry, "body", &body, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "its body is no text, or a long one: give another"
                         " with --body");
    return STATUS_OK;
}

static enum status take_from_editor(struct nats_client *nats, const char *id, struct edit *edit,
                                    struct error *error) {
    struct json_object *entry = NULL;
    enum status status = mesh_call_by_id(nats, "mesh.dlq.get", id, &entry, error);
    if (status == STATUS_OK)
        status = check_entry(entry, error);
    if (status == STATUS_OK)
        status = edit_file(entry, edit, error);
    json_object_put(entry);
    if (status == STATUS_OK && edit->headers == NULL && edit->body.len == 0)
        status = error_set(error, STATUS_INVALID, "nothing was changed, and nothing replayed");
    return status;
}

/* --- replaying -------------------------------------------------------------------------------- */

static enum status replay(struct nats_client *nats, const struct edit_arguments *arguments,
                          const struct edit *edit, struct json_object **reply,
                          struct error *error) {
    const struct dlq_edit change = {
        .is_given = true,
        .body = edit->body.len > 0 ? buf_slice(&edit->body) : (struct slice){NULL, 0},
        .headers = edit->headers,
        .reason = slice_of(arguments->reason),
    };
    struct buf request = {0};
    struct json_writer w = json_writer(&request);
    json_begin_object(&w);
    json_put_text(&w, "id", arguments->id);
    actor_put(&w);
    dlq_edit_write(&change, &w);
    json_end_object(&w);
    enum status status =
        mesh_call(nats, "mesh.dlq.replay", buf_slice(&request), MESH_CALL_MS, reply, error);
    buf_fini(&request);
    return status;
}

static int run(const struct omctl_config *config, const struct edit_arguments *arguments,
               struct edit *edit) {
    struct nats_client *nats = NULL;
    struct json_object *reply = NULL;
    struct error error;
    enum status status = command_open_nats(config, &nats, &error);
    if (status == STATUS_OK && !has_options(arguments))
        status = take_from_editor(nats, arguments->id, edit, &error);
    if (status == STATUS_OK)
        status = replay(nats, arguments, edit, &reply, &error);
    if (status == STATUS_OK && arguments->is_json)
        dlq_print_json(reply, stdout);
    else if (status == STATUS_OK)
        dlq_print_entry(reply, stdout);
    json_object_put(reply);
    nats_client_destroy(&nats);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("dlq edit", &error);
}

int dlq_edit_command(const struct omctl_config *config, int argc, char **argv) {
    struct edit_arguments arguments = {0};
    struct edit edit = {0};
    struct error error;
    enum status status = parse_arguments(argc, argv, &arguments, &error);
    if (status == STATUS_OK)
        status = take_options(&arguments, &edit, &error);
    int code = COMMAND_USAGE;
    if (status == STATUS_OK)
        code = run(config, &arguments, &edit);
    else
        (void)command_failed("dlq edit", &error);
    json_object_put(edit.headers);
    buf_fini(&edit.body);
    return code;
}
