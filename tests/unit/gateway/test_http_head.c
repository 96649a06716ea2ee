/* Heads that h2o lets pass and we do not, and media types. */
#include "gateway/http_head.h"
#include "gateway/request.h"
#include "tests/unit/unit.h"

static void assert_sound(const char *head) {
    enum problem problem;
    const char *detail;
    if (!http_head_check(slice_of(head), &problem, &detail))
        fail_msg("refused: %s", head);
}

static void assert_refused(const char *head, enum problem expected) {
    enum problem problem;
    const char *detail;
    if (http_head_check(slice_of(head), &problem, &detail) || problem != expected)
        fail_msg("not refused as expected: %.80s", head);
}

static void usual_heads_are_sound(void **state) {
    (void)state;
    assert_sound("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_sound("GET / HTTP/1.0\r\n\r\n");
    assert_sound("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
    assert_sound("POST / HTTP/1.1\r\nHOST:a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_sound("GET / HTTP/1.1\nHost: a\n\n");
    assert_sound("GET / HTTP/1.1\r\nHost: a\r\nContent-Length-X: 1\r\nHosts: b\r\n\r\n");
}

static void ambiguous_framing_is_refused(void **state) {
    (void)state;
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\nTransfer-Encoding: a\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        assert_refused(heads[i], PROBLEM_MALFORMED_REQUEST);
}

static void sizes_far_beyond_need_are_refused(void **state) {
    (void)state;
    struct buf target = {0}, header = {0};
    buf_append_text(&target, "GET /");
    for (int i = 0; i < HTTP_TARGET_MAX_BYTES; i++)
        buf_append_char(&target, 'a');
    buf_append_text(&target, " HTTP/1.1\r\nHost: a\r\n\r\n");
    buf_append_text(&header, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < HTTP_HEAD_MAX_BYTES; i++)
        buf_append_char(&header, 'a');
    buf_append_text(&header, "\r\n\r\n");

    assert_refused(target.ptr, PROBLEM_URI_TOO_LONG);
    assert_refused(header.ptr, PROBLEM_HEADERS_TOO_LARGE);
    buf_fini(&target);
    buf_fini(&header);
}

static void json_is_recognized_with_its_parameters(void **state) {
    (void)state;
    assert_true(media_type_is_json(slice_of("application/json")));
    assert_true(media_type_is_json(slice_of("Application/JSON ; charset=UTF-8")));
    assert_true(media_type_is_json(slice_of("application/json;charset=\"utf-8\";v=1")));
    assert_false(media_type_is_json(slice_of("")));
    assert_false(media_type_is_json(slice_of("application/jsonp")));
    assert_false(media_type_is_json(slice_of("text/json")));
    assert_false(media_type_is_json(slice_of("application/json, application/json")));
    assert_false(media_type_is_json(slice_of("application/json; charset=latin-1")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_heads_are_sound),
        cmocka_unit_test(ambiguous_framing_is_refused),
        cmocka_unit_test(sizes_far_beyond_need_are_refused),
        cmocka_unit_test(json_is_recognized_with_its_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
