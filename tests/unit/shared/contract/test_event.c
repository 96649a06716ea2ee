#include "shared/contract/event.h"

#include "shared/base/clock.h"
#include "tests/support/base/test.h"

static const char order_id[] = "0192f0c1-dead-7bee-8f01-0123456789ab";

static struct event_head head_of(enum event_type type, const struct event *cause) {
    struct event_head head = {
        .type = type,
        .id = uuid_v7(),
        .subject = slice_of(order_id),
        .cause = cause,
        .trace = trace_start(),
        .correlation_id = slice_of("corr-\"1\""),
        .time_us = INT64_C(1767323045678901),
    };
    return head;
}

static struct arena *arena; /* of what each test decodes */

static struct event decode(const struct buf *text) {
    struct event event = {0};
    struct error error;
    if (event_decode(buf_slice(text), arena, &event, &error) != STATUS_OK)
        print_error("%s: %s\n", text->ptr, error.text);
    assert_non_null(event.data);
    return event;
}

static void every_type_has_its_own_subject_in_its_stream(void **state) {
    (void)state;

    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        const struct event_info *info = event_info((enum event_type)i);
        enum event_type found = EVENT_TYPE_COUNT;
        char stream[32] = {0};
        for (size_t c = 0; info->subject[c] != '.'; c++)
            stream[c] = (char)(info->subject[c] - 'a' + 'A');
        assert_true(event_type_of_subject(slice_of(info->subject), &found));
        assert_int_equal(found, i);
        assert_string_equal(info->stream, stream);
        assert_memory_equal(info->type, "io.ordermesh.", 13);
    }
}

/* Of gateways before the stream COMMANDS, while versions change. */
static void a_command_is_known_by_its_former_subject_in_orders(void **state) {
    (void)state;
    enum event_type type;
    assert_true(event_type_of_subject(slice_of("orders.cmd.cancel"), &type));
    assert_int_equal(type, EVENT_ORDER_CANCEL);
    assert_string_equal(event_subject_in(EVENT_ORDER_CANCEL, "ORDERS"), "orders.cmd.cancel");
    assert_string_equal(event_subject_in(EVENT_ORDER_CANCEL, "COMMANDS"), "commands.order.cancel");
    assert_string_equal(event_subject_in(EVENT_ORDER_CREATED, "ORDERS"), "orders.evt.created");
    assert_null(event_former_subject(EVENT_ORDER_CREATED));
}

static void an_unknown_subject_has_no_type(void **state) {
    (void)state;
    enum event_type type;

    assert_false(event_type_of_subject(slice_of("orders.evt.created.x"), &type));
    assert_false(event_type_of_subject(slice_of("orders.evt"), &type));
    assert_false(event_type_of_subject(slice_of(""), &type));
}

static void the_envelope_is_written_as_documented(void **state) {
    (void)state;
    struct buf out = {0};
    struct event_head head = head_of(EVENT_ORDER_SUBMIT, NULL);
    assert_true(uuid_parse(slice_of("0192f0c1-0000-7000-8000-000000000001"), &head.id));
    assert_true(trace_parse(slice_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                            &head.trace));

    event_encode(&head, SLICE_LITERAL("{\"a\":1}"), &out, NULL);

    assert_string_equal(
        out.ptr, "{\"specversion\":\"1.0\",\"type\":\"io.ordermesh.order.submit\","
                 "\"source\":\"gateway\","
                 "\"dataschema\":\"urn:ordermesh:schema:order.submit:1\","
                 "\"id\":\"0192f0c1-0000-7000-8000-000000000001\","
                 "\"time\":\"2026-01-02T03:04:05.678901Z\","
                 "\"subject\":\"0192f0c1-dead-7bee-8f01-0123456789ab\","
                 "\"correlationid\":\"corr-\\\"1\\\"\","
                 "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
                 "\"data\":{\"a\":1}}");
    buf_fini(&out);
}

static void what_was_encoded_is_decoded_for_every_type(void **state) {
    (void)state;

    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        struct buf out = {0};
        struct event_head head = head_of((enum event_type)i, NULL);
        event_encode(&head, SLICE_LITERAL("{\"n\":7}"), &out, NULL);
        struct event event = decode(&out);
        int64_t n = 0;
        assert_int_equal(event.type, i);
        assert_int_equal(uuid_compare(&event.id, &head.id), 0);
        assert_slice_equal(event.subject, order_id);
        assert_slice_equal(event.correlation_id, "corr-\"1\"");
        assert_slice_equal(event.causation_id, "");
        assert_memory_equal(&event.trace, &head.trace, sizeof(head.trace));
        assert_int_equal(event.time_us, head.time_us);
        assert_int_equal(json_tree_get_int64(event.data, "n", &n, NULL), STATUS_OK);
        assert_int_equal(n, 7);
        buf_fini(&out);
    }
}

static void an_order_event_carries_its_order_id_and_a_product_event_none(void **state) {
    (void)state;
    static const struct uuid none;
    struct buf about_order = {0}, about_product = {0};
    struct event_head head = head_of(EVENT_ORDER_CREATED, NULL);
    event_encode(&head, SLICE_LITERAL("{}"), &about_order, NULL);
    head = head_of(EVENT_PRODUCT_CHANGED, NULL);
    head.subject = slice_of("SKU-123");
    event_encode(&head, SLICE_LITERAL("{}"), &about_product, NULL);

    struct event order = decode(&about_order), product = decode(&about_product);

    char text[UUID_TEXT_SIZE];
    uuid_format(&order.order_id, text);
    assert_string_equal(text, order_id);
    assert_slice_equal(product.subject, "SKU-123");
    assert_int_equal(uuid_compare(&product.order_id, &none), 0);
    buf_fini(&about_order);
    buf_fini(&about_product);
}

static void an_effect_names_its_cause_and_stays_in_its_trace(void **state) {
    (void)state;
    struct buf first = {0}, second = {0};
    char traceparent[TRACEPARENT_SIZE], cause_id[UUID_TEXT_SIZE];
    struct event_head head = head_of(EVENT_ORDER_CREATED, NULL);
    event_encode(&head, SLICE_LITERAL("{}"), &first, NULL);
    struct event cause = decode(&first);
    struct event_head effect_head = head_of(EVENT_INVENTORY_RESERVED, &cause);
    effect_head.correlation_id = slice_of("ignored");

    event_encode(&effect_head, SLICE_LITERAL("{}"), &second, traceparent);

    struct event effect = decode(&second);
    uuid_format(&cause.id, cause_id);
    assert_slice_equal(effect.causation_id, cause_id);
    assert_slice_equal(effect.correlation_id, "corr-\"1\"");
    assert_memory_equal(&effect.trace, &cause.trace, sizeof(cause.trace));
    char text[TRACEPARENT_SIZE];
    trace_format(&effect.trace, text);
    assert_string_equal(traceparent, text);
    buf_fini(&first);
    buf_fini(&second);
}

static void a_chain_without_correlation_is_known_by_its_first_event(void **state) {
    (void)state;
    struct buf first = {0}, second = {0};
    struct event_head head = head_of(EVENT_ORDER_SUBMIT, NULL);
    head.correlation_id = slice_of(NULL);
    head.trace = (struct trace){0};
    char id[UUID_TEXT_SIZE];
    uuid_format(&head.id, id);

    event_encode(&head, SLICE_LITERAL("{}"), &first, NULL);
    struct event cause = decode(&first);
    assert_slice_equal(cause.correlation_id, id);
    cause.correlation_id = slice_of(NULL);
    struct event_head effect_head = head_of(EVENT_ORDER_CREATED, &cause);
    event_encode(&effect_head, SLICE_LITERAL("{}"), &second, NULL);
    struct event effect = decode(&second);

    assert_slice_equal(effect.correlation_id, id);
    buf_fini(&first);
    buf_fini(&second);
}

/* A right envelope; the tests below replace one part of it. */
static const char envelope[] =
    "{\"specversion\":\"1.0\",\"type\":\"io.ordermesh.order.created\",\"source\":\"order\","
    "\"dataschema\":\"urn:ordermesh:schema:order.created:1\","
    "\"id\":\"0192f0c1-0000-7000-8000-000000000001\",\"time\":\"2026-01-02T03:04:05Z\","
    "\"subject\":\"0192f0c1-dead-7bee-8f01-0123456789ab\",\"correlationid\":\"c\","
    "\"causationid\":\"d\",\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-"
    "00f067aa0ba902b7-01\",\"data\":{}}";

static enum status decode_with(const char *part, const char *replacement) {
    struct buf text = {0};
    struct event event = {0};
    const char *at = strstr(envelope, part);
    assert_non_null(at);
    buf_append(&text, envelope, (size_t)(at - envelope));
    buf_append_text(&text, replacement);
    buf_append_text(&text, at + strlen(part));
    enum status status = event_decode(buf_slice(&text), arena, &event, NULL);
    buf_fini(&text);
    return status;
}

static void what_is_optional_may_be_missing(void **state) {
    (void)state;

    assert_int_equal(decode_with("\"correlationid\":\"c\",", ""), STATUS_OK);
    assert_int_equal(decode_with("\"causationid\":\"d\",", ""), STATUS_OK);
    assert_int_equal(decode_with("\"traceparent\"", "\"somethingelse\""), STATUS_OK);
    assert_int_equal(decode_with("order.created:1", "order.created:1.4"), STATUS_OK);
    assert_int_equal(decode_with("{", "{\"extension\":true,"), STATUS_OK);
}

static void a_malformed_traceparent_does_not_harm_the_event(void **state) {
    (void)state;

    assert_int_equal(decode_with("00-4bf9", "zz-4bf9"), STATUS_OK);
}

static void unknown_types_and_versions_are_unsupported(void **state) {
    (void)state;

    assert_int_equal(decode_with("io.ordermesh.order.created", "io.ordermesh.order.exploded"),
                     STATUS_UNSUPPORTED);
    assert_int_equal(decode_with("order.created:1", "order.created:2"), STATUS_UNSUPPORTED);
    assert_int_equal(decode_with("order.created:1", "order.created:0"), STATUS_UNSUPPORTED);
    assert_int_equal(decode_with("order.created:1", "order.created:99999"), STATUS_UNSUPPORTED);
}

static void what_is_not_our_envelope_is_invalid(void **state) {
    (void)state;
    static const struct {
        const char *part, *replacement;
    } cases[] = {
        {"\"1.0\"", "\"0.3\""},
        {"\"1.0\"", "1.0"},
        {"\"type\":", "\"typ\":"},
        {"\"io.ordermesh.order.created\"", "7"},
        {"\"source\":", "\"sourc\":"},
        {"\"order\"", "\"\""},
        {"\"dataschema\":", "\"schema\":"},
        {"order.created:1", "order.created"},
        {"order.created:1", "order.created:"},
        {"order.created:1", "order.created:1x"},
        {"order.created:1", "order.created:99999999999999999999"},
        {"order.created:1", "order.failed:1"},
        {"urn:ordermesh", "urn:somebody"},
        {"0192f0c1-0000-7000-8000-000000000001", "1"},
        {"\"id\":", "\"ID\":"},
        {"2026-01-02T03:04:05Z", "yesterday"},
        {"\"time\":", "\"at\":"},
        {"0192f0c1-dead-7bee-8f01-0123456789ab", "SKU-123"},
        {"\"subject\":", "\"object\":"},
        {"\"correlationid\":\"c\"", "\"correlationid\":7"},
        {"\"causationid\":\"d\"", "\"causationid\":null"},
        {"\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"",
         "\"traceparent\":{}"},
        {"\"data\":{}", "\"data\":[]"},
        {"\"data\":{}", "\"data\":null"},
        {"\"data\":{}", "\"dat\":{}"},
        {"\"data\":{}", "\"data\":{}, \"data\":{}"},
        {"}}", "}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum status status = decode_with(cases[i].part, cases[i].replacement);
        if (status != STATUS_INVALID)
            print_error("%s -> %s: %s\n", cases[i].part, cases[i].replacement, status_name(status));
        assert_int_equal(status, STATUS_INVALID);
    }
}

static void a_refused_event_leaves_the_callers_alone(void **state) {
    (void)state;
    struct event event = {.time_us = 7};

    assert_int_equal(event_decode(slice_of("{}"), arena, &event, NULL), STATUS_INVALID);

    assert_int_equal(event.time_us, 7);
    assert_null(event.data);
}

static int setup(void **state) {
    (void)state;
    arena = arena_create(4096);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void fillers_are_of_no_event(void **state) {
    (void)state;
    struct buf subject = {0};
    enum event_type type;
    event_filler_subject("PAYMENTS", &subject);
    assert_string_equal(subject.ptr, "payments.probe");
    assert_true(event_is_filler(buf_slice(&subject)));
    assert_false(event_type_of_subject(buf_slice(&subject), &type));
    assert_false(event_is_filler(SLICE_LITERAL("payments.evt.succeeded")));
    buf_fini(&subject);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_own_subject_in_its_stream),
        cmocka_unit_test(a_command_is_known_by_its_former_subject_in_orders),
        cmocka_unit_test(an_unknown_subject_has_no_type),
        cmocka_unit_test(the_envelope_is_written_as_documented),
        cmocka_unit_test(what_was_encoded_is_decoded_for_every_type),
        cmocka_unit_test(an_order_event_carries_its_order_id_and_a_product_event_none),
        cmocka_unit_test(an_effect_names_its_cause_and_stays_in_its_trace),
        cmocka_unit_test(a_chain_without_correlation_is_known_by_its_first_event),
        cmocka_unit_test(what_is_optional_may_be_missing),
        cmocka_unit_test(a_malformed_traceparent_does_not_harm_the_event),
        cmocka_unit_test(unknown_types_and_versions_are_unsupported),
        cmocka_unit_test(what_is_not_our_envelope_is_invalid),
        cmocka_unit_test(a_refused_event_leaves_the_callers_alone),
        cmocka_unit_test(fillers_are_of_no_event),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
