#include "gateway/admin/mesh_report.h"
#include "tests/support/base/test.h"

#include <string.h>

static void add_process(struct mesh_report *report, const char *name, const char *id) {
    struct buf answer = {0};
    buf_printf(&answer,
               "{\"name\":\"%s\",\"id\":\"%s\",\"version\":\"1.2.3\","
               "\"started\":\"2026-01-02T03:04:05Z\",\"endpoints\":[{\"name\":\"get\","
               "\"subject\":\"mesh.%s.get\",\"num_requests\":4,\"num_errors\":1,"
               "\"last_error\":\"404:gone\",\"average_processing_time\":1234567}]}",
               name, id, name);
    mesh_report_add_stats(report, buf_slice(&answer));
    buf_clear(&answer);
    buf_printf(&answer, "{\"name\":\"%s\",\"id\":\"%s\",\"description\":\"about %s\"}", name, id,
               id);
    mesh_report_add_info(report, buf_slice(&answer));
    buf_fini(&answer);
}

static void add_streams(struct mesh_report *report, const char *answer) {
    struct error error;
    assert_int_equal(mesh_report_add_streams(report, slice_of(answer), &error), STATUS_OK);
}

static void add_consumers(struct mesh_report *report, const char *answer) {
    struct error error;
    assert_int_equal(mesh_report_add_consumers(report, slice_of(answer), &error), STATUS_OK);
}

/* Writes and ends it. */
static void assert_document(struct mesh_report *report, const char *expected) {
    struct buf out = {0};
    mesh_report_write(report, 0, &out);
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
    mesh_report_destroy(&report);
}

#define AT "{\"at\":\"1970-01-01T00:00:00.000000Z\","

static void nothing_is_a_document_too(void **state) {
    (void)state;
    assert_document(mesh_report_create(), AT "\"services\":[],\"streams\":[],\"consumers\":[]}");
}

static void a_process_is_what_it_says_in_two_answers(void **state) {
    (void)state;
    struct mesh_report *report = mesh_report_create();
    add_process(report, "order", "o1");
    assert_document(report,
                    AT "\"services\":[{\"name\":\"order\",\"id\":\"o1\",\"version\":\"1.2.3\","
                       "\"description\":\"about o1\",\"started\":\"2026-01-02T03:04:05Z\","
                       "\"endpoints\":[{\"name\":\"get\",\"subject\":\"mesh.order.get\","
                       "\"requests\":4,\"errors\":1,\"averageMs\":1.234,"
                       "\"lastError\":\"404:gone\"}]}],\"streams\":[],\"consumers\":[]}");
}

static void a_process_that_is_not_ready_says_why(void **state) {
    (void)state;
    struct mesh_report *report = mesh_report_create();
    mesh_report_add_stats(
        report, SLICE_LITERAL("{\"name\":\"order\",\"id\":\"o1\",\"not_ready\":\"a lock\"}"));
    assert_document(report, AT "\"services\":[{\"name\":\"order\",\"id\":\"o1\",\"version\":\"\","
                               "\"description\":\"\",\"started\":\"\",\"notReady\":\"a lock\","
                               "\"endpoints\":[]}],\"streams\":[],\"consumers\":[]}");
}

static void processes_are_sorted_by_name(void **state) {
    (void)state;
    struct buf out = {0};
    struct mesh_report *report = mesh_report_create();
    add_process(report, "payment", "p");
    add_process(report, "order-b", "o2");
    add_process(report, "order", "o");
    mesh_report_write(report, 0, &out);
    const char *order = strstr(out.ptr, "\"order\""), *longer = strstr(out.ptr, "\"order-b\"");
    const char *payment = strstr(out.ptr, "\"payment\"");
    assert_true(order != NULL && order < longer && longer < payment);
    buf_fini(&out);
    mesh_report_destroy(&report);
}

static void what_is_no_answer_of_a_service_is_left_out(void **state) {
    (void)state;
    struct mesh_report *report = mesh_report_create();
    mesh_report_add_stats(report, SLICE_LITERAL(""));
    mesh_report_add_stats(report, SLICE_LITERAL("not JSON"));
    mesh_report_add_stats(report, SLICE_LITERAL("{\"id\":\"x\"}"));
    mesh_report_add_stats(report, SLICE_LITERAL("{\"name\":7,\"id\":\"x\"}"));
    mesh_report_add_info(report, SLICE_LITERAL("[]"));
    assert_document(report, AT "\"services\":[],\"streams\":[],\"consumers\":[]}");
}

static void streams_and_consumers_are_told_with_their_backlog(void **state) {
    (void)state;
    struct mesh_report *report = mesh_report_create();
    add_streams(report,
                "{\"streams\":[{\"config\":{\"name\":\"ORDERS\"},\"state\":{\"messages\":3,"
                "\"bytes\":99,\"last_seq\":7,\"last_ts\":\"2026-01-02T03:04:05Z\"}},"
                "{\"config\":{\"name\":\"ADVISORIES\"},\"state\":{\"messages\":0,\"bytes\":0,"
                "\"last_seq\":0,\"last_ts\":\"0001-01-01T00:00:00Z\"}}]}");
    assert_int_equal(mesh_report_stream_count(report), 2);
    assert_true(slice_is(mesh_report_stream(report, 0), "ORDERS"));
    add_consumers(report, "{\"consumers\":[{\"stream_name\":\"ORDERS\",\"name\":\"order\","
                          "\"num_pending\":5,\"num_ack_pending\":2,\"num_redelivered\":1,"
                          "\"paused\":true,\"ack_floor\":{\"consumer_seq\":9},\"num_waiting\":4,"
                          "\"delivered\":{\"last_active\":\"2026-01-02T03:04:06Z\"},"
                          "\"config\":{\"filter_subject\":\"orders.cmd.>\",\"max_ack_pending\":20,"
                          "\"pause_until\":\"2026-01-02T04:00:00Z\"}}]}");
    add_consumers(report, "{\"total\":0,\"consumers\":null}");
    assert_document(
        report,
        AT "\"services\":[],\"streams\":[{\"name\":\"ADVISORIES\",\"from\":[],\"messages\":0,"
           "\"bytes\":0,\"lastSequence\":0},{\"name\":\"ORDERS\","
           "\"from\":[\"order\"],\"messages\":3,"
           "\"bytes\":99,\"lastSequence\":7,\"lastAt\":\"2026-01-02T03:04:05Z\"}],"
           "\"consumers\":[{\"stream\":\"ORDERS\",\"name\":\"order\","
           "\"filter\":\"orders.cmd.>\",\"pending\":5,\"ackPending\":2,"
           "\"acknowledged\":9,\"redelivered\":1,\"waiting\":4,\"maxAckPending\":20,"
           "\"pausedUntil\":\"2026-01-02T04:00:00Z\","
           "\"lastActiveAt\":\"2026-01-02T03:04:06Z\"}]}");
}

static void an_error_of_the_server_is_told(void **state) {
    (void)state;
    struct error error;
    struct mesh_report *report = mesh_report_create();
    struct slice answer = SLICE_LITERAL("{\"error\":{\"code\":503,\"description\":\"not now\"}}");
    assert_int_equal(mesh_report_add_streams(report, answer, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.text, "not now");
    assert_int_equal(mesh_report_add_consumers(report, SLICE_LITERAL("{"), &error), STATUS_INVALID);
    mesh_report_destroy(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_document_too),
        cmocka_unit_test(a_process_is_what_it_says_in_two_answers),
        cmocka_unit_test(a_process_that_is_not_ready_says_why),
        cmocka_unit_test(processes_are_sorted_by_name),
        cmocka_unit_test(what_is_no_answer_of_a_service_is_left_out),
        cmocka_unit_test(streams_and_consumers_are_told_with_their_backlog),
        cmocka_unit_test(an_error_of_the_server_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
