#include "omctl/install/resource.h"
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

static void a_change_keeps_the_fields_that_are_not_declared(void **state) {
    (void)state;
    struct resource resource = {.declared = json_tokener_parse("{\"name\":\"X\",\"max_age\":5}")};
    struct json_object *actual =
        json_tokener_parse("{\"name\":\"X\",\"max_age\":9,\"from_the_future\":[1]}");
    struct json_object *request = resource_request(&resource, actual);
    assert_string_equal(json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN),
                        "{\"name\":\"X\",\"max_age\":5,\"from_the_future\":[1]}");
    json_object_put(request);
    json_object_put(actual);
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
    assert_string_equal(last->label, "consumer SHIPPING/order");
    assert_string_equal(last->info_verb, "CONSUMER.INFO.SHIPPING.order");
    int64_t ack_wait_ns = 0;
    assert_int_equal(json_get_int64(last->declared, "ack_wait", &ack_wait_ns, NULL), STATUS_OK);
    assert_int_equal(ack_wait_ns, INT64_C(2000000000));
    int64_t replicas = 0;
    assert_int_equal(json_get_int64(resources.items[0].declared, "num_replicas", &replicas, NULL),
                     STATUS_OK);
    assert_int_equal(replicas, 3);
    resources_fini(&resources);
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
    struct buf streams = {0};
    buf_printf(&streams, "%s/streams", directory);
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

    remove_file(streams.ptr, "A.json");
    remove_file(directory, "streams");
    assert_int_equal(resources_read(directory, &as_declared, &resources, &error), STATUS_NOT_FOUND);
    resources_fini(&resources);
    assert_int_equal(rmdir(directory), 0);
    buf_fini(&streams);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_agree_as_a_server_writes_them),
        cmocka_unit_test(metadata_that_a_server_adds_is_no_difference),
        cmocka_unit_test(a_change_keeps_the_fields_that_are_not_declared),
        cmocka_unit_test(the_declared_files_of_this_project_are_read),
        cmocka_unit_test(a_file_named_otherwise_than_its_content_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
