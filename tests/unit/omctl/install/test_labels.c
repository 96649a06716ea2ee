#include "omctl/install/labels.h"
#include "tests/support/base/test.h"

static struct resources resources;

static void read_labelled(int64_t replicas, int version) {
    const struct resource_overrides overrides = {.replicas = replicas};
    struct error error;
    require_ok(resources_read(OM_SOURCE_DIR "/nats", &overrides, &resources, &error), &error);
    require_ok(resources_fit(&resources, version, &error), &error);
    labels_add(&resources, version);
}

static struct json_object *labels_of(const char *label) {
    for (size_t i = 0; i < resources.count; i++) {
        if (strcmp(resources.items[i].label, label) == 0)
            return json_object_object_get(resources.items[i].declared, "metadata");
    }
    fail_msg("no %s", label);
    return NULL;
}

static const char *label(const char *of, const char *name) {
    struct json_object *value = json_object_object_get(labels_of(of), name);
    return value != NULL ? json_object_get_string(value) : "none";
}

static void each_says_whose_it_is(void **state) {
    (void)state;
    static const struct {
        const char *of, *owner;
    } rows[] = {
        {"stream ORDERS", "order"},
        {"stream PAYMENTS", "payment"},
        {"stream ORDERS_DLQ", "dlq"},
        {"stream FAILURES", "dlq"},
        {"consumer ORDERS/inventory", "inventory"},
        {"consumer ORDERS/inventory-failed", "inventory"},
        {"consumer ORDERS/shipping-stop", "shipping"},
        {"consumer ADVISORIES/dlq", "dlq"},
    };
    read_labelled(0, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(label(rows[i].of, "io.ordermesh.owner"), rows[i].owner);
    resources_fini(&resources);
}

static void each_names_the_schemas_of_its_events(void **state) {
    (void)state;
    static const char schemas[] = "io.ordermesh.schemas";
    read_labelled(0, 0);
    assert_string_equal(label("stream PAYMENTS", schemas),
                        "urn:ordermesh:schema:payment.succeeded:1 "
                        "urn:ordermesh:schema:payment.failed:1 "
                        "urn:ordermesh:schema:payment.refunded:1 "
                        "urn:ordermesh:schema:payment.authorized:1 "
                        "urn:ordermesh:schema:payment.captured:1 "
                        "urn:ordermesh:schema:payment.capture_failed:1 "
                        "urn:ordermesh:schema:payment.voided:1 "
                        "urn:ordermesh:schema:payment.action_required:1");
    assert_string_equal(label("consumer ORDERS/inventory-failed", schemas),
                        "urn:ordermesh:schema:order.failed:1");
    assert_string_equal(label("consumer COMMANDS/order", schemas),
                        "urn:ordermesh:schema:order.submit:1 urn:ordermesh:schema:order.cancel:1");
    assert_string_equal(label("stream ORDERS_DLQ", schemas), "none");
    assert_string_equal(label("consumer FAILURES/dlq", schemas), "none");
    resources_fini(&resources);
}

/* Where one copy is told to expect its peers, or three none, an audit fails. */
static void an_audit_expects_the_copies_that_there_are(void **state) {
    (void)state;
    static const char peers[] = "io.nats.monitor.peer-expect";
    read_labelled(3, NATS_SERVER_VERSION(2, 10, 0));
    assert_string_equal(label("stream ORDERS", peers), "3");
    resources_fini(&resources);
    read_labelled(1, NATS_SERVER_VERSION(2, 10, 0));
    assert_string_equal(label("stream ORDERS", peers), "0");
    assert_string_equal(
        label("consumer ORDERS/inventory", "io.nats.monitor.outstanding-ack-critical"), "20000");
    resources_fini(&resources);
}

static void a_label_of_a_file_stays_as_it_is(void **state) {
    (void)state;
    struct error error;
    const struct resource_overrides as_declared = {0};
    require_ok(resources_read(OM_SOURCE_DIR "/nats", &as_declared, &resources, &error), &error);
    struct json_object *own = json_object_new_object();
    json_object_object_add(own, "io.ordermesh.owner", json_object_new_string("us"));
    json_object_object_add(resources.items[0].declared, "metadata", own);
    labels_add(&resources, 0);
    assert_string_equal(label(resources.items[0].label, "io.ordermesh.owner"), "us");
    assert_string_equal(label(resources.items[0].label, "io.nats.monitor.enabled"), "true");
    resources_fini(&resources);
}

static void a_server_that_keeps_no_labels_is_asked_for_none(void **state) {
    (void)state;
    read_labelled(0, NATS_SERVER_VERSION(2, 9, 10));
    assert_null(labels_of("stream ORDERS"));
    assert_null(labels_of("consumer ORDERS/order"));
    resources_fini(&resources);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_says_whose_it_is),
        cmocka_unit_test(each_names_the_schemas_of_its_events),
        cmocka_unit_test(an_audit_expects_the_copies_that_there_are),
        cmocka_unit_test(a_label_of_a_file_stays_as_it_is),
        cmocka_unit_test(a_server_that_keeps_no_labels_is_asked_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
