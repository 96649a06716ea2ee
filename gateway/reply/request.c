#include "gateway/reply/request.h"

#include <string.h>
#include <strings.h>

unsigned request_header(const h2o_req_t *req, struct slice name, struct slice *value) {
    unsigned found = 0;
    for (size_t i = 0; i < req->headers.size && found < 2; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (!h2o_memis(header->name->base, header->name->len, name.ptr, name.len))
            continue;
        if (found++ == 0)
            *value = (struct slice){header->value.base, header->value.len};
    }
    return found;
}

static struct slice trim(struct slice text) {
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool is_word(struct slice text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

/* Takes what stands before `separator` off `rest`. */
static struct slice take_until(struct slice *rest, char separator) {
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    struct slice taken = *rest;
    if (end == NULL) {
        *rest = (struct slice){"", 0};
        return trim(taken);
    }
    taken.len = (size_t)(end - rest->ptr);
    *rest = (struct slice){end + 1, rest->len - taken.len - 1};
    return trim(taken);
}

bool media_type_is_json(struct slice content_type) {
    struct slice rest = content_type;
    if (!is_word(take_until(&rest, ';'), "application/json"))
        return false;
    while (rest.len > 0) {
        struct slice value = take_until(&rest, ';');
        if (!is_word(take_until(&value, '='), "charset"))
            continue;
        if (!is_word(trim(value), "utf-8") && !is_word(trim(value), "\"utf-8\""))
            return false;
    }
    return true;
}

struct slice request_body(const h2o_req_t *req) {
    return (struct slice){req->entity.base == NULL ? "" : req->entity.base, req->entity.len};
}

bool request_body_is_json(const h2o_req_t *req) {
    struct slice type, coding;
    return request_header(req, SLICE_LITERAL("content-type"), &type) == 1 &&
           media_type_is_json(type) &&
           request_header(req, SLICE_LITERAL("content-encoding"), &coding) == 0;
}
