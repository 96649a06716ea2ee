#include "omctl/install/nats_users.h"

#include "omctl/install/resource.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_PREFIX "nats_"
#define OPERATOR "operator"
#define NAME_MOST 32 /* as of streams and consumers */

/* --- what differs ----------------------------------------------------------------------------- */

struct needs {
    const char *user;
    const char *const *publish, *const *subscribe; /* end with NULL */
    bool republishes; /* any event again: the subjects of all streams that have dead letters */
    bool has_outbox;
};

static const char *const nothing[] = {NULL};

static const struct needs service_needs = {NULL, nothing, nothing, .has_outbox = true};

static const struct needs special_needs[] = {
    /* Asks the services, follows orders live, and shows what the mesh is made of: it may see who
       serves and how far consumers are, but no message. */
    {"gateway",
     (const char *const[]){"mesh.>", "$SRV.INFO", "$SRV.STATS", "$JS.API.STREAM.LIST",
                           "$JS.API.CONSUMER.LIST.*", "commands.probe", "orders.probe", NULL},
     (const char *const[]){"updates.>", NULL}, .has_outbox = false},
    /* Tells what becomes of orders as it happens, asks inventory for what it was not told yet, and
       how many commands there are and are read, up to where it fills their stream. */
    {"order",
     (const char *const[]){"updates.>", "mesh.inventory.product.prices",
                           "$JS.API.STREAM.INFO.COMMANDS", "$JS.API.CONSUMER.LIST.COMMANDS",
                           "commands.probe", NULL},
     nothing, .has_outbox = true},
    {"inventory", (const char *const[]){"_INBOX_order.>", NULL}, nothing, .has_outbox = true},
    /* Looks at what was given up, keeps it as dead letters, and sends it again. And at how full all
       streams are, and how old what their consumers are not done with. */
    {"dlq",
     (const char *const[]){"dlq.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
                           "$JS.API.CONSUMER.INFO.*.*", "$JS.API.STREAM.LIST",
                           "$JS.API.CONSUMER.LIST.*", NULL},
     nothing, .republishes = true},
};

static const struct needs *needs_of(const char *user) {
    for (size_t i = 0; i < sizeof(special_needs) / sizeof(special_needs[0]); i++) {
        if (strcmp(special_needs[i].user, user) == 0)
            return &special_needs[i];
    }
    return &service_needs;
}

/* A service answers the gateway (gateway/link/broker.c) and people, whose tools use the default
   prefix, but for omctl (shared/nats/nats_client.h). */
static const char *const askers[] = {"_INBOX_gateway.*.answers.*", "_INBOX_" OPERATOR ".>",
                                     "_INBOX_omctl.>", "_INBOX.>", NULL};

/* --- the users -------------------------------------------------------------------------------- */

struct users {
    char **names; /* sorted */
    size_t count;
};

static void users_fini(struct users *users) {
    for (size_t i = 0; i < users->count; i++)
        free(users->names[i]);
    free(users->names);
}

/* A secret's file that is being written has a dot in its name. */
static int is_user_file(const struct dirent *entry) {
    const char *name = entry->d_name + sizeof(FILE_PREFIX) - 1;
    return strncmp(entry->d_name, FILE_PREFIX, sizeof(FILE_PREFIX) - 1) == 0 && name[0] != '\0' &&
           strlen(name) <= NAME_MOST &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static enum status users_read(const char *secrets, struct users *users, struct error *error) {
    struct dirent **entries = NULL;
    bool has_operator = false;
    int count = scandir(secrets, &entries, is_user_file, alphasort);
    if (count < 0)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", secrets, strerror(errno));
    users->names = mem_alloc(((size_t)count + 1) * sizeof(*users->names));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name + sizeof(FILE_PREFIX) - 1;
        users->names[users->count++] = mem_copy(slice_of(name));
        has_operator = has_operator || strcmp(name, OPERATOR) == 0;
        free(entries[i]);
    }
    free(entries);
    if (!has_operator)
        return error_set(error, STATUS_INVALID, "%s has no %s", secrets, FILE_PREFIX OPERATOR);
    return STATUS_OK;
}

/* "inventory-failed" is inventory's, unless there is a user of that name. */
static bool owns(const struct users *users, const char *user, struct slice durable) {
    size_t best = 0;
    const char *owner = NULL;
    for (size_t i = 0; i < users->count; i++) {
        size_t len = strlen(users->names[i]);
        bool fits = durable.len >= len && memcmp(durable.ptr, users->names[i], len) == 0 &&
                    (durable.len == len || durable.ptr[len] == '-');
        if (fits && len > best) {
            best = len;
            owner = users->names[i];
        }
    }
    return owner != NULL && strcmp(owner, user) == 0;
}

/* --- permissions ------------------------------------------------------------------------------ */

struct permissions {
    struct buf publish, subscribe;
};

static void allow(struct buf *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void allow(struct buf *list, const char *format, ...) {
    char subject[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(subject, sizeof(subject), format, arguments);
    va_end(arguments);
    buf_printf(list, "            \"%s\"\n", subject);
}

static void allow_all(struct buf *list, const char *const *subjects) {
    for (size_t i = 0; subjects[i] != NULL; i++)
        allow(list, "%s", subjects[i]);
}

static void allow_events(struct buf *publish, const char *user) {
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info((enum event_type)type);
        const char *former = event_former_subject((enum event_type)type);
        if (strcmp(info->source, user) != 0)
            continue;
        allow(publish, "%s", info->subject);
        if (former != NULL)
            allow(publish, "%s", former);
    }
}

/* Whether the streams that it publishes into still have it, and how far who reads them is
   (shared/outbox/setback.h, and stream_fill.h). */
static void allow_looking_after(struct buf *publish, const char *user) {
    const char *stream = "";
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info((enum event_type)type);
        if (strcmp(info->source, user) != 0 || strcmp(info->stream, stream) == 0)
            continue;
        stream = info->stream;
        allow(publish, "$JS.API.STREAM.INFO.%s", stream);
        allow(publish, "$JS.API.STREAM.MSG.GET.%s", stream);
        allow(publish, "$JS.API.CONSUMER.LIST.%s", stream);
        struct buf filler = {0};
        event_filler_subject(stream, &filler);
        allow(publish, "%s", filler.ptr);
        buf_fini(&filler);
    }
}

static void allow_consumers(struct buf *publish, const struct resources *resources,
                            const struct users *users, const char *user) {
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *resource = &resources->items[i];
        struct slice durable;
        if (resource->stream == NULL ||
            json_get_string(resource->declared, "durable_name", &durable, NULL) != STATUS_OK ||
            !owns(users, user, durable))
            continue;
        char name[2 * NAME_MOST + 2];
        snprintf(name, sizeof(name), "%s.%.*s", resource->stream, SLICE_ARG(durable));
        allow(publish, "$JS.API.CONSUMER.INFO.%s", name);
        allow(publish, "$JS.API.CONSUMER.MSG.NEXT.%s", name);
        allow(publish, "$JS.ACK.%s.>", name);
        /* As newer servers may write it, with domain and account. */
        allow(publish, "$JS.ACK.*.*.%s.>", name);
        allow(publish, "failures.%s.>", name);
    }
}

static bool has_dead_letters(const struct resources *resources, struct slice stream) {
    char name[NAME_MOST + 8];
    snprintf(name, sizeof(name), "%.*s_DLQ", SLICE_ARG(stream));
    for (size_t i = 0; i < resources->count; i++) {
        struct slice other;
        if (json_get_string(resources->items[i].declared, "name", &other, NULL) == STATUS_OK &&
            slice_is(other, name))
            return true;
    }
    return false;
}

static void allow_republishing(struct buf *publish, const struct resources *resources) {
    for (size_t i = 0; i < resources->count; i++) {
        struct json_object *subjects, *declared = resources->items[i].declared;
        struct slice name;
        if (json_get_string(declared, "name", &name, NULL) != STATUS_OK ||
            json_get_array(declared, "subjects", &subjects, NULL) != STATUS_OK ||
            !has_dead_letters(resources, name))
            continue;
        for (size_t j = 0; j < json_object_array_length(subjects); j++)
            allow(publish, "%s", json_object_get_string(json_object_array_get_idx(subjects, j)));
    }
}

/* The verbs one by one: to the server, who may subscribe to "$SRV.*" may also to "$SRV.>". */
static void allow_protocol(struct buf *subscribe, const char *user) {
    static const char *const verbs[] = {"PING", "INFO", "STATS"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        allow(subscribe, "$SRV.%s", verbs[i]);
        allow(subscribe, "$SRV.%s.%s", verbs[i], user);
        allow(subscribe, "$SRV.%s.%s.*", verbs[i], user);
    }
}

/* Who keeps dead letters tells each service what was discarded (shared/service/discarded.h). */
static void allow_answers(struct buf *publish, const struct users *users) {
    for (size_t i = 0; i < users->count; i++) {
        if (needs_of(users->names[i])->has_outbox)
            allow(publish, "_INBOX_%s.>", users->names[i]);
    }
}

static void permit(struct permissions *may, const struct resources *resources,
                   const struct users *users, const char *user) {
    const struct needs *needs = needs_of(user);
    allow_events(&may->publish, user);
    if (needs->has_outbox)
        allow_looking_after(&may->publish, user);
    allow_consumers(&may->publish, resources, users, user);
    allow_all(&may->publish, needs->publish);
    if (needs->republishes)
        allow_republishing(&may->publish, resources);
    allow(&may->subscribe, "_INBOX_%s.>", user);
    allow_all(&may->subscribe, needs->subscribe);
    allow_all(&may->publish, askers);
    if (needs->republishes)
        allow_answers(&may->publish, users);
    else if (needs->has_outbox)
        allow(&may->publish, "mesh.dlq.discarded");
    allow(&may->subscribe, "mesh.%s.>", user);
    allow_protocol(&may->subscribe, user);
}

/* --- the file --------------------------------------------------------------------------------- */

/* Printable, and nothing that would end or change the quoted text it stands in. */
static bool can_be_password(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return false;
    }
    return length > 0;
}

static enum status write_user(const char *secrets, const char *user,
                              const struct permissions *permissions, struct buf *out,
                              struct error *error) {
    struct buf path = {0};
    char *password = NULL;
    size_t length = 0;
    buf_printf(&path, "%s/" FILE_PREFIX "%s", secrets, user);
    enum status status = config_read_file(path.ptr, &password, &length, error);
    if (status == STATUS_OK && !can_be_password(password, length))
        status = error_set(error, STATUS_INVALID, "%s is no password", path.ptr);
    if (status == STATUS_OK) {
        buf_printf(out, "    { user: \"%s\", password: \"%s\"", user, password);
        if (permissions != NULL)
            buf_printf(out,
                       ", permissions: {\n        publish: [\n%s        ]\n"
                       "        subscribe: [\n%s        ]\n    }",
                       permissions->publish.ptr, permissions->subscribe.ptr);
        buf_append_text(out, " }\n");
    }
    free(password);
    buf_fini(&path);
    return status;
}

enum status nats_users_write(const char *directory, const char *secrets, struct buf *out,
                             struct error *error) {
    struct resources resources = {0};
    struct users users = {0};
    const struct resource_overrides as_declared = {0};
    enum status status = resources_read(directory, &as_declared, &resources, error);
    if (status == STATUS_OK)
        status = users_read(secrets, &users, error);
    buf_append_text(out, "# Made by `omctl nats-users`.\nusers: [\n");
    for (size_t i = 0; i < users.count && status == STATUS_OK; i++) {
        struct permissions may = {0};
        bool is_operator = strcmp(users.names[i], OPERATOR) == 0;
        if (!is_operator)
            permit(&may, &resources, &users, users.names[i]);
        status = write_user(secrets, users.names[i], is_operator ? NULL : &may, out, error);
        buf_fini(&may.publish);
        buf_fini(&may.subscribe);
    }
    buf_append_text(out, "]\n");
    users_fini(&users);
    resources_fini(&resources);
    return status;
}

int nats_users_command(const struct omctl_config *config, int argc, char **argv) {
    const char *directory = "nats", *secrets = NULL;
    const struct command_option known[] = {
        {.name = "--dir", .value = &directory},
        {.name = "--secrets", .value = &secrets},
    };
    struct error error;
    struct buf out = {0};
    (void)config;
    enum status status = command_parse(known, 2, argc, argv, &error);
    if (status == STATUS_OK && secrets == NULL)
        status = error_set(&error, STATUS_INVALID, "--secrets is missing");
    if (status != STATUS_OK) {
        (void)command_failed("nats-users", &error);
        return COMMAND_USAGE;
    }
    status = nats_users_write(directory, secrets, &out, &error);
    int code = status == STATUS_OK ? COMMAND_DONE : command_failed("nats-users", &error);
    if (status == STATUS_OK)
        fputs(out.ptr, stdout);
    buf_fini(&out);
    return code;
}
