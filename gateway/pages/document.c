#include "gateway/pages/document.h"

#include "gateway/reply/answer.h"
#include "gateway/reply/coding.h"
#include "gateway/reply/etag.h"
#include "gateway/reply/problem.h"
#include "shared/crypto/crypto.h"

#include <stdio.h>

/* What is smaller goes in one packet anyway. */
enum { TAG_HASH_BYTES = 10, PACKED_LEAST_BYTES = 1400 };

/* What one request gets of a document. */
struct variant {
    bool may_vary, is_packed;
    struct slice body;
    char tag[ETAG_SIZE];
};

/* The content's own name: it changes with each byte, and only then. Where there are packed bytes
   they name both, and are fewer. */
static void write_tag(struct slice named, bool is_packed, char tag[ETAG_SIZE]) {
    uint8_t hash[32];
    char text[2 * TAG_HASH_BYTES + 1];
    sha256(named.ptr, named.len, hash);
    hex_encode(hash, TAG_HASH_BYTES, text);
    snprintf(tag, ETAG_SIZE, "\"%s%s\"", text, is_packed ? "-gzip" : "");
}

static struct slice slice_between(const char *begin, const char *end) {
    return (struct slice){begin, (size_t)(end - begin)};
}

static void choose_variant(const h2o_req_t *req, const struct document *document,
                           struct variant *variant) {
    struct slice plain = slice_between(document->begin, document->end);
    struct slice packed = slice_between(document->packed_begin, document->packed_end);
    variant->may_vary = packed.len > 0 && plain.len >= PACKED_LEAST_BYTES && packed.len < plain.len;
    variant->is_packed = variant->may_vary && coding_is_gzip(req);
    variant->body = variant->is_packed ? packed : plain;
    write_tag(packed.len > 0 ? packed : plain, variant->is_packed, variant->tag);
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
    struct variant variant;
    choose_variant(req, document, &variant);
    add_headers(req, document, variant.tag);
    if (variant.may_vary)
        coding_tell_vary(req);
    if (etag_if_none_match(req, variant.tag) == ETAG_MATCHES) {
        req->res.status = 304;
        req->res.reason = "Not Modified";
        h2o_send_inline(req, "", 0);
        return;
    }
    if (variant.is_packed)
        coding_tell_gzip(req);
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = variant.body.len;
    h2o_send_inline(req, variant.body.ptr, variant.body.len);
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
