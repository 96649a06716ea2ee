#include "omctl/install/provision.h"

#include "omctl/install/resource.h"
#include "omctl/streams/jetstream.h"

#include <json-c/linkhash.h>

#define READY_TIMEOUT_MS 30000

/* Asks the server for a resource; *actual is NULL when it has none. */
static enum status read_actual(struct nats_client *nats, const struct resource *resource,
                               struct json_object **actual, struct error *error) {
    struct json_object *reply, *config;
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

/* Looks again after a change: a server that does not know a field drops it without a word. */
static enum status verify(struct nats_client *nats, const struct resource *resource,
                          const struct provision_options *options, struct provision_result *result,
                          struct error *error) {
    struct json_object *actual;
    enum status status = read_actual(nats, resource, &actual, error);
    if (status != STATUS_OK)
        return status;
    if (print_differences(resource, actual, " (this server ignores it)", options->out) > 0)
        result->refused++;
    json_object_put(actual);
    return STATUS_OK;
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

static enum status provision_one(struct nats_client *nats, const struct resource *resource,
                                 const struct provision_options *options,
                                 struct provision_result *result, struct error *error) {
    struct json_object *actual;
    enum status status = read_actual(nats, resource, &actual, error);
    if (status != STATUS_OK)
        return status;
    if (actual != NULL && print_differences(resource, actual, "", options->out) == 0) {
        result->unchanged++;
    } else if (options->check_only) {
        if (actual == NULL)
            fprintf(options->out, "%s is missing\n", resource->label);
        result->differing++;
    } else {
        status = change(nats, resource, actual, options, result, error);
    }
    json_object_put(actual);
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
    return result.differing + result.refused > 0 ? COMMAND_FAILED : COMMAND_DONE;
}
