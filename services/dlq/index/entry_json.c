#include "services/dlq/index/entry_json.h"

#include "shared/base/utf8.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

/* A NATS message takes 1 MiB; escaping makes up to six bytes of one, base64 four of three. */
enum { TEXT_MOST_BYTES = 64 * 1024, BASE64_MOST_BYTES = 384 * 1024 };

static bool is_same_name(struct slice a, struct slice b) {
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Whether a header of that name stands before `end`. */
static bool was_before(struct slice block, const char *end, struct slice name) {
    struct header header;
    while (entry_next_original_header(&block, &header) && header.name.ptr < end)
        if (is_same_name(header.name, name))
            return true;
    return false;
}

static void write_values(struct slice block, struct slice name, struct json_writer *w) {
    struct header header;
    json_begin_array(w);
    while (entry_next_original_header(&block, &header))
        if (is_same_name(header.name, name))
            json_string(w, header.value);
    json_end_array(w);
}

static void write_headers(struct slice block, struct json_writer *w) {
    struct slice rest = block;
    struct header header;
    json_key(w, "headers");
    json_begin_object(w);
    while (entry_next_original_header(&rest, &header)) {
        if (was_before(block, header.name.ptr, header.name))
            continue;
        struct buf name = {0};
        buf_append_slice(&name, header.name);
        json_key(w, name.ptr);
        write_values(block, header.name, w);
        buf_fini(&name);
    }
    json_end_object(w);
}

static void write_base64(struct slice bytes, struct json_writer *w) {
    struct buf text = {0};
    size_t size = sodium_base64_ENCODED_LEN(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    buf_reserve(&text, size);
    sodium_bin2base64(text.ptr, size, (const unsigned char *)bytes.ptr, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    json_put_string(w, "bodyBase64", (struct slice){text.ptr, size - 1});
    buf_fini(&text);
}

void entry_json_write_original(const struct stored_message *message, struct json_writer *w) {
    struct slice body = {message->body.len > 0 ? message->body.ptr : "", message->body.len};
    write_headers(buf_slice(&message->headers), w);
    if (body.len <= TEXT_MOST_BYTES && utf8_is_valid(body))
        json_put_string(w, "body", body);
    json_put_int(w, "bodyBytes", (int64_t)body.len);
    if (body.len > BASE64_MOST_BYTES)
        json_put_bool(w, "bodyTruncated", true);
    if (body.len > BASE64_MOST_BYTES)
        body.len = BASE64_MOST_BYTES;
    write_base64(body, w);
}
