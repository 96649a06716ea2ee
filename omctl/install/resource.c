#include "omctl/install/resource.h"

#include "omctl/command/command.h"
#include "shared/base/memory.h"
#include "shared/nats/consumer_info.h"

#include <dirent.h>
#include <errno.h>
#include <json-c/linkhash.h>
#include <stdlib.h>
#include <string.h>

static const struct slice extension = {".json", 5};
static const char labels_field[] = "metadata";

/* "prefix" + "a", or "prefix" + "a" + separator + "b". */
static char *join(const char *prefix, struct slice a, char separator, struct slice b) {
    struct buf text = {0};
    buf_append_text(&text, prefix);
    buf_append_slice(&text, a);
    if (b.len > 0) {
        buf_append_char(&text, separator);
        buf_append_slice(&text, b);
    }
    return text.ptr;
}

static bool says(struct json_object *object, const char *key, struct slice expected) {
    struct slice value;
    return json_get_string(object, key, &value, NULL) == STATUS_OK && slice_equal(value, expected);
}

static enum status init_stream(struct resource *resource, struct slice name, int64_t replicas,
                               struct error *error) {
    const struct slice none = {0};
    resource->label = join("stream ", name, ' ', none);
    resource->info_verb = join("STREAM.INFO.", name, '.', none);
    resource->create_verb = join("STREAM.CREATE.", name, '.', none);
    resource->update_verb = join("STREAM.UPDATE.", name, '.', none);
    if (!says(resource->declared, "name", name))
        return error_set(error, STATUS_INVALID, "%s: its file's \"name\" is another",
                         resource->label);
    if (replicas > 0)
        json_object_object_add(resource->declared, "num_replicas", json_object_new_int64(replicas));
    return STATUS_OK;
}

static enum status init_consumer(struct resource *resource, struct slice name, int64_t ack_wait_us,
                                 struct error *error) {
    struct slice durable = name, stream = slice_take_until(&durable, '.');
    if (durable.ptr == NULL)
        return error_set(error, STATUS_INVALID, "consumers/%.*s is not <STREAM>.<durable>.json",
                         SLICE_ARG(name));
    resource->stream = mem_copy(stream);
    resource->label = join("consumer ", stream, '/', durable);
    resource->info_verb = join("CONSUMER.INFO.", stream, '.', durable);
    /* Creating a durable that exists changes it, in all versions since 2.3. */
    resource->create_verb = join("CONSUMER.DURABLE.CREATE.", stream, '.', durable);
    resource->update_verb = mem_copy(slice_of(resource->create_verb));
    resource->pause_verb = join("CONSUMER.PAUSE.", stream, '.', durable);
    resource->delete_verb = join("CONSUMER.DELETE.", stream, '.', durable);
    if (!says(resource->declared, "durable_name", durable))
        return error_set(error, STATUS_INVALID, "%s: its file's \"durable_name\" is another",
                         resource->label);
    if (ack_wait_us > 0)
        json_object_object_add(resource->declared, "ack_wait",
                               json_object_new_int64(ack_wait_us * 1000));
    return STATUS_OK;
}

static enum status read_resource(const char *folder, const char *file, struct resource *resource,
                                 struct error *error) {
    struct buf content = {0}, path = {0};
    buf_printf(&path, "%s/%s", folder, file);
    struct error cause;
    enum status status = command_read_file(path.ptr, &content, &cause);
    if (status == STATUS_OK)
        status = json_parse(buf_slice(&content), &resource->declared, &cause);
    if (status != STATUS_OK)
        (void)error_set(error, status, "%s: %.150s", file, cause.text);
    buf_fini(&path);
    buf_fini(&content);
    return status;
}

static int only_json(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return len > extension.len && strcmp(entry->d_name + len - extension.len, extension.ptr) == 0;
}

static enum status add_resource(const char *folder, const char *file, bool is_consumer,
                                const struct resource_overrides *overrides,
                                struct resources *resources, struct error *error) {
    struct resource *grown = realloc(resources->items, (resources->count + 1) * sizeof(*grown));
    if (grown == NULL)
        return error_set(error, STATUS_NO_MEMORY, "out of memory");
    resources->items = grown;
    struct resource *resource = &grown[resources->count++];
    *resource = (struct resource){0};
    struct slice name = {file, strlen(file) - extension.len};
    enum status status = read_resource(folder, file, resource, error);
    if (status != STATUS_OK)
        return status;
    return is_consumer ? init_consumer(resource, name, overrides->ack_wait_us, error)
                       : init_stream(resource, name, overrides->replicas, error);
}

static enum status read_folder(const char *directory, bool is_consumers,
                               const struct resource_overrides *overrides,
                               struct resources *resources, struct error *error) {
    struct buf folder = {0};
    struct dirent **entries = NULL;
    enum status status = STATUS_OK;
    buf_printf(&folder, "%s/%s", directory, is_consumers ? "consumers" : "streams");
    int count = scandir(folder.ptr, &entries, only_json, alphasort);
    if (count < 0)
        status = error_set(error, STATUS_NOT_FOUND, "%s: %s", folder.ptr, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK)
            status = add_resource(folder.ptr, entries[i]->d_name, is_consumers, overrides,
                                  resources, error);
        free(entries[i]);
    }
    free(entries);
    buf_fini(&folder);
    return status;
}

enum status resources_read(const char *directory, const struct resource_overrides *overrides,
                           struct resources *resources, struct error *error) {
    enum status status = read_folder(directory, false, overrides, resources, error);
    if (status == STATUS_OK)
        status = read_folder(directory, true, overrides, resources, error);
    return status;
}

static void put_over(struct json_object *under, struct json_object *over) {
    json_object_object_foreach(over, field, value) {
        json_object_object_add(under, field, json_object_get(value));
    }
}

static enum status fit(struct resource *resource, int version, struct error *error) {
    struct json_object *since = NULL;
    if (!json_object_object_get_ex(resource->declared, "since", NULL))
        return STATUS_OK;
    enum status status = json_get_object(resource->declared, "since", &since, error);
    if (status != STATUS_OK)
        return status;
    json_object_get(since);
    json_object_object_del(resource->declared, "since");
    json_object_object_foreach(since, key, fields) {
        int least = nats_info_parse_version(slice_of(key));
        if (least == 0)
            status = error_set(error, STATUS_INVALID, "%s: since %s, which is no version",
                               resource->label, key);
        else if (version == 0 || version >= least)
            put_over(resource->declared, fields);
    }
    json_object_put(since);
    return status;
}

enum status resources_fit(struct resources *resources, int version, struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < resources->count && status == STATUS_OK; i++)
        status = fit(&resources->items[i], version, error);
    return status;
}

bool resource_settle_persistence(struct resource *resource, struct json_object *actual,
                                 bool is_clustered) {
    static const char mode[] = "persist_mode", batches[] = "allow_atomic";
    struct json_object *declared = resource->declared, *made = json_object_object_get(actual, mode);
    if (!json_object_object_get_ex(declared, mode, NULL))
        return false;
    bool may_be = json_object_get_int64(json_object_object_get(declared, "num_replicas")) <= 1;
    bool is = made != NULL && strcmp(json_object_get_string(made), "async") == 0;
    bool is_wanted = may_be && (actual != NULL ? is : !is_clustered);
    json_object_object_del(declared, is_wanted ? batches : mode);
    return may_be && !is_clustered && !is_wanted;
}

void resources_fini(struct resources *resources) {
    for (size_t i = 0; i < resources->count; i++) {
        struct resource *resource = &resources->items[i];
        json_object_put(resource->declared);
        free(resource->label);
        free(resource->stream);
        free(resource->info_verb);
        free(resource->create_verb);
        free(resource->update_verb);
        free(resource->pause_verb);
        free(resource->delete_verb);
    }
    free(resources->items);
    *resources = (struct resources){0};
}

/* The server takes one of the two, or lets the other overrule ours. */
static const char *rival_of(const char *field) {
    if (strcmp(field, "filter_subject") == 0)
        return "filter_subjects";
    return strcmp(field, "ack_wait") == 0 ? "backoff" : "";
}

/* The declared labels, with those that are there besides. */
static struct json_object *add_labels(struct json_object *present, struct json_object *declared) {
    struct json_object *labels = json_object_new_object();
    if (present != NULL)
        put_over(labels, present);
    put_over(labels, declared);
    return labels;
}

static void put_field(const struct resource *resource, struct json_object *config,
                      const char *field) {
    struct json_object *wanted = NULL;
    if (json_object_object_get_ex(resource->declared, field, &wanted))
        json_object_object_add(config, field,
                               strcmp(field, labels_field) == 0
                                   ? add_labels(json_object_object_get(config, field), wanted)
                                   : json_object_get(wanted));
    else
        json_object_object_del(config, field);
    json_object_object_del(config, rival_of(field));
}

/* `actual` may be NULL. */
static void put_all(const struct resource *resource, struct json_object *config,
                    struct json_object *actual) {
    if (actual != NULL) {
        json_object_object_foreach(actual, key, value) {
            if (resource_field_owner(resource, key, value) == FIELD_NOBODYS)
                json_object_object_del(config, key);
        }
    }
    json_object_object_foreach(resource->declared, field, wanted) {
        (void)wanted;
        put_field(resource, config, field);
    }
}

struct json_object *resource_wanted(const struct resource *resource, struct json_object *actual,
                                    const char *field) {
    struct json_object *config = json_object_new_object();
    if (actual != NULL)
        put_over(config, actual);
    if (field != NULL)
        put_field(resource, config, field);
    else
        put_all(resource, config, actual);
    return config;
}

struct json_object *resource_request(const struct resource *resource, struct json_object *config) {
    if (resource->stream == NULL)
        return json_object_get(config);
    struct json_object *request = json_object_new_object();
    json_object_object_add(request, "stream_name", json_object_new_string(resource->stream));
    json_object_object_add(request, "config", json_object_get(config));
    return request;
}

static bool is_empty(struct json_object *value) {
    switch (json_object_get_type(value)) {
    case json_type_null:
        return true;
    case json_type_boolean:
        return !json_object_get_boolean(value);
    case json_type_int:
        return json_object_get_int64(value) == 0;
    case json_type_string:
        return json_object_get_string_len(value) == 0;
    case json_type_array:
        return json_object_array_length(value) == 0;
    case json_type_object:
        return json_object_object_length(value) == 0;
    case json_type_double:
        return false;
    }
    return false;
}

static bool array_contains(struct json_object *array, struct json_object *element) {
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        if (json_object_equal(json_object_array_get_idx(array, i), element))
            return true;
    }
    return false;
}

static bool is_subset(struct json_object *array, struct json_object *of) {
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        if (!array_contains(of, json_object_array_get_idx(array, i)))
            return false;
    }
    return true;
}

bool resource_passes_over(const struct resource *resource, struct json_object *actual) {
    struct slice one = SLICE_LITERAL(">");
    struct json_object *many = NULL;
    if (resource->stream == NULL)
        return false;
    (void)!json_get_string(resource->declared, "filter_subject", &one, NULL);
    if (json_get_array(resource->declared, "filter_subjects", &many, NULL) != STATUS_OK)
        return !consumer_takes(actual, one);
    for (size_t i = 0; i < json_object_array_length(many); i++) {
        const char *filter = json_object_get_string(json_object_array_get_idx(many, i));
        if (!consumer_takes(actual, slice_of(filter)))
            return true;
    }
    return false;
}

static bool members_agree(struct json_object *declared, struct json_object *actual) {
    json_object_object_foreach(declared, key, value) {
        if (!resource_values_agree(value, json_object_object_get(actual, key)))
            return false;
    }
    return true;
}

bool resource_values_agree(struct json_object *declared, struct json_object *actual) {
    if (actual == NULL || json_object_is_type(actual, json_type_null))
        return is_empty(declared);
    if (json_object_is_type(declared, json_type_array) &&
        json_object_is_type(actual, json_type_array))
        return is_subset(declared, actual) && is_subset(actual, declared);
    if (json_object_is_type(declared, json_type_object) &&
        json_object_is_type(actual, json_type_object))
        return members_agree(declared, actual);
    return json_object_equal(declared, actual);
}

/* Every server says something for these by itself, or they change nothing for anybody. */
static bool is_servers_own(const char *field, struct json_object *actual) {
    static const struct {
        const char *field;
        const char *value; /* NULL: any */
    } own[] = {
        {"allow_direct", NULL},     {"name", NULL},
        {"description", NULL},      {"pause_until", NULL},
        {"discard", "old"},         {"compression", "none"},
        {"deliver_policy", "all"},  {"replay_policy", "instant"},
        {"retention", "limits"},    {"storage", "file"},
        {"ack_policy", "explicit"}, {"duplicate_window", "120000000000"},
        {"max_waiting", "512"},     {"persist_mode", "default"},
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(field, own[i].field) == 0 &&
            (own[i].value == NULL || strcmp(json_object_get_string(actual), own[i].value) == 0))
            return true;
    }
    return false;
}

/* A server labels what it makes, under a prefix of its own. */
struct json_object *resource_operators_labels(const struct resource *resource,
                                              struct json_object *actual) {
    struct json_object *declared = json_object_object_get(resource->declared, labels_field);
    struct json_object *labels = json_object_new_object();
    json_object_object_foreach(actual, key, value) {
        if (strncmp(key, "_nats.", strlen("_nats.")) != 0 &&
            !json_object_object_get_ex(declared, key, NULL))
            json_object_object_add(labels, key, json_object_get(value));
    }
    return labels;
}

static enum field_owner labels_owner(const struct resource *resource, struct json_object *actual) {
    struct json_object *labels = resource_operators_labels(resource, actual);
    bool has_some = !is_empty(labels);
    json_object_put(labels);
    if (has_some)
        return FIELD_OPERATORS;
    return json_object_object_get_ex(resource->declared, labels_field, NULL) ? FIELD_FILES
                                                                             : FIELD_SERVERS;
}

enum field_owner resource_field_owner(const struct resource *resource, const char *field,
                                      struct json_object *actual) {
    bool is_unlimited =
        json_object_is_type(actual, json_type_int) && json_object_get_int64(actual) == -1;
    if (strcmp(field, labels_field) == 0 && json_object_is_type(actual, json_type_object))
        return labels_owner(resource, actual);
    if (json_object_object_get_ex(resource->declared, field, NULL))
        return FIELD_FILES;
    if (is_empty(actual) || is_unlimited || is_servers_own(field, actual))
        return FIELD_SERVERS;
    return strcmp(field, "placement") == 0 ? FIELD_OPERATORS : FIELD_NOBODYS;
}
