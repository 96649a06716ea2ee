#include "gateway/http/http_head.h"

#include <string.h>
#include <strings.h>

#define METHOD_MAX_BYTES 32

/* --- characters ------------------------------------------------------------------------------- */

static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_among(char c, const char *others) {
    return is_alphanumeric(c) || (c != '\0' && strchr(others, c) != NULL);
}

static bool is_token(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (!is_among(text.ptr[i], "!#$%&'*+-.^_`|~"))
            return false;
    return text.len > 0;
}

static bool is_host(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (!is_among(text.ptr[i], "-._~%!$&'()*+,;=:[]"))
            return false;
    return true;
}

static bool is_visible(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false; /* what is beyond ASCII is negative */
    return text.len > 0;
}

/* A tab, and what is beyond ASCII, may be in a field's value. */
static bool is_field_text(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_word(struct slice text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

bool http_field_is(const struct http_field *field, const char *name) {
    return is_word(field->name, name);
}

static struct slice trim(struct slice text) {
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes what stands before the first `separator` off `rest`; false where there is none. */
static bool take_until(struct slice *rest, char separator, struct slice *taken) {
    const char *at = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    if (at == NULL)
        return false;
    *taken = (struct slice){rest->ptr, (size_t)(at - rest->ptr)};
    *rest = (struct slice){at + 1, rest->len - taken->len - 1};
    return true;
}

/* --- where it ends ---------------------------------------------------------------------------- */

/* One empty line may come first: some clients send one after a body. */
static size_t leading_line(struct slice input) {
    if (input.len > 0 && input.ptr[0] == '\n')
        return 1;
    return input.len > 1 && input.ptr[0] == '\r' && input.ptr[1] == '\n' ? 2 : 0;
}

/* The length up to and including the empty line; 0 when it is not there yet. */
static size_t find_end(struct slice input, size_t *searched) {
    size_t at = *searched;
    for (const char *line; at < input.len; at = (size_t)(line - input.ptr) + 1) {
        line = memchr(input.ptr + at, '\n', input.len - at);
        if (line == NULL)
            break;
        struct slice rest = {line + 1, input.len - (size_t)(line + 1 - input.ptr)};
        size_t empty = leading_line(rest);
        if (empty > 0)
            return (size_t)(rest.ptr - input.ptr) + empty;
        if (rest.len < 2 && (rest.len == 0 || rest.ptr[0] == '\r')) {
            *searched = (size_t)(line - input.ptr); /* the next bytes tell */
            return 0;
        }
    }
    *searched = input.len;
    return 0;
}

static enum http_progress refuse(struct http_fault *fault, enum problem problem,
                                 const char *detail) {
    *fault = (struct http_fault){problem, detail};
    return HTTP_REFUSED;
}

/* What cannot become a good head any more is refused before it ends. */
static enum http_progress judge_incomplete(struct slice input, size_t start,
                                           struct http_fault *fault) {
    struct slice rest = {input.ptr + start, input.len - start}, line = rest;
    bool may_be_empty_line = slice_is(input, "\r");
    if (rest.len > 0 && !may_be_empty_line && !is_token((struct slice){rest.ptr, 1}))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "this is not HTTP");
    (void)take_until(&rest, '\n', &line);
    if (line.len > METHOD_MAX_BYTES + HTTP_TARGET_MAX_BYTES + 16)
        return refuse(fault, PROBLEM_URI_TOO_LONG, NULL);
    if (input.len > HTTP_HEAD_MAX_BYTES)
        return refuse(fault, PROBLEM_HEADERS_TOO_LARGE, NULL);
    return HTTP_INCOMPLETE;
}

/* --- the request line ------------------------------------------------------------------------- */

/* RFC 9112 section 3.2.2: a server must also take http://host/path. What has no path has no query
   that anybody here would read. */
static struct slice without_authority(struct slice target) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (target.len <= len || strncasecmp(target.ptr, schemes[i], len) != 0)
            continue;
        while (len < target.len && strchr("/?#", target.ptr[len]) == NULL)
            len++;
        return len < target.len && target.ptr[len] == '/'
                   ? (struct slice){target.ptr + len, target.len - len}
                   : SLICE_LITERAL("/");
    }
    return target;
}

static enum http_progress take_request_line(struct slice line, struct http_head *head,
                                            struct http_fault *fault) {
    struct slice version = line;
    if (!take_until(&version, ' ', &head->method) || !take_until(&version, ' ', &head->target))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "the request line is malformed");
    if (head->target.len > HTTP_TARGET_MAX_BYTES)
        return refuse(fault, PROBLEM_URI_TOO_LONG, NULL);
    head->is_http_1_0 = slice_is(version, "HTTP/1.0");
    if (!head->is_http_1_0 && !slice_is(version, "HTTP/1.1"))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "only HTTP/1.1 is spoken here");
    if (!is_token(head->method) || head->method.len > METHOD_MAX_BYTES || !is_visible(head->target))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "the request line is malformed");
    head->target = without_authority(head->target);
    head->is_persistent = !head->is_http_1_0;
    return HTTP_COMPLETE;
}

/* --- the fields ------------------------------------------------------------------------------- */

static bool parse_length(struct slice value, size_t *length) {
    enum { DIGITS_MAX = 18 };
    size_t sum = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        sum = sum * 10 + (size_t)(value.ptr[i] - '0');
    }
    *length = sum;
    return value.len > 0 && value.len <= DIGITS_MAX;
}

static void take_connection(struct slice value, struct http_head *head) {
    struct slice rest = value, word;
    for (bool is_more = true; is_more;) {
        is_more = take_until(&rest, ',', &word);
        word = trim(is_more ? word : rest);
        if (is_word(word, "close"))
            head->is_persistent = false;
        else if (is_word(word, "keep-alive") && head->is_http_1_0)
            head->is_persistent = true;
    }
}

/* Counts of what may come once. */
struct seen {
    unsigned hosts, lengths, codings;
};

static const char *take_framing(const struct http_field *field, struct http_head *head,
                                struct seen *seen) {
    if (is_word(field->name, "host")) {
        head->host = field->value;
        if (++seen->hosts > 1 || !is_host(field->value))
            return "there must be one Host header, with a host in it";
    } else if (is_word(field->name, "content-length")) {
        if (++seen->lengths > 1 || !parse_length(field->value, &head->content_length))
            return "Content-Length must be one decimal number";
    } else if (is_word(field->name, "transfer-encoding")) {
        head->is_chunked = true;
        if (++seen->codings > 1 || !is_word(field->value, "chunked"))
            return "the only Transfer-Encoding is chunked, once";
    } else if (is_word(field->name, "connection")) {
        take_connection(field->value, head);
    } else if (is_word(field->name, "expect")) {
        head->expects_continue = !head->is_http_1_0;
    }
    return NULL;
}

static enum http_progress take_field(struct slice line, struct http_head *head, struct seen *seen,
                                     struct http_fault *fault) {
    struct http_field field = {.value = line};
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "a header line is folded");
    if (!take_until(&field.value, ':', &field.name) || !is_token(field.name) ||
        !is_field_text(field.value))
        return refuse(fault, PROBLEM_MALFORMED_REQUEST, "a header line is malformed");
    field.value = trim(field.value);
    if (head->field_count == HTTP_FIELDS_MAX)
        return refuse(fault, PROBLEM_HEADERS_TOO_LARGE, "there are too many headers");
    head->fields[head->field_count++] = field;
    if (is_word(field.name, "expect") && !is_word(field.value, "100-continue"))
        return refuse(fault, PROBLEM_EXPECTATION_FAILED, NULL);
    const char *detail = take_framing(&field, head, seen);
    return detail == NULL ? HTTP_COMPLETE : refuse(fault, PROBLEM_MALFORMED_REQUEST, detail);
}

static enum http_progress take_lines(struct slice lines, struct http_head *head,
                                     struct http_fault *fault) {
    struct slice line;
    struct seen seen = {0};
    enum http_progress progress = HTTP_COMPLETE;
    for (bool is_first = true; progress == HTTP_COMPLETE && take_until(&lines, '\n', &line);
         is_first = false) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
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
    if (*searched < start)
        *searched = start;
    size_t len = find_end(input, searched);
    if (len == 0)
        return judge_incomplete(input, start, fault);
    head->len = len;
    head->host = (struct slice){"", 0};
    head->field_count = 0;
    head->content_length = HTTP_NO_LENGTH;
    head->is_chunked = head->expects_continue = false;
    enum http_progress progress =
        take_lines((struct slice){input.ptr + start, len - start}, head, fault);
    if (progress == HTTP_COMPLETE && len > HTTP_HEAD_MAX_BYTES)
        return refuse(fault, PROBLEM_HEADERS_TOO_LARGE, NULL);
    return progress;
}
