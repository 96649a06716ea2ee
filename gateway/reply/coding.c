#include "gateway/reply/coding.h"

#include "gateway/reply/answer.h"

#include <zlib.h>

enum { WEIGHT_MOST = 1000, GZIP_WINDOW_BITS = 16 + 15, MEMORY_LEVEL = 8 };

/* --- what a client prefers -------------------------------------------------------------------- */

/* `0`, `1`, `0.25`: at most three decimals, and nothing above 1. */
static bool read_weight(struct slice text, int *weight) {
    struct slice digits;
    int value = 0, unit = WEIGHT_MOST / 10;
    if (slice_take_prefix(&text, "1"))
        value = WEIGHT_MOST;
    else if (!slice_take_prefix(&text, "0"))
        return false;
    if (slice_take_prefix(&text, ".")) {
        digits = slice_take_digits(&text);
        if (digits.len > 3)
            return false;
        for (size_t i = 0; i < digits.len; i++, unit /= 10)
            value += (digits.ptr[i] - '0') * unit;
    }
    *weight = value;
    return text.len == 0 && value <= WEIGHT_MOST;
}

/* `q=0.5` */
static bool read_parameter(struct slice text, int *weight) {
    text = slice_trim(text);
    return (slice_take_prefix(&text, "q=") || slice_take_prefix(&text, "Q=")) &&
           read_weight(text, weight);
}

static bool read_element(struct slice element, struct coding_weights *weights) {
    int weight = WEIGHT_MOST;
    struct slice name = slice_trim(slice_take_until(&element, ';'));
    if (name.len == 0 || !slice_has_only(name, "!#$%&'*+-.^_`|~"))
        return false;
    if (element.ptr != NULL && !read_parameter(element, &weight))
        return false;
    if (slice_is_word(name, "gzip") || slice_is_word(name, "x-gzip"))
        weights->gzip = weight;
    else if (slice_is_word(name, "identity"))
        weights->identity = weight;
    else if (slice_is(name, "*"))
        weights->others = weight;
    return true;
}

bool coding_read(struct slice list, struct coding_weights *weights) {
    struct slice rest = list;
    while (rest.ptr != NULL) {
        struct slice element = slice_trim(slice_take_until(&rest, ','));
        if (element.len > 0 && !read_element(element, weights))
            return false;
    }
    return true;
}

bool coding_prefers_gzip(const struct coding_weights *weights) {
    int gzip = weights->gzip != CODING_UNNAMED ? weights->gzip : weights->others;
    int identity = weights->identity != CODING_UNNAMED ? weights->identity : 0;
    return gzip > 0 && gzip >= identity;
}

bool coding_is_gzip(const h2o_req_t *req) {
    struct coding_weights weights = {CODING_UNNAMED, CODING_UNNAMED, CODING_UNNAMED};
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (!h2o_memis(header->name->base, header->name->len, H2O_STRLIT("accept-encoding")))
            continue;
        if (!coding_read((struct slice){header->value.base, header->value.len}, &weights))
            return false;
    }
    return coding_prefers_gzip(&weights);
}

/* --- answers ---------------------------------------------------------------------------------- */

void coding_tell_vary(h2o_req_t *req) {
    answer_header(req, "Vary", SLICE_LITERAL("Accept-Encoding"));
}

void coding_tell_gzip(h2o_req_t *req) {
    answer_header(req, "Content-Encoding", SLICE_LITERAL("gzip"));
}

bool coding_pack(h2o_req_t *req, struct slice plain, struct slice *packed) {
    char *out = pool_alloc(&req->pool, plain.len);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain.ptr,
                       .avail_in = (uInt)plain.len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)plain.len};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    bool is_smaller = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *packed = (struct slice){out, stream.total_out};
    deflateEnd(&stream);
    return is_smaller;
}
