#include "omctl/install/service_part.h"

#include "shared/base/slice.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- statements ------------------------------------------------------------------------------- */

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool starts_with(struct slice text, const char *start) {
    size_t len = strlen(start);
    return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

/* To the end of the next `mark` behind the first `skip` bytes, or of the text. */
static size_t len_to(struct slice text, size_t skip, const char *mark) {
    const char *end = memmem(text.ptr + skip, text.len - skip, mark, strlen(mark));
    return end == NULL ? text.len : (size_t)(end - text.ptr) + strlen(mark);
}

static size_t comment_len(struct slice text) {
    if (starts_with(text, "--"))
        return len_to(text, 2, "\n");
    return starts_with(text, "/*") ? len_to(text, 2, "*/") : 0;
}

/* $$...$$ or $tag$...$tag$; 0: a dollar that begins no text. */
static size_t body_len(struct slice text) {
    char mark[64];
    size_t len = 1;
    if (text.ptr[0] != '$')
        return 0;
    while (len < text.len && is_word_char(text.ptr[len]))
        len++;
    if (len == text.len || text.ptr[len] != '$' || len + 2 > sizeof(mark))
        return 0;
    snprintf(mark, sizeof(mark), "%.*s", (int)len + 1, text.ptr);
    return len_to(text, len + 1, mark);
}

/* Whether what comes is the first argument of a function of om. */
static bool is_om_call(const struct buf *names) {
    size_t at = names->len;
    if (at == 0 || names->ptr[--at] != '(')
        return false;
    while (at > 0 && is_word_char(names->ptr[at - 1]))
        at--;
    return at >= 3 && memcmp(names->ptr + at - 3, "om.", 3) == 0 &&
           (at == 3 || !is_word_char(names->ptr[at - 4]));
}

/* Takes one piece off the text: a comment, a quoted text or a character. What may name a schema
   goes to `names`. A doubled quote is two texts in a row, which is as good here. */
static size_t take_piece(struct slice text, struct buf *names) {
    size_t len = comment_len(text);
    if (len == 0)
        len = body_len(text);
    if (len > 0) {
        buf_append_char(names, ' ');
        return len;
    }
    if (text.ptr[0] == '\'') {
        len = len_to(text, 1, "'");
        buf_append_slice(names,
                         is_om_call(names) ? (struct slice){text.ptr, len} : SLICE_LITERAL("''"));
        return len;
    }
    len = text.ptr[0] == '"' ? len_to(text, 1, "\"") : 1;
    buf_append(names, text.ptr, len);
    return len;
}

/* The next statement with its semicolon; false when there is nothing but comments any more. */
static bool next_statement(struct slice *rest, struct slice *statement, struct buf *names) {
    const char *start = rest->ptr;
    bool is_over = false;
    buf_clear(names);
    while (rest->len > 0 && !is_over) {
        is_over = rest->ptr[0] == ';';
        size_t len = take_piece(*rest, names);
        rest->ptr += len;
        rest->len -= len;
    }
    *statement = (struct slice){start, (size_t)(rest->ptr - start)};
    return names->len > 0 && strspn(names->ptr, " \t\r\n") < names->len;
}

/* --- schemas ---------------------------------------------------------------------------------- */

static const char maker[] = "om.create_messaging('";

static void add_schema(struct schemas *schemas, struct slice name) {
    if (name.len == 0 || name.len >= SCHEMA_NAME_SIZE || schemas->count == SCHEMAS_MOST)
        return;
    for (size_t i = 0; i < schemas->count; i++) {
        if (slice_is(name, schemas->names[i]))
            return;
    }
    snprintf(schemas->names[schemas->count++], SCHEMA_NAME_SIZE, "%.*s", SLICE_ARG(name));
}

void schemas_find(struct slice sql, struct schemas *schemas) {
    struct slice statement;
    struct buf names = {0};
    while (next_statement(&sql, &statement, &names)) {
        const char *call = memmem(names.ptr, names.len, maker, sizeof(maker) - 1);
        if (call == NULL)
            continue;
        struct slice name = {call + sizeof(maker) - 1, 0};
        while (is_word_char(name.ptr[name.len]))
            name.len++;
        add_schema(schemas, name);
    }
    buf_fini(&names);
}

/* A schema is called as its service, or is the plural. */
static bool is_schema_of(const char *schema, const char *name) {
    size_t len = strlen(name);
    return strncmp(schema, name, len) == 0 &&
           (schema[len] == '\0' || strcmp(schema + len, "s") == 0);
}

enum status schemas_choose(const struct schemas *schemas, const char *name, const char **schema,
                           struct error *error) {
    struct buf all = {0};
    for (size_t i = 0; i < schemas->count; i++) {
        if (name[0] != '\0' && is_schema_of(schemas->names[i], name)) {
            buf_fini(&all);
            *schema = schemas->names[i];
            return STATUS_OK;
        }
        buf_printf(&all, "%s%s", i == 0 ? "" : ", ", schemas->names[i]);
    }
    enum status status = error_set(error, STATUS_INVALID, "no file makes a schema for \"%s\": %s",
                                   name, all.len > 0 ? all.ptr : "there is none");
    buf_fini(&all);
    return status;
}

/* --- whose a statement is --------------------------------------------------------------------- */

static char char_at(struct slice text, size_t at) {
    return at < text.len ? text.ptr[at] : '\0';
}

static bool is_named_by(struct slice names, const char *schema) {
    struct slice word = {names.ptr, 0}, before = word;
    for (size_t at = 0; at<names.len; at += word.len> 0 ? word.len : 1) {
        word = (struct slice){names.ptr + at, 0};
        while (is_word_char(char_at(names, at + word.len)))
            word.len++;
        if (word.len == 0)
            continue;
        size_t end = at + word.len;
        char first = at > 0 ? names.ptr[at - 1] : ' ';
        bool is_qualifier =
            first != '.' && char_at(names, end + (char_at(names, end) == '"')) == '.';
        bool is_schema = before.len == 6 && strncasecmp(before.ptr, "SCHEMA", 6) == 0;
        if (slice_is(word, schema) && (is_qualifier || is_schema || first == '\''))
            return true;
        if (word.len > 3 && memcmp(word.ptr, "om_", 3) == 0 &&
            slice_is((struct slice){word.ptr + 3, word.len - 3}, schema))
            return true;
        before = word;
    }
    return false;
}

/* *owner is NULL for everybody's. */
static enum status find_owner(const struct schemas *schemas, struct slice names, const char **owner,
                              struct error *error) {
    *owner = NULL;
    for (size_t i = 0; i < schemas->count; i++) {
        if (!is_named_by(names, schemas->names[i]))
            continue;
        if (*owner != NULL)
            return error_set(error, STATUS_INVALID,
                             "one statement names %s and %s, which may be in two databases", *owner,
                             schemas->names[i]);
        *owner = schemas->names[i];
    }
    return STATUS_OK;
}

enum status service_part(struct slice sql, const struct schemas *schemas, const char *own,
                         struct buf *part, struct error *error) {
    struct slice statement;
    struct buf names = {0};
    const char *owner = NULL;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && next_statement(&sql, &statement, &names)) {
        status = find_owner(schemas, buf_slice(&names), &owner, error);
        if (status == STATUS_OK && (owner == NULL || strcmp(owner, own) == 0))
            buf_append_slice(part, statement);
    }
    buf_fini(&names);
    return status;
}
