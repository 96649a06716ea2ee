#include "omctl/install/labels.h"

#include "shared/contract/event.h"
#include "shared/contract/label.h"
#include "shared/nats/subject.h"

#include <string.h>

#define LABEL_MONITOR "io.nats.monitor."
/* As the alert ConsumerBehind has it. */
#define UNPROCESSED_CRITICAL "10000"
/* An event stream has a dozen, since no order's id is in a subject. */
#define SUBJECTS_WARN "50"
#define SUBJECTS_CRITICAL "100"
/* Of streams that no service publishes events into. */
#define KEEPER "dlq"

static struct json_object *labels_of(struct resource *resource) {
    struct json_object *labels = json_object_object_get(resource->declared, "metadata");
    if (labels == NULL) {
        labels = json_object_new_object();
        json_object_object_add(resource->declared, "metadata", labels);
    }
    return labels;
}

static void put(struct json_object *labels, const char *name, struct slice value) {
    if (!json_object_object_get_ex(labels, name, NULL))
        json_object_object_add(labels, name, json_object_new_string_len(value.ptr, (int)value.len));
}

static struct slice text_of(const struct resource *resource, const char *field) {
    struct slice text = {0};
    (void)!json_get_string(resource->declared, field, &text, NULL);
    return text;
}

static void put_number(struct json_object *labels, const char *name, int64_t value) {
    struct buf text = {0};
    buf_append_int(&text, value);
    put(labels, name, buf_slice(&text));
    buf_fini(&text);
}

/* Those of the stream's events that pass the filter, which may be empty. False when there is none.
 */
static bool put_schemas(struct json_object *labels, struct slice stream, struct slice filter) {
    struct buf schemas = {0};
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info((enum event_type)type);
        if (!slice_is(stream, info->stream) ||
            (filter.len > 0 && !subject_matches(filter, slice_of(info->subject))))
            continue;
        if (schemas.len > 0)
            buf_append_char(&schemas, ' ');
        event_schema((enum event_type)type, &schemas);
    }
    bool has_some = schemas.len > 0;
    if (has_some)
        put(labels, LABEL_SCHEMAS, buf_slice(&schemas));
    buf_fini(&schemas);
    return has_some;
}

/* Who publishes its events. Where there are commands, too, these come first in the table. */
static struct slice owner_of_stream(struct slice stream) {
    const char *owner = KEEPER;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info((enum event_type)type);
        if (slice_is(stream, info->stream))
            owner = info->source;
    }
    return slice_of(owner);
}

/* Copies are expected in a cluster; the CLI counts none where there is one. */
static void label_stream(struct resource *resource) {
    struct json_object *labels = labels_of(resource);
    struct slice name = text_of(resource, "name"), all = {0};
    int64_t replicas = 0;
    put(labels, LABEL_OWNER, owner_of_stream(name));
    put(labels, LABEL_MONITOR "enabled", SLICE_LITERAL("true"));
    if (put_schemas(labels, name, all)) {
        put(labels, LABEL_MONITOR "subjects-warn", SLICE_LITERAL(SUBJECTS_WARN));
        put(labels, LABEL_MONITOR "subjects-critical", SLICE_LITERAL(SUBJECTS_CRITICAL));
    }
    (void)!json_get_int64(resource->declared, "num_replicas", &replicas, NULL);
    put_number(labels, LABEL_MONITOR "peer-expect", replicas > 1 ? replicas : 0);
}

static bool is_part_of(struct slice service, struct slice durable) {
    return durable.len > service.len && durable.ptr[service.len] == '-' &&
           memcmp(durable.ptr, service.ptr, service.len) == 0;
}

/* "inventory-failed" is of inventory, which has a consumer of its own name. */
static struct slice owner_of_consumer(const struct resources *resources, struct slice durable) {
    struct slice owner = durable;
    for (size_t i = 0; i < resources->count; i++) {
        struct slice other = text_of(&resources->items[i], "durable_name");
        if (other.len > 0 && is_part_of(other, owner))
            owner = other;
    }
    return owner;
}

static void label_consumer(const struct resources *resources, struct resource *resource) {
    struct json_object *labels = labels_of(resource);
    int64_t in_hand = 0;
    put(labels, LABEL_OWNER, owner_of_consumer(resources, text_of(resource, "durable_name")));
    put(labels, LABEL_MONITOR "enabled", SLICE_LITERAL("true"));
    put(labels, LABEL_MONITOR "unprocessed-critical", SLICE_LITERAL(UNPROCESSED_CRITICAL));
    if (json_get_int64(resource->declared, "max_ack_pending", &in_hand, NULL) == STATUS_OK &&
        in_hand > 0)
        put_number(labels, LABEL_MONITOR "outstanding-ack-critical", in_hand);
    (void)put_schemas(labels, slice_of(resource->stream), text_of(resource, "filter_subject"));
}

void labels_add(struct resources *resources, int version) {
    if (version != 0 && version < NATS_SERVER_VERSION(2, 10, 0))
        return;
    for (size_t i = 0; i < resources->count; i++) {
        if (resources->items[i].stream == NULL)
            label_stream(&resources->items[i]);
        else
            label_consumer(resources, &resources->items[i]);
    }
}
