/* Our reader against the golden events of tests/contracts: what was valid once stays readable, what
   may be added is ignored, and what is unknown is refused.

   Covers: shared/contract/event.c shared/contract/order_snapshot.c shared/contract/order_terms.c
   nats/schemas/ */
#include "shared/contract/event.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"
#include "tests/support/base/test.h"

#include <json-c/json.h>

static struct json_object *load(const char *folder, const char *name) {
    char path[256];
    struct json_object *root = NULL;
    struct error error = {0};
    snprintf(path, sizeof(path), OM_SOURCE_DIR "/%s/%s.json", folder, name);
    struct buf text = read_file(path);
    if (json_parse(buf_slice(&text), &root, &error) != STATUS_OK)
        fail_msg("%s: %s", path, error.text);
    buf_fini(&text);
    return root;
}

static struct json_object *golden(enum event_type type) {
    const struct event_info *info = event_info(type);
    char name[128];
    snprintf(name, sizeof(name), "%s.v%d", info->type + strlen("io.ordermesh."), info->version);
    return load("tests/contracts/golden", name);
}

static enum status decode(struct json_object *tree, struct arena *arena, struct event *event,
                          struct error *error) {
    const char *text = json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN);
    return event_decode(slice_of(text), arena, event, error);
}

/* The event is of this type, and readable down to the order in it, if it carries one. */
static void assert_is_read(struct json_object *tree, enum event_type type) {
    struct event event = {0};
    struct error error = {0};
    struct order_snapshot order;
    struct arena *arena = arena_create(4096);
    if (decode(tree, arena, &event, &error) != STATUS_OK)
        fail_msg("%s: %s", event_info(type)->type, error.text);
    assert_int_equal(event.type, type);
    if (json_tree_member(event.data, "customerId") != NULL) {
        if (order_snapshot_parse(event.data, arena, &order, &error) != STATUS_OK)
            fail_msg("%s: %s", event_info(type)->type, error.text);
        assert_slice_equal(order.customer_id, "C100");
        assert_int_equal(order.total_minor, type == EVENT_ORDER_SUBMIT ? -1 : 3998);
        assert_int_equal(order.item_count, 1);
        assert_int_equal(order.items[0].quantity, 2);
    }
    arena_destroy(&arena);
}

static void add_unknown_members(struct json_object *value) {
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            add_unknown_members(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member) {
            (void)key;
            add_unknown_members(member);
        }
        json_object_object_add(value, "addedlater", json_object_new_object());
        json_object_object_add(value, "nothingyet", NULL);
    }
}

static void set_schema(struct json_object *tree, enum event_type type, const char *version) {
    char schema[128];
    snprintf(schema, sizeof(schema), "urn:ordermesh:schema:%s:%s",
             event_info(type)->type + strlen("io.ordermesh."), version);
    json_object_object_add(tree, "dataschema", json_object_new_string(schema));
}

static void the_oldest_events_are_read(void **state) {
    (void)state;
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct json_object *tree = golden((enum event_type)i);
        assert_is_read(tree, (enum event_type)i);
        json_object_put(tree);
    }
}

static void a_newer_minor_versions_unknown_members_are_ignored(void **state) {
    (void)state;
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct json_object *tree = golden((enum event_type)i);
        add_unknown_members(tree);
        set_schema(tree, (enum event_type)i, "1.7");
        assert_is_read(tree, (enum event_type)i);
        json_object_put(tree);
    }
}

static void an_unknown_major_version_is_unsupported(void **state) {
    (void)state;
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct json_object *tree = golden((enum event_type)i);
        struct event event;
        struct error error = {0};
        struct arena *arena = arena_create(4096);
        set_schema(tree, (enum event_type)i, "2");
        assert_int_equal(decode(tree, arena, &event, &error), STATUS_UNSUPPORTED);
        arena_destroy(&arena);
        json_object_put(tree);
    }
}

static struct json_object *enum_of(struct json_object *shared, const char *path) {
    struct json_object *part = shared;
    char name[32];
    for (size_t len; *path != '\0'; path += len + (path[len] == '/')) {
        len = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        assert_true(json_object_object_get_ex(part, name, &part));
    }
    return part;
}

static void the_schemas_know_the_reasons_and_flows_that_we_know(void **state) {
    (void)state;
    struct json_object *shared = load("nats/schemas", "shared.v1");
    struct json_object *reasons = enum_of(shared, "$defs/reason/enum");
    struct json_object *flows = enum_of(shared, "$defs/order/properties/flow/enum");
    assert_int_equal(json_object_array_length(reasons), ORDER_REASON_COUNT - 1);
    for (int i = REASON_NONE + 1; i < ORDER_REASON_COUNT; i++)
        assert_string_equal(
            json_object_get_string(json_object_array_get_idx(reasons, (size_t)i - 1)),
            order_reason_name((enum order_reason)i));
    assert_int_equal(json_object_array_length(flows), FLOW_PARALLEL + 1);
    for (int i = 0; i <= FLOW_PARALLEL; i++)
        assert_string_equal(json_object_get_string(json_object_array_get_idx(flows, (size_t)i)),
                            order_flow_name((enum order_flow)i));
    json_object_put(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_events_are_read),
        cmocka_unit_test(a_newer_minor_versions_unknown_members_are_ignored),
        cmocka_unit_test(an_unknown_major_version_is_unsupported),
        cmocka_unit_test(the_schemas_know_the_reasons_and_flows_that_we_know),
    };
    return cmocka_run_group_tests_name("contracts", tests, NULL, NULL);
}
