#include "omctl/install/resource.h"
#include "shared/contract/event.h"
#include "shared/nats/subject.h"
#include "tests/support/base/test.h"

#include <glob.h>
#include <json-c/json_tokener.h>
#include <sys/stat.h>

static bool agree(const char *declared, const char *actual) {
    struct json_object *d = json_tokener_parse(declared);
    struct json_object *a = actual != NULL ? json_tokener_parse(actual) : NULL;
    bool same = resource_values_agree(d, a);
    json_object_put(d);
    json_object_put(a);
    return same;
}

static void values_agree_as_a_server_writes_them(void **state) {
    (void)state;
    assert_true(agree("7", "7"));
    assert_false(agree("7", "8"));
    assert_true(agree("0", NULL));
    assert_true(agree("false", NULL));
    assert_true(agree("\"\"", NULL));
    assert_true(agree("[]", NULL));
    assert_false(agree("-1", NULL));
    assert_false(agree("\"limits\"", NULL));
    assert_true(agree("[\"a\",\"b\"]", "[\"b\",\"a\"]"));
    assert_false(agree("[\"a\"]", "[\"a\",\"b\"]"));
    assert_false(agree("[\"a\",\"b\"]", "[\"a\"]"));
}

static void metadata_that_a_server_adds_is_no_difference(void **state) {
    (void)state;
    assert_true(agree("{\"a\":\"b\"}", "{\"a\":\"b\",\"_nats.level\":\"1\"}"));
    assert_false(agree("{\"a\":\"b\"}", "{\"a\":\"c\"}"));
    assert_false(agree("{\"a\":\"b\"}", "{}"));
}

static const char actual_text[] =
    "{\"name\":\"X\",\"max_age\":9,\"no_ack\":true,\"from_the_future\":[1],"
    "\"placement\":{\"cluster\":\"c\"},\"metadata\":{\"_nats.ver\":\"3\",\"team\":\"a\"}}";

/* "which is not declared" was left alone, and "all as declared" was said. */
static void a_change_leaves_out_what_is_declared_nowhere_and_keeps_the_operators(void **state) {
    (void)state;
    struct resource resource = {.declared = json_tokener_parse("{\"name\":\"X\",\"max_age\":5}")};
    struct json_object *actual = json_tokener_parse(actual_text);
    struct json_object *wanted = resource_wanted(&resource, actual, NULL);
    assert_string_equal(json_object_to_json_string_ext(wanted, JSON_C_TO_STRING_PLAIN),
                        "{\"name\":\"X\",\"max_age\":5,\"placement\":{\"cluster\":\"c\"},"
                        "\"metadata\":{\"_nats.ver\":\"3\",\"team\":\"a\"}}");
    json_object_put(wanted);
    json_object_put(actual);
    json_object_put(resource.declared);
}

/* A declared label would have taken away those of the operator. */
static void declared_labels_are_put_beside_the_operators(void **state) {
    (void)state;
    struct resource resource = {
        .declared = json_tokener_parse("{\"name\":\"X\",\"metadata\":{\"ours\":\"1\"}}")};
    struct json_object *actual =
        json_tokener_parse("{\"name\":\"X\",\"metadata\":{\"team\":\"a\",\"ours\":\"0\"}}");
    struct json_object *wanted = resource_wanted(&resource, actual, NULL);
    assert_string_equal(json_object_to_json_string_ext(wanted, JSON_C_TO_STRING_PLAIN),
                        "{\"name\":\"X\",\"metadata\":{\"team\":\"a\",\"ours\":\"1\"}}");
    struct json_object *labels = json_object_object_get(actual, "metadata");
    struct json_object *theirs = resource_operators_labels(&resource, labels);
    assert_string_equal(json_object_to_json_string_ext(theirs, JSON_C_TO_STRING_PLAIN),
                        "{\"team\":\"a\"}");
    assert_int_equal(resource_field_owner(&resource, "metadata", labels), FIELD_OPERATORS);
    json_object_object_del(labels, "team");
    assert_int_equal(resource_field_owner(&resource, "metadata", labels), FIELD_FILES);
    json_object_put(theirs);
    json_object_put(wanted);
    json_object_put(actual);
    json_object_put(resource.declared);
}

static void a_change_of_one_field_leaves_all_others(void **state) {
    (void)state;
    struct resource resource = {
        .stream = (char *)(uintptr_t) "S",
        .declared = json_tokener_parse("{\"durable_name\":\"d\",\"filter_subject\":\"a\"}")};
    struct json_object *actual = json_tokener_parse(
        "{\"durable_name\":\"d\",\"filter_subjects\":[\"b\"],\"max_batch\":1,\"max_bytes\":2}");
    struct json_object *wanted = resource_wanted(&resource, actual, "max_batch");
    assert_string_equal(json_object_to_json_string_ext(wanted, JSON_C_TO_STRING_PLAIN),
                        "{\"durable_name\":\"d\",\"filter_subjects\":[\"b\"],\"max_bytes\":2}");
    json_object_put(wanted);
    wanted = resource_wanted(&resource, actual, "filter_subject");
    struct json_object *request = resource_request(&resource, wanted);
    assert_string_equal(json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN),
                        "{\"stream_name\":\"S\",\"config\":{\"durable_name\":\"d\",\"max_batch\":1,"
                        "\"max_bytes\":2,\"filter_subject\":\"a\"}}");
    json_object_put(request);
    json_object_put(wanted);
    json_object_put(actual);
    json_object_put(resource.declared);
}

static void each_field_has_an_owner(void **state) {
    (void)state;
    static const struct {
        const char *field, *value;
        enum field_owner owner;
    } rows[] = {
        {"name", "\"X\"", FIELD_FILES},
        {"no_ack", "false", FIELD_SERVERS},
        {"no_ack", "true", FIELD_NOBODYS},
        {"max_msgs", "-1", FIELD_SERVERS},
        {"compression", "\"none\"", FIELD_SERVERS},
        {"compression", "\"s2\"", FIELD_NOBODYS},
        {"allow_direct", "true", FIELD_SERVERS},
        {"consumer_limits", "{}", FIELD_SERVERS},
        {"consumer_limits", "{\"max_ack_pending\":1}", FIELD_NOBODYS},
        {"pause_until", "\"2099-01-01T00:00:00Z\"", FIELD_SERVERS},
        {"metadata", "{\"_nats.level\":\"1\"}", FIELD_SERVERS},
        {"metadata", "{\"_nats.level\":\"1\",\"team\":\"a\"}", FIELD_OPERATORS},
        {"placement", "{\"tags\":[\"a\"]}", FIELD_OPERATORS},
    };
    struct resource resource = {.declared = json_tokener_parse("{\"name\":\"X\"}")};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_object *value = json_tokener_parse(rows[i].value);
        if (resource_field_owner(&resource, rows[i].field, value) != rows[i].owner)
            fail_msg("%s %s", rows[i].field, rows[i].value);
        json_object_put(value);
    }
    json_object_put(resource.declared);
}

static size_t count_files(const char *pattern) {
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    size_t count = found.gl_pathc;
    globfree(&found);
    return count;
}

static const struct resource_overrides as_declared = {0};

static void the_declared_files_of_this_project_are_read(void **state) {
    (void)state;
    const struct resource_overrides overridden = {.ack_wait_us = 2000000, .replicas = 3};
    struct resources resources = {0};
    struct error error;
    assert_int_equal(resources_read(OM_SOURCE_DIR "/nats", &overridden, &resources, &error),
                     STATUS_OK);
    assert_int_equal(resources.count, count_files(OM_SOURCE_DIR "/nats/streams/*.json") +
                                          count_files(OM_SOURCE_DIR "/nats/consumers/*.json"));
    assert_string_equal(resources.items[0].label, "stream ADVISORIES");
    const struct resource *last = &resources.items[resources.count - 1];
    assert_string_equal(last->label, "consumer SHIPPING/webhooks");
    assert_string_equal(last->info_verb, "CONSUMER.INFO.SHIPPING.webhooks");
    int64_t ack_wait_ns = 0;
    assert_int_equal(json_get_int64(last->declared, "ack_wait", &ack_wait_ns, NULL), STATUS_OK);
    assert_int_equal(ack_wait_ns, INT64_C(2000000000));
    int64_t replicas = 0;
    assert_int_equal(json_get_int64(resources.items[0].declared, "num_replicas", &replicas, NULL),
                     STATUS_OK);
    assert_int_equal(replicas, 3);
    resources_fini(&resources);
}

static bool takes(const struct resources *resources, const char *stream, const char *subject) {
    for (size_t i = 0; i < resources->count; i++) {
        struct json_object *subjects, *declared = resources->items[i].declared;
        struct slice name;
        if (json_get_string(declared, "name", &name, NULL) != STATUS_OK ||
            !slice_is(name, stream) ||
            json_get_array(declared, "subjects", &subjects, NULL) != STATUS_OK)
            continue;
        for (size_t j = 0; j < json_object_array_length(subjects); j++) {
            struct json_object *filter = json_object_array_get_idx(subjects, j);
            if (subject_matches(slice_of(json_object_get_string(filter)), slice_of(subject)))
                return true;
        }
    }
    return false;
}

/* Whatever somebody sent by mistake was stored, and nobody read it. */
static void streams_take_what_is_sent_to_them_and_no_other_subject(void **state) {
    (void)state;
    struct resources resources = {0};
    struct error error;
    require_ok(resources_read(OM_SOURCE_DIR "/nats", &as_declared, &resources, &error), &error);
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event_info *info = event_info((enum event_type)type);
        struct buf filler = {0};
        event_filler_subject(info->stream, &filler);
        if (!takes(&resources, info->stream, info->subject) ||
            !takes(&resources, info->stream, filler.ptr))
            fail_msg("%s does not take %s and %s", info->stream, info->subject, filler.ptr);
        buf_fini(&filler);
    }
    static const char *const others[] = {"orders.nonsense", "orders.created", "orders.evt",
                                         "orders.evt.created.for.c100", "payments.cmd.charge"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(takes(&resources, "ORDERS", others[i]));
        assert_false(takes(&resources, "PAYMENTS", others[i]));
    }
    resources_fini(&resources);
}

static bool takes_batches(int version) {
    struct resources resources = {0};
    struct error error;
    bool takes = false;
    assert_int_equal(resources_read(OM_SOURCE_DIR "/nats", &as_declared, &resources, &error),
                     STATUS_OK);
    require_ok(resources_fit(&resources, version, &error), &error);
    for (size_t i = 0; i < resources.count; i++) {
        struct json_object *declared = resources.items[i].declared;
        assert_false(json_object_object_get_ex(declared, "since", NULL));
        if (strcmp(resources.items[i].label, "stream ORDERS") == 0)
            takes = json_object_get_boolean(json_object_object_get(declared, "allow_atomic"));
    }
    resources_fini(&resources);
    return takes;
}

static void a_server_is_asked_for_no_more_than_it_knows(void **state) {
    (void)state;
    assert_false(takes_batches(NATS_SERVER_VERSION(2, 9, 10)));
    assert_false(takes_batches(NATS_SERVER_VERSION(2, 11, 17)));
    assert_true(takes_batches(NATS_SERVER_VERSION(2, 12, 0)));
    assert_true(takes_batches(0));
}

static const char *persistence(int64_t replicas, const char *made, bool is_clustered,
                               bool *is_kept) {
    struct json_object *actual = NULL;
    struct resource resource = {0};
    const char *chosen = "neither";
    assert_int_equal(json_parse(SLICE_LITERAL("{\"allow_atomic\":true,\"persist_mode\":\"async\"}"),
                                &resource.declared, NULL),
                     STATUS_OK);
    json_object_object_add(resource.declared, "num_replicas", json_object_new_int64(replicas));
    if (made != NULL)
        assert_int_equal(json_parse(slice_of(made), &actual, NULL), STATUS_OK);
    *is_kept = resource_settle_persistence(&resource, actual, is_clustered);
    bool batches = json_object_object_get_ex(resource.declared, "allow_atomic", NULL);
    if (batches != json_object_object_get_ex(resource.declared, "persist_mode", NULL))
        chosen = batches ? "batches" : "async";
    json_object_put(resource.declared);
    json_object_put(actual);
    return chosen;
}

static void a_stream_persists_as_it_was_made_to(void **state) {
    (void)state;
    bool is_kept;
    assert_string_equal(persistence(1, NULL, false, &is_kept), "async");
    assert_false(is_kept);
    assert_string_equal(persistence(3, NULL, false, &is_kept), "batches");
    assert_false(is_kept);
    assert_string_equal(persistence(1, "{\"persist_mode\":\"async\"}", false, &is_kept), "async");
    assert_false(is_kept);
    assert_string_equal(persistence(1, "{\"persist_mode\":\"default\"}", false, &is_kept),
                        "batches");
    assert_true(is_kept);
    assert_string_equal(persistence(1, "{}", false, &is_kept), "batches");
    assert_true(is_kept);
    assert_string_equal(persistence(3, "{\"persist_mode\":\"async\"}", false, &is_kept), "batches");
    assert_false(is_kept);
    assert_string_equal(persistence(1, NULL, true, &is_kept), "batches");
    assert_false(is_kept);
    assert_string_equal(persistence(1, "{\"persist_mode\":\"async\"}", true, &is_kept), "async");
    assert_false(is_kept);
}

static void write_file(const char *directory, const char *name, const char *content) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", directory, name);
    FILE *file = fopen(path.ptr, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    buf_fini(&path);
}

static void remove_file(const char *directory, const char *name) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", directory, name);
    assert_int_equal(remove(path.ptr), 0);
    buf_fini(&path);
}

static void a_file_named_otherwise_than_its_content_is_refused(void **state) {
    (void)state;
    char directory[] = "/tmp/om-resource-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct buf streams = {0}, consumers = {0};
    buf_printf(&streams, "%s/streams", directory);
    buf_printf(&consumers, "%s/consumers", directory);
    assert_int_equal(mkdir(streams.ptr, 0700), 0);
    struct resources resources = {0};
    struct error error;

    write_file(streams.ptr, "A.json", "{\"name\":\"B\"}");
    assert_int_equal(resources_read(directory, &as_declared, &resources, &error), STATUS_INVALID);
    assert_contains(error.text, "stream A");
    resources_fini(&resources);

    write_file(streams.ptr, "A.json", "{name:1}");
    assert_int_equal(resources_read(directory, &as_declared, &resources, &error), STATUS_INVALID);
    assert_contains(error.text, "A.json");
    resources_fini(&resources);

    write_file(streams.ptr, "A.json", "{\"name\":\"A\",\"since\":{\"later\":{}}}");
    assert_int_equal(mkdir(consumers.ptr, 0700), 0);
    require_ok(resources_read(directory, &as_declared, &resources, &error), &error);
    assert_int_equal(resources_fit(&resources, 0, &error), STATUS_INVALID);
    assert_contains(error.text, "since later");
    resources_fini(&resources);

    remove_file(directory, "consumers");
    remove_file(streams.ptr, "A.json");
    remove_file(directory, "streams");
    assert_int_equal(resources_read(directory, &as_declared, &resources, &error), STATUS_NOT_FOUND);
    resources_fini(&resources);
    assert_int_equal(rmdir(directory), 0);
    buf_fini(&streams);
    buf_fini(&consumers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_agree_as_a_server_writes_them),
        cmocka_unit_test(metadata_that_a_server_adds_is_no_difference),
        cmocka_unit_test(a_change_leaves_out_what_is_declared_nowhere_and_keeps_the_operators),
        cmocka_unit_test(declared_labels_are_put_beside_the_operators),
        cmocka_unit_test(a_change_of_one_field_leaves_all_others),
        cmocka_unit_test(each_field_has_an_owner),
        cmocka_unit_test(the_declared_files_of_this_project_are_read),
        cmocka_unit_test(streams_take_what_is_sent_to_them_and_no_other_subject),
        cmocka_unit_test(a_server_is_asked_for_no_more_than_it_knows),
        cmocka_unit_test(a_stream_persists_as_it_was_made_to),
        cmocka_unit_test(a_file_named_otherwise_than_its_content_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
