/* Heads that are read and heads that are refused, chunked bodies, and media types.

   Covers: gateway/http/http_chunks.c gateway/reply/request.c */
#include "gateway/http/http_chunks.h"
#include "gateway/http/http_head.h"
#include "gateway/reply/request.h"
#include "tests/support/base/test.h"

static struct http_head head;
static struct http_fault fault;

static enum http_progress parse(const char *text) {
    size_t searched = 0;
    return http_head_parse(slice_of(text), &searched, &head, &fault);
}

static void assert_sound(const char *text) {
    if (parse(text) != HTTP_COMPLETE)
        fail_msg("refused: %s", text);
    assert_int_equal(head.len, strlen(text));
}

static void assert_refused(const char *text, enum problem expected) {
    if (parse(text) != HTTP_REFUSED || fault.problem != expected)
        fail_msg("not refused as expected: %.80s", text);
}

static void usual_heads_are_sound(void **state) {
    (void)state;
    assert_sound("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_sound("GET / HTTP/1.0\r\n\r\n");
    assert_sound("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n");
    assert_sound("POST / HTTP/1.1\r\nHOST:a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_sound("GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    assert_sound("GET / HTTP/1.9\r\nHost: a\r\n\r\n");
    assert_sound("GET / HTTP/1.1\r\nHost: a\r\nContent-Length-X: 1\r\nHosts: b\r\n\r\n");
    assert_sound("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void a_target_with_an_authority_is_its_path(void **state) {
    (void)state;
    static const struct {
        const char *target, *path;
    } rows[] = {{"http://b:1/x?y", "/x?y"},
                {"HTTPS://b/x", "/x"},
                {"http://b", "/"},
                {"http://b?x=1/healthz", "/"},
                {"http://b#/healthz", "/"},
                {"httpx://b/x", "httpx://b/x"},
                {"/x?http://b/y", "/x?http://b/y"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text = {0};
        buf_printf(&text, "GET %s HTTP/1.1\r\nHost: b\r\n\r\n", rows[i].target);
        assert_int_equal(parse(text.ptr), HTTP_COMPLETE);
        assert_slice_equal(head.target, rows[i].path);
        buf_fini(&text);
    }
}

/* RFC 9112 section 3.2.2. Host still has to be there, once. */
static void the_host_of_a_target_counts_before_that_of_the_header(void **state) {
    (void)state;
    assert_sound("GET http://b:1/x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_slice_equal(head.host, "b:1");
    assert_sound("GET HTTPS://[::1] HTTP/1.1\r\nX: 1\r\nHost: a\r\n\r\n");
    assert_slice_equal(head.host, "[::1]");
    assert_sound("GET http://b?x HTTP/1.0\r\n\r\n");
    assert_slice_equal(head.host, "b");
    assert_sound("GET /http://b/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_slice_equal(head.host, "a");

    assert_refused("GET http://b/ HTTP/1.1\r\n\r\n", PROBLEM_MALFORMED_REQUEST);
    assert_refused("GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                   PROBLEM_MALFORMED_REQUEST);
    assert_refused("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_MALFORMED_REQUEST);
    assert_refused("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_MALFORMED_REQUEST);
    assert_refused("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", PROBLEM_MALFORMED_REQUEST);
}

static void a_head_says_what_was_sent(void **state) {
    (void)state;
    assert_int_equal(parse("POST http://b:1/x?y HTTP/1.1\r\nHOST:  a \r\nContent-Length: 12\r\n"
                           "Expect: 100-Continue\r\nConnection: x, Close\r\n\r\n{}"),
                     HTTP_COMPLETE);

    assert_slice_equal(head.method, "POST");
    assert_slice_equal(head.target, "/x?y");
    assert_slice_equal(head.host, "b:1");
    assert_int_equal(head.field_count, 4);
    assert_int_equal(head.content_length, 12);
    assert_true(head.expects_continue);
    assert_false(head.is_persistent);
    assert_false(head.is_chunked);
}

static void persistence_depends_on_the_version_and_connection(void **state) {
    (void)state;
    assert_sound("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(head.is_persistent);
    assert_sound("GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    assert_true(head.is_persistent);
    assert_false(head.is_http_1_0);
    assert_sound("GET / HTTP/1.0\r\n\r\n");
    assert_false(head.is_persistent);
    assert_sound("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(head.is_persistent);
}

/* The network may cut it anywhere. */
static void a_head_in_pieces_is_the_same_head(void **state) {
    (void)state;
    static const char text[] = "\r\nGET /p HTTP/1.1\r\nHost: a\r\nX: \ty\r\n\r\nrest";
    for (size_t start = 0; start <= 2; start += 2) { /* with an empty line first, and without */
        const size_t len = sizeof(text) - 1 - strlen("rest") - start;
        size_t searched = 0;
        for (size_t i = 0; i < len; i++)
            assert_int_equal(
                http_head_parse((struct slice){text + start, i}, &searched, &head, &fault),
                HTTP_INCOMPLETE);

        assert_int_equal(http_head_parse((struct slice){text + start, len + strlen("rest")},
                                         &searched, &head, &fault),
                         HTTP_COMPLETE);
        assert_int_equal(head.len, len);
        assert_slice_equal(head.fields[1].value, "y");
    }
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

static void malformed_heads_are_refused(void **state) {
    (void)state;
    static const char *const heads[] = {
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
        "GET / HTTP/11\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
        "GET / HTTP/x.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
        "\x16\x03\x01",
        "\x01\r\nGET / HTTP/1.1",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        assert_refused(heads[i], PROBLEM_MALFORMED_REQUEST);
    assert_refused("POST / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
                   PROBLEM_EXPECTATION_FAILED);
}

static void a_line_that_ends_with_a_bare_lf_is_refused(void **state) {
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        assert_refused(heads[i], PROBLEM_MALFORMED_REQUEST);
}

static void another_major_version_is_not_supported(void **state) {
    (void)state;
    assert_refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", PROBLEM_VERSION_NOT_SUPPORTED);
    assert_refused("PRI * HTTP/2.0\r\n\r\n", PROBLEM_VERSION_NOT_SUPPORTED);
    assert_refused("GET / HTTP/3.0\r\n\r\n", PROBLEM_VERSION_NOT_SUPPORTED);
    assert_refused("GET / HTTP/9.9\r\nHost: a\r\n\r\n", PROBLEM_VERSION_NOT_SUPPORTED);
}

/* An HTTP/0.9 client sends nothing more. */
static void a_bad_request_line_is_refused_before_the_head_ends(void **state) {
    (void)state;
    assert_refused("GET /\r\n", PROBLEM_MALFORMED_REQUEST);
    assert_refused("GET / HTTP/2.0\r\n", PROBLEM_VERSION_NOT_SUPPORTED);
    assert_refused("\r\nGET http:///x HTTP/1.1\r\nHo", PROBLEM_MALFORMED_REQUEST);
}

static void a_nul_is_no_text(void **state) {
    (void)state;
    static const char value[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    size_t searched = 0;

    assert_int_equal(
        http_head_parse((struct slice){value, sizeof(value) - 1}, &searched, &head, &fault),
        HTTP_REFUSED);
    assert_int_equal(fault.problem, PROBLEM_MALFORMED_REQUEST);
}

static void sizes_far_beyond_need_are_refused(void **state) {
    (void)state;
    struct buf target = {0}, header = {0}, many = {0};
    buf_printf(&target, "GET /%0*d", HTTP_TARGET_MAX_BYTES + 64, 0);
    buf_printf(&header, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d", HTTP_HEAD_MAX_BYTES, 0);
    buf_append_text(&many, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < HTTP_FIELDS_MAX; i++)
        buf_append_text(&many, "X:\r\n");
    buf_append_text(&many, "\r\n");

    assert_refused(target.ptr, PROBLEM_URI_TOO_LONG);
    assert_refused(header.ptr, PROBLEM_HEADERS_TOO_LARGE);
    assert_refused(many.ptr, PROBLEM_HEADERS_TOO_LARGE);
    buf_append_text(&target, " HTTP/1.1\r\nHost: a\r\n\r\n");
    buf_append_text(&header, "\r\n\r\n");
    assert_refused(target.ptr, PROBLEM_URI_TOO_LONG);
    assert_refused(header.ptr, PROBLEM_HEADERS_TOO_LARGE);
    buf_fini(&target);
    buf_fini(&header);
    buf_fini(&many);
}

/* --- chunked bodies --------------------------------------------------------------------------- */

/* In pieces of `step` bytes; what was decoded, and what came behind it, go to `data` and `rest`. */
static enum http_progress decode(const char *text, size_t step, struct buf *data,
                                 struct buf *rest) {
    struct http_chunks chunks = {0};
    enum http_progress progress = HTTP_INCOMPLETE;
    size_t at = 0, len = strlen(text);
    buf_clear(data);
    buf_clear(rest);
    while (progress == HTTP_INCOMPLETE && at < len) {
        char piece[256];
        size_t taken = len - at < step ? len - at : step, left = taken, behind;
        memcpy(piece, text + at, taken);
        progress = http_chunks_decode(&chunks, piece, &left, &behind);
        at += taken;
        if (progress == HTTP_REFUSED)
            return progress;
        buf_append(data, piece, left);
        buf_append(rest, piece + left, behind);
    }
    buf_append(rest, text + at, len - at);
    return progress;
}

static void chunks_are_joined_however_they_arrive(void **state) {
    (void)state;
    static const char text[] =
        "3\r\nabc\r\n0a;x=\"y\\\"\\\\;\";z\r\n0123456789\r\n0\r\nT: 1\r\nU:\r\n\r\nGET";
    struct buf data = {0}, rest = {0};
    for (size_t step = 1; step <= sizeof(text); step++) {
        assert_int_equal(decode(text, step, &data, &rest), HTTP_COMPLETE);
        assert_slice_equal(buf_slice(&data), "abc0123456789");
        assert_slice_equal(buf_slice(&rest), "GET");
    }
    buf_fini(&data);
    buf_fini(&rest);
}

static void malformed_chunks_are_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "0x2\r\n{}\r\n0\r\n\r\n",
        "\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\n",
        "1\n",
        "1\rx",
        "1\r\nab",
        "1\r\na\n",
        "1\r\na\rx",
        "g\r\n",
        "000000001\r\n",
        "1;\x01\r\n",
        "1;x=\"y\r\na\r\n0\r\n\r\n",
        "1;x=\"\\\r\na\r\n0\r\n\r\n",
        "1;x=\"y\\\"\r\na\r\n0\r\n\r\n",
        "1;x=y\"\r\na\r\n0\r\n\r\n",
        "0\r\nT: 1\nU",
        "0\r\n\rx",
        "0\r\nT\r\n\r\n",
        "0\r\n: 1\r\n\r\n",
        "0\r\nT : 1\r\n\r\n",
        "0\r\nT: 1\r\n 2\r\n\r\n",
        "0\r\nT: 1\r\nU\r\n\r\n",
        "1 \r\na\r\n",
    };
    struct buf data = {0}, rest = {0};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        if (decode(bodies[i], 100, &data, &rest) != HTTP_REFUSED)
            fail_msg("not refused: %s", bodies[i]);
    buf_fini(&data);
    buf_fini(&rest);
}

/* The least that a chunk can have is known digit by digit. */
static void a_size_counts_before_its_bytes_are_there(void **state) {
    (void)state;
    struct http_chunks chunks = {0};
    char bytes[] = "400";
    size_t len = 2, rest;
    assert_int_equal(http_chunks_decode(&chunks, bytes, &len, &rest), HTTP_INCOMPLETE);
    assert_int_equal(chunks.left, 0x40);
    len = 1;

    assert_int_equal(http_chunks_decode(&chunks, bytes + 2, &len, &rest), HTTP_INCOMPLETE);
    assert_int_equal(chunks.left, 0x400);
}

static void endless_extensions_are_refused(void **state) {
    (void)state;
    struct buf text = {0}, data = {0}, rest = {0};
    buf_printf(&text, "1;%05000d\r\na\r\n", 0);

    assert_int_equal(decode(text.ptr, 100, &data, &rest), HTTP_REFUSED);
    buf_fini(&text);
    buf_fini(&data);
    buf_fini(&rest);
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
        cmocka_unit_test(a_target_with_an_authority_is_its_path),
        cmocka_unit_test(the_host_of_a_target_counts_before_that_of_the_header),
        cmocka_unit_test(a_head_says_what_was_sent),
        cmocka_unit_test(persistence_depends_on_the_version_and_connection),
        cmocka_unit_test(a_head_in_pieces_is_the_same_head),
        cmocka_unit_test(ambiguous_framing_is_refused),
        cmocka_unit_test(malformed_heads_are_refused),
        cmocka_unit_test(a_line_that_ends_with_a_bare_lf_is_refused),
        cmocka_unit_test(another_major_version_is_not_supported),
        cmocka_unit_test(a_bad_request_line_is_refused_before_the_head_ends),
        cmocka_unit_test(a_nul_is_no_text),
        cmocka_unit_test(sizes_far_beyond_need_are_refused),
        cmocka_unit_test(chunks_are_joined_however_they_arrive),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(a_size_counts_before_its_bytes_are_there),
        cmocka_unit_test(endless_extensions_are_refused),
        cmocka_unit_test(json_is_recognized_with_its_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
