#include "omctl/install/provision.h"

#include "omctl/install/resource.h"
#include "omctl/streams/jetstream.h"

#include <json-c/linkhash.h>
#include <string.h>

#define READY_TIMEOUT_MS 30000

/* Asks the server for a resource; *actual is NULL when it has none. A pause that is over stays in
   its configuration: whether it is paused is said beside it. */
static enum status read_actual(struct nats_client *nats, const struct resource *resource,
                               struct json_object **actual, bool *is_paused, struct error *error) {
    struct json_object *reply, *config, *paused = NULL;
    struct jetstream_refusal refused;
    enum status status = jetstream_call(nats, resource->info_verb, NULL, &reply, &refused, error);
    if (status != STATUS_OK)
        return status;
    if (refused.code == JETSTREAM_STREAM_NOT_FOUND || refused.code == JETSTREAM_CONSUMER_NOT_FOUND)
        *actual = NULL;
    else if (refused.code != 0)
        status = error_set(error, STATUS_INTERNAL, "%s: %s", resource->label, refused.text);
    else if ((status = json_get_object(reply, "config", &config, error)) == STATUS_OK)
        *actual = json_object_get(config);
    *is_paused =
        json_object_object_get_ex(reply, "paused", &paused) && json_object_get_boolean(paused);
    json_object_put(reply);
    return status;
}

/* Prints each declared field with another value on the server, and counts them. */
static size_t print_differences(const struct resource *resource, struct json_object *actual,
                                const char *remark, FILE *out) {
    size_t differences = 0;
    json_object_object_foreach(resource->declared, field, wanted) {
        struct json_object *present = json_object_object_get(actual, field);
        if (resource_values_agree(wanted, present))
            continue;
        fprintf(out, "%s: %s is %s, declared %s%s\n", resource->label, field,
                present != NULL ? json_object_to_json_string(present) : "absent",
                json_object_to_json_string(wanted), remark);
        differences++;
    }
    return differences;
}

/* What somebody set by hand, and no file declares: told of, and left alone. */
static size_t print_extras(const struct resource *resource, struct json_object *actual, FILE *out) {
    size_t extras = 0;
    json_object_object_foreach(actual, field, value) {
        if (json_object_object_get_ex(resource->declared, field, NULL) ||
            strcmp(field, "pause_until") == 0 || !resource_value_is_extra(field, value))
            continue;
        fprintf(out, "%s: %s is %s, which is not declared\n", resource->label, field,
                json_object_to_json_string(value));
        extras++;
    }
    return extras;
}

/* Looks again after a change: a server that does not know a field drops it without a word. */
static enum status verify(struct nats_client *nats, const struct resource *resource,
                          const struct provision_options *options, struct provision_result *result,
                          struct error *error) {
    struct json_object *actual;
    bool is_paused;
    enum status status = read_actual(nats, resource, &actual, &is_paused, error);
    if (status != STATUS_OK)
        return status;
    if (print_differences(resource, actual, " (this server ignores it)", options->out) > 0)
        result->refused++;
    json_object_put(actual);
    return STATUS_OK;
}

static const char *name_of(const struct resource *resource) {
    const char *field = resource->stream != NULL ? "durable_name" : "name";
    return json_object_get_string(json_object_object_get(resource->declared, field));
}

static enum status change(struct nats_client *nats, const struct resource *resource,
                          struct json_object *actual, const struct provision_options *options,
                          struct provision_result *result, struct error *error) {
    struct json_object *reply;
    struct jetstream_refusal refused;
    struct json_object *body = resource_request(resource, actual);
    const char *verb = actual != NULL ? resource->update_verb : resource->create_verb;
    enum status status = jetstream_call(nats, verb, body, &reply, &refused, error);
    json_object_put(body);
    if (status != STATUS_OK)
        return status;
    json_object_put(reply);
    if (refused.code != 0) {
        fprintf(options->out, "%s: the server cannot %s it: %s (%lld)\n", resource->label,
                actual != NULL ? "change" : "create", refused.text, (long long)refused.code);
        if (actual != NULL && resource->stream != NULL)
            fprintf(options->out,
                    "%s: it is of another kind than declared: remove it (`nats consumer rm %s %s`)"
                    " and run `omctl provision`\n",
                    resource->label, resource->stream, name_of(resource));
        result->refused++;
        return STATUS_OK;
    }
    fprintf(options->out, "%s %s\n", resource->label, actual != NULL ? "updated" : "created");
    if (actual != NULL)
        result->updated++;
    else
        result->created++;
    return verify(nats, resource, options, result, error);
}

static enum status resume(struct nats_client *nats, const struct resource *resource,
                          const struct provision_options *options, struct provision_result *result,
                          struct error *error) {
    struct json_object *reply;
    struct jetstream_refusal refused;
    enum status status = jetstream_call(nats, resource->pause_verb, NULL, &reply, &refused, error);
    if (status != STATUS_OK)
        return status;
    json_object_put(reply);
    if (refused.code != 0)
        return error_set(error, STATUS_INTERNAL, "%s: %s", resource->label, refused.text);
    fprintf(options->out, "%s resumed\n", resource->label);
    result->updated++;
    return STATUS_OK;
}

static void check_one(const struct resource *resource, struct json_object *actual, bool is_paused,
                      FILE *out, struct provision_result *result) {
    size_t differences = 0;
    if (actual == NULL)
        differences += fprintf(out, "%s is missing\n", resource->label) > 0;
    else
        differences =
            print_differences(resource, actual, "", out) + print_extras(resource, actual, out);
    if (is_paused)
        differences +=
            fprintf(out, "%s is paused until %s\n", resource->label,
                    json_object_get_string(json_object_object_get(actual, "pause_until"))) > 0;
    if (differences > 0)
        result->differing++;
    else
        result->unchanged++;
}

static enum status provision_one(struct nats_client *nats, const struct resource *resource,
                                 const struct provision_options *options,
                                 struct provision_result *result, struct error *error) {
    struct json_object *actual;
    bool is_paused;
    enum status status = read_actual(nats, resource, &actual, &is_paused, error);
    if (status != STATUS_OK)
        return status;
    if (options->check_only) {
        check_one(resource, actual, is_paused, options->out, result);
    } else {
        bool is_changed =
            actual == NULL || print_differences(resource, actual, "", options->out) > 0;
        if (is_changed)
            status = change(nats, resource, actual, options, result, error);
        if (is_changed && json_object_get_boolean(json_object_object_get(actual, "sealed")))
            fprintf(options->out,
                    "%s: a seal cannot be undone: remove it (`nats stream rm %s`), run"
                    " `omctl provision` and publish the outboxes again (docs/operations.md, After"
                    " the broker lost data)\n",
                    resource->label, name_of(resource));
        if (is_paused && status == STATUS_OK)
            status = resume(nats, resource, options, result, error);
        if (!is_changed && !is_paused)
            result->unchanged++;
    }
    json_object_put(actual);
    return status;
}

/* --- what is there and not declared ----------------------------------------------------------- */

static bool is_declared(const struct resources *resources, const char *label) {
    for (size_t i = 0; i < resources->count; i++) {
        if (strcmp(resources->items[i].label, label) == 0)
            return true;
    }
    return false;
}

/* A consumer without a durable name is somebody's who looks in, and ends by itself. */
static void name_extra(const struct resources *resources, const char *stream,
                       struct json_object *found, FILE *out, struct provision_result *result) {
    struct json_object *config;
    struct slice name;
    if (json_get_object(found, "config", &config, NULL) != STATUS_OK ||
        json_get_string(config, stream != NULL ? "durable_name" : "name", &name, NULL) != STATUS_OK)
        return;
    struct buf label = {0};
    if (stream != NULL)
        buf_printf(&label, "consumer %s/%.*s", stream, SLICE_ARG(name));
    else
        buf_printf(&label, "stream %.*s", SLICE_ARG(name));
    if (!is_declared(resources, label.ptr)) {
        fprintf(out, "%s is not declared\n", label.ptr);
        result->extra++;
    }
    buf_fini(&label);
}

/* `stream`'s consumers, or all streams where it is NULL, page by page. */
static enum status name_extras(struct nats_client *nats, const struct resources *resources,
                               const char *stream, const struct provision_options *options,
                               struct provision_result *result, struct error *error) {
    struct buf verb = {0};
    buf_printf(&verb, "%s%s", stream != NULL ? "CONSUMER.LIST." : "STREAM.LIST",
               stream != NULL ? stream : "");
    enum status status = STATUS_OK;
    int64_t total = 1;
    for (int64_t offset = 0, got = 1; offset < total && got > 0 && status == STATUS_OK;
         offset += got) {
        struct json_object *reply, *list = NULL, *body = json_object_new_object();
        struct jetstream_refusal refused;
        json_object_object_add(body, "offset", json_object_new_int64(offset));
        status = jetstream_call(nats, verb.ptr, body, &reply, &refused, error);
        json_object_put(body);
        if (status != STATUS_OK)
            break;
        got = 0;
        if (json_get_array(reply, stream != NULL ? "consumers" : "streams", &list, NULL) ==
                STATUS_OK &&
            json_get_int64(reply, "total", &total, NULL) == STATUS_OK)
            got = (int64_t)json_object_array_length(list);
        for (int64_t i = 0; i < got; i++)
            name_extra(resources, stream, json_object_array_get_idx(list, (size_t)i), options->out,
                       result);
        json_object_put(reply);
    }
    buf_fini(&verb);
    return status;
}

static enum status name_all_extras(struct nats_client *nats, const struct resources *resources,
                                   const struct provision_options *options,
                                   struct provision_result *result, struct error *error) {
    enum status status = name_extras(nats, resources, NULL, options, result, error);
    for (size_t i = 0; i < resources->count && status == STATUS_OK; i++) {
        struct slice name = slice_of(resources->items[i].label);
        if (slice_take_prefix(&name, "stream "))
            status = name_extras(nats, resources, name.ptr, options, result, error);
    }
    return status;
}

enum status provision_run(struct nats_client *nats, const struct provision_options *options,
                          struct provision_result *result, struct error *error) {
    struct resources resources = {0};
    struct provision_result counts = {0};
    enum status status = resources_read(options->directory, &options->overrides, &resources, error);
    if (status == STATUS_OK)
        status = jetstream_wait(nats, READY_TIMEOUT_MS, error);
    for (size_t i = 0; i < resources.count && status == STATUS_OK; i++)
        status = provision_one(nats, &resources.items[i], options, &counts, error);
    if (status == STATUS_OK)
        status = name_all_extras(nats, &resources, options, &counts, error);
    resources_fini(&resources);
    if (status == STATUS_OK)
        *result = counts;
    return status;
}

static void print_result(const struct provision_result *result, bool check_only) {
    printf("streams and consumers: %zu as declared", result->unchanged);
    if (check_only)
        printf(", %zu not", result->differing);
    else
        printf(", %zu created, %zu updated", result->created, result->updated);
    if (result->extra > 0)
        printf(", %zu too many", result->extra);
    if (result->refused > 0)
        printf(", %zu that this server cannot have as declared", result->refused);
    printf("\n");
}

/* JetStream keeps 1, 3 or 5 copies; 2 and 4 it allows, but they survive no more than 1 and 3. */
static enum status replicas_parse(const char *text, int64_t *replicas, struct error *error) {
    uint64_t number;
    if (!slice_parse_uint(slice_of(text), 5, &number) || number == 0)
        return error_set(error, STATUS_INVALID, "--replicas %s is not 1 to 5", text);
    *replicas = (int64_t)number;
    return STATUS_OK;
}

int provision_command(const struct omctl_config *config, int argc, char **argv) {
    struct provision_options options = {.directory = "nats", .out = stdout};
    const char *ack_wait = NULL, *replicas = NULL, *wait = NULL;
    int64_t wait_us = 0;
    const struct command_option known[] = {
        {.name = "--dir", .value = &options.directory},
        {.name = "--check", .flag = &options.check_only},
        {.name = "--ack-wait", .value = &ack_wait},
        {.name = "--replicas", .value = &replicas},
        {.name = "--wait", .value = &wait},
    };
    struct error error;
    enum status status = command_parse(known, 5, argc, argv, &error);
    if (status == STATUS_OK && ack_wait != NULL)
        status = duration_parse(ack_wait, &options.overrides.ack_wait_us, &error);
    if (status == STATUS_OK && replicas != NULL)
        status = replicas_parse(replicas, &options.overrides.replicas, &error);
    if (status == STATUS_OK && wait != NULL)
        status = duration_parse(wait, &wait_us, &error);
    if (status != STATUS_OK) {
        (void)command_failed("provision", &error);
        return COMMAND_USAGE;
    }
    struct nats_client *nats = NULL;
    struct provision_result result = {0};
    status = command_await_nats(config, wait_us, &nats, &error);
    if (status == STATUS_OK)
        status = provision_run(nats, &options, &result, &error);
    nats_client_destroy(&nats);
    if (status != STATUS_OK)
        return command_failed("provision", &error);
    print_result(&result, options.check_only);
    bool is_short =
        result.differing + result.refused > 0 || (options.check_only && result.extra > 0);
    return is_short ? COMMAND_FAILED : COMMAND_DONE;
}
