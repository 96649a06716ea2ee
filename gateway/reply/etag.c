#include "gateway/reply/etag.h"

#include "shared/json/json.h"

bool etag_of(struct slice json, char tag[ETAG_SIZE]) {
    struct json_object *root = NULL;
    int64_t version, available;
    bool has_version = json_parse(json, &root, NULL) == STATUS_OK &&
                       json_get_int64(root, "version", &version, NULL) == STATUS_OK;
    tag[0] = '\0';
    if (has_version && json_get_int64(root, "available", &available, NULL) == STATUS_OK)
        snprintf(tag, ETAG_SIZE, "\"%lld-%lld\"", (long long)version, (long long)available);
    else if (has_version)
        snprintf(tag, ETAG_SIZE, "\"%lld\"", (long long)version);
    json_object_put(root);
    return has_version;
}

/* --- lists of tags ---------------------------------------------------------------------------- */

/* The characters that an entity tag may hold between its quotes. */
static bool is_tag_char(unsigned char c) {
    return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

/* Takes `W/"text"` or `"text"`; *text is with its quotes. */
static bool take_tag(struct slice *rest, bool *is_weak, struct slice *text) {
    *is_weak = slice_take_prefix(rest, "W/");
    const char *start = rest->ptr;
    if (!slice_take_prefix(rest, "\""))
        return false;
    while (rest->len > 0 && is_tag_char((unsigned char)rest->ptr[0]))
        *rest = (struct slice){rest->ptr + 1, rest->len - 1};
    if (!slice_take_prefix(rest, "\""))
        return false;
    *text = (struct slice){start, (size_t)(rest->ptr - start)};
    return true;
}

enum etag_condition etag_compare(struct slice list, const char *tag,
                                 enum etag_comparison comparison) {
    struct slice rest = slice_trim(list), text;
    bool is_weak, is_found = false, is_empty = true;
    if (slice_take_prefix(&rest, "*"))
        return rest.len == 0 ? ETAG_MATCHES : ETAG_MALFORMED;
    do {
        rest = slice_trim(rest);
        if (rest.len == 0 || rest.ptr[0] == ',')
            continue; /* empty elements count for nothing (RFC 9110 section 5.6.1) */
        if (!take_tag(&rest, &is_weak, &text))
            return ETAG_MALFORMED;
        is_found |= slice_is(text, tag) && !(is_weak && comparison == ETAG_STRONG);
        is_empty = false;
        rest = slice_trim(rest);
    } while (slice_take_prefix(&rest, ","));
    if (rest.len > 0 || is_empty)
        return ETAG_MALFORMED;
    return is_found ? ETAG_MATCHES : ETAG_DIFFERS;
}

/* --- requests --------------------------------------------------------------------------------- */

/* The header may come in several lines, which make one list. */
static enum etag_condition condition_of(const h2o_req_t *req, struct slice name, const char *tag,
                                        enum etag_comparison comparison) {
    enum etag_condition found = ETAG_UNASKED;
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (!h2o_memis(header->name->base, header->name->len, name.ptr, name.len))
            continue;
        enum etag_condition one =
            etag_compare((struct slice){header->value.base, header->value.len}, tag, comparison);
        if (one == ETAG_MALFORMED)
            return ETAG_MALFORMED;
        if (found != ETAG_MATCHES)
            found = one;
    }
    return found;
}

enum etag_condition etag_if_match(const h2o_req_t *req, const char *tag) {
    return condition_of(req, SLICE_LITERAL("if-match"), tag, ETAG_STRONG);
}

enum etag_condition etag_if_none_match(const h2o_req_t *req, const char *tag) {
    return condition_of(req, SLICE_LITERAL("if-none-match"), tag, ETAG_WEAK);
}
