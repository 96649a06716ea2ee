#include "gateway/reply/idempotency_key.h"

#include "gateway/reply/problem.h"
#include "gateway/reply/request.h"
#include "shared/base/buf.h"
#include "shared/crypto/crypto.h"

#include <string.h>

static bool key_append(char *key, size_t *key_len, char c) {
    if (*key_len == IDEMPOTENCY_KEY_MAX)
        return false;
    key[(*key_len)++] = c;
    return true;
}

/* `text` starts behind the opening quote. */
static bool parse_quoted(struct slice text, char *key, size_t *key_len) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            return i + 1 == text.len && *key_len > 0;
        if (c == '\\') {
            if (++i == text.len || (text.ptr[i] != '"' && text.ptr[i] != '\\'))
                return false;
            c = text.ptr[i];
        }
        if (c < ' ' || c > '~' || !key_append(key, key_len, c))
            return false;
    }
    return false;
}

static bool parse_bare(struct slice text, char *key, size_t *key_len) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= ' ' || c > '~' || strchr("\"\\,;", c) != NULL || !key_append(key, key_len, c))
            return false;
    }
    return *key_len > 0;
}

bool idempotency_key_parse(struct slice header, char *key, size_t *key_len) {
    struct slice text = slice_trim(header);
    size_t len = 0;
    bool is_valid = text.len > 0 && text.ptr[0] == '"'
                        ? parse_quoted((struct slice){text.ptr + 1, text.len - 1}, key, &len)
                        : parse_bare(text, key, &len);
    if (is_valid)
        *key_len = len;
    return is_valid;
}

void idempotency_key_hash(const struct slice *parts, size_t count, uint8_t *hash) {
    static const char separator = '\0';
    struct buf joined = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append(&joined, &separator, 1);
        buf_append_slice(&joined, parts[i]);
    }
    sha256(joined.ptr, joined.len, hash);
    buf_fini(&joined);
}

bool idempotency_key_read(h2o_req_t *req, char *key, size_t *key_len) {
    struct slice header;
    unsigned found = request_header(req, SLICE_LITERAL("idempotency-key"), &header);
    *key_len = 0;
    if (found == 0 || (found == 1 && idempotency_key_parse(header, key, key_len)))
        return true;
    problem_send(req, PROBLEM_INVALID_KEY,
                 "send it once, as a string of 1 to 255 printable ASCII characters");
    return false;
}
