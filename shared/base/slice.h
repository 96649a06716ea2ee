/* Borrowed bytes. A slice owns nothing and need not be terminated. Thread safe; nothing blocks. */
#ifndef OM_SHARED_BASE_SLICE_H
#define OM_SHARED_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* For "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).ptr
#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

/* NULL gives the empty slice. Inline, as the next ones, so that literals need not be measured. */
static inline struct slice slice_of(const char *text) {
    return text == NULL ? (struct slice){"", 0} : (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int slice_compare(struct slice a, struct slice b); /* by bytes: below, at or above 0 */

static inline bool slice_is(struct slice a, const char *text) {
    return slice_equal(a, slice_of(text));
}

bool slice_is_word(struct slice a, const char *word); /* in any case (ASCII) */
/* Only ASCII letters, digits and bytes of `others`. True for the empty slice. */
bool slice_has_only(struct slice text, const char *others);
/* UTF-8 without what shows as nothing and changes what is around it: control characters, separators
   of lines and paragraphs, embeddings, overrides and isolates of direction
   (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters). */
bool slice_is_printable(struct slice text);
#define PRINTABLE_RULE "without control characters, line separators or turns of direction"

/* Which of `names` it is; -1 when it is none. */
int slice_index(struct slice text, const char *const *names, int count);

struct slice slice_trim(struct slice text); /* without spaces and tabs at either end */

/* The next four take something off the front of *rest.
   All before the first `separator`, which goes too; or everything, and then rest->ptr is NULL. */
struct slice slice_take_until(struct slice *rest, char separator);
struct slice slice_take_line(struct slice *rest);   /* without its LF or CR LF; as above */
struct slice slice_take_digits(struct slice *rest); /* as many as there are; may be empty */
bool slice_take_prefix(struct slice *rest, const char *prefix);

/* Decimal digits and nothing else. False, without a value, when there are none or above `most`. */
bool slice_parse_uint(struct slice text, uint64_t most, uint64_t *value);

#endif
