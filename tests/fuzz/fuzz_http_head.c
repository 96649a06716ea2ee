/* A raw request, head and chunked body: however the network cuts it, it is judged the same. The
   first byte says how it is cut. */
#include "gateway/http/http_chunks.h"
#include "gateway/http/http_head.h"
#include "shared/base/memory.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static bool lies_within(struct slice part, struct slice whole) {
    return part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len) ||
           slice_is(part, "/"); /* the path of an absolute target without one */
}

static void judge_head(const struct http_head *head, struct slice input) {
    MUST(head->len <= input.len && head->len <= HTTP_HEAD_MAX_BYTES);
    MUST(head->field_count <= HTTP_FIELDS_MAX);
    MUST(head->method.len > 0 && head->target.len > 0);
    MUST(!head->is_chunked || head->content_length == HTTP_NO_LENGTH);
    MUST(lies_within(head->target, input) && lies_within(head->host, input));
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        MUST(field->name.len > 0);
        MUST(lies_within(field->name, input) && lies_within(field->value, input));
        MUST(field->value.len == 0 || memchr(field->value.ptr, '\n', field->value.len) == NULL);
    }
}

/* In steps, as it would arrive; a refusal may come early. */
static enum http_progress parse_in_steps(struct slice input, size_t step, struct http_head *head) {
    struct http_fault fault;
    size_t searched = 0;
    for (size_t have = 0; have < input.len;) {
        have = have + step < input.len ? have + step : input.len;
        enum http_progress progress =
            http_head_parse((struct slice){input.ptr, have}, &searched, head, &fault);
        if (progress != HTTP_INCOMPLETE)
            return progress;
    }
    return HTTP_INCOMPLETE;
}

static enum http_progress decode_in_steps(struct slice body, size_t step, struct buf *data) {
    struct http_chunks chunks = {0};
    enum http_progress progress = HTTP_INCOMPLETE;
    for (size_t at = 0; at < body.len && progress == HTTP_INCOMPLETE;) {
        size_t taken = body.len - at < step ? body.len - at : step, len = taken, rest;
        char *piece = mem_copy((struct slice){body.ptr + at, taken});
        progress = http_chunks_decode(&chunks, piece, &len, &rest);
        if (progress != HTTP_REFUSED) {
            MUST(len + rest <= taken);
            buf_append(data, piece, len);
        }
        at += taken;
        free(piece);
    }
    return progress;
}

static void judge_body(struct slice body, size_t step) {
    struct buf whole = {0}, pieces = {0};
    enum http_progress at_once = decode_in_steps(body, body.len + 1, &whole);
    enum http_progress in_steps = decode_in_steps(body, step, &pieces);
    MUST(at_once == in_steps);
    MUST(at_once != HTTP_COMPLETE || slice_equal(buf_slice(&whole), buf_slice(&pieces)));
    buf_fini(&whole);
    buf_fini(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (len == 0)
        return 0;
    size_t step = (size_t)bytes[0] % 16 + 1;
    const struct slice input = {(const char *)bytes + 1, len - 1};
    static struct http_head head, other;
    enum http_progress at_once = parse_in_steps(input, len, &head);
    enum http_progress in_steps = parse_in_steps(input, step, &other);
    MUST(at_once == in_steps);
    if (at_once != HTTP_COMPLETE)
        return 0;
    judge_head(&head, input);
    MUST(head.len == other.len && head.field_count == other.field_count &&
         slice_equal(head.target, other.target));
    if (head.is_chunked)
        judge_body((struct slice){input.ptr + head.len, input.len - head.len}, step);
    return 0;
}
