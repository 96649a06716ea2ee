#include "gateway/http/http_chunks.h"

#include "shared/base/hex.h"

#include <string.h>

#define SKIPPED_MAX_BYTES 4096
#define SIZE_DIGITS_MAX 8

static bool take_size_byte(struct http_chunks *chunks, char c) {
    int value = hex_value(c);
    if (value >= 0) {
        chunks->left = chunks->left * 16 + (size_t)value;
        return ++chunks->digits <= SIZE_DIGITS_MAX;
    }
    if (chunks->digits == 0 || (c != '\r' && c != ';'))
        return false;
    chunks->state = c == '\r' ? CHUNKS_SIZE_LF : CHUNKS_EXTENSION;
    return true;
}

/* A byte of an extension or trailer: nobody here reads them. */
static bool skip_byte(struct http_chunks *chunks, char c, enum http_chunks_state state_after_cr) {
    unsigned char byte = (unsigned char)c;
    if (c == '\r')
        chunks->state = state_after_cr;
    else if ((byte < ' ' && c != '\t') || byte == 0x7f)
        return false;
    return ++chunks->skipped <= SKIPPED_MAX_BYTES;
}

/* What a quoted string begins, it ends, on the same line: another reader could look for the end of
   the line behind its quote (RFC 9110 section 5.6.4). */
static bool take_extension_byte(struct http_chunks *chunks, char c) {
    bool is_quoted = chunks->state != CHUNKS_EXTENSION;
    if (is_quoted && c == '\r')
        return false;
    if (chunks->state == CHUNKS_EXTENSION_ESCAPED)
        chunks->state = CHUNKS_EXTENSION_QUOTED;
    else if (c == '"')
        chunks->state = is_quoted ? CHUNKS_EXTENSION : CHUNKS_EXTENSION_QUOTED;
    else if (is_quoted && c == '\\')
        chunks->state = CHUNKS_EXTENSION_ESCAPED;
    return skip_byte(chunks, c, CHUNKS_SIZE_LF);
}

/* At least one of a name, and then a colon (RFC 9112 section 5.1). */
static bool take_trailer_name_byte(struct http_chunks *chunks, char c) {
    bool is_first = chunks->state == CHUNKS_TRAILER_START;
    chunks->state = !is_first && c == ':' ? CHUNKS_TRAILER_VALUE : CHUNKS_TRAILER_NAME;
    return (chunks->state == CHUNKS_TRAILER_VALUE || http_is_token((struct slice){&c, 1})) &&
           ++chunks->skipped <= SKIPPED_MAX_BYTES;
}

static bool expect_byte(struct http_chunks *chunks, char c, char expected,
                        enum http_chunks_state next_state) {
    chunks->state = next_state;
    return c == expected;
}

/* Anything but data. */
static bool take_byte(struct http_chunks *chunks, char c) {
    switch (chunks->state) {
    case CHUNKS_SIZE:
        return take_size_byte(chunks, c);
    case CHUNKS_EXTENSION:
    case CHUNKS_EXTENSION_QUOTED:
    case CHUNKS_EXTENSION_ESCAPED:
        return take_extension_byte(chunks, c);
    case CHUNKS_SIZE_LF:
        chunks->digits = 0;
        return expect_byte(chunks, c, '\n', chunks->left > 0 ? CHUNKS_DATA : CHUNKS_TRAILER_START);
    case CHUNKS_DATA_CR:
        return expect_byte(chunks, c, '\r', CHUNKS_DATA_LF);
    case CHUNKS_DATA_LF:
        return expect_byte(chunks, c, '\n', CHUNKS_SIZE);
    case CHUNKS_TRAILER_START:
        if (c == '\r')
            return expect_byte(chunks, c, '\r', CHUNKS_LAST_LF);
        return take_trailer_name_byte(chunks, c);
    case CHUNKS_TRAILER_NAME:
        return take_trailer_name_byte(chunks, c);
    case CHUNKS_TRAILER_VALUE:
        return skip_byte(chunks, c, CHUNKS_TRAILER_LF);
    case CHUNKS_TRAILER_LF:
        return expect_byte(chunks, c, '\n', CHUNKS_TRAILER_START);
    default:
        return false;
    }
}

enum http_progress http_chunks_decode(struct http_chunks *chunks, char *bytes, size_t *len,
                                      size_t *rest) {
    size_t at = 0, data = 0;
    *rest = 0;
    while (at < *len) {
        if (chunks->state == CHUNKS_DATA) {
            size_t take = *len - at < chunks->left ? *len - at : chunks->left;
            memmove(bytes + data, bytes + at, take);
            data += take;
            at += take;
            chunks->left -= take;
            if (chunks->left == 0)
                chunks->state = CHUNKS_DATA_CR;
        } else if (chunks->state == CHUNKS_LAST_LF && bytes[at] == '\n') {
            *rest = *len - at - 1;
            memmove(bytes + data, bytes + at + 1, *rest);
            *len = data;
            return HTTP_COMPLETE;
        } else if (!take_byte(chunks, bytes[at++])) {
            return HTTP_REFUSED;
        }
    }
    *len = data;
    return HTTP_INCOMPLETE;
}
