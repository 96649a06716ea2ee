#include "gateway/pages/document.h"

#include "gateway/reply/answer.h"
#include "gateway/reply/etag.h"
#include "gateway/reply/problem.h"
#include "shared/crypto/crypto.h"

#include <stdio.h>

enum { TAG_HASH_BYTES = 10 };

/* The content's own name: it changes with each byte, and only then. */
static void tag_of(struct slice body, char tag[ETAG_SIZE]) {
    uint8_t hash[32];
    char text[2 * TAG_HASH_BYTES + 1];
    sha256(body.ptr, body.len, hash);
    hex_encode(hash, TAG_HASH_BYTES, text);
    snprintf(tag, ETAG_SIZE, "\"%s\"", text);
}

static void add_headers(h2o_req_t *req, const struct document *document, const char *tag) {
    const char *policy = document->security_policy;
    answer_header(req, "Content-Type", slice_of(document->content_type));
    answer_header(req, "ETag", slice_of(tag));
    answer_header(req, "Cache-Control", SLICE_LITERAL("no-cache"));
    answer_header(req, "Content-Security-Policy",
                  slice_of(policy != NULL ? policy : "default-src 'none'"));
    answer_header(req, "X-Content-Type-Options", SLICE_LITERAL("nosniff"));
    answer_header(req, "Referrer-Policy", SLICE_LITERAL("no-referrer"));
}

void document_send(h2o_req_t *req, const struct document *document) {
    struct slice body = {document->begin, (size_t)(document->end - document->begin)};
    char tag[ETAG_SIZE];
    tag_of(body, tag);
    add_headers(req, document, tag);
    if (etag_if_none_match(req, tag) == ETAG_MATCHES) {
        req->res.status = 304;
        req->res.reason = "Not Modified";
        h2o_send_inline(req, "", 0);
        return;
    }
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = body.len;
    h2o_send_inline(req, body.ptr, body.len);
}

void document_send_file(h2o_req_t *req, const struct document_file *files, size_t count,
                        struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (slice_is(name, files[i].name)) {
            document_send(req, &files[i].document);
            return;
        }
    }
    problem_send(req, PROBLEM_NOT_FOUND, NULL);
}
