/*
 * JSON: a strict scan before json-c parses, typed access after it, and a small writer.
 *
 * json-c alone accepts what RFC 8259 forbids (NaN, single quotes, -01, duplicate keys ...), so
 * json_parse() scans first. The tree belongs to the caller (json_object_put). Slices handed out by
 * getters live as long as the tree. Thread safe as long as one tree stays on one thread; a child
 * forked by any thread can parse too.
 */
#ifndef OM_SHARED_JSON_JSON_H
#define OM_SHARED_JSON_JSON_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

#include <json-c/json_object.h>

/* json_check() and parse. INVALID when the root is not an object. */
enum status json_parse(struct slice text, struct json_object **root,
                       struct error *error) MUST_CHECK;

/* Typed access without coercion. `key` absent: NOT_FOUND; another type: INVALID.
   An integer must be written as one (no fraction, no exponent) and lie above INT64_MIN, up to
   INT64_MAX. A string with U+0000 is INVALID. */
enum status json_get_string(struct json_object *object, const char *key, struct slice *value,
                            struct error *error) MUST_CHECK;
enum status json_get_int64(struct json_object *object, const char *key, int64_t *value,
                           struct error *error) MUST_CHECK;
enum status json_get_object(struct json_object *object, const char *key, struct json_object **value,
                            struct error *error) MUST_CHECK;
enum status json_get_array(struct json_object *object, const char *key, struct json_object **value,
                           struct error *error) MUST_CHECK;

/* Writer: appends to a buf and places the commas itself. Close what you open. Zero-initialize
   through json_writer(). */
struct json_writer {
    struct buf *out;
    uint64_t has_member; /* one bit a depth */
    unsigned depth;
};

struct json_writer json_writer(struct buf *out);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
/* Escaped. Input must be UTF-8: other bytes become U+FFFD. */
void json_string(struct json_writer *w, struct slice value);
void json_int(struct json_writer *w, int64_t value);
void json_boolean(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct slice json); /* already JSON */
/* key and value in one */
void json_put_string(struct json_writer *w, const char *key, struct slice value);
void json_put_text(struct json_writer *w, const char *key, const char *value);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_raw(struct json_writer *w, const char *key, struct slice json);

#endif
