#include "omctl/install/provision.h"

#include "omctl/install/labels.h"
#include "omctl/install/resource.h"
#include "omctl/install/resource_text.h"
#include "omctl/install/sizing.h"
#include "omctl/streams/jetstream.h"

#include <json-c/linkhash.h>
#include <string.h>

#define READY_TIMEOUT_MS 30000
#define MEND_ROUNDS 4

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

/* `stream ORDERS: max_age is 7d` */
static void print_value(const struct resource *resource, const char *field,
                        struct json_object *value, FILE *out) {
    struct buf text = {0};
    resource_write_value(field, value, &text);
    fprintf(out, "%s: %s is %s", resource->label, field, text.ptr);
    buf_fini(&text);
}

/* Prints each declared field with another value on the server, and counts them. */
static size_t print_differences(const struct resource *resource, struct json_object *actual,
                                const char *remark, FILE *out) {
    size_t differences = 0;
    json_object_object_foreach(resource->declared, field, wanted) {
        struct json_object *present = json_object_object_get(actual, field);
        if (resource_values_agree(wanted, present))
            continue;
        struct buf text = {0};
        resource_write_value(field, wanted, &text);
        print_value(resource, field, present, out);
        fprintf(out, ", declared %s%s\n", text.ptr, remark);
        buf_fini(&text);
        differences++;
    }
    return differences;
}

/* Names each field that is nobody's, and counts them. */
static size_t print_extras(const struct resource *resource, struct json_object *actual,
                           const char *remark, FILE *out) {
    size_t extras = 0;
    json_object_object_foreach(actual, field, value) {
        if (resource_field_owner(resource, field, value) != FIELD_NOBODYS)
            continue;
        print_value(resource, field, value, out);
        fprintf(out, ", which is not declared%s\n", remark);
        extras++;
    }
    return extras;
}

static void print_operators(const struct resource *resource, struct json_object *actual,
                            FILE *out) {
    json_object_object_foreach(actual, field, value) {
        if (resource_field_owner(resource, field, value) != FIELD_OPERATORS)
            continue;
        struct json_object *theirs = strcmp(field, "metadata") == 0
                                         ? resource_operators_labels(resource, value)
                                         : json_object_get(value);
        print_value(resource, field, theirs, out);
        fputs(", which is the operator's: left alone\n", out);
        json_object_put(theirs);
    }
}

static size_t print_all(const struct resource *resource, struct json_object *actual, FILE *out) {
    print_operators(resource, actual, out);
    return print_differences(resource, actual, "", out) + print_extras(resource, actual, "", out);
}

/* Looks again after a change: a server that does not know a field drops it without a word, and one
   that we do not know yet may set one by itself. */
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
    (void)print_extras(resource, actual, " (this server sets it by itself)", options->out);
    json_object_put(actual);
    return STATUS_OK;
}

static const char *name_of(const struct resource *resource) {
    const char *field = resource->stream != NULL ? "durable_name" : "name";
    return json_object_get_string(json_object_object_get(resource->declared, field));
}

/* For what no server changes in a stream or consumer that is there. */
static void print_remedy(const struct resource *resource, struct json_object *actual, FILE *out) {
    if (resource->stream != NULL) {
        fprintf(out,
                "%s: it is of another kind than declared: remove it (`nats consumer rm %s %s`)"
                " and run `omctl provision`\n",
                resource->label, resource->stream, name_of(resource));
        return;
    }
    bool is_sealed = json_object_get_boolean(json_object_object_get(actual, "sealed"));
    fprintf(out,
            "%s: %s: remove it (`nats stream rm %s`), run `omctl provision` and publish the"
            " outboxes again (docs/operations.md, After the broker lost data)\n",
            resource->label,
            is_sealed ? "a seal cannot be undone" : "only one made anew is as declared",
            name_of(resource));
}

/* --- a change --------------------------------------------------------------------------------- */

/* Has the server take `config`; `refused` says whether it did. */
static enum status put_config(struct nats_client *nats, const struct resource *resource,
                              const char *verb, struct json_object *config,
                              struct jetstream_refusal *refused, struct error *error) {
    struct json_object *reply, *body = resource_request(resource, config);
    enum status status = jetstream_call(nats, verb, body, &reply, refused, error);
    json_object_put(body);
    if (status == STATUS_OK)
        json_object_put(reply);
    return status;
}

/* Older servers take a change of it, and change nothing. */
static const char for_life[] = "mem_storage";
static const struct jetstream_refusal kept = {.text = "it stays"};

/* A server refuses a change as a whole for one field of it. */
struct mending {
    struct nats_client *nats;
    const struct resource *resource;
    struct json_object *config; /* what the server has by now */
    size_t mended;
    struct buf refusals; /* a line for each field of the last round */
    bool is_short;       /* one of them for want of room */
};

static void refuse_field(struct mending *mending, const char *field,
                         const struct jetstream_refusal *refused) {
    mending->is_short = mending->is_short || sizing_is_short(refused);
    buf_printf(&mending->refusals, "%s: %s: the server cannot change it: %s (%lld)\n",
               mending->resource->label, field, refused->text, (long long)refused->code);
}

static bool is_as_declared(const struct resource *resource, struct json_object *config,
                           const char *field) {
    struct json_object *wanted = NULL, *actual = json_object_object_get(config, field);
    if (json_object_object_get_ex(resource->declared, field, &wanted))
        return resource_values_agree(wanted, actual);
    return resource_field_owner(resource, field, actual) != FIELD_NOBODYS;
}

static enum status mend_field(struct mending *mending, const char *field, struct error *error) {
    const struct resource *resource = mending->resource;
    struct jetstream_refusal refused;
    struct json_object *now;
    bool is_paused;
    if (is_as_declared(resource, mending->config, field))
        return STATUS_OK;
    struct json_object *wanted = resource_wanted(resource, mending->config, field);
    enum status status =
        put_config(mending->nats, resource, resource->update_verb, wanted, &refused, error);
    json_object_put(wanted);
    if (status == STATUS_OK && refused.code != 0)
        refuse_field(mending, field, &refused);
    if (status == STATUS_OK && refused.code == 0)
        status = read_actual(mending->nats, resource, &now, &is_paused, error);
    if (status != STATUS_OK || refused.code != 0)
        return status;
    json_object_put(mending->config);
    mending->config = now;
    if (is_as_declared(resource, now, field))
        mending->mended++;
    else
        refuse_field(mending, field, &kept);
    return STATUS_OK;
}

/* Tries each field that is not as declared yet. */
static enum status mend_round(struct mending *mending, struct json_object *actual,
                              struct error *error) {
    enum status status = STATUS_OK;
    buf_clear(&mending->refusals);
    json_object_object_foreach(actual, field, value) {
        (void)value;
        if (strcmp(field, for_life) == 0 && !is_as_declared(mending->resource, actual, field))
            refuse_field(mending, field, &kept);
        else if (status == STATUS_OK)
            status = mend_field(mending, field, error);
    }
    json_object_object_foreach(mending->resource->declared, key, wanted) {
        (void)wanted;
        if (status == STATUS_OK && !json_object_object_get_ex(actual, key, NULL))
            status = mend_field(mending, key, error);
    }
    return status;
}

/* Field by field, and again while that helps, since some can change only after others. */
static enum status mend(struct nats_client *nats, const struct resource *resource,
                        struct json_object *actual, const struct provision_options *options,
                        struct provision_result *result, struct error *error) {
    struct mending mending = {
        .nats = nats, .resource = resource, .config = json_object_get(actual)};
    enum status status = mend_round(&mending, actual, error);
    for (size_t round = 1, before = 0; round < MEND_ROUNDS && status == STATUS_OK &&
                                       mending.refusals.len > 0 && mending.mended > before;
         round++) {
        before = mending.mended;
        status = mend_round(&mending, actual, error);
    }
    if (status == STATUS_OK && mending.mended > 0) {
        fprintf(options->out, "%s updated\n", resource->label);
        result->updated++;
    }
    if (status == STATUS_OK && mending.refusals.len > 0) {
        fputs(mending.refusals.ptr, options->out);
        if (mending.is_short)
            sizing_print_remedy(resource, options->out);
        else
            print_remedy(resource, actual, options->out);
        result->refused++;
    }
    json_object_put(mending.config);
    buf_fini(&mending.refusals);
    return status;
}

static enum status create(struct nats_client *nats, const struct resource *resource,
                          struct json_object *config, const struct provision_options *options,
                          struct provision_result *result, struct error *error) {
    struct jetstream_refusal refused;
    enum status status = put_config(nats, resource, resource->create_verb, config, &refused, error);
    if (status != STATUS_OK)
        return status;
    if (refused.code != 0) {
        fprintf(options->out, "%s: the server cannot create it: %s (%lld)\n", resource->label,
                refused.text, (long long)refused.code);
        if (sizing_is_short(&refused))
            sizing_print_remedy(resource, options->out);
        result->refused++;
        return STATUS_OK;
    }
    fprintf(options->out, "%s created\n", resource->label);
    result->created++;
    return verify(nats, resource, options, result, error);
}

static enum status update(struct nats_client *nats, const struct resource *resource,
                          struct json_object *actual, const struct provision_options *options,
                          struct provision_result *result, struct error *error) {
    struct jetstream_refusal refused;
    if (!is_as_declared(resource, actual, for_life))
        return mend(nats, resource, actual, options, result, error);
    struct json_object *wanted = resource_wanted(resource, actual, NULL);
    enum status status = put_config(nats, resource, resource->update_verb, wanted, &refused, error);
    json_object_put(wanted);
    if (status != STATUS_OK)
        return status;
    if (refused.code != 0)
        return mend(nats, resource, actual, options, result, error);
    fprintf(options->out, "%s updated\n", resource->label);
    result->updated++;
    return verify(nats, resource, options, result, error);
}

/* A consumer whose filter passed events over has them behind it; its successor is given all. */
static enum status remake(struct nats_client *nats, const struct resource *resource,
                          struct json_object *actual, const struct provision_options *options,
                          struct provision_result *result, struct error *error) {
    struct json_object *reply;
    struct jetstream_refusal refused;
    enum status status = jetstream_call(nats, resource->delete_verb, NULL, &reply, &refused, error);
    if (status != STATUS_OK)
        return status;
    json_object_put(reply);
    if (refused.code != 0 && refused.code != JETSTREAM_CONSUMER_NOT_FOUND)
        return error_set(error, STATUS_INTERNAL, "%s: %s", resource->label, refused.text);
    fprintf(options->out,
            "%s: its filter passed over events: it is made anew, and given its stream once more\n",
            resource->label);
    struct json_object *wanted = resource_wanted(resource, actual, NULL);
    status = create(nats, resource, wanted, options, result, error);
    json_object_put(wanted);
    return status;
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
        differences = print_all(resource, actual, out);
    if (is_paused)
        differences +=
            fprintf(out, "%s is paused until %s\n", resource->label,
                    json_object_get_string(json_object_object_get(actual, "pause_until"))) > 0;
    if (differences > 0)
        result->differing++;
    else
        result->unchanged++;
}

static enum status provision_one(struct nats_client *nats, struct resource *resource,
                                 const struct provision_options *options,
                                 struct provision_result *result, struct error *error) {
    struct json_object *actual;
    bool is_paused;
    enum status status = read_actual(nats, resource, &actual, &is_paused, error);
    if (status != STATUS_OK)
        return status;
    if (resource_settle_persistence(resource, actual, nats_client_is_clustered(nats)))
        fprintf(options->out, "%s: it syncs each message, as it was made to: left alone\n",
                resource->label);
    if (options->check_only) {
        check_one(resource, actual, is_paused, options->out, result);
    } else if (actual == NULL) {
        status = create(nats, resource, resource->declared, options, result, error);
    } else {
        bool is_changed = print_all(resource, actual, options->out) > 0;
        if (is_changed && resource_passes_over(resource, actual))
            status = remake(nats, resource, actual, options, result, error);
        else if (is_changed)
            status = update(nats, resource, actual, options, result, error);
        if (is_paused && status == STATUS_OK)
            status = resume(nats, resource, options, result, error);
        if (!is_changed && !is_paused)
            result->unchanged++;
    }
    json_object_put(actual);
    return status;
}

/* How many replicas streams have is the installation's: where nobody says (--replicas), all have as
   many as most of any has on the server, also one that is made again. */
static enum status keep_replicas(struct nats_client *nats, const struct resources *resources,
                                 FILE *out, struct error *error) {
    static const char field[] = "num_replicas";
    int64_t most = 0;
    size_t others = 0;
    for (size_t i = 0; i < resources->count && resources->items[i].stream == NULL; i++) {
        struct json_object *actual;
        bool is_paused;
        int64_t replicas = 0;
        enum status status = read_actual(nats, &resources->items[i], &actual, &is_paused, error);
        if (status != STATUS_OK)
            return status;
        if (actual != NULL && json_get_int64(actual, field, &replicas, NULL) == STATUS_OK &&
            replicas > most)
            most = replicas;
        json_object_put(actual);
    }
    for (size_t i = 0; i < resources->count && resources->items[i].stream == NULL; i++) {
        struct json_object *declared = resources->items[i].declared;
        int64_t replicas = 0;
        if (most == 0 ||
            (json_get_int64(declared, field, &replicas, NULL) == STATUS_OK && replicas == most))
            continue;
        json_object_object_add(declared, field, json_object_new_int64(most));
        others++;
    }
    if (others > 0)
        fprintf(out, "streams: %s is %lld, which is the operator's: left alone (--replicas)\n",
                field, (long long)most);
    return STATUS_OK;
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
    if (status == STATUS_OK)
        status = resources_fit(&resources, nats_client_server_version(nats), error);
    if (status == STATUS_OK && options->overrides.store_bytes > 0)
        sizing_share(&resources, options->overrides.store_bytes);
    if (status == STATUS_OK)
        status = sizing_spare(nats, &resources, options->out, error);
    if (status == STATUS_OK && options->overrides.replicas == 0)
        status = keep_replicas(nats, &resources, options->out, error);
    if (status == STATUS_OK)
        labels_add(&resources, nats_client_server_version(nats));
    for (size_t i = 0; i < resources.count && status == STATUS_OK; i++)
        status = provision_one(nats, &resources.items[i], options, &counts, error);
    if (status == STATUS_OK)
        status = name_all_extras(nats, &resources, options, &counts, error);
    resources_fini(&resources);
    if (status == STATUS_OK)
        *result = counts;
    return status;
}

/* As requests of JetStream's API, a line each. */
static enum status print_declared(const struct provision_options *options, struct error *error) {
    struct resources resources = {0};
    enum status status = resources_read(options->directory, &options->overrides, &resources, error);
    if (status == STATUS_OK)
        status = resources_fit(&resources, 0, error);
    if (status == STATUS_OK && options->overrides.store_bytes > 0)
        sizing_share(&resources, options->overrides.store_bytes);
    if (status == STATUS_OK)
        labels_add(&resources, 0);
    for (size_t i = 0; i < resources.count && status == STATUS_OK; i++) {
        struct resource *resource = &resources.items[i];
        (void)resource_settle_persistence(resource, NULL, options->overrides.replicas > 1);
        struct json_object *request = resource_request(resource, resource->declared);
        fprintf(options->out, "%s\n",
                json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(request);
    }
    resources_fini(&resources);
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
    bool only_prints = false;
    const struct command_option known[] = {
        {.name = "--dir", .value = &options.directory},
        {.name = "--check", .flag = &options.check_only},
        {.name = "--print", .flag = &only_prints},
        {.name = "--ack-wait", .value = &ack_wait},
        {.name = "--replicas", .value = &replicas},
        {.name = "--wait", .value = &wait},
    };
    struct error error;
    enum status status = command_parse(known, 6, argc, argv, &error);
    if (status == STATUS_OK && ack_wait != NULL)
        status = duration_parse(ack_wait, &options.overrides.ack_wait_us, &error);
    if (status == STATUS_OK && replicas != NULL)
        status = replicas_parse(replicas, &options.overrides.replicas, &error);
    if (status == STATUS_OK && config->nats_store[0] != '\0')
        status = sizing_parse(config->nats_store, &options.overrides.store_bytes, &error);
    if (status == STATUS_OK && wait != NULL)
        status = duration_parse(wait, &wait_us, &error);
    if (status != STATUS_OK) {
        (void)command_failed("provision", &error);
        return COMMAND_USAGE;
    }
    if (only_prints) {
        status = print_declared(&options, &error);
        return status == STATUS_OK ? COMMAND_DONE : command_failed("provision", &error);
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
