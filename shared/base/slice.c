#include "shared/base/slice.h"

#include <string.h>
#include <strings.h>

int slice_compare(struct slice a, struct slice b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool slice_is_word(struct slice a, const char *word) {
    return a.len == strlen(word) && strncasecmp(a.ptr, word, a.len) == 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool slice_has_only(struct slice text, const char *others) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_letter(c) && !is_digit(c) && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

/* U+0080 to U+009F; U+2028 to U+202E, which end a line or turn the direction of what follows, as
   U+2066 to U+2069 do. */
static bool begins_unprintable(const unsigned char *at, size_t len) {
    if (at[0] < 0x20 || at[0] == 0x7f)
        return true;
    if (len >= 2 && at[0] == 0xc2)
        return at[1] >= 0x80 && at[1] <= 0x9f;
    if (len < 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

bool slice_is_printable(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (begins_unprintable((const unsigned char *)text.ptr + i, text.len - i))
            return false;
    return true;
}

int slice_index(struct slice text, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (slice_is(text, names[i]))
            return i;
    return -1;
}

struct slice slice_trim(struct slice text) {
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static struct slice take(struct slice *rest, size_t len) {
    struct slice taken = {rest->ptr, len};
    if (len > 0)
        *rest = (struct slice){rest->ptr + len, rest->len - len};
    return taken;
}

struct slice slice_take_until(struct slice *rest, char separator) {
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    struct slice taken = *rest;
    if (end == NULL) {
        *rest = (struct slice){0};
        return taken;
    }
    taken = take(rest, (size_t)(end - rest->ptr));
    take(rest, 1);
    return taken;
}

struct slice slice_take_line(struct slice *rest) {
    struct slice line = slice_take_until(rest, '\n');
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

struct slice slice_take_digits(struct slice *rest) {
    size_t count = 0;
    while (count < rest->len && is_digit(rest->ptr[count]))
        count++;
    return take(rest, count);
}

bool slice_take_prefix(struct slice *rest, const char *prefix) {
    size_t len = strlen(prefix);
    if (rest->len < len || memcmp(rest->ptr, prefix, len) != 0)
        return false;
    take(rest, len);
    return true;
}

bool slice_parse_uint(struct slice text, uint64_t most, uint64_t *value) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]) || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text.ptr[i] - '0', &number))
            return false;
    }
    if (text.len == 0 || number > most)
        return false;
    *value = number;
    return true;
}
