#include "gateway/webhooks/webhook_request.h"

#include "tests/support/base/test.h"

static const struct uuid id = {{1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};
#define ID "01020304-0506-7708-890a-0b0c0d0e0f10"

static enum status write_body(const char *text, bool is_change, struct field_errors *errors,
                              struct buf *out) {
    struct error error;
    const struct webhook_body body = {
        .text = slice_of(text), .tenant = SLICE_LITERAL("t"), .id = &id, .is_change = is_change};
    return webhook_request_write(&body, errors, out, &error);
}

static void a_bodys_members_are_passed_on_under_the_callers_tenant(void **state) {
    (void)state;
    struct field_errors errors = {.arena = arena_create(512)};
    struct buf out = {0};
    static const char text[] =
        "{\"url\":\"https://a\",\"eventTypes\":[\"*\"],\"description\":\"d\"}";

    assert_int_equal(write_body(text, false, &errors, &out), STATUS_OK);

    assert_int_equal(errors.count, 0);
    assert_string_equal(out.ptr, "{\"tenant\":\"t\",\"id\":\"" ID "\",\"url\":\"https://a\","
                                 "\"eventTypes\":[\"*\"],\"description\":\"d\"}");
    buf_fini(&out);
    arena_destroy(&errors.arena);
}

static void a_member_that_is_not_a_webhooks_is_a_fault(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_change;
        size_t faults;
    } bodies[] = {
        {"{\"tenant\":\"other\"}", false, 1},
        {"{\"id\":\"x\",\"secret\":\"s\"}", true, 2},
        {"{\"enabled\":true}", false, 1},
        {"{\"enabled\":true}", true, 0},
        {"{}", false, 0},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct field_errors errors = {.arena = arena_create(512)};
        struct buf out = {0};
        assert_int_equal(write_body(bodies[i].text, bodies[i].is_change, &errors, &out), STATUS_OK);
        assert_int_equal(errors.count, bodies[i].faults);
        buf_fini(&out);
        arena_destroy(&errors.arena);
    }
}

static void a_page_keeps_its_filter_in_its_link(void **state) {
    (void)state;
    struct buf link = {0}, out = {0};
    struct error error;
    assert_int_equal(webhook_page_write(SLICE_LITERAL("status=FAILED&limit=2&cursor=abc"),
                                        SLICE_LITERAL("t"), &id, &link, &out, &error),
                     STATUS_OK);
    assert_string_equal(out.ptr, "{\"tenant\":\"t\",\"id\":\"" ID "\",\"limit\":2,"
                                 "\"status\":\"FAILED\",\"cursor\":\"abc\"}");
    assert_string_equal(link.ptr, "/api/v1/webhooks/" ID "/deliveries?status=FAILED&limit=2");
    buf_fini(&link);
    buf_fini(&out);
}

static void a_query_that_means_nothing_is_refused(void **state) {
    (void)state;
    static const char *const queries[] = {"status=dead", "limit=0", "limit=201", "page=2"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct buf link = {0}, out = {0};
        struct error error;
        if (webhook_page_write(slice_of(queries[i]), SLICE_LITERAL("t"), &id, &link, &out,
                               &error) != STATUS_INVALID)
            fail_msg("%s was taken", queries[i]);
        buf_fini(&link);
        buf_fini(&out);
    }
}

static void a_key_stands_for_one_id_a_tenant(void **state) {
    (void)state;
    struct uuid a = webhook_id_of_key(SLICE_LITERAL("t"), SLICE_LITERAL("k"));
    struct uuid b = webhook_id_of_key(SLICE_LITERAL("t"), SLICE_LITERAL("k"));
    struct uuid c = webhook_id_of_key(SLICE_LITERAL("u"), SLICE_LITERAL("k"));
    assert_int_equal(uuid_compare(&a, &b), 0);
    assert_int_not_equal(uuid_compare(&a, &c), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bodys_members_are_passed_on_under_the_callers_tenant),
        cmocka_unit_test(a_member_that_is_not_a_webhooks_is_a_fault),
        cmocka_unit_test(a_page_keeps_its_filter_in_its_link),
        cmocka_unit_test(a_query_that_means_nothing_is_refused),
        cmocka_unit_test(a_key_stands_for_one_id_a_tenant),
    };
    return cmocka_run_group_tests_name("webhook_request", tests, NULL, NULL);
}
