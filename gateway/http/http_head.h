/*
 * The head of an HTTP/1.1 request (RFC 9112), read strictly: a head that two readers could take for
 * two different things is refused. So are ambiguous framing (Content-Length with Transfer-Encoding,
 * or several of one), a missing or repeated Host, folded lines, lines that end with a bare LF,
 * control characters, and sizes far beyond need. Pure; the results borrow from the input.
 */
#ifndef OM_GATEWAY_HTTP_HTTP_HEAD_H
#define OM_GATEWAY_HTTP_HTTP_HEAD_H

#include "gateway/reply/problem.h"
#include "shared/base/slice.h"

#define HTTP_HEAD_MAX_BYTES 16384
#define HTTP_TARGET_MAX_BYTES 2048
#define HTTP_FIELDS_MAX 100
#define HTTP_NO_LENGTH SIZE_MAX

struct http_field {
    struct slice name, value;
};

struct http_head {
    size_t len; /* with the empty line that ends it, and one that may have come first */
    struct slice method, target; /* target: of an absolute form, what follows the authority */
    struct slice host; /* the target's, or else the header's; empty where HTTP/1.0 sent none */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    size_t content_length; /* or HTTP_NO_LENGTH */
    bool is_chunked, is_persistent, expects_continue, is_http_1_0;
};

/* Such as a method or a header's name (RFC 9110 section 5.6.2). */
bool http_is_token(struct slice text);

/* Names are compared without regard to case. */
bool http_field_is(const struct http_field *field, const char *name);

/* How many fields of this name there are; the first one's value goes to `*value`. */
unsigned http_head_find(const struct http_head *head, const char *name, struct slice *value);

/* Why a request is refused. After that nothing in its connection can be trusted. */
struct http_fault {
    enum problem problem;
    const char *detail; /* a literal, or NULL */
};

enum http_progress { HTTP_INCOMPLETE, HTTP_COMPLETE, HTTP_REFUSED };

/* Reads the head at the start of `input`. `*searched` is how much of it is known not to end the
   head: 0 at first, and kept between calls as more arrives. `*head` counts when complete. */
enum http_progress http_head_parse(struct slice input, size_t *searched, struct http_head *head,
                                   struct http_fault *fault);

#endif
