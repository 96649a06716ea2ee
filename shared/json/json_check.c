/*
 * The strict scan of json.h: one pass over the bytes, one C stack frame a nesting level. With an
 * arena it keeps the values that it passes, for json_tree.h.
 *
 * Keys seen are kept on one stack for all open objects. A small object compares each new key with
 * those before it; a large one sorts its keys once, when it closes, so that no input costs more
 * than n log n.
 */
#include "shared/json/json_check.h"

#include "shared/base/buf.h"
#include "shared/base/hex.h"
#include "shared/base/memory.h"
#include "shared/base/utf8.h"
#include "shared/json/json_plain.h"
#include "shared/json/json_tree.h"

#include <stdlib.h>
#include <string.h>

/* A string between its quotes, as written. */
struct raw_string {
    const char *ptr, *end;
    bool has_escape;
};

enum { KEYS_INLINE = 64, KEYS_COMPARED_AT_ONCE = 16 };

struct scan {
    const char *begin, *at, *end;
    struct arena *arena; /* NULL: nothing is kept; else the text is ours to write into */
    unsigned depth;
    bool takes_any_key;
    const char *what; /* first thing wrong; `at` is where */
    struct raw_string *keys;
    size_t key_count, key_capacity;
    struct raw_string inline_keys[KEYS_INLINE];
};

static bool scan_value(struct scan *in, struct json_value *value);

static bool fail(struct scan *in, const char *at, const char *what) {
    in->at = at;
    in->what = what;
    return false;
}

/* The next byte, or 0 at the end: a NUL byte is no JSON either. */
static unsigned char peek(const struct scan *in) {
    return in->at < in->end ? (unsigned char)*in->at : 0;
}

static void skip_space(struct scan *in) {
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
        in->at++;
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

/* -1 unless four hex digits follow. */
static int32_t hex4(const char *at, const char *end) {
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit) {
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Behind the backslash and `u`. */
static bool scan_unicode_escape(struct scan *in, bool is_key) {
    const char *start = in->at - 2;
    int32_t unit = hex4(in->at, in->end);
    if (unit < 0)
        return fail(in, start, "malformed \\u escape");
    if (unit == 0 && is_key && !in->takes_any_key)
        return fail(in, start, "U+0000 in a key");
    if (is_low_surrogate(unit))
        return fail(in, start, "lone surrogate");
    in->at += 4;
    if (!is_high_surrogate(unit))
        return true;
    if (in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u' ||
        !is_low_surrogate(hex4(in->at + 2, in->end)))
        return fail(in, start, "lone surrogate");
    in->at += 6;
    return true;
}

static bool scan_escape(struct scan *in, bool is_key) {
    in->at++;
    switch (peek(in)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        in->at++;
        return true;
    case 'u':
        in->at++;
        return scan_unicode_escape(in, is_key);
    default:
        return fail(in, in->at < in->end ? in->at - 1 : in->end, "unknown escape");
    }
}

/* At the opening quote; leaves `at` behind the closing one. */
static bool scan_string(struct scan *in, bool is_key, struct raw_string *string) {
    in->at++;
    string->ptr = in->at;
    string->has_escape = false;
    for (;;) {
        in->at += json_plain_run((struct slice){in->at, (size_t)(in->end - in->at)});
        if (in->at == in->end)
            return fail(in, in->at, "unterminated string");
        unsigned char c = (unsigned char)*in->at;
        if (c == '"') {
            string->end = in->at++;
            return true;
        }
        if (c == '\\') {
            string->has_escape = true;
            if (!scan_escape(in, is_key))
                return false;
        } else if (c < 0x20) {
            return fail(in, in->at, "control character in a string");
        } else {
            size_t len = utf8_sequence((struct slice){in->at, (size_t)(in->end - in->at)});
            if (len == 0)
                return fail(in, in->at, "invalid UTF-8");
            in->at += len;
        }
    }
}

static bool scan_digits(struct scan *in) {
    if (!is_digit(peek(in)))
        return fail(in, in->at, "digit expected");
    while (is_digit(peek(in)))
        in->at++;
    return true;
}

static bool scan_number(struct scan *in) {
    if (peek(in) == '-')
        in->at++;
    if (peek(in) == '0') {
        in->at++;
        if (is_digit(peek(in)))
            return fail(in, in->at, "leading zero");
    } else if (!scan_digits(in)) {
        return false;
    }
    if (peek(in) == '.') {
        in->at++;
        if (!scan_digits(in))
            return false;
    }
    if (peek(in) == 'e' || peek(in) == 'E') {
        in->at++;
        if (peek(in) == '+' || peek(in) == '-')
            in->at++;
        return scan_digits(in);
    }
    return true;
}

static bool scan_word(struct scan *in, struct slice word) {
    size_t left = (size_t)(in->end - in->at), len = left < word.len ? left : word.len;
    if (memcmp(in->at, word.ptr, len) != 0)
        return fail(in, in->at, "unknown word");
    in->at += len;
    return len == word.len || fail(in, in->end, "unknown word");
}

/* The next code point of a string that was scanned already, -1 at its end. */
static int32_t next_code_point(const char **at, const char *end) {
    if (*at == end)
        return -1;
    unsigned char c = (unsigned char)*(*at)++;
    if (c == '\\') {
        static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
        char escape = *(*at)++;
        const char *letter = strchr(letters, escape);
        if (escape != 'u')
            return letter == NULL ? escape : meanings[letter - letters];
        int32_t unit = hex4(*at, end);
        *at += 4;
        if (!is_high_surrogate(unit))
            return unit;
        int32_t low = hex4(*at + 2, end);
        *at += 6;
        return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c < 0x80)
        return c;
    int32_t point = c >= 0xf0 ? c & 0x07 : c >= 0xe0 ? c & 0x0f : c & 0x1f;
    for (int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1; more > 0; more--)
        point = point << 6 | (*(*at)++ & 0x3f);
    return point;
}

/* By code points, which is also the order of UTF-8's bytes: both branches agree. */
static int key_compare(const struct raw_string *a, const struct raw_string *b) {
    if (!a->has_escape && !b->has_escape) {
        size_t a_len = (size_t)(a->end - a->ptr), b_len = (size_t)(b->end - b->ptr);
        int order = memcmp(a->ptr, b->ptr, a_len < b_len ? a_len : b_len);
        return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
    }
    const char *a_at = a->ptr, *b_at = b->ptr;
    for (;;) {
        int32_t a_point = next_code_point(&a_at, a->end);
        int32_t b_point = next_code_point(&b_at, b->end);
        if (a_point != b_point)
            return a_point < b_point ? -1 : 1;
        if (a_point < 0)
            return 0;
    }
}

static int key_compare_for_sort(const void *a, const void *b) {
    return key_compare(a, b);
}

static bool key_equal(const struct raw_string *a, const struct raw_string *b) {
    if (!a->has_escape && !b->has_escape && a->end - a->ptr != b->end - b->ptr)
        return false;
    return key_compare(a, b) == 0;
}

static void push_key(struct scan *in, const struct raw_string *key) {
    if (in->key_count == in->key_capacity) {
        struct raw_string *grown = mem_alloc(2 * in->key_capacity * sizeof(*grown));
        memcpy(grown, in->keys, in->key_count * sizeof(*grown));
        if (in->keys != in->inline_keys)
            free(in->keys);
        in->keys = grown;
        in->key_capacity *= 2;
    }
    in->keys[in->key_count++] = *key;
}

/* `first` is where the keys of the object that is open begin. */
static bool add_key(struct scan *in, size_t first, const struct raw_string *key) {
    if (in->takes_any_key)
        return true;
    if (in->key_count - first < KEYS_COMPARED_AT_ONCE)
        for (size_t i = first; i < in->key_count; i++)
            if (key_equal(&in->keys[i], key))
                return fail(in, key->ptr, "duplicate key");
    push_key(in, key);
    return true;
}

static bool close_keys(struct scan *in, size_t first) {
    size_t count = in->key_count - first;
    struct raw_string *keys = in->keys + first;
    in->key_count = first;
    if (count <= KEYS_COMPARED_AT_ONCE)
        return true;
    qsort(keys, count, sizeof(*keys), key_compare_for_sort);
    for (size_t i = 1; i < count; i++)
        if (key_compare(&keys[i - 1], &keys[i]) == 0)
            return fail(in, keys[i].ptr, "duplicate key");
    return true;
}

/* --- keeping ------------------------------------------------------------------------------------
 */

static void append_code_point(struct buf *out, int32_t point) {
    if (point < 0x80) {
        buf_append_char(out, (char)point);
        return;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const int32_t marks[] = {0, 0xc0, 0xe0, 0xf0};
    buf_append_char(out, (char)(marks[more] | point >> 6 * more));
    while (more-- > 0)
        buf_append_char(out, (char)(0x80 | (point >> 6 * more & 0x3f)));
}

/* Ends it where its closing quote was: the scan is past that. */
static struct slice keep_string(const struct scan *in, const struct raw_string *string) {
    if (!string->has_escape) {
        *(char *)(uintptr_t)string->end = '\0';
        return (struct slice){string->ptr, (size_t)(string->end - string->ptr)};
    }
    struct buf decoded = {0};
    const char *at = string->ptr;
    for (int32_t point; (point = next_code_point(&at, string->end)) >= 0;)
        append_code_point(&decoded, point);
    struct slice kept = arena_slice(in->arena, buf_slice(&decoded));
    buf_fini(&decoded);
    return kept;
}

/* The next of an object's or array's values; NULL where nothing is kept. */
static struct json_value *add_child(const struct scan *in, struct json_value *parent,
                                    struct json_value **last) {
    if (parent == NULL)
        return NULL;
    struct json_value *child = arena_alloc(in->arena, sizeof(*child));
    if (*last == NULL)
        parent->first = child;
    else
        (*last)->next = child;
    parent->count++;
    *last = child;
    return child;
}

/* --- values -------------------------------------------------------------------------------------
 */

static bool scan_member(struct scan *in, size_t first_key, struct json_value *value) {
    struct raw_string key;
    if (peek(in) != '"')
        return fail(in, in->at, "key expected");
    if (!scan_string(in, true, &key) || !add_key(in, first_key, &key))
        return false;
    skip_space(in);
    if (peek(in) != ':')
        return fail(in, in->at, "colon expected");
    in->at++;
    if (value != NULL)
        value->key = keep_string(in, &key);
    return scan_value(in, value);
}

static bool scan_object(struct scan *in, struct json_value *object) {
    size_t first_key = in->key_count;
    struct json_value *last = NULL;
    in->at++;
    skip_space(in);
    if (peek(in) == '}') {
        in->at++;
        return true;
    }
    for (;;) {
        if (!scan_member(in, first_key, add_child(in, object, &last)))
            return false;
        skip_space(in);
        if (peek(in) == '}') {
            in->at++;
            return close_keys(in, first_key);
        }
        if (peek(in) != ',')
            return fail(in, in->at, "comma or } expected");
        in->at++;
        skip_space(in);
    }
}

static bool scan_array(struct scan *in, struct json_value *array) {
    struct json_value *last = NULL;
    in->at++;
    skip_space(in);
    if (peek(in) == ']') {
        in->at++;
        return true;
    }
    for (;;) {
        if (!scan_value(in, add_child(in, array, &last)))
            return false;
        skip_space(in);
        if (peek(in) == ']') {
            in->at++;
            return true;
        }
        if (peek(in) != ',')
            return fail(in, in->at, "comma or ] expected");
        in->at++;
    }
}

static bool scan_nested(struct scan *in, bool (*scan)(struct scan *, struct json_value *),
                        struct json_value *value) {
    if (in->depth == JSON_MAX_DEPTH)
        return fail(in, in->at, "nested too deep");
    in->depth++;
    bool is_fine = scan(in, value);
    in->depth--;
    return is_fine;
}

static bool scan_text(struct scan *in, struct json_value *value) {
    struct raw_string string;
    if (!scan_string(in, false, &string))
        return false;
    if (value != NULL)
        value->text = keep_string(in, &string);
    return true;
}

static void set_kind(struct json_value *value, enum json_kind kind) {
    if (value != NULL)
        value->kind = kind;
}

static bool is_whole(struct slice number) {
    for (size_t i = 0; i < number.len; i++) {
        if (number.ptr[i] != '-' && !is_digit((unsigned char)number.ptr[i]))
            return false;
    }
    return true;
}

static bool scan_kept_number(struct scan *in, struct json_value *value) {
    const char *begin = in->at;
    if (!scan_number(in))
        return false;
    struct slice text = {begin, (size_t)(in->at - begin)};
    if (value != NULL)
        value->text = text;
    set_kind(value, is_whole(text) ? JSON_KIND_INT : JSON_KIND_DOUBLE);
    return true;
}

static bool scan_value(struct scan *in, struct json_value *value) {
    skip_space(in);
    switch (peek(in)) {
    case '{':
        set_kind(value, JSON_KIND_OBJECT);
        return scan_nested(in, scan_object, value);
    case '[':
        set_kind(value, JSON_KIND_ARRAY);
        return scan_nested(in, scan_array, value);
    case '"':
        set_kind(value, JSON_KIND_STRING);
        return scan_text(in, value);
    case 't':
        set_kind(value, JSON_KIND_BOOLEAN);
        if (value != NULL)
            value->is_true = true;
        return scan_word(in, SLICE_LITERAL("true"));
    case 'f':
        set_kind(value, JSON_KIND_BOOLEAN);
        return scan_word(in, SLICE_LITERAL("false"));
    case 'n':
        return scan_word(in, SLICE_LITERAL("null"));
    default:
        if (peek(in) == '-' || is_digit(peek(in)))
            return scan_kept_number(in, value);
        return fail(in, in->at, "value expected");
    }
}

static enum status scan_whole(struct scan *in, struct slice text, struct json_value *root,
                              struct error *error) {
    in->begin = in->at = text.ptr;
    in->end = text.ptr + text.len;
    in->depth = 0;
    in->what = NULL;
    in->keys = in->inline_keys;
    in->key_count = 0;
    in->key_capacity = KEYS_INLINE;

    if (scan_value(in, root)) {
        skip_space(in);
        if (in->at != in->end)
            fail(in, in->at, "text behind the value");
    }
    if (in->keys != in->inline_keys)
        free(in->keys);
    if (in->what == NULL)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "JSON: %s at byte %zu",
                     in->at == in->end ? "ends too early" : in->what, (size_t)(in->at - in->begin));
}

enum status json_check_grammar(struct slice text, struct error *error) {
    struct scan in;
    in.arena = NULL;
    in.takes_any_key = true;
    return scan_whole(&in, text, NULL, error);
}

enum status json_check(struct slice text, struct error *error) {
    struct scan in;
    in.arena = NULL;
    in.takes_any_key = false;
    return scan_whole(&in, text, NULL, error);
}

enum status json_check_keeping(struct slice text, struct arena *arena, struct json_value *root,
                               struct error *error) {
    struct scan in;
    in.arena = arena;
    in.takes_any_key = false;
    return scan_whole(&in, text, root, error);
}
