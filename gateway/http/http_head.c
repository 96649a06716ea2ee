#include "gateway/http/http_head.h"

#include <string.h>
#include <strings.h>

#define METHOD_MAX_BYTES 32
#define LENGTH_MOST UINT64_C(999999999999999999)

/* --- characters ------------------------------------------------------------------------------- */

bool http_is_token(struct slice text) {
    return text.len > 0 && slice_has_only(text, "!#$%&'*+-.^_`|~");
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_host(struct slice text) {
    return slice_has_only(text, "-._~%!$&'()*+,;=:[]");
}

static bool is_visible(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f)
            return false;
    }
    return text.len > 0;
}

/* A tab, and bytes beyond ASCII, may be in a field's value. */
static bool is_field_text(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool http_field_is(const struct http_field *field, const char *name) {
    return slice_is_word(field->name, name);
}

unsigned http_head_find(const struct http_head *head, const char *name, struct slice *value) {
    unsigned found = 0;
    for (size_t i = 0; i < head->field_count; i++)
        if (http_field_is(&head->fields[i], name) && found++ == 0)
            *value = head->fields[i].value;
    return found;
}

static enum http_progress refuse(struct http_fault *fault, enum problem problem,
                                 const char *detail) {
    *fault = (struct http_fault){problem, detail};
    return HTTP_REFUSED;
}

/* --- the request line ------------------------------------------------------------------------- */

/* RFC 9112 section 3.2.2: a server must also take http://host/path, whose host counts before that
   of the Host header. Without a path it is "/", and no query is read. */
static bool take_authority(struct http_head *head) {
    static const char *const schemes[] = {"http://", "https://"};
    struct slice target = head->target;
    for (size_t i = 0; i < 2; i++) {
        size_t start = strlen(schemes[i]), end = start;
        if (target.len < start || strncasecmp(target.ptr, schemes[i], start) != 0)
            continue;
        while (end < target.len && strchr("/?#", target.ptr[end]) == NULL)
            end++;
        head->host = (struct slice){target.ptr + start, end - start};
        head->target = end < target.len && target.ptr[end] == '/'
                           ? (struct slice){target.ptr + end, target.len - end}
                           : SLICE_LITERAL("/");
        return head->host.len > 0 && is_host(head->host);
    }
    return true;
}

/* RFC 9110 section 2.5: a later minor version is served as the latest that is known. */
static enum http_progress take_version(struct slice text, struct http_head *head,
                                       struct http_fault *fault) {
    bool is_version = slice_take_prefix(&text, "HTTP/") && text.len == 3 && text.ptr[1] == '.' &&
                      is_digit(text.ptr[0]) && is_digit(text.ptr[2]);
    if (!is_version || text.ptr[0] == '0')
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "only HTTP/1.1 is spoken here");
    if (text.ptr[0] != '1')
        return refuse(fault, PROBLEM_VERSION_NOT_SUPPORTED, NULL);
    head->is_http_1_0 = text.ptr[2] == '0';
    head->is_persistent = !head->is_http_1_0;
    return HTTP_COMPLETE;
}

static enum http_progress take_request_line(struct slice line, struct http_head *head,
                                            struct http_fault *fault) {
    struct slice version = line;
    head->host = (struct slice){"", 0};
    head->method = slice_take_until(&version, ' ');
    head->target = slice_take_until(&version, ' ');
    if (version.ptr == NULL)
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "the request line is malformed");
    if (head->target.len > HTTP_TARGET_MAX_BYTES)
        return refuse(fault, PROBLEM_URI_TOO_LONG, NULL);
    enum http_progress progress = take_version(version, head, fault);
    if (progress != HTTP_COMPLETE)
        return progress;
    if (!http_is_token(head->method) || head->method.len > METHOD_MAX_BYTES ||
        !is_visible(head->target))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "the request line is malformed");
    if (!take_authority(head))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "the target's host is malformed");
    return HTTP_COMPLETE;
}

/* --- where it ends ---------------------------------------------------------------------------- */

/* One empty line may come first: some clients send one after a body. */
static size_t leading_line(struct slice input) {
    return input.len > 1 && input.ptr[0] == '\r' && input.ptr[1] == '\n' ? 2 : 0;
}

/* `*len` is the length up to and including the empty line. */
static enum http_progress find_end(struct slice input, size_t start, size_t *searched,
                                   size_t *len) {
    size_t at = *searched > start ? *searched : start;
    for (const char *line_feed; at < input.len; at = *len) {
        line_feed = memchr(input.ptr + at, '\n', input.len - at);
        if (line_feed == NULL)
            break;
        *len = (size_t)(line_feed - input.ptr) + 1;
        if (*len - start < 2 || line_feed[-1] != '\r')
            return HTTP_REFUSED;
        if (*len - start > 2 && line_feed[-2] == '\n')
            return HTTP_COMPLETE;
    }
    *searched = input.len;
    return HTTP_INCOMPLETE;
}

/* A head that cannot become good any more is refused before it ends. */
static enum http_progress judge_incomplete(struct slice input, size_t start, struct http_head *head,
                                           struct http_fault *fault) {
    struct slice rest = {input.ptr + start, input.len - start};
    bool may_be_empty_line = slice_is(input, "\r");
    if (rest.len > 0 && !may_be_empty_line && !http_is_token((struct slice){rest.ptr, 1}))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "this is not HTTP");
    struct slice line = slice_take_line(&rest);
    if (line.len > METHOD_MAX_BYTES + HTTP_TARGET_MAX_BYTES + 16)
        return refuse(fault, PROBLEM_URI_TOO_LONG, NULL);
    if (rest.ptr != NULL && take_request_line(line, head, fault) == HTTP_REFUSED)
        return HTTP_REFUSED;
    if (input.len > HTTP_HEAD_MAX_BYTES)
        return refuse(fault, PROBLEM_HEADERS_TOO_LARGE, NULL);
    return HTTP_INCOMPLETE;
}

/* --- the fields ------------------------------------------------------------------------------- */

static void take_connection(struct slice value, struct http_head *head) {
    while (value.len > 0) {
        struct slice word = slice_trim(slice_take_until(&value, ','));
        if (slice_is_word(word, "close"))
            head->is_persistent = false;
        else if (slice_is_word(word, "keep-alive") && head->is_http_1_0)
            head->is_persistent = true;
    }
}

/* Counts of the fields that may come once. */
struct seen {
    unsigned hosts, lengths, codings;
};

static const char *take_framing(const struct http_field *field, struct http_head *head,
                                struct seen *seen) {
    if (slice_is_word(field->name, "host")) {
        if (head->host.len == 0) /* the target named none */
            head->host = field->value;
        if (++seen->hosts > 1 || !is_host(field->value))
            return "there must be one Host header, with a host in it";
    } else if (slice_is_word(field->name, "content-length")) {
        if (++seen->lengths > 1 ||
            !slice_parse_uint(field->value, LENGTH_MOST, &head->content_length))
            return "Content-Length must be one decimal number";
    } else if (slice_is_word(field->name, "transfer-encoding")) {
        head->is_chunked = true;
        if (++seen->codings > 1 || !slice_is_word(field->value, "chunked"))
            return "the only Transfer-Encoding is chunked, once";
    } else if (slice_is_word(field->name, "connection")) {
        take_connection(field->value, head);
    } else if (slice_is_word(field->name, "expect")) {
        head->expects_continue = !head->is_http_1_0;
    }
    return NULL;
}

static enum http_progress take_field(struct slice line, struct http_head *head, struct seen *seen,
                                     struct http_fault *fault) {
    struct http_field field = {.value = line};
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "a header line is folded");
    field.name = slice_take_until(&field.value, ':');
    if (field.value.ptr == NULL || !http_is_token(field.name) || !is_field_text(field.value))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "a header line is malformed");
    field.value = slice_trim(field.value);
    if (head->field_count == HTTP_FIELDS_MAX)
        return refuse(fault, PROBLEM_HEADERS_TOO_LARGE, "there are too many headers");
    head->fields[head->field_count++] = field;
    if (slice_is_word(field.name, "expect") && !slice_is_word(field.value, "100-continue"))
        return refuse(fault, PROBLEM_EXPECTATION_FAILED, NULL);
    const char *detail = take_framing(&field, head, seen);
    return detail == NULL ? HTTP_COMPLETE : refuse(fault, PROBLEM_MALFORMED_REQUEST, detail);
}

static enum http_progress take_lines(struct slice lines, struct http_head *head,
                                     struct http_fault *fault) {
    struct seen seen = {0};
    enum http_progress progress = HTTP_COMPLETE;
    for (bool is_first = true; progress == HTTP_COMPLETE && lines.len > 0; is_first = false) {
        struct slice line = slice_take_line(&lines);
        if (is_first)
            progress = take_request_line(line, head, fault);
        else if (line.len > 0)
            progress = take_field(line, head, &seen, fault);
    }
    if (progress != HTTP_COMPLETE)
        return progress;
    if (seen.hosts == 0 && !head->is_http_1_0)
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "there must be one Host header");
    if (head->is_chunked && (seen.lengths > 0 || head->is_http_1_0))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "Transfer-Encoding is not allowed here");
    return HTTP_COMPLETE;
}

enum http_progress http_head_parse(struct slice input, size_t *searched, struct http_head *head,
                                   struct http_fault *fault) {
    size_t start = leading_line(input);
    size_t len;
    enum http_progress progress = find_end(input, start, searched, &len);
    if (progress == HTTP_INCOMPLETE)
        return judge_incomplete(input, start, head, fault);
    if (progress == HTTP_REFUSED)
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "a line does not end with CR LF");
    head->len = len;
    head->field_count = 0;
    head->content_length = HTTP_NO_LENGTH;
    head->is_chunked = head->expects_continue = false;
    progress = take_lines((struct slice){input.ptr + start, len - start}, head, fault);
    if (progress == HTTP_COMPLETE && len > HTTP_HEAD_MAX_BYTES)
        return refuse(fault, PROBLEM_HEADERS_TOO_LARGE, NULL);
    return progress;
}
