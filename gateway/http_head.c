#include "gateway/http_head.h"

#include <string.h>
#include <strings.h>

struct framing {
    unsigned hosts, lengths, encodings;
    bool is_length_odd, has_fold, is_http_1_0;
};

static bool next_line(struct slice *rest, struct slice *line) {
    const char *end = memchr(rest->ptr, '\n', rest->len);
    if (end == NULL)
        return false;
    size_t taken = (size_t)(end - rest->ptr) + 1;
    *line = (struct slice){rest->ptr, taken - 1};
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    *rest = (struct slice){rest->ptr + taken, rest->len - taken};
    return true;
}

static bool is_digits(struct slice value) {
    while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
        value = (struct slice){value.ptr + 1, value.len - 1};
    while (value.len > 0 && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
        value.len--;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
    return value.len > 0;
}

static bool is_named(struct slice line, const char *name, size_t name_len) {
    return line.len > name_len && line.ptr[name_len] == ':' &&
           strncasecmp(line.ptr, name, name_len) == 0;
}

static void take_header(struct framing *framing, struct slice line) {
    static const char host[] = "host", length[] = "content-length", coding[] = "transfer-encoding";
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
        framing->has_fold = true;
    } else if (is_named(line, host, sizeof(host) - 1)) {
        framing->hosts++;
    } else if (is_named(line, coding, sizeof(coding) - 1)) {
        framing->encodings++;
    } else if (is_named(line, length, sizeof(length) - 1)) {
        framing->lengths++;
        struct slice value = {line.ptr + sizeof(length), line.len - sizeof(length)};
        framing->is_length_odd |= !is_digits(value);
    }
}

static const char *framing_fault(const struct framing *framing) {
    if (framing->has_fold)
        return "a header line is folded";
    if (framing->hosts > 1 || (framing->hosts == 0 && !framing->is_http_1_0))
        return "there must be one Host header";
    if (framing->lengths > 1 || framing->is_length_odd)
        return "Content-Length must be one decimal number";
    if (framing->encodings > 1)
        return "there must be one Transfer-Encoding header";
    if (framing->encodings > 0 && (framing->lengths > 0 || framing->is_http_1_0))
        return "Transfer-Encoding is not allowed here";
    return NULL;
}

static struct slice request_target(struct slice line) {
    const char *start = memchr(line.ptr, ' ', line.len);
    if (start == NULL)
        return (struct slice){"", 0};
    start++;
    size_t left = line.len - (size_t)(start - line.ptr);
    const char *end = memchr(start, ' ', left);
    return (struct slice){start, end == NULL ? left : (size_t)(end - start)};
}

bool http_head_check(struct slice head, enum problem *problem, const char **detail) {
    struct slice line = {"", 0}, rest = head;
    *detail = NULL;
    if (!next_line(&rest, &line) || request_target(line).len > HTTP_TARGET_MAX_BYTES) {
        *problem = PROBLEM_URI_TOO_LONG;
        return false;
    }
    if (head.len > HTTP_HEAD_MAX_BYTES) {
        *problem = PROBLEM_HEADERS_TOO_LARGE;
        return false;
    }
    struct framing framing = {.is_http_1_0 =
                                  line.len >= 3 && memcmp(line.ptr + line.len - 3, "1.0", 3) == 0};
    while (next_line(&rest, &line) && line.len > 0)
        take_header(&framing, line);
    *problem = PROBLEM_MALFORMED_REQUEST;
    *detail = framing_fault(&framing);
    return *detail == NULL;
}

struct slice http_head_of(h2o_req_t *req) {
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    if (req->entity.base != NULL)
        return (struct slice){input->bytes, (size_t)(req->entity.base - input->bytes)};
    const char *end = memmem(input->bytes, input->size, "\n\r\n", 3);
    const char *bare = memmem(input->bytes, input->size, "\n\n", 2);
    if (bare != NULL && (end == NULL || bare < end))
        end = bare - 1;
    size_t len = end == NULL ? input->size : (size_t)(end - input->bytes) + 3;
    return (struct slice){input->bytes, len};
}
